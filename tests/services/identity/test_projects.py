"""Domains and projects: one tree, and what may be done to its nodes."""

from __future__ import annotations

from tests.services.identity.conftest import Site

PROJECTS = "/identity/v3/projects"
DOMAINS = "/identity/v3/domains"


def names(reply, noun="projects"):
    assert reply.status == 200, reply
    return [each["name"] for each in reply.json[noun]]


def test_a_project_is_shown_as_it_was_made(site: Site):
    admin = site.as_user()
    body = {"name": "lab", "description": "Lasers", "tags": ["b", "a"], "cost_centre": 17, "options": {}}

    made = admin.post(PROJECTS, json={"project": body})

    project = made.json["project"]
    assert made.status == 201
    assert len(project["id"]) == 32
    assert project == {
        "id": project["id"],
        "name": "lab",
        "description": "Lasers",
        "domain_id": "default",
        "parent_id": "default",
        "enabled": True,
        "is_domain": False,
        "options": {},
        "tags": ["a", "b"],
        "cost_centre": 17,
        "links": {"self": f"http://cloud.test{PROJECTS}/{project['id']}"},
    }
    assert admin.get(f"{PROJECTS}/{project['id']}").json["project"] == project
    assert project in admin.get(PROJECTS).json["projects"]


MEANT_BY_NOBODY = [
    {},
    {"name": ""},
    {"name": "  "},
    {"name": "x" * 65},
    {"name": 5},
    {"name": "a\0b"},
    {"name": "x", "enabled": "yes"},
    {"name": "x", "tags": ["a,b"]},
    {"name": "x", "tags": "a"},
    {"name": "x", "tags": [f"t{n}" for n in range(81)]},
    {"name": "x", "options": {"unknown": True}},
    {"name": "x", "domain_id": "not/an/id"},
    {"name": "x", "is_domain": True, "domain_id": "default"},
]


def test_a_project_that_cannot_be_meant_is_refused_and_nothing_is_kept(site: Site):
    admin = site.as_user()
    before = names(admin.get(PROJECTS))

    statuses = [
        (project, admin.post(PROJECTS, json={"project": project}).status) for project in MEANT_BY_NOBODY
    ]

    assert statuses == [(project, 400) for project in MEANT_BY_NOBODY]
    assert names(admin.get(PROJECTS)) == before


def test_a_name_is_unique_within_its_domain_alone(site: Site):
    site.make("project", name="lab")
    other = site.make("domain", name="other")

    assert site.as_user().post(PROJECTS, json={"project": {"name": "lab"}}).status == 409
    assert site.make("project", name="lab", domain_id=other)
    assert site.make("project", name="LAB"), "names differ by case"
    rename = {"project": {"name": "lab"}}
    upper = site.make("project", name="shed")
    assert site.as_user().patch(f"{PROJECTS}/{upper}", json=rename).status == 409


def test_projects_nest_to_any_depth_and_show_their_relatives(site: Site):
    line = ["default"]
    for depth in range(8):
        line.append(
            site.make("project", name=f"p{depth}", parent_id=line[-1])
            if depth
            else site.make("project", name="p0")
        )
    admin = site.as_user()

    leaf = admin.get(f"{PROJECTS}/{line[-1]}?parents_as_ids").json["project"]
    nested = leaf["parents"]
    for project_id in reversed(line[:-1]):
        assert list(nested) == [project_id]
        nested = nested[project_id]
    assert nested is None
    top = admin.get(f"{PROJECTS}/{line[1]}?subtree_as_ids").json["project"]["subtree"]
    for project_id in line[2:]:
        assert list(top) == [project_id]
        top = top[project_id]
    assert top is None
    listed = admin.get(f"{PROJECTS}/{line[1]}?subtree_as_list").json["project"]["subtree"]
    assert {each["project"]["id"] for each in listed} == set(line[2:])
    above = admin.get(f"{PROJECTS}/{line[-1]}?parents_as_list").json["project"]["parents"]
    assert [each["project"]["id"] for each in above] == line[-2::-1]
    assert names(admin.get(f"{PROJECTS}?parent_id={line[1]}")) == ["p1"]


def test_a_parent_is_neither_deleted_nor_disabled_before_its_children(site: Site):
    top = site.make("project", name="top")
    child = site.make("project", name="child", parent_id=top)
    admin = site.as_user()

    def switch(project_id, enabled):
        return admin.patch(f"{PROJECTS}/{project_id}", json={"project": {"enabled": enabled}}).status

    assert admin.delete(f"{PROJECTS}/{top}").status == 403
    assert switch(top, False) == 403
    assert switch(child, False) == 200
    assert switch(top, False) == 200
    assert switch(child, True) == 403
    assert admin.post(PROJECTS, json={"project": {"name": "x", "parent_id": top}}).status == 403
    assert admin.delete(f"{PROJECTS}/{child}").status == 204
    assert admin.delete(f"{PROJECTS}/{top}").status == 204
    assert admin.get(f"{PROJECTS}/{top}").status == 404


def test_a_project_stays_in_its_domain(site: Site):
    project_id = site.make("project", name="lab")
    other = site.make("domain", name="other")
    admin = site.as_user()

    def patch(**fields):
        return admin.patch(f"{PROJECTS}/{project_id}", json={"project": fields}).status

    assert patch(domain_id=other) == 400
    assert patch(parent_id=other) == 403
    assert patch(is_domain=True) == 400
    assert patch(domain_id="default", parent_id="default", is_domain=False, name="renamed") == 200


def test_extra_fields_are_merged_and_given_up_where_null(site: Site):
    project_id = site.make("project", name="lab", a=1, b=2)

    reply = site.as_user().patch(f"{PROJECTS}/{project_id}", json={"project": {"a": None, "c": 3}})

    shown = reply.json["project"]
    assert (shown.get("a"), shown["b"], shown["c"]) == (None, 2, 3)
    assert shown["name"] == "lab"


def test_what_is_immutable_stays_until_that_is_taken_back(site: Site):
    project_id = site.make("project", name="lab", options={"immutable": True})
    path, admin = f"{PROJECTS}/{project_id}", site.as_user()

    assert admin.patch(path, json={"project": {"name": "x"}}).status == 403
    assert admin.delete(path).status == 403
    assert admin.patch(path, json={"project": {"options": {"immutable": False}}}).status == 200
    assert admin.delete(path).status == 204


def test_tags_come_and_go_and_projects_are_found_by_them(site: Site):
    lab, shed = (
        site.make("project", name="lab", tags=["x", "y"]),
        site.make("project", name="shed", tags=["y"]),
    )
    admin = site.as_user()

    def found(query):
        return [name for name in names(admin.get(f"{PROJECTS}?{query}")) if name in ("lab", "shed")]

    assert found("tags=x,y") == ["lab"]
    assert found("tags-any=x,y") == ["lab", "shed"]
    assert found("not-tags=x,y") == ["shed"]
    assert found("not-tags-any=x") == ["shed"]
    assert admin.put(f"{PROJECTS}/{shed}/tags/x").status == 201
    assert admin.head(f"{PROJECTS}/{shed}/tags/x").status == 204
    assert admin.delete(f"{PROJECTS}/{lab}/tags/x").status == 204
    assert admin.delete(f"{PROJECTS}/{lab}/tags/x").status == 404
    assert admin.get(f"{PROJECTS}/{lab}/tags/x").status == 404
    assert found("tags=x") == ["shed"]
    assert admin.put(f"{PROJECTS}/{lab}/tags", json={"tags": ["b", "a"]}).json["tags"] == ["a", "b"]
    assert admin.delete(f"{PROJECTS}/{lab}/tags").status == 204
    assert admin.get(f"{PROJECTS}/{lab}/tags").json["tags"] == []


def test_a_project_list_is_paged_by_links(site: Site):
    for number in range(7):
        site.make("project", name=f"p{number}", tags=["paged"])
    admin = site.as_user()

    found, url = [], f"{PROJECTS}?tags=paged&limit=3"
    while url:
        reply = admin.get(url)
        found += names(reply)
        url = reply.json["links"]["next"]

    assert found == [f"p{number}" for number in range(7)]
    assert names(admin.get(f"{PROJECTS}?tags=paged&limit=2&sort_key=name&sort_dir=desc")) == ["p6", "p5"]
    assert admin.get(f"{PROJECTS}?limit=x").status == 400
    assert admin.get(f"{PROJECTS}?marker=unknown").status == 400
    assert admin.get(f"{PROJECTS}?enabled=perhaps").status == 400


def test_an_ordinary_user_sees_their_own_project_and_no_trace_of_others(site: Site):
    demo, other = site.as_user("demo"), site.make("project", name="other")
    own = site.log_in("demo").json["token"]["project"]["id"]

    assert demo.get(f"{PROJECTS}/{own}").status == 200
    unlike = {demo.get(f"{PROJECTS}/{each}").body for each in (other, "0" * 32)}
    assert len(unlike) == 1
    assert demo.get(PROJECTS).status == 403
    assert demo.post(PROJECTS, json={"project": {"name": "x"}}).status == 403
    assert demo.patch(f"{PROJECTS}/{own}", json={"project": {"name": "x"}}).status == 403
    assert demo.delete(f"{PROJECTS}/{own}").status == 403
    assert names(demo.get("/identity/v3/auth/projects")) == ["demo"]


def test_a_reader_of_a_domain_sees_what_is_in_it_and_nothing_else(site: Site):
    physics = site.make("domain", name="physics")
    site.make("project", name="lab", domain_id=physics)
    user_id = site.make_user("ada", domain_id=physics)
    site.give("reader", f"domains/{physics}/users/{user_id}")
    ada = site.as_user("ada", scope={"domain": {"id": physics}}, domain=physics)

    assert names(ada.get(PROJECTS)) == ["lab"]
    assert names(ada.get(f"{PROJECTS}?domain_id=default")) == []
    assert names(ada.get("/identity/v3/users"), "users") == ["ada"]
    assert names(ada.get(DOMAINS), "domains") == ["physics"]
    assert ada.get(f"{DOMAINS}/default").status == 403
    assert names(ada.get("/identity/v3/auth/domains"), "domains") == ["physics"]
    assert ada.post(PROJECTS, json={"project": {"name": "x"}}).status == 403


def test_an_unscoped_token_of_a_user_without_roles_sees_nothing(site: Site):
    site.make_user("ada")
    ada = site.as_user("ada", scope=None)

    for path in (
        "users",
        "projects",
        "domains",
        "groups",
        "roles",
        "role_assignments",
        "services",
        "endpoints",
    ):
        assert ada.get(f"/identity/v3/{path}").status == 403, path
    assert names(ada.get("/identity/v3/auth/projects")) == []


def test_a_domain_is_deleted_only_when_disabled_and_then_with_all_that_is_in_it(site: Site):
    domain_id = site.make("domain", name="physics")
    project_id = site.make("project", name="lab", domain_id=domain_id)
    user_id = site.make_user("ada", role="member", project_id=project_id, domain_id=domain_id)
    group_id = site.make("group", name="staff", domain_id=domain_id)
    admin = site.as_user()

    assert admin.delete(f"{DOMAINS}/{domain_id}").status == 403
    assert admin.patch(f"{DOMAINS}/{domain_id}", json={"domain": {"enabled": False}}).status == 200
    assert admin.delete(f"{DOMAINS}/{domain_id}").status == 204

    for path in (f"domains/{domain_id}", f"projects/{project_id}", f"users/{user_id}", f"groups/{group_id}"):
        assert admin.get(f"/identity/v3/{path}").status == 404, path
    left = admin.get("/identity/v3/role_assignments").json["role_assignments"]
    assert all(each.get("user", {}).get("id") != user_id for each in left)


def test_a_domain_is_a_project_that_stands_on_its_own(site: Site):
    domain_id = site.make("project", name="physics", is_domain=True)
    admin = site.as_user()

    assert admin.get(f"{DOMAINS}/{domain_id}").json["domain"]["name"] == "physics"
    shown = admin.get(f"{PROJECTS}/{domain_id}").json["project"]
    assert (shown["domain_id"], shown["parent_id"], shown["is_domain"]) == (None, None, True)
    assert "physics" not in names(admin.get(PROJECTS))
    assert names(admin.get(f"{PROJECTS}?is_domain=true")) == ["Default", "physics"]
    assert admin.post(DOMAINS, json={"domain": {"name": "physics"}}).status == 409
    assert admin.get(f"{DOMAINS}/{site.make('project', name='p')}").status == 404


def test_the_default_domain_stays_enabled(site: Site):
    reply = site.as_user().patch(f"{DOMAINS}/default", json={"domain": {"enabled": False}})
    assert reply.status == 400
    assert site.log_in("demo").status == 201
