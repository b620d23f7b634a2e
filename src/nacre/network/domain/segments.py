"""Segments: the wires over which the frames of one network travel."""

from __future__ import annotations

import msgspec

from nacre.kernel.ids import NetworkId, ProjectId
from nacre.network.domain.networks import Network, NetworkType


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
