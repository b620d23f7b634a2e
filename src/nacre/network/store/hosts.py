"""The hosts that may carry routers' gateways."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId
from nacre.network.store.tables import GATEWAY_HOST

_ENSURE = sa.text(
    "INSERT INTO gateway_host (host_id, since) VALUES (:host_id, :since) ON CONFLICT (host_id) DO NOTHING"
)
_REMOVE = sa.delete(GATEWAY_HOST).where(GATEWAY_HOST.c.host_id == sa.bindparam("host_id"))
_ALL = sa.select(GATEWAY_HOST.c.host_id).order_by(GATEWAY_HOST.c.host_id)


def gateway_hosts(db: Reader) -> list[HostId]:
    """All of them."""
    return [HostId(row[0]) for row in db.rows(_ALL)]


def ensure_gateway_host(tx: Tx, host_id: HostId) -> bool:
    """Let a host carry gateways; whether that is new."""
    return tx.execute(_ENSURE, host_id=host_id, since=tx.now) > 0


def remove_gateway_host(tx: Tx, host_id: HostId) -> bool:
    """Let a host carry none; whether it did."""
    return tx.execute(_REMOVE, host_id=host_id) > 0
