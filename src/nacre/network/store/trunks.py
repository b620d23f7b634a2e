"""Trunks, as rows, and which ports are in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.ids import PortId
from nacre.kernel.texts import texts
from nacre.network.domain.trunks import Carried, SegmentationType, SubPort, Trunk
from nacre.network.errors import TrunkNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import PORT, TRUNK, TRUNK_SUBPORT

TRUNKS = Shelf(TRUNK, Trunk)

_ids = texts("ids")
_SUBPORTS = (
    sa.select(
        TRUNK_SUBPORT.c.trunk_id,
        TRUNK_SUBPORT.c.port_id,
        TRUNK_SUBPORT.c.segmentation_type,
        TRUNK_SUBPORT.c.segmentation_id,
    )
    .where(TRUNK_SUBPORT.c.trunk_id.in_(_ids))
    .order_by(TRUNK_SUBPORT.c.trunk_id, TRUNK_SUBPORT.c.segmentation_id)
)
_INSERT = sa.insert(TRUNK_SUBPORT)
_TAKE = sa.delete(TRUNK_SUBPORT).where(TRUNK_SUBPORT.c.port_id.in_(_ids))
_ROLES = sa.union_all(
    sa.select(TRUNK.c.port_id, TRUNK.c.id, sa.literal(1)).where(TRUNK.c.port_id.in_(_ids)),
    sa.select(TRUNK_SUBPORT.c.port_id, TRUNK_SUBPORT.c.trunk_id, sa.literal(0)).where(
        TRUNK_SUBPORT.c.port_id.in_(_ids)
    ),
)
_CARRIED = (
    sa.select(TRUNK_SUBPORT.c.port_id, TRUNK.c.port_id, TRUNK_SUBPORT.c.segmentation_id)
    .join(TRUNK, TRUNK.c.id == TRUNK_SUBPORT.c.trunk_id)
    .where(TRUNK_SUBPORT.c.port_id.in_(_ids))
)
_DETAILS = (
    sa.select(
        TRUNK.c.port_id,
        TRUNK.c.id,
        TRUNK_SUBPORT.c.port_id,
        TRUNK_SUBPORT.c.segmentation_type,
        TRUNK_SUBPORT.c.segmentation_id,
        PORT.c.mac_address,
    )
    .outerjoin(TRUNK_SUBPORT, TRUNK_SUBPORT.c.trunk_id == TRUNK.c.id)
    .outerjoin(PORT, PORT.c.id == TRUNK_SUBPORT.c.port_id)
    .where(TRUNK.c.port_id.in_(_ids))
    .order_by(TRUNK.c.port_id, TRUNK_SUBPORT.c.segmentation_id)
)
_STATUSES = sa.select(PORT.c.id, PORT.c.status).where(PORT.c.id.in_(_ids))
_BELOW = (
    sa.select(TRUNK_SUBPORT.c.port_id)
    .join(TRUNK, TRUNK.c.id == TRUNK_SUBPORT.c.trunk_id)
    .where(TRUNK.c.port_id.in_(_ids))
)
_BIND_BELOW = (
    sa.update(PORT)
    .where(PORT.c.id.in_(_BELOW), PORT.c.binding_host_id != sa.bindparam("new_host"))
    .values(
        binding_host_id=sa.bindparam("new_host"),
        status="DOWN",
        revision_number=PORT.c.revision_number + 1,
        updated_at=sa.bindparam("now"),
    )
    .returning(PORT.c.id)
)
_REPORT_BELOW = (
    sa.update(PORT)
    .where(
        PORT.c.id.in_(_BELOW),
        PORT.c.binding_host_id == sa.bindparam("host_id"),
        PORT.c.status != sa.bindparam("new_status"),
    )
    .values(status=sa.bindparam("new_status"))
)


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The trunks a project may know of: its own."""
    return TRUNK.c.project_id == project_id


def has_status(values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Trunks of a status: it is that of their parent ports."""
    return TRUNK.c.port_id.in_(sa.select(PORT.c.id).where(PORT.c.status.in_(values)))


def whole(db: Reader, rows: Sequence[AnyRow]) -> list[Trunk]:
    """The trunks of rows: one more statement, however many there are."""
    ids = [row[0] for row in rows]
    found: dict[str, list[SubPort]] = defaultdict(list)
    for trunk_id, port_id, kind, tag in db.rows(_SUBPORTS, ids=ids) if ids else ():
        found[trunk_id].append(_subport(port_id, kind, tag))
    return [TRUNKS.of(row, sub_ports=tuple(found[row[0]])) for row in rows]


def _subport(port_id: str, kind: str, tag: int) -> SubPort:
    return SubPort(port_id=PortId(port_id), segmentation_type=SegmentationType(kind), segmentation_id=tag)


def lock(tx: Tx, trunk_id: str) -> Trunk:
    """A trunk that nobody else changes before this transaction ends. Raises TrunkNotFound."""
    rows = tx.rows(TRUNKS.all.where(TRUNK.c.id == trunk_id).with_for_update())
    if not rows:
        raise TrunkNotFound(trunk_id)
    return whole(tx, rows)[0]


def roles_of(db: Reader, port_ids: Collection[str]) -> Mapping[str, tuple[str, bool]]:
    """Of those of the ports that are in a trunk, in which, and whether as its parent."""
    rows = db.rows(_ROLES, ids=list(port_ids)) if port_ids else ()
    return {row[0]: (row[1], bool(row[2])) for row in rows}


def carried(db: Reader, port_ids: Collection[str]) -> Mapping[str, Carried]:
    """Of those of the ports that are subports, by whom they are carried."""
    rows = db.rows(_CARRIED, ids=list(port_ids)) if port_ids else ()
    return {row[0]: Carried(PortId(row[1]), row[2]) for row in rows}


def details_of(db: Reader, port_ids: Collection[str]) -> Mapping[str, dict[str, Any]]:
    """What parent ports show of their trunks."""
    found: dict[str, dict[str, Any]] = {}
    for parent, trunk_id, port_id, kind, tag, mac in (
        db.rows(_DETAILS, ids=list(port_ids)) if port_ids else ()
    ):
        details = found.setdefault(parent, {"trunk_id": trunk_id, "sub_ports": []})
        if port_id is not None:
            details["sub_ports"].append(
                {
                    "port_id": port_id,
                    "segmentation_type": kind,
                    "segmentation_id": tag,
                    "mac_address": mac,
                }
            )
    return found


def statuses(db: Reader, port_ids: Collection[str]) -> Mapping[str, str]:
    """The statuses of ports."""
    return dict(map(tuple, db.rows(_STATUSES, ids=list(port_ids)))) if port_ids else {}


def below(db: Reader, port_ids: Collection[str]) -> list[str]:
    """The subports of parent ports."""
    return [row[0] for row in db.rows(_BELOW, ids=list(port_ids))] if port_ids else []


def add(tx: Tx, trunk_id: str, sub_ports: Sequence[SubPort]) -> None:
    """Let a trunk carry these too. Raises Duplicate."""
    tx.execute_many(
        _INSERT,
        [
            {
                "port_id": each.port_id,
                "trunk_id": trunk_id,
                "segmentation_type": str(each.segmentation_type),
                "segmentation_id": each.segmentation_id,
            }
            for each in sub_ports
        ],
    )


def take(tx: Tx, port_ids: Collection[str]) -> None:
    """Let no trunk carry these any more."""
    if port_ids:
        tx.execute(_TAKE, ids=list(port_ids))


def bind_below(tx: Tx, port_ids: Collection[str], host_id: str) -> list[str]:
    """Bind the subports of parent ports to the host of their parents; those that were not bound to it before."""
    rows = tx.rows(_BIND_BELOW, ids=list(port_ids), new_host=host_id, now=tx.now) if port_ids else ()
    return [row[0] for row in rows]


def report_below(tx: Tx, host_id: str, statuses: Mapping[str, str]) -> None:
    """Write what a host says of parent ports: it holds of their subports as well."""
    for status in sorted(set(statuses.values())):
        ids = [port_id for port_id, said in statuses.items() if said == status]
        tx.execute(_REPORT_BELOW, ids=ids, host_id=host_id, new_status=status)
