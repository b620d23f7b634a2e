"""How many addresses of subnets are in use: counted, always."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.texts import texts
from nacre.network.store.tables import NETWORK, PORT_ADDRESS, SUBNET

_USED = (
    sa.select(PORT_ADDRESS.c.subnet_id, sa.func.count())
    .where(PORT_ADDRESS.c.subnet_id.in_(texts("ids")))
    .group_by(PORT_ADDRESS.c.subnet_id)
)


def used_of(db: Reader, subnet_ids: Collection[str]) -> Mapping[str, int]:
    """How many addresses of each subnet some port has; subnets without any are left out."""
    return {row[0]: row[1] for row in db.rows(_USED, ids=list(subnet_ids))} if subnet_ids else {}


def with_version(versions: Collection[int]) -> sa.ColumnElement[bool]:
    """Networks that have subnets of these IP versions."""
    return NETWORK.c.id.in_(sa.select(SUBNET.c.network_id).where(SUBNET.c.ip_version.in_(list(versions))))


def seen_by(_project_id: str) -> sa.ColumnElement[bool]:
    """Nobody but the operator asks."""
    return sa.false()
