"""Segments, as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.network.domain.segments import Segment
from nacre.network.errors import SegmentNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import NETWORK_SEGMENT, SUBNET

SEGMENTS = Shelf(NETWORK_SEGMENT, Segment)

_OF_NETWORKS = SEGMENTS.all.where(
    NETWORK_SEGMENT.c.network_id.in_(sa.bindparam("ids", expanding=True))
).order_by(NETWORK_SEGMENT.c.network_id, NETWORK_SEGMENT.c.place)
_ON_WIRE = sa.select(NETWORK_SEGMENT.c.id).where(
    NETWORK_SEGMENT.c.physical_network == sa.bindparam("wire"),
    sa.func.coalesce(NETWORK_SEGMENT.c.segmentation_id, 0) == sa.bindparam("vlan"),
)
_FORGET = sa.delete(NETWORK_SEGMENT).where(NETWORK_SEGMENT.c.network_id == sa.bindparam("network"))
_HAS_SUBNETS = sa.select(SUBNET.c.id).where(SUBNET.c.segment_id == sa.bindparam("segment")).limit(1)


def seen_by(_project_id: str) -> sa.ColumnElement[bool]:
    """Nobody but the operator knows of wires."""
    return sa.false()


def lock(tx: Tx, segment_id: str) -> Segment:
    """A segment that nobody else changes before this transaction ends. Raises SegmentNotFound."""
    segment = SEGMENTS.lock(tx, segment_id)
    if segment is None:
        raise SegmentNotFound(segment_id)
    return segment


def of_networks(db: Reader, network_ids: Collection[str]) -> Mapping[str, list[Segment]]:
    """The segments of networks, in order."""
    found: dict[str, list[Segment]] = defaultdict(list)
    for row in db.rows(_OF_NETWORKS, ids=list(network_ids)) if network_ids else ():
        segment = SEGMENTS.of(row)
        found[segment.network_id].append(segment)
    return found


def is_wire_taken(db: Reader, wire: str, vlan: int | None) -> bool:
    """Whether a network is on this wire under this tag already."""
    return db.row(_ON_WIRE, wire=wire, vlan=vlan or 0) is not None


def has_subnets(db: Reader, segment_id: str) -> bool:
    """Whether a subnet is bound to a segment."""
    return db.row(_HAS_SUBNETS, segment=segment_id) is not None


def forget(tx: Tx, network_id: str) -> None:
    """Delete the segments of a network that is deleted."""
    tx.execute(_FORGET, network=network_id)
