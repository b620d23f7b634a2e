"""What a site asks of passwords, decided: strength, age, reuse, expiry, lockout, and accounts that lie idle.

Everything is off unless the site says otherwise. A user's own options lift single rules.
Source: the security compliance options of Keystone, whose names operators know.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from nacre.kernel.errors import Invalid

DAY_S = 86_400.0

Options = Mapping[str, Any]
"""A user's options, by the names the API has for them."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a site. Zero, or an empty text, lifts one.

    `most_failures` wrong passwords lock an account for `locked_s`, or until an administrator enables it again.
    A password must differ from the last `distinct` ones, and match the expression `pattern` as a whole beginning.
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

    def is_locked(self, options: Options, failures: int, failed_at: float, *, now: float) -> bool:
        """Whether so many wrong passwords, the last at `failed_at`, lock the account."""
        return (
            self.counts_failures(options)
            and failures >= self.most_failures
            and (not self.locked_s or now < failed_at + self.locked_s)
        )

    def counts_failures(self, options: Options) -> bool:
        """Whether wrong passwords of a user can lock the account."""
        return bool(self.most_failures) and not options.get("ignore_lockout_failure_attempts")

    def is_idle(self, options: Options, active_at: float, *, now: float) -> bool:
        """Whether an account is disabled because nobody has logged in since `active_at`."""
        return (
            bool(self.idle_s) and not options.get("ignore_user_inactivity") and now >= active_at + self.idle_s
        )


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
