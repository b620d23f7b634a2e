"""What a site asks of passwords, decided: strength, age, reuse, expiry, lockout, and accounts that lie idle.

Everything is off unless the site says otherwise. A user's own options lift single rules.
Source: the security compliance options of Keystone, whose names operators know.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from nacre.kernel.errors import Invalid

DAY_S = 86_400.0

Options = Mapping[str, Any]
"""A user's options, by the names the API has for them."""


class PasswordRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a site. Zero, or an empty text, lifts one.

    `most_failures` wrong passwords in a row lock an account for `locked_s`, or until an administrator enables it
    again. Nobody logging in for `idle_s` disables it. A password ends after `lifetime_s`, may be changed by its
    user after `least_age_s`, must differ from the last `distinct` ones, and must match `pattern` from its beginning.
    """

    most_failures: int = 0
    locked_s: float = 0.0
    idle_s: float = 0.0
    lifetime_s: float = 0.0
    distinct: int = 0
    least_age_s: float = 0.0
    pattern: str = ""
    pattern_told: str = ""
    first_use_changes: bool = False

    def check_strength(self, password: str) -> None:
        """Raise NewPasswordRefused where a new password is too simple for this site."""
        if self.pattern and not re.match(self.pattern, password):
            raise NewPasswordRefused(
                f"It does not meet the requirements: {self.pattern_told or 'none are told'}."
            )

    def check_own_change(self, options: Options, *, chosen_at: float | None, now: float) -> None:
        """Raise NewPasswordRefused where users may not change their own password, or not yet.

        `chosen_at` is when the user chose the present one; None if somebody else did.
        """
        if options.get("lock_password"):
            raise NewPasswordRefused("Only an administrator may change the password of this user.")
        if chosen_at is not None and now < chosen_at + self.least_age_s:
            days = math.ceil((chosen_at + self.least_age_s - now) / DAY_S)
            raise NewPasswordRefused(
                f"The present one is too young to be changed; try again in {days} day(s)."
            )

    def expires_at(self, options: Options, *, now: float, own_choice: bool) -> float | None:
        """When a password that is set now ends: at once, where the user must replace it by one of their own."""
        if (
            self.first_use_changes
            and not own_choice
            and not options.get("ignore_change_password_upon_first_use")
        ):
            return now
        if self.lifetime_s and not options.get("ignore_password_expiry"):
            return now + self.lifetime_s
        return None

    def locks_since(self, now: float) -> float:
        """An account is locked if the last of too many wrong passwords was given after this moment."""
        return now - self.locked_s if self.locked_s else -math.inf

    def compared(self, present: str | None, former: Sequence[str]) -> tuple[str, ...]:
        """The hashes that a new password must differ from: of the present one, and of those before it."""
        return tuple(([present] if present else []) + list(former))[: self.distinct]

    def remembered(self, present: str | None, former: Sequence[str]) -> tuple[str, ...]:
        """Of the same, those that are former ones once `present` gives way, as far as they are needed again."""
        return self.compared(present, former)[: max(self.distinct - 1, 0)]

    def counts_failures(self, options: Options) -> bool:
        """Whether wrong passwords of a user can lock the account."""
        return bool(self.most_failures) and not options.get("ignore_lockout_failure_attempts")


def has_expired(options: Options, expires_at: float | None, *, now: float) -> bool:
    """Whether a password can no longer be used but to be changed."""
    return expires_at is not None and now >= expires_at and not options.get("ignore_password_expiry")


@dataclass(eq=False)
class NewPasswordRefused(Invalid):
    """The site's rules do not allow this password, or not now. Says which rule, and never the password."""

    code: ClassVar[str] = "identity.new_password_refused"
    reason: str

    def __str__(self) -> str:
        return f"The password cannot be changed to this one. {self.reason}"
