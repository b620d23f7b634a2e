"""What the handlers work with."""

from __future__ import annotations

from dataclasses import dataclass

from nacre.identity.contract import Identity


@dataclass(frozen=True)
class Parts:
    """`page_limit` bounds every list; the rest is behind its link."""

    identity: Identity
    region: str
    page_limit: int
