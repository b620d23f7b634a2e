"""What must hold of every route of every service; adding a route adds its cases."""

from __future__ import annotations

import inspect
import re
import uuid

import pytest

from nacre.kernel.http.app import Service
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC
from tests.support.asgi import AsgiClient
from tests.support.cloud import FakeCloud

# Guarded by a secret of their own: a host's agent has no user.
OWN_GUARD = {"agent"}
# Nothing of a cloud is told by these.
OPEN_TO_ALL = {
    ("identity", "POST", "/v3/auth/tokens"),
    # A program proves itself by the id and the secret of its application credential.
    ("identity", "POST", "/v3/OS-OAUTH2/token"),
    # Whoever knows the old password may set a new one; a token may be out of reach because it has expired.
    ("identity", "POST", "/v3/users/{user_id}/password"),
    # Whoever an identity provider proves has no token yet: by theirs, or with a browser that goes there and returns.
    *(
        ("identity", method, path)
        for method in ("GET", "POST")
        for path in (
            "/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth",
            "/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso",
            "/v3/auth/OS-FEDERATION/websso/{protocol_id}",
        )
    ),
    ("identity", "GET", "/v3/auth/OS-FEDERATION/oidc/callback"),
    ("root", "GET", "/healthz"),
    ("root", "GET", "/metrics"),
}
GARBAGE = (b"", b"[", b"[]", b"{}", b'{"a": {}}', b'"\xff"', b"1e999", b'{"a":' * 200)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory):
    whole = FakeCloud(tmp_path_factory.mktemp("cloud"))
    yield whole
    whole.close()


def every_route(cloud: FakeCloud) -> list[tuple[Service, Route]]:
    return [(service, route) for service in cloud.cloud.http.services for route in service.routes]


def path_of(service: Service, route: Route, value: str) -> str:
    return service.prefix.rstrip("/") + re.sub(r"\{[^}]*\}", value, route.path)


def call(client: AsgiClient, service: Service, route: Route, value: str, body: bytes = b"{}"):
    versions = {}
    if service.versions:
        version = (
            service.versions.maximum
            if route.window is None
            else min(route.window.last, service.versions.maximum)
        )
        versions = {"OpenStack-API-Version": f"{service.versions.service_type} {version}"}
    headers = {"Content-Type": "application/json"} | versions
    return client.request(route.method, path_of(service, route, value), body=body, headers=headers)


def test_there_are_routes(cloud):
    assert len(every_route(cloud)) > 150


def test_nobody_without_a_token_gets_past_the_door(cloud):
    stranger = cloud.stranger(local=True)
    let_in = []
    for service, route in every_route(cloud):
        if (
            service.name in OWN_GUARD
            or service.local_only
            or (service.name, route.method, route.path) in OPEN_TO_ALL
        ):
            continue
        status = call(stranger, service, route, str(uuid.uuid4())).status
        is_version_document = route.method == "GET" and route.policy is PUBLIC and "{" not in route.path
        if status != 401 and not is_version_document:
            let_in.append((service.name, route.method, route.path, status))
    assert let_in == []


def test_version_documents_are_all_that_is_public(cloud):
    public = [
        (service.name, route.path)
        for service, route in every_route(cloud)
        if route.policy is PUBLIC
        and service.name not in OWN_GUARD
        and not service.local_only
        and (service.name, route.method, route.path) not in OPEN_TO_ALL
    ]
    assert all(path.count("/") <= 2 and "{" not in path for _, path in public), public


@pytest.mark.parametrize("user", ["admin", "demo"])
def test_what_does_not_exist_is_never_a_server_error(cloud, user):
    client = cloud.client(user)
    bad = []
    for service, route in every_route(cloud):
        if route.reads_stream or service.name in OWN_GUARD or inspect.iscoroutinefunction(route.handler):
            continue
        for value in (str(uuid.uuid4()), "no-such-thing", "%00", "%F0%9F%98%80", "-1", "x" * 300):
            if "{" not in route.path:
                continue
            status = call(client, service, route, value).status
            if status >= 500 and status != 501:
                bad.append((service.name, route.method, route.path, value, status))
    assert bad == []


def test_a_body_of_garbage_is_refused_with_a_4xx_and_changes_nothing(cloud):
    client = cloud.client("admin")
    bad = []
    for service, route in every_route(cloud):
        if route.body is None or service.name in OWN_GUARD:
            continue
        for body in GARBAGE:
            status = call(client, service, route, str(uuid.uuid4()), body=body).status
            if not 400 <= status < 500 and not (body == b"{}" and status < 500):
                bad.append((service.name, route.method, route.path, body[:20], status))
    assert bad == []


def test_every_policy_has_one_name_and_one_meaning(cloud):
    rules: dict[str, set[str]] = {}
    for _service, route in every_route(cloud):
        rules.setdefault(route.policy.name, set()).add(route.policy.rule)
    assert {name: found for name, found in rules.items() if len(found) > 1} == {}


def test_every_handler_says_what_it_promises(cloud):
    silent = sorted(
        {
            f"{route.handler.__module__}.{route.handler.__name__}"
            for _service, route in every_route(cloud)
            if not inspect.getdoc(route.handler)
        }
    )
    assert silent == []


def test_openapi_paths_name_only_letters_digits_and_ids(cloud):
    for service, route in every_route(cloud):
        assert re.fullmatch(r"(/([A-Za-z0-9_.\-]+|\{[a-z_]+\}))*/?", route.path), (service.name, route.path)
