"""What identity's handlers work with."""

from __future__ import annotations

from dataclasses import dataclass

from nacre.identity.authority import Authority
from nacre.identity.passwords import Passwords
from nacre.identity.rules import Rules
from nacre.identity.sealing import Seal
from nacre.kernel.config import AuthSettings


@dataclass(frozen=True)
class Parts:
    """The authority over tokens, the checker of passwords, what seals secrets that are kept, and what the site has
    chosen for authentication."""

    authority: Authority
    rules: Rules
    passwords: Passwords
    seal: Seal
    auth: AuthSettings
