"""From what a provider says to who that is: every form of rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nacre.identity.domain.assertions import assertion_of
from nacre.identity.domain.mappings import (
    BadRule,
    DomainName,
    MappedProject,
    MappedProperties,
    MappedUser,
    NoMatch,
    Rule,
    check_rules,
    mapped,
)

ANN = {"sub": ["42"], "name": ["ann"], "mail": ["ann@example.org"], "groups": ["physics", "staff", "guests"]}
NAMED = {"user": {"name": "{0}"}}


def rules_of(*rules: dict[str, Any]) -> list[Rule]:
    return msgspec.convert(list(rules), list[Rule])


def rule(local: Any, *remote: Any) -> dict[str, Any]:
    return {"local": [local] if isinstance(local, dict) else local, "remote": list(remote)}


def result(*rules: dict[str, Any], version: str = "1.0", assertion: Any = None) -> MappedProperties:
    checked = rules_of(*rules)
    check_rules(checked, version=version)
    return mapped(checked, ANN if assertion is None else assertion, version=version)


NAME = {"type": "name"}


@pytest.mark.parametrize(
    ("remote", "applies"),
    [
        ({"type": "groups", "any_one_of": ["staff"]}, True),
        ({"type": "groups", "any_one_of": ["STAFF", "none"]}, False),
        ({"type": "groups", "not_any_of": ["none"]}, True),
        ({"type": "groups", "not_any_of": ["staff", "none"]}, False),
        ({"type": "groups", "any_one_of": ["^phy"], "regex": True}, True),
        ({"type": "groups", "any_one_of": ["^hys"], "regex": True}, False),
        ({"type": "groups", "any_one_of": ["hys"], "regex": True}, True),
        ({"type": "groups", "not_any_of": ["taf"], "regex": True}, False),
        ({"type": "absent", "not_any_of": ["anything"]}, False),
        ({"type": "absent"}, False),
    ],
)
def test_a_rule_applies_when_all_it_asks_holds(remote, applies):
    if applies:
        assert result(rule(NAMED, NAME, remote)).user.name == "ann"
    else:
        with pytest.raises(NoMatch, match="no rule applies"):
            result(rule(NAMED, NAME, remote))


@pytest.mark.parametrize(
    ("remote", "names"),
    [
        ({"type": "groups"}, ["physics", "staff", "guests"]),
        ({"type": "groups", "whitelist": ["staff", "none"]}, ["staff"]),
        ({"type": "groups", "blacklist": ["staff"]}, ["physics", "guests"]),
        ({"type": "groups", "whitelist": ["s$"], "regex": True}, ["physics", "guests"]),
        ({"type": "groups", "blacklist": ["^s", "^g"], "regex": True}, ["physics"]),
        ({"type": "groups", "whitelist": []}, []),
    ],
)
def test_lists_of_groups_keep_what_may_pass(remote, names):
    found = result(rule([NAMED, {"groups": "{1}", "domain": {"name": "Lab"}}], NAME, remote))

    assert found.groups == tuple((name, DomainName(name="Lab")) for name in names)


def test_what_only_judges_is_not_numbered():
    judged = {"type": "groups", "any_one_of": ["staff"]}

    found = result(rule({"user": {"id": "{0}", "name": "{1}"}}, {"type": "sub"}, judged, NAME))

    assert (found.user.unique_id, found.user.name) == ("42", "ann")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"name": "{0}"}, MappedUser(unique_id="ann", name="ann")),
        ({"id": "{1}"}, MappedUser(unique_id="42", name="42", id="42")),
        ({"name": "x-{0}-{{y}}"}, MappedUser(unique_id="x-ann-{y}", name="x-ann-{y}")),
        (
            {"name": "{0}", "id": "{1}", "email": "{2}", "domain": {"id": "d"}, "type": "local"},
            MappedUser(unique_id="42", name="ann", id="42", local=True, email="ann@example.org",
                       domain=DomainName(id="d")),
        ),
    ],
)  # fmt: skip
def test_a_user_is_put_together_from_the_assertion(user, expected):
    assert result(rule({"user": user}, NAME, {"type": "sub"}, {"type": "mail"})).user == expected


def test_rules_add_up_and_the_first_user_counts():
    found = result(
        rule({"user": {"name": "first"}, "group": {"id": "g1"}}, NAME),
        rule({"user": {"name": "never"}, "group": {"id": "g9"}}, {"type": "absent"}),
        rule({"user": {"name": "second"}, "group": {"name": "g2", "domain": {"id": "d"}}}, NAME),
        rule([{"group_ids": "{0}"}, {"group": {"id": "g1"}}], {"type": "groups", "blacklist": ["staff"]}),
    )

    assert found.user.name == "first"
    assert found.group_ids == ("g1", "physics", "guests")
    assert found.groups == (("g2", DomainName(id="d")),)


def test_a_group_of_a_placeholder_becomes_one_for_each_value():
    found = result(
        rule([NAMED, {"group": {"name": "lab-{1}", "domain": {"id": "d"}}}], NAME, {"type": "groups"})
    )

    assert [name for name, _ in found.groups] == ["lab-physics", "lab-staff", "lab-guests"]


def test_projects_come_with_their_roles():
    projects = [{"name": "{0}'s own", "roles": [{"name": "member"}, {"name": "reader"}]}]

    found = result(rule([NAMED, {"projects": projects}], NAME))

    assert found.projects == (MappedProject(name="ann's own", role_names=("member", "reader")),)


def test_in_version_2_a_domain_is_also_that_of_what_stands_beside_it():
    projects = [{"name": "p", "roles": []}, {"name": "q", "roles": [], "domain": {"id": "own"}}]
    local = NAMED | {"group": {"name": "g"}, "groups": "h", "projects": projects, "domain": {"name": "{0}"}}

    found = result(rule(local, NAME), version="2.0")

    domain = DomainName(name="ann")
    assert found.user.domain == domain
    assert found.groups == (("h", domain), ("g", domain))
    assert [project.domain for project in found.projects] == [domain, DomainName(id="own")]


def test_a_user_needs_exactly_one_name():
    with pytest.raises(NoMatch, match="several"):
        result(rule(NAMED, {"type": "groups"}))
    with pytest.raises(NoMatch, match="neither"):
        result(rule({"user": {"email": "{0}"}}, NAME))
    with pytest.raises(NoMatch, match="neither"):
        result(rule(NAMED, {"type": "groups", "whitelist": []}))
    with pytest.raises(NoMatch, match="names a user"):
        result(rule({"group": {"id": "g"}}, NAME))


BROKEN = [
    (rule(NAMED, {"type": "a", "any_one_of": ["x"], "whitelist": ["y"]}), "1.0", "only one of"),
    (rule(NAMED, {"type": "a", "regex": True}), "1.0", "nothing alone"),
    (rule(NAMED, {"type": "a", "whitelist": ["("], "regex": True}), "1.0", "regular expression"),
    (rule({"user": {"name": "{1}"}}, NAME), "1.0", "stands for nothing"),
    (rule({"user": {"name": "{0}"}}, {"type": "a", "any_one_of": ["x"]}), "1.0", "hands on 0"),
    (rule({"user": {"name": "{0.__class__}"}}, NAME), "1.0", "single brace"),
    (rule({"group": {}}, NAME), "1.0", "an id, or a name"),
    (rule({"group": {"id": "x", "name": "y"}}, NAME), "1.0", "stands alone"),
    (rule({"group": {"name": "y"}}, NAME), "1.0", "needs a domain"),
    (rule({"groups": "{0}"}, NAME), "1.0", "domain is needed"),
    (rule({"projects": [{"name": "p", "roles": [], "domain": {"id": "d"}}]}, NAME), "1.0", "2.0"),
    (rule(NAMED), "1.0", "at least one"),
]


@pytest.mark.parametrize(("broken", "version", "why"), BROKEN)
def test_a_rule_that_can_never_be_meant_is_named(broken, version, why):
    with pytest.raises(BadRule, match=why):
        check_rules(rules_of(broken), version=version)


def test_claims_become_attributes_and_no_text_becomes_two():
    claims = {
        "sub": "42", "groups": ["a;b", "c,d"], "email_verified": True, "level": 3,
        "realm_access": {"roles": ["x", "y"]}, "nothing": None, "long": "x" * 5000,
    }  # fmt: skip

    assert assertion_of(claims, "OIDC-") == {
        "OIDC-sub": ["42"],
        "OIDC-groups": ["a;b", "c,d"],
        "OIDC-email_verified": ["true"],
        "OIDC-level": ["3"],
        "OIDC-realm_access.roles": ["x", "y"],
    }
