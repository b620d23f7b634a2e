"""Roles, implied roles, and who holds them on what."""

from __future__ import annotations

import pytest

from tests.services.identity.conftest import Site

ROLES = "/identity/v3/roles"
ASSIGNMENTS = "/identity/v3/role_assignments"


def test_the_first_roles_imply_each_other_in_a_line(site: Site):
    inferences = site.as_user().get("/identity/v3/role_inferences").json["role_inferences"]

    pairs = {(each["prior_role"]["name"], each["implies"][0]["name"]) for each in inferences}
    assert pairs == {("admin", "manager"), ("manager", "member"), ("member", "reader")}


def test_an_implied_role_counts_from_the_moment_it_is_implied_to_the_moment_it_is_not(site: Site):
    project_id = site.make("project", name="lab")
    pilot, crew = site.make("role", name="pilot"), site.make("role", name="crew")
    site.make_user("ada", role="pilot", project_id=project_id)
    token = site.token("ada", scope={"project": {"id": project_id}})
    path, admin = f"{ROLES}/{pilot}/implies/{crew}", site.as_user()

    assert admin.get(path).status == 404
    assert admin.put(path).status == 201
    assert admin.head(path).status == 204
    assert site.identity.authenticate(token).roles == ("crew", "pilot")
    assert admin.get(f"{ROLES}/{pilot}/implies").json["role_inference"]["implies"][0]["id"] == crew

    assert admin.delete(path).status == 204
    assert site.identity.authenticate(token).roles == ("pilot",)
    assert admin.delete(path).status == 404


def test_admin_cannot_be_implied_and_circles_do_no_harm(site: Site):
    admin, pilot, crew = site.as_user(), site.make("role", name="pilot"), site.make("role", name="crew")

    assert admin.put(f"{ROLES}/{pilot}/implies/{site.role_id('admin')}").status == 403
    assert admin.put(f"{ROLES}/{pilot}/implies/{crew}").status == 201
    assert admin.put(f"{ROLES}/{crew}/implies/{pilot}").status == 201

    project_id = site.make("project", name="lab")
    site.make_user("ada", role="crew", project_id=project_id)
    roles = site.log_in("ada", scope={"project": {"id": project_id}}).json["token"]["roles"]
    assert [role["name"] for role in roles] == ["crew", "pilot"]


def test_a_domains_own_role_shows_only_what_it_implies(site: Site):
    physics = site.make("domain", name="physics")
    lab = site.make("project", name="lab", domain_id=physics)
    user_id = site.make_user("ada", domain_id=physics)
    own = site.make("role", name="professor", domain_id=physics)
    admin = site.as_user()
    grant = f"/identity/v3/projects/{lab}/users/{user_id}/roles/{own}"
    assert admin.put(grant).status == 204
    scope = {"project": {"id": lab}}
    assert site.log_in("ada", scope=scope, domain=physics).status == 401

    assert admin.put(f"{ROLES}/{own}/implies/{site.role_id('manager')}").status == 201

    roles = site.log_in("ada", scope=scope, domain=physics).json["token"]["roles"]
    assert [role["name"] for role in roles] == ["manager", "member", "reader"]
    assert admin.put(f"{ROLES}/{site.role_id('member')}/implies/{own}").status == 403
    elsewhere = site.log_in("demo").json["token"]["project"]["id"]
    assert admin.put(f"/identity/v3/projects/{elsewhere}/users/{user_id}/roles/{own}").status == 403
    assert [role["id"] for role in admin.get(f"{ROLES}?domain_id={physics}").json["roles"]] == [own]


def test_a_deleted_role_is_held_by_nobody(site: Site):
    project_id, pilot = site.make("project", name="lab"), site.make("role", name="pilot")
    site.make_user("ada", role="pilot", project_id=project_id)
    token = site.token("ada", scope={"project": {"id": project_id}})

    assert site.as_user().delete(f"{ROLES}/{pilot}").status == 204

    assert site.client(token).get("/identity/v3/auth/projects").status == 401


@pytest.mark.parametrize("target", ["projects/{project}", "domains/default", "system"])
@pytest.mark.parametrize("actor", ["users/{user}", "groups/{group}"])
def test_a_role_is_given_checked_listed_and_taken(site: Site, target: str, actor: str):
    ids = {
        "project": site.make("project", name="lab"),
        "user": site.make_user("ada"),
        "group": site.make("group", name="staff"),
    }
    role, admin = site.role_id("member"), site.as_user()
    roles = f"/identity/v3/{target}/{actor}/roles".format(**ids)
    path = f"{roles}/{role}"

    assert admin.head(path).status == 404
    assert admin.put(path).status == 204
    assert admin.put(path).status == 204
    assert admin.head(path).status == 204
    assert admin.get(path).status == 204
    assert [each["name"] for each in admin.get(roles).json["roles"]] == ["member"]
    assert site.as_user("demo").put(path).status == 403
    assert admin.delete(path).status == 204
    assert admin.delete(path).status == 404
    assert admin.get(roles).json["roles"] == []
    assert admin.put(f"{roles}/{'0' * 32}").status == 404


NOWHERE = ["projects/none/users/{user}", "projects/{project}/users/none", "domains/none/users/{user}"]


def test_a_role_is_not_given_to_or_on_what_is_not_there(site: Site):
    ids = {"project": site.make("project", name="lab"), "user": site.make_user("ada")}
    admin, member = site.as_user(), site.role_id("member")

    for where in NOWHERE:
        path = f"/identity/v3/{where}/roles/{member}".format(**ids)
        assert (where, admin.put(path).status, admin.head(path).status) == (where, 404, 404)

    assert "none" not in str(admin.get(ASSIGNMENTS).json["role_assignments"])


def rows(reply):
    assert reply.status == 200, reply
    return {
        (
            each["role"].get("name", each["role"]["id"]),
            (each.get("user") or each.get("group")).get("name"),
            next(each["scope"][kind].get("name") for kind in ("project", "domain") if kind in each["scope"])
            if "system" not in each["scope"]
            else "system",
        )
        for each in reply.json["role_assignments"]
    }


def test_effective_assignments_resolve_groups_inheritance_and_implication(site: Site):
    top = site.make("project", name="top")
    site.make("project", name="leaf", parent_id=top)
    user_id, group_id = site.make_user("ada"), site.make("group", name="staff")
    admin = site.as_user()
    admin.put(f"/identity/v3/groups/{group_id}/users/{user_id}")
    admin.put(
        f"/identity/v3/OS-INHERIT/projects/{top}/groups/{group_id}/roles/{site.role_id('member')}"
        "/inherited_to_projects"
    )

    given = admin.get(f"{ASSIGNMENTS}?group.id={group_id}&include_names")
    assert rows(given) == {("member", "staff", "top")}
    assert given.json["role_assignments"][0]["scope"]["OS-INHERIT:inherited_to"] == "projects"
    effective = admin.get(f"{ASSIGNMENTS}?user.id={user_id}&effective&include_names")
    assert rows(effective) == {("member", "ada", "leaf"), ("reader", "ada", "leaf")}
    for each in effective.json["role_assignments"]:
        assert each["links"]["membership"].endswith(f"/groups/{group_id}/users/{user_id}")
        assert each["links"]["assignment"].endswith("/inherited_to_projects")
    assert rows(admin.get(f"{ASSIGNMENTS}?scope.project.id={top}&effective&include_names")) == set()
    subtree = admin.get(f"{ASSIGNMENTS}?scope.project.id={top}&include_subtree&effective&include_names")
    assert rows(subtree) == {("member", "ada", "leaf"), ("reader", "ada", "leaf")}
    nowhere = admin.get(f"{ASSIGNMENTS}?scope.project.id=nothing&include_subtree&effective")
    assert nowhere.json["role_assignments"] == []


def test_assignments_are_filtered_by_each_of_their_ends(site: Site):
    admin = site.as_user()
    demo = site.log_in("demo").json["token"]
    me = site.log_in("admin").json["token"]["user"]["id"]

    assert rows(admin.get(f"{ASSIGNMENTS}?include_names")) == {
        ("admin", "admin", "admin"), ("admin", "admin", "system"), ("member", "demo", "demo"),
    }  # fmt: skip
    assert rows(admin.get(f"{ASSIGNMENTS}?scope.system=all&include_names")) == {("admin", "admin", "system")}
    mine = {("admin", "admin", "admin"), ("admin", "admin", "system")}
    assert rows(admin.get(f"{ASSIGNMENTS}?user.id={me}&include_names")) == mine
    assert rows(admin.get(f"{ASSIGNMENTS}?scope.project.id={demo['project']['id']}&include_names")) == {
        ("member", "demo", "demo")
    }
    readers = admin.get(f"{ASSIGNMENTS}?role.id={site.role_id('reader')}&effective&include_names")
    assert ("reader", "demo", "demo") in rows(readers)


CONTRADICTIONS = [
    "user.id=a&group.id=b",
    "scope.project.id=a&scope.domain.id=b",
    "effective&group.id=a",
    "include_subtree",
]


def test_filters_that_contradict_each_other_are_refused(site: Site):
    for query in CONTRADICTIONS:
        assert (query, site.as_user().get(f"{ASSIGNMENTS}?{query}").status) == (query, 400)


def test_only_readers_of_the_system_or_of_a_domain_list_assignments(site: Site):
    physics = site.make("domain", name="physics")
    user_id = site.make_user("ada", domain_id=physics)
    site.give("reader", f"domains/{physics}/users/{user_id}")
    ada = site.as_user("ada", scope={"domain": {"id": physics}}, domain=physics)

    assert len(ada.get(ASSIGNMENTS).json["role_assignments"]) == 1, "a token for a domain shows that domain"
    assert ada.get(f"{ASSIGNMENTS}?scope.domain.id=default").json["role_assignments"] == []
    assert len(ada.get(f"{ASSIGNMENTS}?scope.domain.id={physics}").json["role_assignments"]) == 1
    assert site.as_user("demo").get(ASSIGNMENTS).status == 403
