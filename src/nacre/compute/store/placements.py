"""Where servers were placed, or why nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from nacre.compute.store.tables import SERVER, SERVER_PLACEMENT
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId, ServerId

_ENSURE = sa.text(
    "INSERT INTO server_placement"
    " (server_id, host_id, host_generation, zone, refusal, rejections, decided_at, trace_id)"
    " VALUES (:server_id, :host_id, :host_generation, :zone, :refusal, :rejections, :decided_at, :trace_id)"
    " ON CONFLICT (server_id) DO UPDATE SET host_id = excluded.host_id,"
    " host_generation = excluded.host_generation, zone = excluded.zone, refusal = excluded.refusal,"
    " rejections = excluded.rejections, decided_at = excluded.decided_at, trace_id = excluded.trace_id"
).bindparams(sa.bindparam("rejections", type_=SERVER_PLACEMENT.c.rejections.type))
_FIND = sa.select(SERVER_PLACEMENT).where(SERVER_PLACEMENT.c.server_id == sa.bindparam("server_id"))
_GROUP_HOSTS = (
    sa.select(SERVER_PLACEMENT.c.host_id, sa.func.count())
    .select_from(SERVER.join(SERVER_PLACEMENT))
    .where(
        SERVER.c.group_id == sa.bindparam("group_id"),
        SERVER.c.deleted_at.is_(None),
        SERVER_PLACEMENT.c.host_id.is_not(None),
    )
    .group_by(SERVER_PLACEMENT.c.host_id)
)


def keep(
    tx: Tx,
    server_id: ServerId,
    *,
    host_id: HostId | None,
    host_generation: int,
    zone: str | None,
    refusal: str,
    rejections: Mapping[str, str],
) -> None:
    """Keep a decision and its reasons, in place of the one before."""
    tx.execute(
        _ENSURE,
        server_id=server_id,
        host_id=host_id,
        host_generation=host_generation,
        zone=zone,
        refusal=refusal,
        rejections=dict(rejections),
        decided_at=tx.now,
        trace_id=tx.actor.trace_id,
    )


def find(db: Reader, server_id: str) -> Mapping[str, Any] | None:
    """The newest decision for a server, with the reasons against every other host."""
    row = db.row(_FIND, server_id=server_id)
    return None if row is None else dict(row._mapping)


def hosts_of_group(db: Reader, group_id: str) -> Mapping[HostId, int]:
    """How many servers of a group each host has."""
    return {row[0]: row[1] for row in db.rows(_GROUP_HOSTS, group_id=group_id)}
