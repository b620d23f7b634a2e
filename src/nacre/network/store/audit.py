"""What an audit reads of all ports and hosts: a few columns, in one statement each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.ids import HostId, PortId
from nacre.network.store.tables import GATEWAY_HOST, NETWORK_AGENT, PORT

_WISHES = sa.select(PORT.c.id, PORT.c.binding_host_id, PORT.c.status).where(
    PORT.c.device_owner.like("compute:%")
)
_HOSTS = sa.union(
    sa.select(NETWORK_AGENT.c.host_id),
    sa.select(GATEWAY_HOST.c.host_id),
    sa.select(PORT.c.binding_host_id),
)


class PortWish(msgspec.Struct, frozen=True):
    """Where a server's port should be, and whether users are told that it works."""

    port_id: PortId
    host_id: HostId
    is_active: bool


def port_wishes(db: Reader) -> Sequence[PortWish]:
    """Of the ports of all servers."""
    return [
        PortWish(PortId(row.id), HostId(row.binding_host_id), row.status == "ACTIVE")
        for row in db.rows(_WISHES)
    ]


def known_hosts(db: Reader) -> frozenset[HostId]:
    """Every host that has spoken, carries gateways or has a port."""
    return frozenset(HostId(row[0]) for row in db.rows(_HOSTS))
