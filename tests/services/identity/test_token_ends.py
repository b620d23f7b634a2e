"""What is known of tokens beyond their end, of chains of them, and of those that were revoked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nacre.identity.authority import CHANGED
from nacre.kernel.clock import VirtualClock, iso_micro
from nacre.kernel.config import AuthSettings
from nacre.kernel.database import Reader
from tests.services.identity.conftest import Site, assembled_site
from tests.support.asgi import Reply

TOKENS = "/identity/v3/auth/tokens"
EVENTS = "/identity/v3/OS-REVOKE/events"


@pytest.fixture
def other(site: Site, clock: VirtualClock, tmp_path: Path) -> Iterator[Site]:
    """A second node over the store of `site`, which hears of every change there as it would by LISTEN."""
    url = site.kernel.database.url.render_as_string(hide_password=False)
    other = assembled_site(url, state=tmp_path, clock=clock)
    site.kernel.wakes.listen_to_all(lambda topic: other.kernel.wakes.wake([topic]))
    yield other
    other.close()


def check(site: Site, token: str, query: str = "") -> int:
    return site.as_user().get(TOKENS + query, headers={"X-Subject-Token": token}).status


def exchange(site: Site, token: str, scope: Any = None) -> Reply:
    auth = {"identity": {"methods": ["token"], "token": {"id": token}}} | ({"scope": scope} if scope else {})
    return site.client().post(TOKENS, json={"auth": auth})


# -- after the end -----------------------------------------------------------------------------------------


def test_an_expired_token_is_still_validated_for_who_asks_for_that_and_lets_nobody_in(site: Site):
    token = site.token("demo")
    site.clock.advance(3600)

    assert check(site, token) == 404
    assert check(site, token, "?allow_expired=0") == 404
    assert check(site, token, "?allow_expired=1") == 200
    assert check(site, token, "?allow_expired") == 200
    assert check(site, token, "?allow_expired=perhaps") == 400
    assert site.client(token).get("/identity/v3/auth/projects").status == 401

    site.clock.advance(172_800 - 1)
    assert check(site, token, "?allow_expired=1") == 200
    site.clock.advance(1)
    assert check(site, token, "?allow_expired=1") == 404


def test_a_token_that_was_revoked_is_not_validated_after_its_end_either(site: Site):
    token, another = site.token("demo"), site.token("demo")
    site.client(token).delete(TOKENS, headers={"X-Subject-Token": token})
    site.clock.advance(3600)
    # Revoking another one forgets the revocations that matter no more.
    fresh = site.token("demo")
    site.client(fresh).delete(TOKENS, headers={"X-Subject-Token": fresh})

    assert check(site, token, "?allow_expired=1") == 404
    assert check(site, another, "?allow_expired=1") == 200


# -- chains ------------------------------------------------------------------------------------------------


def test_a_chain_is_revoked_as_a_whole_or_one_token_of_it_alone(site: Site, other: Site):
    first = site.token("demo")
    second = exchange(site, first).headers["x-subject-token"]
    third = exchange(site, second).headers["x-subject-token"]
    unrelated = site.token("demo")

    assert site.client(second).delete(TOKENS, headers={"X-Subject-Token": second}).status == 204
    assert [check(site, token) for token in (first, second, third)] == [200, 404, 200]

    chain = f"{TOKENS}?whole_chain=true"
    assert site.client(third).delete(chain, headers={"X-Subject-Token": third}).status == 204
    for node in (site, other):
        assert [check(node, token) for token in (first, second, third, unrelated)] == [404, 404, 404, 200]


def test_a_user_voids_all_tokens_of_their_own_and_an_administrator_anybodys(site: Site, other: Site):
    ada, bob = site.make_user("ada"), site.make_user("bob")
    tokens = [site.token("ada", scope="unscoped") for _ in range(2)]
    bobs = site.token("bob", scope="unscoped")

    refused = site.client(bobs).delete(f"/identity/v3/users/{ada}/tokens")
    own = site.client(tokens[0]).delete(f"/identity/v3/users/{ada}/tokens")
    assert (refused.status, own.status) == (403, 204)
    assert [check(other, token) for token in (*tokens, bobs)] == [404, 404, 200]
    assert site.as_user().delete(f"/identity/v3/users/{bob}/tokens").status == 204

    assert check(other, bobs) == 404
    assert check(site, site.token("bob", scope="unscoped")) == 200
    assert site.as_user().delete("/identity/v3/users/nobody/tokens").status == 404


def test_events_of_revocation_say_what_services_need_to_know(site: Site):
    first, second = site.log_in("demo"), site.log_in("demo")
    since = site.clock.now()
    site.client(first.headers["x-subject-token"]).delete(
        TOKENS, headers={"X-Subject-Token": first.headers["x-subject-token"]}
    )
    site.clock.advance(10)
    token = second.headers["x-subject-token"]
    site.client(token).delete(f"{TOKENS}?whole_chain=true", headers={"X-Subject-Token": token})

    admin = site.as_user()
    events = admin.get(EVENTS).json["events"]
    assert {event.get("audit_id") for event in events} == {first.json["token"]["audit_ids"][0], None}
    assert {event.get("audit_chain_id") for event in events} == {second.json["token"]["audit_ids"][0], None}
    later = admin.get(f"{EVENTS}?since={iso_micro(since + 5)}").json["events"]
    assert [event["audit_chain_id"] for event in later] == second.json["token"]["audit_ids"]
    assert admin.get(f"{EVENTS}?since=yesterday").status == 400
    revoked = admin.get(f"{TOKENS}/OS-PKI/revoked").json["revoked"]
    assert len(revoked) == 2
    for path in (EVENTS, f"{TOKENS}/OS-PKI/revoked"):
        assert admin.head(path).status == 200
        assert site.as_user("demo").get(path).status == 403


# -- exchanging --------------------------------------------------------------------------------------------


def test_where_a_site_wants_it_only_tokens_without_a_scope_are_exchanged(site: Site):
    parts = site.assembled.services[0].parts
    object.__setattr__(parts, "auth", msgspec.structs.replace(AuthSettings(), rescope_scoped=False))
    project = {"project": {"name": "demo", "domain": {"id": "default"}}}
    scoped, unscoped = site.token("demo"), site.token("demo", scope="unscoped")

    assert exchange(site, scoped, project).status == 403
    assert exchange(site, unscoped, project).status == 201


def test_a_token_without_a_scope_says_where_its_user_may_work_and_has_no_catalogue(site: Site):
    client = site.client(site.token("demo", scope="unscoped"))

    assert [each["name"] for each in client.get("/identity/v3/auth/projects").json["projects"]] == ["demo"]
    assert client.get("/identity/v3/auth/domains").json["domains"] == []
    assert client.get("/identity/v3/auth/system").json["system"] == []
    assert client.get("/identity/v3/auth/catalog").status == 403


@pytest.mark.parametrize(
    "scope", [{"system": {"all": True}}, {"domain": {"id": "default"}}, "its own project"]
)
def test_every_kind_of_token_asks_what_it_is_good_for(site: Site, scope):
    admin_id = site.log_in().json["token"]["user"]["id"]
    site.give("admin", f"domains/default/users/{admin_id}")
    client = site.as_user(scope=scope)

    for path in ("projects", "domains", "system", "catalog"):
        assert client.get(f"/identity/v3/auth/{path}").status == 200
        assert client.head(f"/identity/v3/auth/{path}").status == 200
    headers = {"X-Subject-Token": client.token}
    assert client.get(TOKENS, headers=headers).status == 200


# -- left out ----------------------------------------------------------------------------------------------

LEFT_OUT = [
    ("GET", "/OS-OAUTH1/consumers"),
    ("POST", "/OS-OAUTH1/consumers"),
    ("PATCH", "/OS-OAUTH1/consumers/x"),
    ("POST", "/OS-OAUTH1/request_token"),
    ("PUT", "/OS-OAUTH1/authorize/x"),
    ("POST", "/OS-OAUTH1/access_token"),
    ("GET", "/users/x/OS-OAUTH1/access_tokens"),
    ("DELETE", "/users/x/OS-OAUTH1/access_tokens/y"),
    ("GET", "/users/x/OS-OAUTH1/access_tokens/y/roles/z"),
    ("POST", "/auth/OS-FEDERATION/saml2"),
    ("POST", "/auth/OS-FEDERATION/saml2/ecp"),
    ("GET", "/OS-FEDERATION/saml2/metadata"),
    ("GET", "/OS-SIMPLE-CERT/ca"),
    ("GET", "/OS-SIMPLE-CERT/certificates"),
]


@pytest.mark.parametrize(("method", "path"), LEFT_OUT)
def test_what_is_left_out_says_so_by_name(site: Site, method: str, path: str):
    reply = site.as_user().request(method, f"/identity/v3{path}")
    assert reply.status == 501
    assert reply.json["error"]["title"] == "Not Implemented"
    assert "not implemented" in reply.json["error"]["message"]


# -- what it costs -----------------------------------------------------------------------------------------


def test_a_login_costs_few_statements_even_when_nothing_is_remembered(site: Site, monkeypatch):
    """After every change nothing is remembered: then a login costs most."""
    project_id = site.make("project", name="lab")
    ada, bob = site.make_user("ada", role="member", project_id=project_id), site.make_user("bob")
    client = site.as_user("ada", scope={"project": {"id": project_id}})
    path = f"/identity/v3/users/{ada}/application_credentials"
    ask = {"application_credential": {"name": "program"}}
    made = client.post(path, json=ask).json["application_credential"]
    trust = {
        "trustor_user_id": ada, "trustee_user_id": bob, "project_id": project_id, "impersonation": False,
        "roles": [{"name": "reader"}],
    }  # fmt: skip
    trust_id = client.post("/identity/v3/OS-TRUST/trusts", json={"trust": trust}).json["trust"]["id"]
    token = client.token
    program = {"id": made["id"], "secret": made["secret"]}
    identities: dict[str, tuple[dict[str, Any], Any]] = {
        "program": ({"methods": ["application_credential"], "application_credential": program}, None),
        "token": ({"methods": ["token"], "token": {"id": token}}, {"project": {"id": project_id}}),
        "trust": (
            {"methods": ["password"], "password": {"user": {"id": bob, "password": "bob"}}},
            {"OS-TRUST:trust": {"id": trust_id}},
        ),
    }
    sent: list[str] = []
    run = Reader._run

    def counted(reader: Reader, statement: Any, parameters: Any) -> Any:
        sent.append(" ".join(str(statement).split())[:100])
        return run(reader, statement, parameters)

    monkeypatch.setattr(Reader, "_run", counted)
    for name, (identity, scope) in identities.items():
        body = {"auth": {"identity": identity} | ({"scope": scope} if scope else {})}
        assert site.client().post(TOKENS, json=body).status == 201
        for remembered in (False, True):
            if not remembered:
                site.kernel.wakes.wake([CHANGED])
            sent.clear()
            assert site.client().post(TOKENS, json=body).status == 201
            assert len(sent) <= (2 if remembered else 6), (name, remembered, sent)
