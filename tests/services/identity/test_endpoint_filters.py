"""Which endpoints a project sees: by association, by groups, and all of them without either."""

from __future__ import annotations

import pytest

from nacre.kernel.database import statements_so_far
from tests.services.identity.conftest import Site

V3 = "/identity/v3"
FILTER = f"{V3}/OS-EP-FILTER"


@pytest.fixture
def project(site: Site) -> str:
    """The demo user's project."""
    return str(site.log_in("demo").json["token"]["project"]["id"])


def endpoints(site: Site, **query: str):
    wanted = "&".join(f"{name}={value}" for name, value in query.items())
    return site.as_user().get(f"{V3}/endpoints?{wanted}").json["endpoints"]


def seen(site: Site, user: str = "demo", **options) -> set[str]:
    """The ids of the endpoints in a user's token."""
    catalog = site.log_in(user, **options).json["token"]["catalog"]
    return {endpoint["id"] for service in catalog for endpoint in service["endpoints"]}


def make_group(site: Site, **filters) -> str:
    ask = {"endpoint_group": {"name": "some", "filters": filters}}
    reply = site.as_user().post(f"{FILTER}/endpoint_groups", json=ask)
    assert reply.status == 201, reply
    return str(reply.json["endpoint_group"]["id"])


def test_a_project_sees_only_the_endpoints_it_is_associated_with_and_others_see_all(site: Site, project: str):
    admin = site.as_user()
    everything = seen(site)
    one = endpoints(site, interface="internal")[0]["id"]
    path = f"{FILTER}/projects/{project}/endpoints/{one}"
    assert admin.get(path).status == 404

    assert admin.put(path).status == 204

    assert seen(site) == {one}
    assert seen(site, "admin") == everything
    assert admin.get(path).status == admin.head(path).status == 204
    assert [each["id"] for each in admin.get(f"{FILTER}/projects/{project}/endpoints").json["endpoints"]] == [
        one
    ]
    (shown,) = admin.get(f"{FILTER}/endpoints/{one}/projects").json["projects"]
    assert shown == admin.get(f"{V3}/projects/{project}").json["project"]
    assert admin.put(path).status == 409
    assert admin.delete(path).status == 204
    assert admin.delete(path).status == 404
    assert seen(site) == everything


def test_a_group_shows_a_project_what_belongs_to_it_at_that_moment(site: Site, project: str):
    admin = site.as_user()
    everything = seen(site)
    group = make_group(site, interface="public")
    path = f"{FILTER}/endpoint_groups/{group}"
    members = {each["id"] for each in endpoints(site, interface="public")}
    assert {each["id"] for each in admin.get(f"{path}/endpoints").json["endpoints"]} == members

    assert admin.put(f"{path}/projects/{project}").status == 204

    assert seen(site) == members
    pair = admin.get(f"{path}/projects/{project}").json["project_endpoint_group"]
    assert (pair["endpoint_group_id"], pair["project_id"]) == (group, project)
    assert [each["id"] for each in admin.get(f"{path}/projects").json["projects"]] == [project]
    of_project = admin.get(f"{FILTER}/projects/{project}/endpoint_groups").json["endpoint_groups"]
    assert of_project == [admin.get(path).json["endpoint_group"]]
    ask = {"endpoint_group": {"filters": {"interface": "admin"}}}
    assert admin.patch(path, json=ask).json["endpoint_group"]["filters"] == {"interface": "admin"}
    assert seen(site) == {each["id"] for each in endpoints(site, interface="admin")}
    assert admin.put(f"{path}/projects/{project}").status == 409
    assert admin.delete(f"{path}/projects/{project}").status == 204
    assert admin.delete(f"{path}/projects/{project}").status == 404
    assert seen(site) == everything


def test_a_project_whose_group_holds_nothing_sees_nothing(site: Site, project: str):
    group = make_group(site, service_id="0" * 32)

    site.as_user().put(f"{FILTER}/endpoint_groups/{group}/projects/{project}")

    assert seen(site) == set()


def test_associations_go_with_the_endpoint_the_group_and_the_project(site: Site, project: str):
    admin = site.as_user()
    everything = seen(site)
    one = endpoints(site)[0]["id"]
    group = make_group(site, interface="admin")
    admin.put(f"{FILTER}/projects/{project}/endpoints/{one}")
    admin.put(f"{FILTER}/endpoint_groups/{group}/projects/{project}")

    assert admin.delete(f"{V3}/endpoints/{one}").status == 204
    assert admin.delete(f"{FILTER}/endpoint_groups/{group}").status == 204

    assert seen(site) == everything - {one}
    other = make_group(site)
    admin.put(f"{FILTER}/endpoint_groups/{other}/projects/{project}")
    assert admin.delete(f"{V3}/projects/{project}").status == 204
    assert admin.get(f"{FILTER}/endpoint_groups/{other}/projects").json["projects"] == []


def test_groups_are_listed_renamed_and_forgotten(site: Site):
    admin = site.as_user()
    group = make_group(site, region_id=None, enabled=False)
    path = f"{FILTER}/endpoint_groups/{group}"

    changed = admin.patch(path, json={"endpoint_group": {"name": "more", "description": "of them"}})

    shown = changed.json["endpoint_group"]
    assert (shown["name"], shown["description"]) == ("more", "of them")
    assert shown["filters"] == {"region_id": None, "enabled": False}
    assert admin.get(f"{FILTER}/endpoint_groups").json["endpoint_groups"] == [shown]
    assert admin.get(f"{FILTER}/endpoint_groups?name=less").json["endpoint_groups"] == []
    assert admin.delete(path).status == 204
    assert {admin.get(path).status, admin.delete(path).status, admin.get(f"{path}/projects").status} == {404}


REFUSED = [
    {"name": "x"},
    {"filters": {}},
    {"name": "", "filters": {}},
    {"name": "x", "filters": {"colour": "red"}},
    {"name": "x", "filters": {"interface": "private"}},
    {"name": "x", "filters": {"enabled": "yes"}},
    {"name": "x", "filters": {"service_id": 1}},
    {"name": "x", "filters": {}, "more": 1},
]


@pytest.mark.parametrize("ask", REFUSED)
def test_a_group_that_cannot_be_is_refused(site: Site, ask):
    admin = site.as_user()
    assert admin.post(f"{FILTER}/endpoint_groups", json={"endpoint_group": ask}).status == 400
    assert admin.get(f"{FILTER}/endpoint_groups").json["endpoint_groups"] == []


def test_what_is_not_there_cannot_be_associated(site: Site, project: str):
    admin = site.as_user()
    one, group = endpoints(site)[0]["id"], make_group(site)
    for path in (
        f"projects/{project}/endpoints/none",
        f"projects/none/endpoints/{one}",
        f"endpoint_groups/{group}/projects/none",
        f"endpoint_groups/none/projects/{project}",
    ):
        assert {admin.put(f"{FILTER}/{path}").status, admin.delete(f"{FILTER}/{path}").status} == {404}
        assert admin.get(f"{FILTER}/{path}").status == 404


def test_members_may_neither_see_nor_change_what_they_are_shown(site: Site, project: str):
    member = site.as_user("demo")
    one, group = endpoints(site)[0]["id"], make_group(site)
    paths = (
        "endpoint_groups",
        f"endpoint_groups/{group}",
        f"endpoint_groups/{group}/endpoints",
        f"endpoint_groups/{group}/projects/{project}",
        f"projects/{project}/endpoints",
        f"projects/{project}/endpoints/{one}",
        f"endpoints/{one}/projects",
    )
    assert {member.get(f"{FILTER}/{path}").status for path in paths} == {403}
    assert member.put(f"{FILTER}/projects/{project}/endpoints/{one}").status == 403
    assert member.delete(f"{FILTER}/endpoint_groups/{group}").status == 403


def test_what_a_project_sees_is_remembered(site: Site, project: str):
    site.as_user().put(f"{FILTER}/projects/{project}/endpoints/{endpoints(site)[0]['id']}")
    demo = site.as_user("demo")
    whole = demo.get(f"{V3}/auth/catalog")

    before = statements_so_far()
    authority = site.identity
    view = authority.catalog_view(project_id=project, user_id="")

    assert statements_so_far() == before
    assert len(whole.json["catalog"]) == 1
    assert bytes(view) in whole.body
