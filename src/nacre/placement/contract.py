"""What the other services may ask placement: hosts with room, and room claimed on them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId, ProjectId, ServerId, UserId, is_uuid
from nacre.placement.errors import NoRoom

__all__ = [
    "NO_PARTS", "Candidate", "Demand", "Inventory", "NoRoom", "Part", "PartDemands", "Placement", "Rejection",
    "part_id_of", "provider_id_of",
]  # fmt: skip

Demand = Mapping[str, int]
"""Amounts by resource class: VCPU, MEMORY_MB, DISK_GB."""

PartDemands = Mapping[str, Demand]
"""Amounts that are to come from parts of one host, by the name of the part."""

NO_PARTS: PartDemands = {}


_NAMESPACE = uuid.UUID("8d3c7a64-70b1-5f0e-9a57-2f4c2a6f7b10")


def provider_id_of(host_id: HostId) -> str:
    """The id of the resource provider that is a host: its own if it is a UUID, else one that follows from it."""
    return host_id if is_uuid(host_id) else str(uuid.uuid5(_NAMESPACE, f"hypervisor:{host_id}"))


def part_id_of(host_id: HostId, part: str) -> str:
    """The id of the resource provider that is a part of a host."""
    return str(uuid.uuid5(_NAMESPACE, f"part:{host_id}:{part}"))


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider has of one resource class, in the class's own unit."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = 2147483647
    step_size: int = 1
    allocation_ratio: float = 1.0


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A provider of its own below a host, or below another part: what some device of the host has.

    `traits` are custom ones, by which other clients of placement find it.
    """

    name: str
    inventories: Mapping[str, Inventory] = {}
    traits: Collection[str] = ()
    below: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A host with room, as it was seen at `generation`."""

    host_id: HostId
    generation: int
    used: Mapping[str, int]
    capacity: Mapping[str, int]


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """Why a host cannot take a demand, as a sentence."""

    host_id: HostId
    why: str


class Placement(Protocol):
    """Room on hosts. A host is a resource provider, whose id is `provider_id_of` it."""

    def ensure_host(
        self,
        tx: Tx,
        host_id: HostId,
        *,
        name: str,
        inventories: Mapping[str, Inventory],
        parts: Sequence[Part] = (),
    ) -> None:
        """Make the provider of a host, its inventories and its parts what they should be.

        A part comes after the one it is below. One that is not named any more goes, once nobody claims of it.
        """
        ...

    def candidates(
        self, db: Reader, demand: Demand, *, parts: PartDemands = NO_PARTS
    ) -> tuple[Sequence[Candidate], Sequence[Rejection]]:
        """Every host, with room for `demand` and in its `parts` (emptiest first), or with the reason it has none."""
        ...

    def claim(
        self, tx: Tx, candidate: Candidate, demand: Demand, *, server_id: ServerId, project_id: ProjectId,
        user_id: UserId, parts: PartDemands = NO_PARTS,
    ) -> None:  # fmt: skip
        """Claim room for a server: one conditional write on the provider's generation.

        Parts are locked and looked at, since what is claimed of them does not change their host's generation.
        Raises Stale when the host has changed since it was seen, or a part has not enough: look at the
        candidates again.
        """
        ...

    def reclaim(self, tx: Tx, wanted: Mapping[ServerId, Mapping[HostId, PartDemands]]) -> None:
        """Let servers claim this of parts of hosts, in place of all that they claim of any host's parts now.

        A server that claims nothing of any host is on none, and is left alone. Nobody is refused for asking less.
        Raises NoRoom; nothing should be kept of the transaction then.
        """
        ...

    def resize(self, tx: Tx, host_id: HostId, server_id: ServerId, demand: Demand) -> None:
        """Let a server claim this of the host it is on, in place of what it claims of it; not of its parts.

        Nobody is refused for asking less. Raises NoRoom; nothing should be kept of the transaction then.
        """
        ...

    def release(self, tx: Tx, server_id: ServerId) -> None:
        """Give back what a server claimed; safe to repeat."""
        ...

    def claims_of(self, db: Reader, host_id: HostId) -> Mapping[ServerId, Demand]:
        """What is claimed on a host, for audits."""
        ...

    def part_claims(self, db: Reader) -> Mapping[ServerId, Mapping[HostId, PartDemands]]:
        """What is claimed of parts of hosts, for audits."""
        ...

    def usage(self, db: Reader) -> Mapping[HostId, Mapping[str, int]]:
        """Claimed amounts by host and resource class."""
        ...
