"""What identity's handlers work with."""

from __future__ import annotations

from dataclasses import dataclass

from nacre.identity.authority import Authority
from nacre.identity.passwords import Passwords


@dataclass(frozen=True)
class Parts:
    """The authority over tokens, and the checker of passwords."""

    authority: Authority
    passwords: Passwords
