"""What identity's handlers work with."""

from __future__ import annotations

from dataclasses import dataclass

from nacre.identity.authority import Authority
from nacre.identity.passwords import Passwords
from nacre.identity.sealing import Seal


@dataclass(frozen=True)
class Parts:
    """The authority over tokens, the checker of passwords, and what seals secrets that are kept."""

    authority: Authority
    passwords: Passwords
    seal: Seal
