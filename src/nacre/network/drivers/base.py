"""What every network driver promises, and what can go wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

import msgspec

from nacre.kernel.errors import Conflict, Unavailable
from nacre.kernel.ids import PortId
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.rows import Desired, Owner, Ref


class NetworkCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver can do."""

    network_types: frozenset[NetworkType]
    distributed_floating_ips: bool = True
    several_gateway_hosts: bool = True


class Fault(StrEnum):
    """How what is there may differ from what should be."""

    MISSING = "missing"
    DIFFERS = "differs"
    MISPLACED = "misplaced"
    LEFT_OVER = "left over"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between intent and reality, and whose it is. Applying that owner with `verify` repairs it."""

    owner: Owner
    fault: Fault
    table: str
    row: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.owner}: {self.table} {self.row} is {self.fault}{self.detail and f' ({self.detail})'}"


@dataclass(eq=False)
class ParentMissing(Unavailable):
    """Rows that the owner's rows belong to or name are not there yet; what could be written has been."""

    code: ClassVar[str] = "network.parent_missing"
    owner: Owner
    missing: tuple[Ref, ...]

    def __str__(self) -> str:
        return f"{self.owner} waits for {', '.join(map(str, self.missing))}."


@dataclass(eq=False)
class DriverAway(Unavailable):
    """The network engine does not answer. Whether the last change was made is not known; applying again tells."""

    code: ClassVar[str] = "network.driver_away"
    reason: str

    def __str__(self) -> str:
        return f"The network engine does not answer: {self.reason}."


@dataclass(eq=False)
class RowsRefused(Conflict):
    """The network engine says that the rows of this owner cannot be."""

    code: ClassVar[str] = "network.rows_refused"
    owner: Owner
    reason: str

    def __str__(self) -> str:
        return f"The network engine refused the rows of {self.owner}: {self.reason}"


class Realised(msgspec.Struct, frozen=True, kw_only=True):
    """What the hosts have made of the rows, as far as the engine is told by them."""

    chassis: frozenset[str]
    chassis_of: Mapping[PortId, str]
    """Where each port that is plugged in somewhere is."""
    up: frozenset[PortId]


PortListener = Callable[[PortId], None]
"""Told of each port that has come up or gone down. Called in the driver's own thread: it must not wait."""


class NetworkDriver(Protocol):
    """Makes what each owner should have so. Safe to call from many threads, and to repeat."""

    capabilities: NetworkCapabilities

    def apply(self, owner: Owner, desired: Desired, *, verify: bool = False) -> bool:
        """Give `owner` exactly the rows of `desired`, in one transaction; whether anything had to change.

        What is compared is what the driver has heard of the engine, and of memberships what the rows themselves
        record; `verify` asks the engine again, and also mends what others have changed behind our back.
        Raises ParentMissing, DriverAway, RowsRefused.
        """
        ...

    def observe_owners(self) -> frozenset[Owner]:
        """All who have rows. Raises DriverAway."""
        ...

    def audit(self, desired: Mapping[Owner, Desired]) -> tuple[Difference, ...]:
        """Every difference between `desired`, which is all there should be, and what is. Changes nothing.

        Raises DriverAway.
        """
        ...

    def observe_realised(self) -> Realised | None:
        """What the hosts have made of the rows; None where the engine cannot tell. Raises DriverAway."""
        ...

    def ports_up(self) -> frozenset[PortId]:
        """The ports whose flows are realised on their hosts, as far as is known."""
        ...

    def is_up(self, port_id: PortId) -> bool:
        """Whether this port's flows are realised on its host, as far as is known."""
        ...

    def listen(self, listener: PortListener) -> None:
        """From now on, tell `listener` of each port that comes up or goes down."""
        ...

    def close(self) -> None:
        """End the driver's threads and connections; the networks go on."""
        ...
