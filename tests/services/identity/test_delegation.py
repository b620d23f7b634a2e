"""What managers of a domain and of a project may do in the name of the cloud's administrator, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.services.identity.conftest import Site
from tests.support.asgi import AsgiClient

V3 = "/identity/v3"


@dataclass
class Lab:
    """A lab of one investigator: `top` with `mid` and `leaf` below it, and others' projects beside and above."""

    site: Site
    above: str
    top: str
    mid: str
    leaf: str
    beside: str
    student: str
    group: str
    pi: AsgiClient

    def role(self, name: str) -> str:
        return self.site.role_id(name)


@pytest.fixture
def lab(site: Site) -> Lab:
    above = site.make("project", name="faculty")
    top = site.make("project", name="top", parent_id=above)
    mid = site.make("project", name="mid", parent_id=top)
    leaf = site.make("project", name="leaf", parent_id=mid)
    beside = site.make("project", name="beside", parent_id=above)
    site.make_user("pi", role="manager", project_id=top)
    student = site.make_user("student", email="student@example.org")
    return Lab(
        site=site,
        above=above,
        top=top,
        mid=mid,
        leaf=leaf,
        beside=beside,
        student=student,
        group=site.make("group", name="crew"),
        pi=site.as_user("pi", scope={"project": {"id": top}}),
    )


@pytest.mark.parametrize("where", ["top", "mid", "leaf"])
@pytest.mark.parametrize("role", ["manager", "member", "reader"])
@pytest.mark.parametrize("kind", ["users", "groups"])
def test_a_project_manager_gives_and_takes_roles_in_the_subtree(lab: Lab, where: str, role: str, kind: str):
    actor = lab.student if kind == "users" else lab.group
    grants = f"{V3}/projects/{getattr(lab, where)}/{kind}/{actor}/roles"
    path = f"{grants}/{lab.role(role)}"

    assert lab.pi.put(path).status == 204
    assert lab.pi.head(path).status == 204
    assert [each["name"] for each in lab.pi.get(grants).json["roles"]] == [role]
    assert lab.pi.delete(path).status == 204
    assert lab.pi.head(path).status == 404


def test_a_role_that_is_given_counts_at_once_and_is_handed_down_if_asked(lab: Lab):
    path = f"{V3}/OS-INHERIT/projects/{lab.top}/users/{lab.student}/roles/{lab.role('member')}/inherited_to_projects"
    assert lab.site.log_in("student", scope={"project": {"id": lab.leaf}}).status == 401

    assert lab.pi.put(path).status == 204

    assert lab.site.log_in("student", scope={"project": {"id": lab.leaf}}).status == 201


@pytest.mark.parametrize("where", ["above", "beside"])
def test_a_project_manager_gives_no_role_elsewhere(lab: Lab, where: str):
    path = f"{V3}/projects/{getattr(lab, where)}/users/{lab.student}/roles/{lab.role('member')}"
    lab.site.as_user().put(path)

    for method in ("PUT", "HEAD", "DELETE"):
        assert lab.pi.request(method, path).status == 403
    assert lab.pi.get(f"{V3}/projects/{getattr(lab, where)}/users/{lab.student}/roles").status == 403
    assert lab.site.as_user().head(path).status == 204


def test_a_project_manager_gives_only_roles_they_hold_and_never_admin(lab: Lab):
    other = lab.site.make("role", name="auditor")
    user = f"{V3}/projects/{lab.top}/users/{lab.student}/roles"

    for role in (lab.role("admin"), other, lab.role("service"), "0" * 32):
        assert lab.pi.put(f"{user}/{role}").status == 403
    for target in ("system", "domains/default"):
        assert lab.pi.put(f"{V3}/{target}/users/{lab.student}/roles/{lab.role('reader')}").status == 403

    # Whoever is admin and manager at once still hands on no admin as a manager.
    lab.site.as_user().put(f"{user}/{lab.role('admin')}")
    assert lab.pi.delete(f"{user}/{lab.role('admin')}").status == 403


def test_a_project_manager_makes_changes_and_deletes_projects_below(lab: Lab):
    made = lab.pi.post(f"{V3}/projects", json={"project": {"name": "run-7", "parent_id": lab.mid}})
    assert made.status == 201, made
    path = f"{V3}/projects/{made.json['project']['id']}"

    assert lab.pi.patch(path, json={"project": {"description": "the seventh"}}).status == 200
    assert lab.pi.put(f"{path}/tags/cold").status == 201
    assert lab.pi.get(path).json["project"]["tags"] == ["cold"]
    assert lab.pi.delete(path).status == 204


def test_a_project_manager_changes_neither_the_own_project_nor_others(lab: Lab):
    for project in (lab.top, lab.above, lab.beside, "0" * 32):
        path = f"{V3}/projects/{project}"
        assert lab.pi.patch(path, json={"project": {"description": "mine"}}).status == 403
        assert lab.pi.delete(path).status == 403
        assert lab.pi.put(f"{path}/tags/mine").status == 403
    for ask in (
        {"parent_id": lab.above},
        {"parent_id": lab.beside},
        {"parent_id": "0" * 32},
        {"domain_id": "default"},
        {"is_domain": True},
        {},
    ):
        assert lab.pi.post(f"{V3}/projects", json={"project": {"name": "new", **ask}}).status == 403


def test_a_project_manager_finds_whom_to_give_a_role_by_name_and_sees_little_of_them(lab: Lab):
    (found,) = lab.pi.get(f"{V3}/users?name=student").json["users"]

    assert found["id"] == lab.student
    assert "email" not in found
    assert [each["id"] for each in lab.pi.get(f"{V3}/groups?name=crew").json["groups"]] == [lab.group]
    assert [each["name"] for each in lab.pi.get(f"{V3}/roles?name=member").json["roles"]] == ["member"]
    assert lab.pi.get(f"{V3}/users?name=stud").json["users"] == []
    for everything in ("users", "groups", "roles", "users?name=", "users?enabled=true"):
        assert lab.pi.get(f"{V3}/{everything}").status == 403
    assert lab.pi.get(f"{V3}/users/{lab.student}").status == 403


def test_a_project_manager_sees_the_subtree_and_who_holds_what_there(lab: Lab):
    lab.site.give("member", f"projects/{lab.leaf}/users/{lab.student}")

    assert lab.pi.get(f"{V3}/projects/{lab.leaf}").status == 200
    assert lab.pi.get(f"{V3}/projects/{lab.beside}").status == 403
    below = lab.pi.get(f"{V3}/projects?parent_id={lab.top}").json["projects"]
    assert [each["id"] for each in below] == [lab.mid]
    assert lab.pi.get(f"{V3}/projects?name=beside").json["projects"] == []
    assert lab.pi.get(f"{V3}/projects").status == 403
    subtree = lab.pi.get(f"{V3}/projects/{lab.top}?subtree_as_list&parents_as_list").json["project"]
    assert [each["project"]["id"] for each in subtree["parents"]] == []
    assert {each["project"]["id"] for each in subtree["subtree"]} == {lab.mid, lab.leaf}
    held = lab.pi.get(f"{V3}/role_assignments?scope.project.id={lab.leaf}&include_names")
    assert [each["user"]["name"] for each in held.json["role_assignments"]] == ["student"]
    assert lab.pi.get(f"{V3}/role_assignments?scope.project.id={lab.beside}").status == 403
    assert lab.pi.get(f"{V3}/role_assignments?user.id={lab.student}").status == 403


def test_what_a_manager_may_ends_with_the_role(lab: Lab):
    pi_id = lab.site.as_user().get(f"{V3}/users?name=pi").json["users"][0]["id"]
    lab.site.as_user().delete(f"{V3}/projects/{lab.top}/users/{pi_id}/roles/{lab.role('manager')}")
    lab.site.give("member", f"projects/{lab.top}/users/{pi_id}")

    path = f"{V3}/projects/{lab.leaf}/users/{lab.student}/roles/{lab.role('member')}"
    assert lab.site.as_user("pi", scope={"project": {"id": lab.top}}).put(path).status == 403
    assert lab.pi.put(path).status == 403


# -- managers of a domain ----------------------------------------------------------------------------------


@dataclass
class Faculty:
    """A domain with a manager, and a user outside of it."""

    domain: str
    manager: AsgiClient
    outsider: str


@pytest.fixture
def faculty(site: Site) -> Faculty:
    domain = site.make("domain", name="physics")
    user = site.make_user("dean", domain_id=domain)
    site.give("manager", f"domains/{domain}/users/{user}")
    dean = site.as_user("dean", scope={"domain": {"id": domain}}, domain=domain)
    return Faculty(domain=domain, manager=dean, outsider=site.make_user("outsider"))


@pytest.mark.parametrize("noun", ["user", "group", "project"])
def test_a_domain_manager_manages_what_is_in_the_domain(faculty: Faculty, noun: str):
    made = faculty.manager.post(f"{V3}/{noun}s", json={noun: {"name": "new", "domain_id": faculty.domain}})
    assert made.status == 201, made
    assert made.json[noun]["domain_id"] == faculty.domain
    path = f"{V3}/{noun}s/{made.json[noun]['id']}"

    assert faculty.manager.patch(path, json={noun: {"description": "ours"}}).status == 200
    assert path.rsplit("/", 1)[1] in str(faculty.manager.get(f"{V3}/{noun}s").body)
    assert faculty.manager.delete(path).status == 204


@pytest.mark.parametrize("noun", ["user", "group", "project"])
def test_a_domain_manager_touches_nothing_outside_and_cannot_tell_what_is_there(
    site: Site, faculty: Faculty, noun: str
):
    existing = site.make(noun, name="foreign")

    for which in (existing, "0" * 32):
        path = f"{V3}/{noun}s/{which}"
        replies = [
            faculty.manager.get(path),
            faculty.manager.patch(path, json={noun: {"description": "ours"}}),
            faculty.manager.delete(path),
        ]
        assert [reply.status for reply in replies] == [403, 403, 403]
    assert (
        faculty.manager.post(f"{V3}/{noun}s", json={noun: {"name": "n", "domain_id": "default"}}).status
        == 403
    )
    assert existing not in str(faculty.manager.get(f"{V3}/{noun}s").body)


def test_a_domain_manager_gives_roles_within_the_domain_and_never_admin(site: Site, faculty: Faculty):
    project = site.make("project", name="lab", domain_id=faculty.domain)
    user = site.make_user("ada", domain_id=faculty.domain)
    roles = {name: site.role_id(name) for name in ("admin", "manager", "member", "service")}

    def give(role: str, target: str, who: str) -> int:
        return faculty.manager.put(f"{V3}/{target}/users/{who}/roles/{roles[role]}").status

    here = f"projects/{project}"
    assert give("manager", here, user) == 204
    assert give("member", f"domains/{faculty.domain}", user) == 204
    assert give("admin", here, user) == 403
    assert give("admin", f"domains/{faculty.domain}", user) == 403
    assert give("service", here, user) == 403
    assert give("member", here, faculty.outsider) == 403
    assert give("member", "domains/default", user) == 403
    assert give("member", "system", user) == 403


def test_a_domain_manager_puts_only_the_domains_own_users_into_its_groups(site: Site, faculty: Faculty):
    group = site.make("group", name="staff", domain_id=faculty.domain)
    foreign = site.make("group", name="theirs")
    user = site.make_user("ada", domain_id=faculty.domain)

    def put(group_id: str, user_id: str) -> int:
        return faculty.manager.put(f"{V3}/groups/{group_id}/users/{user_id}").status

    assert put(group, user) == 204
    assert put(group, faculty.outsider) == put(foreign, user) == put(group, "0" * 32) == 403
    site.as_user().put(f"{V3}/groups/{group}/users/{faculty.outsider}")
    members = faculty.manager.get(f"{V3}/groups/{group}/users").json["users"]
    assert [each["name"] for each in members] == ["ada"]
