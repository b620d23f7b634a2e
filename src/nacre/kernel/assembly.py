"""How a service is put together: what the composition root gives each one, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nacre.kernel.clock import Clock
from nacre.kernel.config import Settings
from nacre.kernel.database import Database, Tx
from nacre.kernel.http.app import Service
from nacre.kernel.loops import Loop
from nacre.kernel.wakes import Wakes

Contract = TypeVar("Contract")


@dataclass(frozen=True)
class Kernel:
    """What every service stands on."""

    settings: Settings
    database: Database
    clock: Clock
    wakes: Wakes


def _nothing(_tx: Tx) -> None:
    return None


@dataclass(frozen=True)
class Assembled(Generic[Contract]):
    """A service, ready to be mounted: what neighbours may ask it, its doors, its loops.

    `seed` writes the rows the service cannot be without, such as the default domain; it is safe to repeat
    and runs at every start.
    """

    contract: Contract
    services: Sequence[Service]
    loops: Sequence[Loop] = ()
    seed: Callable[[Tx], None] = field(default=_nothing)
