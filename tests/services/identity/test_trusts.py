"""Trusts: what one user lets another do in their stead, and when that ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.clock import VirtualClock, iso_micro
from tests.services.identity.conftest import Site, assembled_site
from tests.support.asgi import AsgiClient, Reply

TOKENS = "/identity/v3/auth/tokens"
TRUSTS = "/identity/v3/OS-TRUST/trusts"


@dataclass
class Lab:
    """Ada, who is a manager of a lab, and Bob and Eve, who are nothing there."""

    site: Site
    project_id: str
    ada: str
    bob: str
    eve: str

    def as_ada(self) -> AsgiClient:
        return self.site.as_user("ada", scope={"project": {"id": self.project_id}})

    def ask(self, client: AsgiClient | None = None, **fields: Any) -> Reply:
        trust = {
            "trustor_user_id": self.ada,
            "trustee_user_id": self.bob,
            "project_id": self.project_id,
            "impersonation": False,
            "roles": [{"name": "member"}],
        }
        return (client or self.as_ada()).post(TRUSTS, json={"trust": trust | fields})

    def trust(self, client: AsgiClient | None = None, **fields: Any) -> str:
        reply = self.ask(client, **fields)
        assert reply.status == 201, reply
        return str(reply.json["trust"]["id"])

    def use(self, trust_id: str, user: str = "bob") -> Reply:
        return self.site.log_in(user, scope={"OS-TRUST:trust": {"id": trust_id}})

    def token(self, trust_id: str, user: str = "bob") -> str:
        reply = self.use(trust_id, user)
        assert reply.status == 201, reply
        return reply.headers["x-subject-token"]


@pytest.fixture
def lab(site: Site) -> Lab:
    project_id = site.make("project", name="lab")
    ada = site.make_user("ada", role="manager", project_id=project_id)
    return Lab(site, project_id, ada, site.make_user("bob"), site.make_user("eve"))


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


# -- using one ---------------------------------------------------------------------------------------------


def test_a_trustee_works_in_their_own_name_with_the_roles_they_are_trusted_with(lab: Lab):
    trust_id = lab.trust()

    token = lab.use(trust_id).json["token"]

    assert token["user"]["name"] == "bob"
    assert token["project"]["id"] == lab.project_id
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    assert token["OS-TRUST:trust"] == {
        "id": trust_id,
        "impersonation": False,
        "trustor_user": {"id": lab.ada},
        "trustee_user": {"id": lab.bob},
        "redelegated_trust_id": None,
        "redelegation_count": 0,
    }
    assert [service["type"] for service in token["catalog"]]


def test_with_impersonation_the_token_bears_the_trustors_name(lab: Lab):
    token = lab.use(lab.trust(impersonation=True)).json["token"]

    assert token["user"]["id"] == lab.ada
    assert token["methods"] == ["password"]


def test_nobody_but_the_trustee_uses_a_trust_nor_learns_of_it(lab: Lab):
    trust_id = lab.trust()

    refusals = [lab.use(trust_id, "eve"), lab.use(trust_id, "ada"), lab.use("no-such-trust", "eve")]

    assert {reply.status for reply in refusals} == {403}
    assert len({reply.body for reply in refusals}) == 1


def test_a_trust_ends_and_its_tokens_no_later(lab: Lab):
    ends_at = lab.site.clock.now() + 600
    trust_id = lab.trust(expires_at=iso_micro(ends_at))

    token = lab.use(trust_id)
    assert token.json["token"]["expires_at"] == iso_micro(ends_at)

    lab.site.clock.advance(600)
    assert not counts(lab.site, token.headers["x-subject-token"])
    assert lab.use(trust_id).status == 404


def test_a_trust_is_used_as_often_as_it_says_however_many_ask_at_once(lab: Lab):
    trust_id = lab.trust(remaining_uses=3)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(lab.use(trust_id).status)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201] * 3 + [404] * 5
    assert lab.as_ada().get(f"{TRUSTS}/{trust_id}").json["trust"]["remaining_uses"] == 0


def test_the_last_use_of_a_trust_gives_a_token_that_lasts(lab: Lab):
    token = lab.token(lab.trust(remaining_uses=1))
    lab.site.make("project", name="a change")
    assert counts(lab.site, token)


# -- what ends one -----------------------------------------------------------------------------------------


def test_a_deleted_trust_has_no_tokens_from_then_on_on_any_node(lab: Lab, other: Site):
    trust_id = lab.trust()
    token = lab.token(trust_id)
    assert counts(other, token)

    assert lab.as_ada().delete(f"{TRUSTS}/{trust_id}").status == 204

    assert not counts(lab.site, token)
    assert not counts(other, token)
    assert lab.use(trust_id).status == 404
    assert lab.as_ada().get(f"{TRUSTS}/{trust_id}").status == 404
    assert lab.as_ada().get(f"{TRUSTS}?trustor_user_id={lab.ada}").json["trusts"] == []


@pytest.mark.parametrize("impersonation", [False, True])
@pytest.mark.parametrize("who", ["ada", "bob"])
@pytest.mark.parametrize("change", [{"enabled": False}, {"password": "another"}])
def test_what_ends_the_tokens_of_either_ends_those_of_the_trust(
    lab: Lab, other: Site, impersonation, who, change
):
    token = lab.token(lab.trust(impersonation=impersonation))
    assert counts(lab.site, token)
    assert counts(other, token)

    user_id = getattr(lab, who)
    assert lab.site.as_user().patch(f"/identity/v3/users/{user_id}", json={"user": change}).status == 200

    assert not counts(lab.site, token)
    assert not counts(other, token)


def test_a_trust_gives_nothing_once_its_trustor_has_lost_one_of_its_roles(lab: Lab, other: Site):
    trust_id = lab.trust()
    token = lab.token(trust_id)
    assert counts(other, token)
    manager = f"projects/{lab.project_id}/users/{lab.ada}/roles/{lab.site.role_id('manager')}"

    lab.site.give("reader", f"projects/{lab.project_id}/users/{lab.ada}")
    assert lab.site.as_user().delete(f"/identity/v3/{manager}").status == 204

    assert not counts(lab.site, token)
    assert not counts(other, token)
    assert lab.use(trust_id).status == 403

    assert lab.site.as_user().put(f"/identity/v3/{manager}").status == 204
    assert lab.use(trust_id).status == 201


@pytest.mark.parametrize("noun", ["user", "project", "domain"])
def test_a_trust_gives_nothing_while_something_it_is_about_is_disabled(lab: Lab, noun: str):
    ids = {"user": lab.ada, "project": lab.project_id, "domain": "default"}
    domain_id = lab.site.make("domain", name="elsewhere")
    lab.site.make_user("carol", domain_id=domain_id)
    (carol,) = lab.site.as_user().get("/identity/v3/users?name=carol").json["users"]
    if noun == "domain":
        ids["domain"] = domain_id
    trust_id = lab.trust(trustee_user_id=carol["id"])
    scope = {"OS-TRUST:trust": {"id": trust_id}}
    token = lab.site.token("carol", domain=domain_id, scope=scope)

    off = {noun: {"enabled": False}}
    assert lab.site.as_user().patch(f"/identity/v3/{noun}s/{ids[noun]}", json=off).status == 200

    assert not counts(lab.site, token)
    assert lab.site.log_in("carol", domain=domain_id, scope=scope).status in (401, 403)


@pytest.mark.parametrize("noun", ["user", "project"])
def test_a_trust_goes_with_those_it_is_about(lab: Lab, noun: str):
    trust_id = lab.trust()
    token = lab.token(trust_id)
    ids = {"user": lab.ada, "project": lab.project_id}

    assert lab.site.as_user().delete(f"/identity/v3/{noun}s/{ids[noun]}").status == 204

    assert not counts(lab.site, token)
    assert lab.site.as_user().get(f"{TRUSTS}/{trust_id}").status == 404


# -- what a token of a trust may not -----------------------------------------------------------------------


def test_a_token_from_a_trust_gives_no_other_token_and_no_credential(lab: Lab):
    token = lab.token(lab.trust(impersonation=True))
    trusted = lab.site.client(token)
    auth = {"identity": {"methods": ["token"], "token": {"id": token}}}

    assert lab.site.client().post(TOKENS, json={"auth": auth}).status == 403
    credentials = f"/identity/v3/users/{lab.ada}/application_credentials"
    assert trusted.post(credentials, json={"application_credential": {"name": "a"}}).status == 403
    totp = {"type": "totp", "user_id": lab.ada, "blob": "GEZDGNBVGY3TQOJQ"}
    assert trusted.post("/identity/v3/credentials", json={"credential": totp}).status == 403
    assert lab.ask(trusted, trustee_user_id=lab.eve).status == 403
    assert trusted.get(f"{TRUSTS}?trustor_user_id={lab.ada}").json["trusts"][0]["trustee_user_id"] == lab.bob


# -- handing one on ----------------------------------------------------------------------------------------


def test_a_trust_is_handed_on_as_far_as_it_says_and_deleted_with_all_that_came_of_it(lab: Lab, other: Site):
    first = lab.trust(impersonation=True, allow_redelegation=True, redelegation_count=1)
    assert lab.as_ada().get(f"{TRUSTS}/{first}").json["trust"]["redelegation_count"] == 1
    bob = lab.site.client(lab.token(first))

    second = lab.ask(bob, trustee_user_id=lab.eve, impersonation=True, roles=[{"name": "reader"}])
    assert second.status == 201, second
    assert second.json["trust"]["redelegated_trust_id"] == first
    assert second.json["trust"]["redelegation_count"] == 0
    token = lab.token(second.json["trust"]["id"], "eve")
    assert other.identity.authenticate(token).roles == ("reader",)
    eve = lab.site.client(token)
    assert lab.ask(eve, trustee_user_id=lab.bob, roles=[{"name": "reader"}]).status == 403

    assert lab.as_ada().delete(f"{TRUSTS}/{first}").status == 204

    assert not counts(lab.site, token)
    assert not counts(other, token)
    assert lab.use(second.json["trust"]["id"], "eve").status == 404


def test_what_is_handed_on_is_never_more_than_was_had(lab: Lab):
    ends_at = lab.site.clock.now() + 600
    first = lab.trust(allow_redelegation=True, expires_at=iso_micro(ends_at))
    bob = lab.site.client(lab.token(first))
    base = {"trustor_user_id": lab.bob, "trustee_user_id": lab.eve, "roles": [{"name": "reader"}]}

    later = iso_micro(ends_at + 1)
    assert lab.ask(bob, **base | {"expires_at": later}).status == 403
    assert lab.ask(bob, **base | {"impersonation": True}).status == 403
    assert lab.ask(bob, **base | {"redelegation_count": 3, "allow_redelegation": True}).status == 403
    assert lab.ask(bob, **base | {"redelegated_trust_id": "another"}).status == 403
    assert lab.ask(bob, **base | {"roles": [{"name": "manager"}]}).status == 404
    kept = lab.ask(bob, **base | {"allow_redelegation": True})
    assert kept.status == 201, kept
    assert kept.json["trust"]["expires_at"] == iso_micro(ends_at)
    assert kept.json["trust"]["redelegation_count"] == 2


def test_a_trust_that_is_not_to_be_handed_on_is_not(lab: Lab):
    bob = lab.site.client(lab.token(lab.trust()))
    assert lab.ask(bob, trustor_user_id=lab.bob, trustee_user_id=lab.eve).status == 403


def test_who_handed_a_trust_on_and_is_disabled_ends_what_was_handed_on(lab: Lab):
    first = lab.trust(impersonation=True, allow_redelegation=True)
    bob = lab.site.client(lab.token(first))
    token = lab.token(lab.trust(bob, trustee_user_id=lab.eve, impersonation=True), "eve")

    off = {"user": {"enabled": False}}
    assert lab.site.as_user().patch(f"/identity/v3/users/{lab.bob}", json=off).status == 200

    assert not counts(lab.site, token)


# -- making and seeing them --------------------------------------------------------------------------------


REFUSED = [
    ({"expires_at": "bad.123Z"}, 400),
    ({"expires_at": "2001-01-01T00:00:00Z"}, 400),
    ({"expires_at": "9999-12-31T23:59:59-12:00"}, 400),
    ({"roles": []}, 403),
    ({"roles": [{"name": "admin"}]}, 404),
    ({"roles": [{"id": "no-such-role"}]}, 404),
    ({"roles": [{"id": "a", "nonsense": 1}]}, 400),
    ({"project_id": "another"}, 403),
    ({"project_id": None}, 403),
    ({"trustee_user_id": "nobody"}, 404),
    ({"impersonation": "yes"}, 400),
    ({"remaining_uses": 0}, 400),
    ({"remaining_uses": -1}, 400),
    ({"remaining_uses": 2, "allow_redelegation": True}, 400),
    ({"redelegation_count": 4, "allow_redelegation": True}, 403),
    ({"redelegation_count": -1}, 400),
]


def test_what_cannot_be_trusted_is_refused_and_leaves_nothing(lab: Lab):
    for fields, status in REFUSED:
        reply = lab.ask(**fields)
        assert (fields, reply.status) == (fields, status), reply
    assert lab.ask(trustor_user_id=lab.bob).status == 403
    assert lab.site.as_user().get(TRUSTS).json["trusts"] == []


def test_a_trust_is_shown_to_both_and_to_readers_and_to_nobody_else(lab: Lab):
    trust_id = lab.trust(impersonation=True)
    admin, ada = lab.site.as_user(), lab.as_ada()
    bob, eve = lab.site.as_user("bob", scope=None), lab.site.as_user("eve", scope=None)
    role_id = lab.site.role_id("member")

    for client in (admin, ada, bob):
        trust = client.get(f"{TRUSTS}/{trust_id}").json["trust"]
        assert trust["roles"][0]["name"] == "member"
        assert trust["links"]["self"].endswith(f"/v3/OS-TRUST/trusts/{trust_id}")
        assert trust["roles_links"]["self"].endswith("/roles")
        roles = client.get(f"{TRUSTS}/{trust_id}/roles").json["roles"]
        assert [role["id"] for role in roles] == [role_id]
        assert client.get(f"{TRUSTS}/{trust_id}/roles/{role_id}").json["role"]["name"] == "member"
        assert client.head(f"{TRUSTS}/{trust_id}/roles/{lab.site.role_id('reader')}").status == 404
    for path in (trust_id, "no-such-trust", f"{trust_id}/roles", f"{trust_id}/roles/{role_id}"):
        assert eve.get(f"{TRUSTS}/{path}").status == 403
    assert eve.delete(f"{TRUSTS}/{trust_id}").status == 403
    assert bob.delete(f"{TRUSTS}/{trust_id}").status == 403, "a trustee does not end it"
    assert admin.get(f"{TRUSTS}/no-such-trust").status == 404


def test_lists_of_trusts_are_of_ones_own_and_for_readers_of_all(lab: Lab):
    trust_id = lab.trust()
    admin, ada = lab.site.as_user(), lab.as_ada()
    bob, eve = lab.site.as_user("bob", scope=None), lab.site.as_user("eve", scope=None)

    assert [each["id"] for each in admin.get(TRUSTS).json["trusts"]] == [trust_id]
    assert [each["id"] for each in ada.get(f"{TRUSTS}?trustor_user_id={lab.ada}").json["trusts"]] == [
        trust_id
    ]
    assert [each["id"] for each in bob.get(f"{TRUSTS}?trustee_user_id={lab.bob}").json["trusts"]] == [
        trust_id
    ]
    assert bob.get(f"{TRUSTS}?trustor_user_id={lab.bob}").json["trusts"] == []
    assert eve.get(f"{TRUSTS}?trustor_user_id={lab.ada}").status == 403
    assert eve.get(TRUSTS).status == 403
