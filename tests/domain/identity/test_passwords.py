"""What a site may ask of passwords, decided."""

from __future__ import annotations

import math

import pytest

from nacre.identity.domain.passwords import DAY_S, NewPasswordRefused, PasswordRules, has_expired

NOW = 1_000_000.0


def test_without_rules_everything_goes():
    rules = PasswordRules()

    rules.check_strength("")
    rules.check_own_change({}, chosen_at=NOW, now=NOW)
    assert rules.expires_at({}, now=NOW, own_choice=False) is None
    assert not rules.counts_failures({})
    assert rules.compared("now", ["before"]) == ()
    assert not has_expired({}, None, now=math.inf)


def test_a_password_must_match_the_sites_expression_from_its_beginning():
    rules = PasswordRules(pattern=r"(?=.*\d).{8,}$", pattern_told="eight signs, one of them a digit")

    rules.check_strength("trees are 8")
    with pytest.raises(NewPasswordRefused, match="eight signs, one of them a digit"):
        rules.check_strength("trees are")


def test_users_may_not_change_a_locked_or_too_young_password():
    rules = PasswordRules(least_age_s=2 * DAY_S)

    rules.check_own_change({}, chosen_at=None, now=NOW)
    rules.check_own_change({}, chosen_at=NOW - 2 * DAY_S, now=NOW)
    with pytest.raises(NewPasswordRefused, match="2 day"):
        rules.check_own_change({}, chosen_at=NOW - 1, now=NOW)
    with pytest.raises(NewPasswordRefused, match="administrator"):
        rules.check_own_change({"lock_password": True}, chosen_at=None, now=NOW)


def test_passwords_end_after_their_time_or_at_once_where_the_user_must_choose_one():
    rules = PasswordRules(lifetime_s=DAY_S, first_use_changes=True)

    assert rules.expires_at({}, now=NOW, own_choice=True) == NOW + DAY_S
    assert rules.expires_at({}, now=NOW, own_choice=False) == NOW
    lifted = {"ignore_change_password_upon_first_use": True}
    assert rules.expires_at(lifted, now=NOW, own_choice=False) == NOW + DAY_S
    assert rules.expires_at(lifted | {"ignore_password_expiry": True}, now=NOW, own_choice=False) is None


def test_a_password_has_expired_at_its_moment_unless_the_user_is_exempt():
    assert not has_expired({}, NOW + 1, now=NOW)
    assert has_expired({}, NOW, now=NOW)
    assert not has_expired({"ignore_password_expiry": True}, NOW, now=NOW)


def test_the_last_passwords_count_with_the_present_one_among_them():
    rules = PasswordRules(distinct=3)

    assert rules.compared("c", ["b", "a", "z"]) == ("c", "b", "a")
    assert rules.remembered("c", ["b", "a"]) == ("c", "b")
    assert rules.compared(None, ["b"]) == ("b",)
    assert PasswordRules(distinct=1).compared("c", ["b"]) == ("c",)
    assert PasswordRules(distinct=1).remembered("c", ["b"]) == ()


def test_an_account_is_locked_for_a_while_or_until_it_is_unlocked():
    assert PasswordRules(most_failures=3, locked_s=60).locks_since(NOW) == NOW - 60
    assert PasswordRules(most_failures=3, locked_s=0).locks_since(NOW) == -math.inf
    assert not PasswordRules(most_failures=3).counts_failures({"ignore_lockout_failure_attempts": True})
