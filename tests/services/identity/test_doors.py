"""What holds of every route of identity, whatever is sent to it."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict

import pytest

from nacre.identity.api.routes import ROUTES
from nacre.kernel import database as store
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC
from tests.services.identity.conftest import Site
from tests.support.asgi import Reply

ODD_VALUES = ("0" * 32, "no such thing", "%00", "%F0%9F%98%80", "%ED%A0%80", "..", "x" * 300, "'; --")
GARBAGE = (b"", b"[", b"{}", b'{"a":{}}', b'"\xff"', b"1e999", b"[" * 5000, b'{"user":{"name":"\\ud800"}}')
FIELDS = (
    "name",
    "type",
    "url",
    "domain_id",
    "parent_id",
    "tags",
    "options",
    "enabled",
    "password",
    "identity",
    "extra",
)
ODD_JSON = ("null", "1e308", "-1", "[]", "{}", '"x"', '"\\u0000"', "9" * 400, '{"a":' * 90 + "1" + "}" * 90)


def is_meant(reply: Reply) -> bool:
    """Whether an answer is no mistake of ours; what is left out says so by name."""
    return reply.status < 500 or reply.status == 501


def path_of(route: Route, value: str) -> str:
    return "/identity" + re.sub(r"\{[^}]*\}", value, route.path)


@pytest.mark.parametrize("user", ["admin", "demo"])
def test_odd_names_in_a_path_are_never_our_mistake(site: Site, user: str):
    client = site.as_user(user)
    for route in ROUTES:
        for value in ODD_VALUES if "{" in route.path else ():
            reply = client.request(route.method, path_of(route, value), body=b"{}")
            assert is_meant(reply), (route.method, route.path, value, reply)


def test_odd_filters_are_never_our_mistake(site: Site):
    admin = site.as_user()
    names = (
        "name",
        "domain_id",
        "enabled",
        "limit",
        "marker",
        "sort_key",
        "sort",
        "user.id",
        "tags",
        "effective",
    )
    for route in ROUTES:
        for name in names if route.method == "GET" and "{" not in route.path else ():
            for value in ("", "x", "%00", "%F0%9F%98%80", "%C2%B3", "-1", "9" * 30, "a,b", "name:sideways"):
                reply = admin.get(f"/identity{route.path}?{name}={value}")
                assert is_meant(reply), (route.path, name, value, reply)


def test_garbage_for_a_body_is_refused(site: Site):
    admin = site.as_user()
    for route in ROUTES:
        for body in GARBAGE if route.body is not None else ():
            reply = admin.request(route.method, path_of(route, "0" * 32), body=body)
            assert 400 <= reply.status < 500, (route.method, route.path, body[:30], reply)
            assert set(reply.json["error"]) == {"code", "message", "title"}


def test_odd_fields_are_never_our_mistake(site: Site):
    admin = site.as_user()
    for route in ROUTES:
        if route.body is None:
            continue
        for name in FIELDS:
            for value in ODD_JSON:
                inner = f'{{"name": "n", "{name}": {value}}}'
                body = f'{{"{route.body.key}": {inner}}}' if route.body.key else inner
                reply = admin.request(route.method, path_of(route, "default"), body=body.encode())
                assert is_meant(reply), (route.method, route.path, name, value[:30], reply)


def test_nobody_without_a_token_gets_in(site: Site):
    for route in ROUTES:
        reply = site.client().request(route.method, path_of(route, "0" * 32), body=b"{}")
        assert reply.status == 401 or route.policy is PUBLIC, (route.method, route.path, reply)


def test_a_member_of_a_project_changes_nothing_but_what_is_their_own(site: Site):
    demo = site.as_user("demo")
    ids = site.log_in("demo").json["token"]
    for route in ROUTES:
        if route.method == "GET" or route.path.startswith("/v3/auth") or "application_cred" in route.path:
            continue
        if route.path.endswith("/auth"):
            continue  # Nobody is asked for a token of ours there.
        if route.path == "/v3/users/{user_id}/tokens":
            continue  # Those are their own; without them nothing else would be asked.
        for value in ("default", ids["user"]["id"], ids["project"]["id"]):
            path = path_of(route, value)
            body = f'{{"{route.body.key}": {{"name": "x"}}}}'.encode() if route.body else b""
            status = demo.request(route.method, path, body=body).status
            told = (400, 403, 404) if route.asks_itself or ids["user"]["id"] in path else (400, 403)
            assert status in (*told, 501), (route.method, path, status)


def test_every_handler_says_what_it_promises():
    assert [route.handler.__name__ for route in ROUTES if not inspect.getdoc(route.handler)] == []


def test_no_read_spends_more_than_six_statements(site: Site, monkeypatch: pytest.MonkeyPatch):
    project_id = site.make("project", name="lab", tags=["a"])
    user_id = site.make_user("ada", role="member", project_id=project_id)
    known = {
        "project_id": project_id, "domain_id": "default", "user_id": user_id, "tag": "a",
        "role_id": site.role_id("member"), "prior_role_id": site.role_id("admin"),
        "implied_role_id": site.role_id("manager"), "region_id": "RegionOne",
        "group_id": site.make("group", name="staff"), "credential_id": "none", "policy_id": "none",
        "registered_limit_id": "none", "limit_id": "none",
        "idp_id": "none", "protocol_id": "none", "mapping_id": "none", "sp_id": "none",
        "service_id": site.as_user().get("/identity/v3/services").json["services"][0]["id"],
        "endpoint_id": site.as_user().get("/identity/v3/endpoints").json["endpoints"][0]["id"],
    }  # fmt: skip
    ids: dict[str, str] = defaultdict(lambda: "none", known)
    spent = 0
    run = store.Reader._run

    def counted(self: store.Reader, *arguments):
        nonlocal spent
        spent += 1
        return run(self, *arguments)

    monkeypatch.setattr(store.Reader, "_run", counted)
    admin = site.as_user()
    for route in ROUTES:
        if route.method == "GET":
            spent = 0
            query = "?include_names&effective" if "assignments" in route.path else ""
            admin.get("/identity" + route.path.format_map(ids) + query)
            assert spent <= 6, (route.path, spent)
