"""Application credentials: what programs may do with them, and when they end."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.clock import VirtualClock, iso_micro
from tests.services.identity.conftest import Site, assembled_site
from tests.support.asgi import AsgiClient, Reply

TOKENS = "/identity/v3/auth/tokens"
OAUTH2 = "/identity/v3/OS-OAUTH2/token"


@dataclass
class Lab:
    """Ada, who is a member and a reader of a lab, and her programs."""

    site: Site
    project_id: str
    ada: str

    @property
    def path(self) -> str:
        return f"/identity/v3/users/{self.ada}/application_credentials"

    @property
    def rules(self) -> str:
        return f"/identity/v3/users/{self.ada}/access_rules"

    def as_ada(self) -> AsgiClient:
        return self.site.as_user("ada", scope={"project": {"id": self.project_id}})

    def ask(self, client: AsgiClient | None = None, **fields: Any) -> Reply:
        body = {"application_credential": {"name": "program"} | fields}
        return (client or self.as_ada()).post(self.path, json=body)

    def make(self, **fields: Any) -> dict[str, Any]:
        reply = self.ask(**fields)
        assert reply.status == 201, reply
        made: dict[str, Any] = reply.json["application_credential"]
        return made

    def log_in(self, made: dict[str, Any], scope: Any = None) -> Reply:
        method = {"id": made["id"], "secret": made["secret"]}
        identity = {"methods": ["application_credential"], "application_credential": method}
        auth = {"identity": identity} | ({"scope": scope} if scope else {})
        return self.site.client().post(TOKENS, json={"auth": auth})

    def as_program(self, **fields: Any) -> AsgiClient:
        return self.site.client(self.log_in(self.make(**fields)).headers["x-subject-token"])


@pytest.fixture
def lab(site: Site) -> Lab:
    project_id = site.make("project", name="lab")
    return Lab(site, project_id, site.make_user("ada", role="member", project_id=project_id))


@pytest.fixture
def other(site: Site, clock: VirtualClock, tmp_path: Path) -> Iterator[Site]:
    """A second node over the store of `site`, which hears of every change there as it would by LISTEN."""
    url = site.kernel.database.url.render_as_string(hide_password=False)
    other = assembled_site(url, state=tmp_path, clock=clock)
    site.kernel.wakes.listen_to_all(lambda topic: other.kernel.wakes.wake([topic]))
    yield other
    other.close()


def counts(site: Site, token: str) -> bool:
    return site.client(token).get("/identity/v3/auth/projects").status == 200


# -- what a program may do ---------------------------------------------------------------------------------


def test_a_program_works_on_its_project_with_the_roles_it_was_given(lab: Lab):
    made = lab.make(roles=[{"name": "reader"}])

    token = lab.log_in(made).json["token"]

    assert token["project"]["id"] == lab.project_id
    assert [role["name"] for role in token["roles"]] == ["reader"]
    assert token["methods"] == ["application_credential"]
    assert token["application_credential"] == {"id": made["id"], "name": "program", "restricted": True}


def test_a_program_is_found_by_its_name_and_its_user_too(lab: Lab):
    made = lab.make()
    for user in ({"id": lab.ada}, {"name": "ada", "domain": {"id": "default"}}):
        method = {"name": "program", "secret": made["secret"], "user": user}
        identity = {"methods": ["application_credential"], "application_credential": method}
        assert lab.site.client().post(TOKENS, json={"auth": {"identity": identity}}).status == 201
    wrong = {"id": made["id"], "secret": "wrong"}
    identity = {"methods": ["application_credential"], "application_credential": wrong}
    assert lab.site.client().post(TOKENS, json={"auth": {"identity": identity}}).status == 401


def test_a_program_has_no_other_scope(lab: Lab):
    made = lab.make()
    elsewhere = lab.site.make("project", name="elsewhere")
    lab.site.give("member", f"projects/{elsewhere}/users/{lab.ada}")
    token = lab.log_in(made).headers["x-subject-token"]
    identity = {"methods": ["token"], "token": {"id": token}}

    for scope in ({"project": {"id": elsewhere}}, {"system": {"all": True}}, "unscoped"):
        assert lab.log_in(made, scope).status == 401
        again = {"auth": {"identity": identity, "scope": scope}}
        assert lab.site.client().post(TOKENS, json=again).status == 401
    again = lab.site.client().post(TOKENS, json={"auth": {"identity": identity}})
    assert again.json["token"]["application_credential"]["id"] == made["id"], "it stays bound"


def test_a_program_makes_no_others_unless_it_is_unrestricted(lab: Lab):
    program = lab.as_program()
    trust = {
        "trustor_user_id": lab.ada,
        "trustee_user_id": lab.site.make_user("bob"),
        "project_id": lab.project_id,
        "impersonation": False,
        "roles": [{"name": "reader"}],
    }
    ec2 = f"/identity/v3/users/{lab.ada}/credentials/OS-EC2"
    totp = {"type": "totp", "user_id": lab.ada, "blob": "GEZDGNBVGY3TQOJQ"}

    assert lab.ask(program, name="second").status == 403
    assert program.post("/identity/v3/OS-TRUST/trusts", json={"trust": trust}).status == 403
    assert program.post(ec2, json={"tenant_id": lab.project_id}).status == 403
    assert program.post("/identity/v3/credentials", json={"credential": totp}).status == 403
    assert program.get(ec2).status == 403, "secrets would be more than it was given"
    assert program.delete(f"{lab.path}/x").status == 403

    free = lab.as_program(name="free", unrestricted=True)
    assert lab.ask(free, name="second").status == 201
    assert free.post("/identity/v3/OS-TRUST/trusts", json={"trust": trust}).status == 201
    assert free.post(ec2, json={"tenant_id": lab.project_id}).status == 201


def test_a_program_ends_when_it_is_to_end(lab: Lab):
    made = lab.make(expires_at=iso_micro(lab.site.clock.now() + 600, zulu=False))
    token = lab.log_in(made)
    assert token.json["token"]["expires_at"] == iso_micro(lab.site.clock.now() + 600)

    lab.site.clock.advance(600)

    assert not counts(lab.site, token.headers["x-subject-token"])
    assert lab.log_in(made).status == 401


# -- what ends it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [["member"], ["reader"], None])
def test_a_program_is_void_on_every_node_once_its_user_has_lost_a_role_of_it(lab: Lab, other: Site, given):
    roles = {} if given is None else {"roles": [{"name": name} for name in given]}
    made = lab.make(**roles)
    token = lab.log_in(made).headers["x-subject-token"]
    assert counts(other, token)
    lab.site.give("reader", f"projects/{lab.project_id}/users/{lab.ada}")

    member = f"projects/{lab.project_id}/users/{lab.ada}/roles/{lab.site.role_id('member')}"
    assert lab.site.as_user().delete(f"/identity/v3/{member}").status == 204

    kept = given == ["reader"]
    assert counts(lab.site, token) is kept
    assert counts(other, token) is kept
    assert (lab.log_in(made).status == 201) is kept


@pytest.mark.parametrize("noun", ["user", "project"])
@pytest.mark.parametrize("how", ["disable", "delete"])
def test_a_program_is_void_once_its_user_or_project_is_gone(lab: Lab, other: Site, noun: str, how: str):
    made = lab.make()
    token = lab.log_in(made).headers["x-subject-token"]
    assert counts(other, token)
    path = f"/identity/v3/{noun}s/{lab.ada if noun == 'user' else lab.project_id}"

    if how == "disable":
        assert lab.site.as_user().patch(path, json={noun: {"enabled": False}}).status == 200
    else:
        assert lab.site.as_user().delete(path).status == 204

    assert not counts(lab.site, token)
    assert not counts(other, token)
    assert lab.log_in(made).status == 401


# -- access rules ------------------------------------------------------------------------------------------

RULE = {"service": "identity", "method": "GET", "path": "/v3/auth/*"}


def test_with_rules_only_the_requests_they_name_are_let_through(lab: Lab):
    program = lab.as_program(
        access_rules=[RULE, {"service": "identity", "method": "GET", "path": "/v3/users/{user_id}"}]
    )

    assert program.get("/identity/v3/auth/projects").status == 200
    assert program.get(f"/identity/v3/users/{lab.ada}").status == 200
    assert program.get(f"/identity/v3/users/{lab.ada}/projects").status == 403, "one segment is one"
    assert program.head("/identity/v3/auth/projects").status == 403, "another method"
    assert program.get("/identity/v3/projects").status == 403
    assert program.post(lab.path, json={}).status == 403


def test_a_rule_for_one_service_opens_no_other(lab: Lab):
    program = lab.as_program(access_rules=[{"service": "compute", "method": "GET", "path": "/**"}])
    assert program.get("/identity/v3/auth/projects").status == 403


def test_rules_hold_for_tokens_made_from_a_token(lab: Lab):
    token = lab.as_program(access_rules=[RULE]).token
    identity = {"methods": ["token"], "token": {"id": token}}
    again = lab.site.client().post(TOKENS, json={"auth": {"identity": identity}})
    program = lab.site.client(again.headers["x-subject-token"])

    assert program.get("/identity/v3/auth/projects").status == 200
    assert program.get(f"/identity/v3/users/{lab.ada}").status == 403


def test_a_token_with_rules_is_validated_for_those_alone_who_heed_rules(lab: Lab):
    token = lab.as_program(access_rules=[RULE]).token
    admin = lab.site.as_user()

    headers = {"X-Subject-Token": token}
    assert admin.get(TOKENS, headers=headers).status == 404
    assert admin.get(TOKENS, headers=headers | {"OpenStack-Identity-Access-Rules": "no"}).status == 404
    heeded = admin.get(TOKENS, headers=headers | {"OpenStack-Identity-Access-Rules": "1.0"})
    (rule,) = heeded.json["token"]["application_credential"]["access_rules"]
    assert {name: rule[name] for name in RULE} == RULE


def test_the_same_rule_is_kept_once_and_not_deleted_while_a_program_has_it(lab: Lab):
    first = lab.make(access_rules=[RULE])
    (rule,) = first["access_rules"]
    second = lab.make(name="second", access_rules=[{"id": rule["id"]}, RULE])
    assert [each["id"] for each in second["access_rules"]] == [rule["id"]]
    ada = lab.as_ada()

    (listed,) = ada.get(lab.rules).json["access_rules"]
    assert {name: listed[name] for name in RULE} == RULE
    assert listed["links"]["self"].endswith(f"/access_rules/{rule['id']}")
    assert ada.get(f"{lab.rules}?service=compute").json["access_rules"] == []
    assert ada.get(f"{lab.rules}/{rule['id']}").json["access_rule"]["id"] == rule["id"]
    assert ada.delete(f"{lab.rules}/{rule['id']}").status == 403
    for made in (first, second):
        assert ada.delete(f"{lab.path}/{made['id']}").status == 204
    assert ada.delete(f"{lab.rules}/{rule['id']}").status == 204
    assert ada.get(f"{lab.rules}/{rule['id']}").status == 404
    assert ada.get(lab.rules).json["access_rules"] == []


def test_rules_of_others_are_neither_seen_nor_used(lab: Lab):
    (rule,) = lab.make(access_rules=[RULE])["access_rules"]
    bob_id = lab.site.make_user("bob", role="member", project_id=lab.project_id)
    bob = lab.site.as_user("bob", scope={"project": {"id": lab.project_id}})

    for path in (rule["id"], "no-such-rule"):
        assert bob.get(f"{lab.rules}/{path}").status == 403
        assert bob.delete(f"{lab.rules}/{path}").status == 403
        assert bob.get(f"/identity/v3/users/{bob_id}/access_rules/{path}").status == 404
    body = {"application_credential": {"name": "b", "access_rules": [{"id": rule["id"]}]}}
    reply = bob.post(f"/identity/v3/users/{bob_id}/application_credentials", json=body)
    assert reply.status == 404


BAD_RULES = [
    {"service": "compute", "method": "GET"},
    {"service": "compute", "method": "STEAL", "path": "/"},
    {"service": "compute", "method": "GET", "path": "v2.1"},
    {"service": "", "method": "GET", "path": "/"},
    {"service": "compute", "method": "GET", "path": "/" + "x" * 300},
    {"nonsense": 1},
    "all",
]


def test_rules_that_cannot_be_meant_are_a_400(lab: Lab):
    for rule in BAD_RULES:
        reply = lab.ask(access_rules=[rule])
        assert (rule, reply.status) == (rule, 400)
    assert lab.as_ada().get(lab.path).json["application_credentials"] == []


# -- OAuth 2 -----------------------------------------------------------------------------------------------


def form(site: Site, text: str, *, client: tuple[str, str] | None = None) -> Reply:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if client is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(client).encode()).decode()
    return site.client().post(OAUTH2, body=text.encode(), headers=headers)


def test_a_program_that_knows_oauth2_alone_gets_a_token(lab: Lab):
    made = lab.make(access_rules=[RULE])

    reply = form(lab.site, "grant_type=client_credentials", client=(made["id"], made["secret"]))

    assert reply.status == 200, reply
    assert reply.json["token_type"] == "Bearer"
    assert reply.json["expires_in"] == 3600
    assert reply.headers["cache-control"] == "no-store"
    program = lab.site.client(reply.json["access_token"])
    assert program.get("/identity/v3/auth/projects").status == 200
    assert program.get("/identity/v3/users").status == 403
    body = f"grant_type=client_credentials&client_id={made['id']}&client_secret={made['secret']}"
    assert form(lab.site, body).status == 200


def test_oauth2_refuses_in_its_own_words(lab: Lab):
    made = lab.make()
    good = (made["id"], made["secret"])
    refusals = [
        (
            form(lab.site, "grant_type=client_credentials", client=(made["id"], "wrong")),
            401,
            "invalid_client",
        ),
        (form(lab.site, "grant_type=client_credentials", client=("nobody", "wrong")), 401, "invalid_client"),
        (form(lab.site, "grant_type=client_credentials"), 401, "invalid_client"),
        (form(lab.site, "grant_type=password", client=good), 400, "unsupported_grant_type"),
        (form(lab.site, "", client=good), 400, "invalid_request"),
        (form(lab.site, "grant_type=a&grant_type=b", client=good), 400, "invalid_request"),
        (form(lab.site, "x" * 20_000, client=good), 400, "invalid_request"),
        (form(lab.site, "grant_type=%ff", client=good), 400, "invalid_request"),
    ]
    for reply, status, code in refusals:
        assert (reply.status, reply.json["error"]) == (status, code)
    assert lab.site.client().get(OAUTH2).status == 405
