"""Segments: the wires over which the frames of one network travel, and the numbers by which they are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from nacre.kernel.ids import NetworkId, ProjectId
from nacre.network.domain.networks import OVERLAYS, Network, NetworkType
from nacre.network.errors import InvalidInput

NUMBERS = {
    NetworkType.VLAN: (1, 4094),
    NetworkType.VXLAN: (1, (1 << 24) - 1),
    NetworkType.GENEVE: (1, (1 << 24) - 1),
}
"""The least and the greatest number of a segment, by type. Sources: IEEE 802.1Q; RFC 7348; RFC 8926."""


class Wire(msgspec.Struct, frozen=True):
    """How frames travel: the type, the physical network of a flat or VLAN one, and the number of all but flat ones."""

    network_type: NetworkType
    physical_network: str | None = None
    segmentation_id: int | None = None


class WireAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a wire, and whose it will be. What was not is None."""

    project_id: str
    network_type: NetworkType | None = None
    physical_network: str | None = None
    segmentation_id: int | None = None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment, as Networking v2.0 shows it. It belongs to whoever owns its network; `place` 0 is the first."""

    id: str
    network_id: NetworkId
    network_type: NetworkType
    physical_network: str | None = None
    segmentation_id: int | None = None
    place: int = 0
    name: str | None = None
    description: str = ""
    project_id: ProjectId = ProjectId("")
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


class NumberUser(msgspec.Struct, frozen=True):
    """A number of a pool in use: by which network, and whose that is."""

    pool: tuple[NetworkType, str | None]
    number: int
    network_id: str
    project_id: str


class SegmentRange(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers from which segments are taken: those of one project, or of all that have none of their own.

    Both ends are included. The default ones are written in the configuration.
    """

    id: str
    network_type: NetworkType
    minimum: int
    maximum: int
    physical_network: str | None = None
    shared: bool = True
    default: bool = False
    name: str = ""
    description: str = ""
    project_id: ProjectId = ProjectId("")
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def pool(self) -> tuple[NetworkType, str | None]:
        """Of what its numbers are: numbers of different pools may be equal."""
        return self.network_type, self.physical_network

    def is_of(self, project_id: str) -> bool:
        """Whether it is kept for this project."""
        return not self.shared and self.project_id == project_id

    def users_among(self, users: Iterable[NumberUser]) -> list[NumberUser]:
        """Those who have a number of it: of its project, or anybody if it is shared."""
        return [
            user
            for user in users
            if user.pool == self.pool
            and self.minimum <= user.number <= self.maximum
            and (self.shared or user.project_id == self.project_id)
        ]

    def overlaps(self, other: SegmentRange) -> bool:
        return self.pool == other.pool and self.minimum <= other.maximum and other.minimum <= self.maximum


def first_segment(network: Network, segment_id: str) -> Segment:
    """What a network itself says of its wire, as a segment."""
    return Segment(
        id=segment_id,
        network_id=network.id,
        network_type=network.provider_network_type,
        physical_network=network.provider_physical_network,
        segmentation_id=network.provider_segmentation_id,
        created_at=network.created_at,
        updated_at=network.updated_at,
    )


def check_wire(ask: WireAsk) -> None:
    """What must be said of a wire of its type, and may. Raises InvalidInput."""
    kind, physical_network, number = ask.network_type, ask.physical_network, ask.segmentation_id
    if kind is None:
        if physical_network is not None or number is not None:
            raise InvalidInput("network_type required")
        return
    if kind in OVERLAYS and physical_network is not None:
        raise InvalidInput(f"provider:physical_network specified for {kind} network")
    if kind not in OVERLAYS and physical_network is None:
        raise InvalidInput(f"physical_network required for {kind} provider network")
    if kind is NetworkType.FLAT:
        if number is not None:
            raise InvalidInput("provider:segmentation_id specified for flat network")
    elif number is not None:
        check_number(kind, number)


def check_number(kind: NetworkType, number: int) -> None:
    """A segment's number must be one that frames can carry. Raises InvalidInput."""
    least, most = NUMBERS[kind]
    if not least <= number <= most:
        raise InvalidInput(f"segmentation_id out of range ({least} through {most})")


def own_intervals(ranges: Iterable[SegmentRange], project_id: str) -> list[tuple[int, int]]:
    """The numbers that are kept for a project."""
    return _merged((each.minimum, each.maximum) for each in ranges if each.is_of(project_id))


def common_intervals(ranges: Sequence[SegmentRange]) -> list[tuple[int, int]]:
    """The numbers for everybody: those of shared ranges but what is kept for projects."""
    left = _merged((each.minimum, each.maximum) for each in ranges if each.shared)
    for kept in ranges:
        if not kept.shared:
            left = [part for low, high in left for part in _around(low, high, kept.minimum, kept.maximum)]
    return left


def _around(low: int, high: int, first: int, last: int) -> list[tuple[int, int]]:
    """What is left of an interval without another."""
    parts = [(low, min(high, first - 1)), (max(low, last + 1), high)]
    return [(start, end) for start, end in parts if start <= end]


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged
