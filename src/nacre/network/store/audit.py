"""What an audit reads of all ports and hosts: a few columns, in one statement each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.ids import HostId, PortId
from nacre.network.store.tables import (
    GATEWAY_HOST,
    HOST_WIRE,
    NETWORK_AGENT,
    NETWORK_SEGMENT,
    PORT,
    PORT_ADDRESS,
    SUBNET,
)

_WISHES = sa.select(PORT.c.id, PORT.c.binding_host_id, PORT.c.status).where(
    PORT.c.device_owner.like("compute:%")
)
_HOSTS = sa.union(
    sa.select(NETWORK_AGENT.c.host_id),
    sa.select(GATEWAY_HOST.c.host_id),
    sa.select(PORT.c.binding_host_id),
)


_HEARD = sa.select(NETWORK_AGENT.c.host_id)
_PLUGGED = sa.and_(PORT.c.binding_host_id.in_(_HEARD), sa.not_(PORT.c.device_owner.startswith("network:")))
_ANY = NETWORK_SEGMENT.alias("any_segment")


def _is_on(wire: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether the host of a port says that it is on a physical network."""
    return sa.exists().where(
        HOST_WIRE.c.host_id == PORT.c.binding_host_id, HOST_WIRE.c.physical_network == wire
    )


_OFF_WIRE = sa.select(PORT.c.id, PORT.c.binding_host_id, NETWORK_SEGMENT.c.physical_network).where(_PLUGGED)
_OFF_NETWORK = (
    _OFF_WIRE.join(NETWORK_SEGMENT, NETWORK_SEGMENT.c.network_id == PORT.c.network_id)
    .where(
        ~sa.exists().where(
            _ANY.c.network_id == PORT.c.network_id,
            sa.or_(_ANY.c.physical_network.is_(None), _is_on(_ANY.c.physical_network)),
        )
    )
    .order_by(PORT.c.id, NETWORK_SEGMENT.c.place)
)
_OFF_SEGMENT = (
    _OFF_WIRE.join(PORT_ADDRESS, PORT_ADDRESS.c.port_id == PORT.c.id)
    .join(SUBNET, SUBNET.c.id == PORT_ADDRESS.c.subnet_id)
    .join(NETWORK_SEGMENT, NETWORK_SEGMENT.c.id == SUBNET.c.segment_id)
    .where(NETWORK_SEGMENT.c.physical_network.is_not(None), ~_is_on(NETWORK_SEGMENT.c.physical_network))
    .order_by(PORT.c.id, PORT_ADDRESS.c.place)
)


class OffWire(msgspec.Struct, frozen=True):
    """A port whose host is on none of the physical networks by which its network, or its addresses, can be had."""

    port_id: PortId
    host_id: HostId
    wires: tuple[str, ...]


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


def ports_off_wire(db: Reader) -> Sequence[OffWire]:
    """Of all that are plugged on hosts that have spoken. Where subnets are bound to segments, those count."""
    found: dict[str, OffWire] = {}
    for statement in (_OFF_NETWORK, _OFF_SEGMENT):
        wires: dict[tuple[str, str], dict[str, None]] = {}
        for port_id, host_id, wire in db.rows(statement):
            wires.setdefault((port_id, host_id), {})[wire] = None
        for (port_id, host_id), every in wires.items():
            found[port_id] = OffWire(PortId(port_id), HostId(host_id), tuple(every))
    return list(found.values())


def known_hosts(db: Reader) -> frozenset[HostId]:
    """Every host that has spoken, carries gateways or has a port."""
    return frozenset(HostId(row[0]) for row in db.rows(_HOSTS))
