"""What the composition root and the other services may ask compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nacre.compute.fleet import Fleet
from nacre.kernel.database import Reader


class Compute(Protocol):
    """Servers, and the hosts they run on."""

    @property
    def fleet(self) -> Fleet:
        """The hosts' door; simulated hosts use it as their `FleetLink`."""
        ...

    def explain(self, db: Reader, name_or_id: str) -> Mapping[str, Any]:
        """Why a server is where it is, or nowhere, and what it waits for. Raises ServerNotFound."""
        ...

    def audit(self, db: Reader) -> Sequence[str]:
        """Every difference between what is wanted, claimed and reported, as a sentence."""
        ...
