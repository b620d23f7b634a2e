"""Segments, as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId
from nacre.kernel.texts import texts
from nacre.network.domain.segments import Segment, Wire
from nacre.network.errors import SegmentNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import HOST_WIRE, NETWORK_SEGMENT, SUBNET

SEGMENTS = Shelf(NETWORK_SEGMENT, Segment)

_OF_NETWORKS = SEGMENTS.all.where(NETWORK_SEGMENT.c.network_id.in_(texts("ids"))).order_by(
    NETWORK_SEGMENT.c.network_id, NETWORK_SEGMENT.c.place
)
_ON_WIRE = sa.select(NETWORK_SEGMENT.c.id).where(
    NETWORK_SEGMENT.c.physical_network == sa.bindparam("wire"),
    sa.func.coalesce(NETWORK_SEGMENT.c.segmentation_id, 0) == sa.bindparam("number"),
)
_IN_TUNNELS = sa.select(NETWORK_SEGMENT.c.id).where(
    NETWORK_SEGMENT.c.network_type == sa.bindparam("kind"),
    NETWORK_SEGMENT.c.segmentation_id == sa.bindparam("number"),
)
_FORGET = sa.delete(NETWORK_SEGMENT).where(NETWORK_SEGMENT.c.network_id == sa.bindparam("network"))
_SUBNETS_ON = sa.select(SUBNET.c.id).where(SUBNET.c.segment_id == sa.bindparam("segment"))
_REACHED = (
    sa.select(HOST_WIRE.c.host_id, NETWORK_SEGMENT.c.id)
    .join(NETWORK_SEGMENT, NETWORK_SEGMENT.c.physical_network == HOST_WIRE.c.physical_network)
    .where(HOST_WIRE.c.host_id.in_(texts("host_ids")))
    .where(NETWORK_SEGMENT.c.network_id.in_(texts("network_ids")))
)
_WIRES = sa.select(HOST_WIRE.c.host_id, HOST_WIRE.c.physical_network).where(
    HOST_WIRE.c.host_id.in_(texts("ids"))
)
_ADD_WIRE = sa.insert(HOST_WIRE)
_DROP_WIRE = sa.delete(HOST_WIRE).where(
    HOST_WIRE.c.host_id == sa.bindparam("host"), HOST_WIRE.c.physical_network == sa.bindparam("wire")
)


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


def is_taken(db: Reader, wire: Wire) -> bool:
    """Whether a network is on this wire under this tag already, or has this number in tunnels of this type."""
    if wire.physical_network is None:
        return db.row(_IN_TUNNELS, kind=str(wire.network_type), number=wire.segmentation_id) is not None
    return db.row(_ON_WIRE, wire=wire.physical_network, number=wire.segmentation_id or 0) is not None


def subnets_on(db: Reader, segment_id: str) -> list[str]:
    """The subnets that are bound to a segment."""
    return [row[0] for row in db.rows(_SUBNETS_ON, segment=segment_id)]


def forget(tx: Tx, network_id: str) -> None:
    """Delete the segments of a network that is deleted."""
    tx.execute(_FORGET, network=network_id)


# -- which hosts are on which wires ------------------------------------------------------------------------


def reached_by(
    db: Reader, host_ids: Collection[str], network_ids: Collection[str]
) -> Mapping[str, frozenset[str]]:
    """The segments of networks that hosts reach, by host: those whose wires they are on."""
    found: dict[str, set[str]] = defaultdict(set)
    if network_ids:
        for host_id, segment_id in db.rows(_REACHED, host_ids=list(host_ids), network_ids=list(network_ids)):
            found[host_id].add(segment_id)
    return {host_id: frozenset(ids) for host_id, ids in found.items()}


def wires_of(db: Reader, host_ids: Collection[HostId]) -> Mapping[HostId, frozenset[str]]:
    """The physical networks that each of these hosts is on."""
    found: dict[HostId, set[str]] = {host_id: set() for host_id in host_ids}
    for host_id, wire in db.rows(_WIRES, ids=list(host_ids)) if host_ids else ():
        found[host_id].add(wire)
    return {host_id: frozenset(wires) for host_id, wires in found.items()}


def put_wires(
    tx: Tx, before: Mapping[HostId, Collection[str]], after: Mapping[HostId, Collection[str]]
) -> None:
    """Write the physical networks that hosts are on, where that has changed."""
    known, said = (
        {(host_id, wire) for host_id, wires in each.items() for wire in wires} for each in (before, after)
    )
    tx.execute_many(
        _ADD_WIRE, [{"host_id": host, "physical_network": wire} for host, wire in sorted(said - known)]
    )
    tx.execute_many(_DROP_WIRE, [{"host": host, "wire": wire} for host, wire in sorted(known - said)])
