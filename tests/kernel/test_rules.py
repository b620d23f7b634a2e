"""The language of rules, beside the library whose language it is, and the book of rules in force."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_policy import policy as oslo

from nacre.kernel.policy import BASE_RULES, DEFAULTS, Caller, Policy, Rulebook
from nacre.kernel.rules import LONGEST_RULE, BadRule, parse


def caller(**fields: object) -> Caller:
    plain = {"user_id": "u1", "user_name": "ada", "user_domain_id": "d1", "user_domain_name": "Default"}
    return Caller(**(plain | fields))  # type: ignore[arg-type]


MEMBER = caller(project_id="p1", project_domain_id="d1", roles=("member", "reader"), role_ids=("r1", "r2"))
TARGETS = (
    {"project_id": "p1", "user_id": "u1", "domain_id": "d1", "visibility": "public"},
    {"project_id": "p2", "user_id": "u2", "domain_id": "d2", "visibility": "private"},
    {"project_id": "p1"},
)

CHECKS = st.sampled_from(
    [
        "@", "!", "role:member", "role:MEMBER", "role:admin", "role:%(visibility)s", "project_id:%(project_id)s",
        "user_id:u1", "domain_id:None", "'public':%(visibility)s", "user_domain_id:%(domain_id)s", "roles:reader",
    ]
)  # fmt: skip
RULES = st.recursive(
    CHECKS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or", "AND"]), inner).map(" ".join),
        inner.map(lambda rule: f"({rule})"),
        CHECKS.map(lambda check: f"not {check}"),
        inner.map(lambda rule: f"not ( {rule} )"),
    ),
    max_leaves=8,
)


@given(RULES, st.sampled_from(TARGETS))
def test_a_rule_means_what_the_library_of_its_language_says(rule, target):
    credentials = {
        "user_id": "u1", "user_domain_id": "d1", "project_id": "p1", "project_domain_id": "d1",
        "domain_id": None, "system_scope": None, "roles": list(MEMBER.roles),
    }  # fmt: skip
    theirs = oslo.Rules.from_dict({"this": rule})["this"]

    expected = bool(theirs(target, credentials, SimpleNamespace(rules={})))

    assert parse(rule).holds(MEMBER, target, DEFAULTS) is expected


@given(RULES, st.sampled_from(TARGETS))
def test_what_is_refused_without_a_target_is_refused_for_every_one(rule, target):
    check = parse(rule)

    may = check.may_hold(MEMBER, DEFAULTS)

    assert may in (None, check.holds(MEMBER, target, DEFAULTS))


@given(RULES, st.sampled_from(TARGETS))
def test_a_rule_explains_itself_and_its_reasons_agree(rule, target):
    check = parse(rule)

    reasons = check.explain(MEMBER, target, DEFAULTS)

    assert reasons
    assert parse(str(check)).holds(MEMBER, target, DEFAULTS) is check.holds(MEMBER, target, DEFAULTS)


UNREADABLE = [
    "role", "and role:a", "role:a and", "role:a or or role:b", "(role:a", "role:a)", "not", "role:a role:b",
    "colour:blue", "http://elsewhere/%(x)s", "project_id:%(project_id)", "within:p1", "role:a ()",
    "(" * 60 + "@" + ")" * 60, "@ or " * LONGEST_RULE + "@",
]  # fmt: skip


@pytest.mark.parametrize("rule", UNREADABLE, ids=lambda rule: rule[:20])
def test_what_cannot_be_read_is_refused_rather_than_guessed(rule):
    with pytest.raises(BadRule):
        parse(rule)


def test_what_is_absent_equals_nothing_that_is_absent_too():
    nowhere = caller(roles=("reader",))

    for target in ({"project_id": ""}, {"project_id": None}, {}):
        assert not parse("project_id:%(project_id)s").holds(nowhere, target, DEFAULTS)
    assert parse("project_id:None").holds(nowhere, {}, DEFAULTS)
    assert parse("None:%(owner)s").holds(nowhere, {"owner": None}, DEFAULTS)
    assert not parse("None:%(owner)s").holds(nowhere, {}, DEFAULTS)


def test_within_asks_whether_the_callers_project_is_on_the_path():
    check = parse("within:%(path)s")

    assert check.holds(MEMBER, {"path": ("leaf", "p1", "d1")}, DEFAULTS)
    assert not check.holds(MEMBER, {"path": ("leaf", "d1")}, DEFAULTS)
    assert not check.holds(MEMBER, {}, DEFAULTS)
    assert not check.holds(caller(), {"path": ("", "d1")}, DEFAULTS)


def test_an_override_counts_wherever_the_rule_is_referred_to():
    show = Policy("things:show", "rule:own_reader")
    book = Rulebook({show.name: show.rule}, {"reader": "role:auditor"})
    auditor = caller(project_id="p1", roles=("auditor",), rules=book)

    assert show.allows(auditor, {"project_id": "p1"})
    assert not show.allows(auditor, {"project_id": "p2"})
    assert not show.allows(caller(project_id="p1", roles=("reader",), rules=book), {"project_id": "p1"})
    assert not show.allows(auditor, {})
    assert show.may_allow(auditor)


def test_rules_that_lead_nowhere_or_in_circles_are_found():
    book = Rulebook({"a": "rule:b", "b": "@"})

    with pytest.raises(BadRule, match="leads back to itself: b -> a -> b"):
        book.proposed("b", "rule:a").check_sound("b")
    with pytest.raises(BadRule, match="no rule 'c'"):
        book.proposed("b", "rule:c").check_sound("b")
    wide = {f"r{at}": f"rule:r{at + 1} or rule:r{at + 1}" for at in range(20)} | {"r20": "@"}
    with pytest.raises(BadRule, match="leads to more than"):
        Rulebook(wide).check_sound("r0")


def test_a_stored_rule_that_cannot_be_read_any_more_lets_nobody_in():
    show = Policy("things:show", "@")

    for rule in ("colour:blue", "rule:of_another_version"):
        book = Rulebook({show.name: show.rule}, {show.name: rule})
        assert not show.allows(caller(roles=("admin",), rules=book), {})


def test_a_verdict_names_the_part_that_decides():
    book = Rulebook({"things:show": "rule:own_reader"})

    verdict = book.verdict("things:show", MEMBER, {"project_id": "p2"})

    assert not verdict.allowed
    assert [(reason.part, reason.through) for reason in verdict.reasons] == [
        ("role:admin", ("own_reader", "admin")),
        ("project_id:%(project_id)s", ("own_reader",)),
    ]
    assert "p1" in verdict.reasons[1].why
    assert "p2" in verdict.reasons[1].why


def test_every_base_rule_can_be_read_and_comes_to_an_end():
    for name in BASE_RULES:
        DEFAULTS.check_sound(name)
