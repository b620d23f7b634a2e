"""What comes of roles: implication, groups and inheritance."""

from __future__ import annotations

from nacre.identity.domain.assignments import Held, effective
from nacre.identity.domain.roles import Role, RoleGraph

GRAPH = RoleGraph(
    roles={
        **{name: Role(role_id=name, name=name) for name in ("admin", "member", "reader", "x", "y")},
        "own": Role(role_id="own", name="own", domain_id="physics"),
    },
    implied={
        "admin": frozenset({"member"}),
        "member": frozenset({"reader"}),
        "x": frozenset({"y"}),
        "y": frozenset({"x"}),
        "own": frozenset({"member"}),
    },
)


def test_implication_goes_all_the_way_and_survives_circles():
    assert GRAPH.closure(["admin"]) == {"admin", "member", "reader"}
    assert GRAPH.closure(["x"]) == {"x", "y"}
    assert GRAPH.closure(["gone"]) == frozenset()


def test_tokens_show_roles_by_name_and_none_that_is_a_domains_own():
    assert [role.name for role in GRAPH.effective(["own"])] == ["member", "reader"]
    assert [role.name for role in GRAPH.effective(["reader", "admin"])] == ["admin", "member", "reader"]


def held(**fields: object) -> Held:
    whole = {
        "actor_kind": "user",
        "actor_id": "ada",
        "target_kind": "project",
        "target_id": "lab",
        "role_id": "reader",
    }
    return Held(**(whole | fields))  # type: ignore[arg-type]


def test_a_groups_role_is_each_members():
    given = [held(actor_kind="group", actor_id="staff")]
    found = list(effective(given, members={"staff": ["ada", "bob"]}, projects_below={}, graph=GRAPH))
    assert [(each.actor_id, each.group_id) for each in found] == [("ada", "staff"), ("bob", "staff")]


def test_an_inherited_role_counts_below_and_not_on_its_target():
    given = [held(inherited=True, target_kind="domain", target_id="physics")]
    found = list(effective(given, members={}, projects_below={"physics": ["lab", "shed"]}, graph=GRAPH))
    assert [(each.target_kind, each.target_id, each.from_id) for each in found] == [
        ("project", "lab", "physics"),
        ("project", "shed", "physics"),
    ]
    assert not any(each.inherited for each in found)


def test_implied_roles_say_what_implies_them():
    found = list(effective([held(role_id="admin")], members={}, projects_below={}, graph=GRAPH))
    assert {(each.role_id, each.prior_role_id) for each in found} == {
        ("admin", ""), ("member", "admin"), ("reader", "admin"),
    }  # fmt: skip
