"""Users, groups, and application credentials."""

from __future__ import annotations

import pytest

from tests.services.identity.conftest import Site

USERS = "/identity/v3/users"
GROUPS = "/identity/v3/groups"


def test_a_user_is_shown_without_any_secret(site: Site):
    admin = site.as_user()
    body = {
        "name": "ada",
        "password": "tall trees",
        "email": "ada@example.org",
        "options": {"lock_password": True},
    }

    made = admin.post(USERS, json={"user": body})

    user = made.json["user"]
    assert made.status == 201
    assert user == {
        "id": user["id"],
        "name": "ada",
        "domain_id": "default",
        "enabled": True,
        "email": "ada@example.org",
        "options": {"lock_password": True},
        "password_expires_at": None,
        "links": {"self": f"http://cloud.test{USERS}/{user['id']}"},
    }
    assert admin.get(f"{USERS}/{user['id']}").json["user"] == user
    assert admin.get(f"{USERS}?name=ada").json["users"] == [user]
    assert b"tall trees" not in made.body


REFUSED_USERS = [
    ({}, 400),
    ({"name": "x" * 256}, 400),
    ({"name": ""}, 400),
    ({"name": "x", "password": 5}, 400),
    ({"name": "x", "password": "y" * 5000}, 400),
    ({"name": "x", "enabled": 1}, 400),
    ({"name": "x", "options": {"is_king": True}}, 400),
    ({"name": "x", "default_project_id": "not/an/id"}, 400),
    ({"name": "x", "domain_id": "0" * 32}, 404),
    ({"name": "x", "federated": [{"idp_id": "x"}]}, 400),
    ({"name": "admin"}, 409),
]


def test_a_user_that_cannot_be_is_refused_and_nothing_is_kept(site: Site):
    admin = site.as_user()

    statuses = [(user, admin.post(USERS, json={"user": user}).status) for user, _ in REFUSED_USERS]

    assert statuses == REFUSED_USERS
    assert len(admin.get(USERS).json["users"]) == 2


def test_a_user_without_a_password_cannot_log_in(site: Site):
    user_id = site.make("user", name="ada")
    assert site.log_in("ada", password="", scope=None).status == 401

    site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password": "now"}})
    assert site.log_in("ada", password="now", scope=None).status == 201

    site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password": None}})
    assert site.log_in("ada", password="now", scope=None).status == 401


def test_a_default_project_is_used_when_nothing_is_asked_for_and_only_if_it_can_be(site: Site):
    project_id = site.make("project", name="lab")
    user_id = site.make_user("ada", default_project_id=project_id)
    assert "project" not in site.log_in("ada", scope=None).json["token"]

    site.give("reader", f"projects/{project_id}/users/{user_id}")

    assert site.log_in("ada", scope=None).json["token"]["project"]["id"] == project_id
    assert "project" not in site.log_in("ada", scope="unscoped").json["token"]
    site.as_user().delete(f"/identity/v3/projects/{project_id}")
    assert "default_project_id" not in site.as_user().get(f"{USERS}/{user_id}").json["user"]


def test_a_user_sees_themselves_and_cannot_tell_whether_others_exist(site: Site):
    demo_id = site.log_in("demo").json["token"]["user"]["id"]
    admin_id = site.log_in("admin").json["token"]["user"]["id"]
    demo = site.as_user("demo")

    assert demo.get(f"{USERS}/{demo_id}").status == 200
    assert demo.get(f"{USERS}/{admin_id}").body == demo.get(f"{USERS}/{'0' * 32}").body
    assert demo.get(f"{USERS}/{admin_id}").status == 403
    assert demo.patch(f"{USERS}/{demo_id}", json={"user": {"name": "x"}}).status == 403
    assert demo.get(f"{USERS}/{admin_id}/projects").status == 403
    assert [each["name"] for each in demo.get(f"{USERS}/{demo_id}/projects").json["projects"]] == ["demo"]


def test_a_users_domain_cannot_be_changed(site: Site):
    user_id, other = site.make_user("ada"), site.make("domain", name="other")
    assert site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"domain_id": other}}).status == 400
    assert site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"domain_id": "default"}}).status == 200


def test_a_deleted_users_name_is_free_and_its_rights_are_not_inherited(site: Site):
    project_id = site.make("project", name="lab")
    user_id = site.make_user("ada", role="member", project_id=project_id)
    assert site.as_user().delete(f"{USERS}/{user_id}").status == 204
    assert site.as_user().delete(f"{USERS}/{user_id}").status == 404

    site.make_user("ada")

    assert site.log_in("ada", scope={"project": {"id": project_id}}).status == 401


def test_members_of_a_group_are_added_checked_and_removed(site: Site):
    user_id, group_id = site.make_user("ada"), site.make("group", name="staff", description="People")
    admin, path = site.as_user(), f"{GROUPS}/{group_id}/users/{user_id}"

    assert admin.head(path).status == 404
    assert admin.put(path).status == 204
    assert admin.put(path).status == 204
    assert admin.head(path).status == 204
    assert [each["id"] for each in admin.get(f"{GROUPS}/{group_id}/users").json["users"]] == [user_id]
    assert [
        each["name"]
        for each in site.as_user("ada", scope=None).get(f"{USERS}/{user_id}/groups").json["groups"]
    ] == ["staff"]
    assert admin.delete(path).status == 204
    assert admin.delete(path).status == 404
    assert admin.put(f"{GROUPS}/{group_id}/users/nobody").status == 404
    assert admin.put(f"{GROUPS}/nothing/users/{user_id}").status == 404
    assert (
        admin.patch(f"{GROUPS}/{group_id}", json={"group": {"name": "crew"}}).json["group"]["description"]
        == "People"
    )
    assert admin.post(GROUPS, json={"group": {"name": "crew"}}).status == 409
    assert admin.delete(f"{GROUPS}/{group_id}").status == 204


# -- application credentials -------------------------------------------------------------------------------


def by_credential(site: Site, scope=None, **fields):
    auth = {"identity": {"methods": ["application_credential"], "application_credential": fields}}
    if scope is not None:
        auth["scope"] = scope
    return site.client().post("/identity/v3/auth/tokens", json={"auth": auth})


@pytest.fixture
def demo(site: Site):
    """The demo user's id, and where their application credentials are."""
    user_id = site.log_in("demo").json["token"]["user"]["id"]
    return user_id, f"{USERS}/{user_id}/application_credentials"


def test_an_application_credential_stands_for_its_user_on_its_project(site: Site, demo):
    user_id, path = demo
    made = site.as_user("demo").post(path, json={"application_credential": {"name": "ci"}})
    credential = made.json["application_credential"]
    assert made.status == 201
    assert {role["name"] for role in credential["roles"]} == {"member", "reader"}

    by_id = by_credential(site, id=credential["id"], secret=credential["secret"])
    by_name = by_credential(site, name="ci", secret=credential["secret"], user={"id": user_id})

    for reply in (by_id, by_name):
        assert reply.status == 201, reply
        assert reply.json["token"]["project"]["name"] == "demo"
        assert reply.json["token"]["methods"] == ["application_credential"]
    assert (
        "secret" not in site.as_user("demo").get(f"{path}/{credential['id']}").json["application_credential"]
    )
    assert by_credential(site, id=credential["id"], secret="wrong").status == 401
    assert (
        by_credential(site, id="unknown", secret="wrong").body
        == by_credential(site, id=credential["id"], secret="wrong").body
    )


def test_an_application_credential_is_bound_to_its_project_its_roles_and_its_time(site: Site, demo):
    _, path = demo
    ask = {
        "name": "ci",
        "roles": [{"name": "reader"}],
        "secret": "chosen",
        "expires_at": "2027-01-15T08:10:00",
    }
    made = site.as_user("demo").post(path, json={"application_credential": ask})
    credential_id = made.json["application_credential"]["id"]
    assert made.json["application_credential"]["expires_at"] == "2027-01-15T08:10:00.000000"

    reply = by_credential(site, id=credential_id, secret="chosen")

    assert [role["name"] for role in reply.json["token"]["roles"]] == ["reader"]
    assert reply.json["token"]["expires_at"] == "2027-01-15T08:10:00.000000Z"
    assert by_credential(site, {"system": {"all": True}}, id=credential_id, secret="chosen").status == 401
    other = {"methods": ["token"], "token": {"id": reply.headers["x-subject-token"]}}
    again = site.client().post("/identity/v3/auth/tokens", json={"auth": {"identity": other}})
    assert [role["name"] for role in again.json["token"]["roles"]] == ["reader"], "rescoping frees nothing"
    unscoped = {"identity": other, "scope": "unscoped"}
    assert site.client().post("/identity/v3/auth/tokens", json={"auth": unscoped}).status == 401
    site.clock.advance(3600)
    assert by_credential(site, id=credential_id, secret="chosen").status == 401


def test_deleting_an_application_credential_voids_its_tokens(site: Site, demo):
    _, path = demo
    credential = (
        site.as_user("demo")
        .post(path, json={"application_credential": {"name": "ci"}})
        .json["application_credential"]
    )
    token = by_credential(site, id=credential["id"], secret=credential["secret"]).headers["x-subject-token"]
    assert site.client(token).get("/identity/v3/auth/projects").status == 200

    assert site.as_user("demo").delete(f"{path}/{credential['id']}").status == 204

    assert site.client(token).get("/identity/v3/auth/projects").status == 401
    assert by_credential(site, id=credential["id"], secret=credential["secret"]).status == 401


def test_an_application_credential_makes_no_others_unless_it_is_unrestricted(site: Site, demo):
    _, path = demo
    for unrestricted, status in ((False, 403), (True, 201)):
        ask = {"name": f"ci {unrestricted}", "unrestricted": unrestricted}
        made = (
            site.as_user("demo")
            .post(path, json={"application_credential": ask})
            .json["application_credential"]
        )
        token = by_credential(site, id=made["id"], secret=made["secret"]).headers["x-subject-token"]

        reply = site.client(token).post(
            path, json={"application_credential": {"name": f"child {unrestricted}"}}
        )

        assert reply.status == status, reply


REFUSED_CREDENTIALS = [
    ({}, 400),
    ({"name": "ci", "roles": [{"name": "admin"}]}, 400),
    ({"name": "ci", "roles": [{}]}, 400),
    ({"name": "ci", "expires_at": "yesterday"}, 400),
    ({"name": "ci", "expires_at": "2001-01-01T00:00:00"}, 400),
    ({"name": "ci", "project_id": "0" * 32}, 400),
    ({"name": "ci", "unknown": 1}, 400),
]


def test_an_application_credential_that_cannot_be_is_refused(site: Site, demo):
    _, path = demo
    client = site.as_user("demo")

    statuses = [
        (ask, client.post(path, json={"application_credential": ask}).status)
        for ask, _ in REFUSED_CREDENTIALS
    ]

    assert statuses == REFUSED_CREDENTIALS
    assert client.get(path).json["application_credentials"] == []


def test_nobody_makes_application_credentials_for_others(site: Site, demo):
    _, path = demo
    ask = {"application_credential": {"name": "ci"}}
    assert site.as_user("admin").post(path, json=ask).status == 403
    admin_id = site.log_in().json["token"]["user"]["id"]
    assert site.as_user("demo").get(f"{USERS}/{admin_id}/application_credentials").status == 403
