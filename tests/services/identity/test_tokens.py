"""Tokens: how they are had, what they say, and when they stop to count."""

from __future__ import annotations

import pytest

from nacre.kernel.database import statements_so_far
from nacre.kernel.errors import Unauthenticated
from tests.services.identity.conftest import Site

AUTH = "/identity/v3/auth/tokens"


def check(site: Site, token: str) -> int:
    """The status of asking, as the admin, about a token."""
    return site.as_user().get(AUTH, headers={"X-Subject-Token": token}).status


def from_token(site: Site, token: str, scope=None):
    auth = {"identity": {"methods": ["token"], "token": {"id": token}}}
    if scope is not None:
        auth["scope"] = scope
    return site.client().post(AUTH, json={"auth": auth})


def test_a_password_gives_a_token_that_says_who_where_and_what(site: Site):
    reply = site.log_in("admin")

    token = reply.json["token"]
    assert reply.status == 201
    assert token["user"]["name"] == "admin"
    assert token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert token["project"]["name"] == "admin"
    assert [role["name"] for role in token["roles"]] == ["admin", "manager", "member", "reader"]
    assert token["methods"] == ["password"]
    assert len(token["audit_ids"]) == 1
    assert [service["type"] for service in token["catalog"]] == ["block-storage", "compute", "identity"]
    assert len(reply.headers["x-subject-token"]) < 300
    assert check(site, reply.headers["x-subject-token"]) == 200


def test_the_catalogue_names_the_callers_project(site: Site):
    token = site.log_in("demo").json["token"]

    (volumes,) = (each for each in token["catalog"] if each["type"] == "block-storage")
    assert {endpoint["interface"] for endpoint in volumes["endpoints"]} == {"public", "internal", "admin"}
    for endpoint in volumes["endpoints"]:
        assert endpoint["url"] == f"http://127.0.0.1:5000/volume/v3/{token['project']['id']}"
        assert endpoint["region_id"] == "RegionOne"


def test_nocatalog_leaves_the_catalogue_out(site: Site):
    token = site.token("demo")

    headers = {"X-Subject-Token": token}
    assert "catalog" in site.client(token).get(AUTH, headers=headers).json["token"]
    assert "catalog" not in site.client(token).get(f"{AUTH}?nocatalog", headers=headers).json["token"]


def test_every_refused_login_reads_alike(site: Site):
    site.make_user("idle", enabled=False)
    refusals = [
        site.log_in("admin", password="wrong"),
        site.log_in("nobody", password="wrong"),
        site.log_in("demo", scope={"project": {"name": "admin", "domain": {"id": "default"}}}),
        site.log_in("demo", scope={"project": {"name": "no such project", "domain": {"id": "default"}}}),
        site.log_in("demo", scope={"system": {"all": True}}),
        site.log_in("demo", domain="no-such-domain"),
        site.log_in("idle", scope=None),
    ]

    assert {reply.status for reply in refusals} == {401}
    assert len({reply.body for reply in refusals}) == 1
    assert refusals[0].json["error"] == {
        "code": 401,
        "message": "The request you have made requires authentication.",
        "title": "Unauthorized",
    }


def test_what_is_no_token_is_not_found_as_one(site: Site):
    assert from_token(site, "no token at all").status == 404


SCOPES = [
    ({"system": {"all": True}}, "system"),
    ({"domain": {"id": "default"}}, "domain"),
    ({"domain": {"name": "Default"}}, "domain"),
    ({"project": {"name": "admin", "domain": {"name": "Default"}}}, "project"),
    ("unscoped", None),
    ({"unscoped": {}}, None),
    (None, "project"),
]


def test_a_token_is_scoped_as_asked(site: Site):
    admin_id = site.log_in().json["token"]["user"]["id"]
    site.give("admin", f"domains/default/users/{admin_id}")

    for scope, shown in SCOPES:
        token = site.log_in("admin", scope=scope).json["token"]

        assert {"system", "domain", "project"} & token.keys() == ({shown} if shown else set()), scope
        assert ("roles" in token) == ("catalog" in token) == bool(shown), scope


MEANT_BY_NOBODY = [
    {},
    {"identity": {}},
    {"identity": {"methods": []}},
    {"identity": {"methods": ["password"]}},
    {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}}},
    {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}},
    {"identity": {"methods": ["password"], "password": {"user": {"id": 7, "password": "x"}}}},
    {"identity": {"methods": ["token"], "token": {"id": ["x"]}}},
    {"identity": {"methods": "password"}},
    {"identity": {"methods": ["password"], "password": {"user": {"id": "a\0b", "password": "x"}}}},
]


def test_what_cannot_be_meant_is_a_400(site: Site):
    for auth in MEANT_BY_NOBODY:
        reply = site.client().post(AUTH, json={"auth": auth})

        assert (auth, reply.status) == (auth, 400)
        assert reply.json["error"]["code"] == 400


def test_a_contradictory_scope_is_a_400(site: Site):
    scope = {"project": {"id": "x"}, "domain": {"id": "default"}}
    assert site.log_in("admin", scope=scope).status == 400
    assert site.log_in("admin", scope={}).status == 400
    assert site.log_in("admin", scope="everything").status == 400
    assert site.log_in("admin", scope={"OS-TRUST:trust": {}}).status == 400


def test_a_token_gives_a_token_that_lasts_no_longer_and_names_its_parent(site: Site):
    first = site.log_in("demo")
    site.clock.advance(1000)

    second = from_token(
        site, first.headers["x-subject-token"], {"project": {"id": first.json["token"]["project"]["id"]}}
    )

    assert second.status == 201
    assert second.json["token"]["expires_at"] == first.json["token"]["expires_at"]
    assert second.json["token"]["issued_at"] > first.json["token"]["issued_at"]
    assert second.json["token"]["audit_ids"][1] == first.json["token"]["audit_ids"][0]
    assert set(second.json["token"]["methods"]) == {"password", "token"}


def test_a_token_expires(site: Site):
    token = site.token("demo")
    site.clock.advance(3599)
    assert site.client(token).get("/identity/v3/auth/projects").status == 200

    site.clock.advance(1)

    assert site.client(token).get("/identity/v3/auth/projects").status == 401
    assert check(site, token) == 404
    assert from_token(site, token).status == 404


def test_a_revoked_token_counts_no_more_and_others_do(site: Site):
    token, other = site.token("demo"), site.token("demo")
    assert check(site, token) == 200

    assert site.client(token).delete(AUTH, headers={"X-Subject-Token": token}).status == 204

    assert site.client(token).get("/identity/v3/auth/projects").status == 401
    assert check(site, token) == 404
    assert from_token(site, token).status == 404
    assert check(site, other) == 200
    again = site.as_user().delete(AUTH, headers={"X-Subject-Token": token})
    assert again.status == 404


def test_in_the_steady_state_a_token_is_checked_without_reading_the_store(site: Site):
    tokens = [site.token("demo") for _ in range(3)]
    for token in tokens:
        site.identity.authenticate(token)
    before = statements_so_far()

    for token in tokens * 10:
        site.identity.authenticate(token)
    assert statements_so_far() == before

    site.make("project", name="a change")
    before = statements_so_far()
    for token in tokens * 10:
        site.identity.authenticate(token)
    assert statements_so_far() - before <= 5, "the user's rights are read once for all their tokens"


def test_head_checks_a_token_like_get(site: Site):
    token = site.token("demo")
    assert site.as_user().head(AUTH, headers={"X-Subject-Token": token}).status == 200
    assert site.as_user().head(AUTH, headers={"X-Subject-Token": "x" + token}).status == 404


def test_a_user_checks_and_revokes_only_tokens_of_their_own(site: Site):
    admins, mine = site.token("admin"), site.token("demo")

    demo = site.client(site.token("demo"))
    assert demo.get(AUTH, headers={"X-Subject-Token": mine}).status == 200
    assert demo.get(AUTH, headers={"X-Subject-Token": admins}).status == 403
    assert demo.delete(AUTH, headers={"X-Subject-Token": admins}).status == 403
    assert check(site, admins) == 200


def test_a_token_changed_anywhere_is_no_token(site: Site):
    token = site.token("demo")
    # The very last character may hold bits that mean nothing.
    for at in range(len(token) - 1):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]

        with pytest.raises(Unauthenticated):
            site.identity.authenticate(changed)


GARBAGE = ["", "x", "=", "A" * 5000, "é", "a\tb", "AAAA" * 20, "+/+/"]


def test_garbage_is_no_token(site: Site):
    for token in GARBAGE:
        reply = site.client().get("/identity/v3/auth/projects", headers={"X-Auth-Token": token})
        assert (token, reply.status) == (token, 401)


# -- what takes a right away takes it away at once ---------------------------------------------------------


def test_changing_a_password_voids_tokens_at_once_and_the_new_one_works(site: Site):
    user_id = site.log_in("demo").json["token"]["user"]["id"]
    token = site.token("demo")
    body = {"user": {"original_password": "the demo user's secret", "password": "new"}}

    assert site.client(token).post(f"/identity/v3/users/{user_id}/password", json=body).status == 204

    assert site.client(token).get("/identity/v3/auth/projects").status == 401
    assert site.log_in("demo").status == 401
    assert check(site, site.token("demo", password="new")) == 200


def test_a_wrong_original_password_changes_nothing(site: Site):
    user_id = site.log_in("demo").json["token"]["user"]["id"]
    body = {"user": {"original_password": "wrong", "password": "new"}}

    assert site.client().post(f"/identity/v3/users/{user_id}/password", json=body).status == 401
    assert site.client().post("/identity/v3/users/nobody/password", json=body).status == 401
    assert site.log_in("demo").status == 201


def test_an_administrators_new_password_for_a_user_voids_their_tokens(site: Site):
    user_id = site.log_in("demo").json["token"]["user"]["id"]
    token = site.token("demo")

    reply = site.as_user().patch(f"/identity/v3/users/{user_id}", json={"user": {"password": "given"}})

    assert reply.status == 200
    assert "password" not in reply.json["user"]
    assert check(site, token) == 404
    assert site.log_in("demo", password="given").status == 201


def test_a_role_taken_away_is_gone_from_tokens_at_once(site: Site):
    project_id = site.make("project", name="lab")
    user_id = site.make_user("ada", role="reader", project_id=project_id)
    manager = site.give("manager", f"projects/{project_id}/users/{user_id}")
    token = site.token("ada", scope={"project": {"id": project_id}})
    assert "manager" in site.identity.authenticate(token).roles

    assert site.as_user().delete(manager).status == 204
    assert site.identity.authenticate(token).roles == ("reader",)

    reader = f"/identity/v3/projects/{project_id}/users/{user_id}/roles/{site.role_id('reader')}"
    assert site.as_user().delete(reader).status == 204
    assert check(site, token) == 404


@pytest.mark.parametrize("noun", ["user", "project", "domain"])
def test_what_is_disabled_has_no_tokens_from_then_on(site: Site, noun: str):
    domain_id = site.make("domain", name="physics")
    project_id = site.make("project", name="lab", domain_id=domain_id)
    user_id = site.make_user("ada", role="member", project_id=project_id, domain_id=domain_id)
    ids = {"user": user_id, "project": project_id, "domain": domain_id}
    token = site.token("ada", scope={"project": {"id": project_id}}, domain=domain_id)
    assert check(site, token) == 200

    off = site.as_user().patch(f"/identity/v3/{noun}s/{ids[noun]}", json={noun: {"enabled": False}})

    assert off.status == 200, off
    assert check(site, token) == 404
    assert site.client(token).get("/identity/v3/auth/projects").status == 401
    assert site.log_in("ada", scope={"project": {"id": project_id}}, domain=domain_id).status == 401


def test_a_user_enabled_again_has_to_log_in_anew(site: Site):
    user_id = site.log_in("demo").json["token"]["user"]["id"]
    token = site.token("demo")
    for enabled in (False, True):
        site.as_user().patch(f"/identity/v3/users/{user_id}", json={"user": {"enabled": enabled}})

    assert check(site, token) == 404
    assert site.log_in("demo").status == 201


@pytest.mark.parametrize("noun", ["user", "project", "group"])
def test_what_is_deleted_takes_its_tokens_along(site: Site, noun: str):
    project_id = site.make("project", name="lab")
    user_id = site.make_user("ada")
    group_id = site.make("group", name="staff")
    assert site.as_user().put(f"/identity/v3/groups/{group_id}/users/{user_id}").status == 204
    site.give("member", f"projects/{project_id}/groups/{group_id}")
    token = site.token("ada", scope={"project": {"id": project_id}})
    assert check(site, token) == 200
    ids = {"user": user_id, "project": project_id, "group": group_id}

    assert site.as_user().delete(f"/identity/v3/{noun}s/{ids[noun]}").status == 204

    assert check(site, token) == 404


def test_leaving_a_group_takes_its_roles_away_at_once(site: Site):
    project_id = site.make("project", name="lab")
    user_id, group_id = site.make_user("ada"), site.make("group", name="staff")
    site.as_user().put(f"/identity/v3/groups/{group_id}/users/{user_id}")
    site.give("member", f"projects/{project_id}/groups/{group_id}")
    token = site.token("ada", scope={"project": {"id": project_id}})

    assert site.as_user().delete(f"/identity/v3/groups/{group_id}/users/{user_id}").status == 204

    assert check(site, token) == 404


def test_a_role_inherited_from_above_counts_on_every_project_below(site: Site):
    top = site.make("project", name="top")
    middle = site.make("project", name="middle", parent_id=top)
    leaf = site.make("project", name="leaf", parent_id=middle)
    user_id = site.make_user("ada")
    path = (
        f"/identity/v3/OS-INHERIT/projects/{top}/users/{user_id}/roles/{site.role_id('member')}"
        "/inherited_to_projects"
    )
    assert site.as_user().put(path).status == 204

    assert site.log_in("ada", scope={"project": {"id": leaf}}).status == 201
    assert site.log_in("ada", scope={"project": {"id": middle}}).status == 201
    assert site.log_in("ada", scope={"project": {"id": top}}).status == 401, "it counts below its target only"
    names = {
        each["name"]
        for each in site.as_user("ada", scope=None).get("/identity/v3/auth/projects").json["projects"]
    }
    assert names == {"middle", "leaf"}

    assert site.as_user().delete(path).status == 204
    assert site.log_in("ada", scope={"project": {"id": leaf}}).status == 401


def test_a_stranger_is_told_nothing_about_tokens(site: Site):
    assert site.client().get(AUTH, headers={"X-Subject-Token": site.token()}).status == 401
    assert site.client().delete(AUTH, headers={"X-Subject-Token": site.token()}).status == 401
