"""What identity's handlers work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nacre.identity.accounts import Account
from nacre.identity.authority import Authority
from nacre.identity.directories import Directories
from nacre.identity.domain.passwords import PasswordRules
from nacre.identity.passwords import Passwords
from nacre.identity.rules import Rules
from nacre.identity.sealing import Seal
from nacre.identity.sign_on import SignOns
from nacre.kernel.config import AuthSettings


@dataclass(frozen=True)
class Parts:
    """The authority over tokens, the checker of passwords, what seals secrets that are kept, and what the site has
    chosen for authentication and asks of passwords."""

    authority: Authority
    rules: Rules
    passwords: Passwords
    seal: Seal
    auth: AuthSettings
    password_rules: PasswordRules
    directories: Directories = field(kw_only=True)
    """Where the users and groups of some domains come from."""
    sign_on: SignOns = field(kw_only=True)
    """Logins that identity providers prove."""
    accounts: Sequence[Account] = field(default=(), kw_only=True)
    """What the services count, each in its own."""
