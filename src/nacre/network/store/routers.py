"""Routers and floating IPs, as rows. What a router's gateway has in addresses is told by its port."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.ids import SubnetId
from nacre.kernel.texts import texts
from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.ports import DeviceOwner, FixedIp
from nacre.network.domain.routers import ExternalGateway, Router
from nacre.network.errors import FloatingIPNotFound, RouterNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import (
    FLOATING_IP,
    FURTHER_GATEWAY,
    NETWORK,
    PORT,
    PORT_ADDRESS,
    ROUTER,
    IpAddress,
)

ROUTERS = Shelf(ROUTER, Router)
FLOATING_IPS = Shelf(FLOATING_IP, FloatingIp)

ROUTER_ROWS = ROUTERS.all.add_columns(
    ROUTER.c.gateway_qos_policy_id,
    ROUTER.c.gateway_network_id,
    ROUTER.c.gateway_port_id,
    ROUTER.c.enable_snat,
)
_GATEWAY_COLUMNS = ("gateway_qos_policy_id", "gateway_network_id", "gateway_port_id", "enable_snat")
_SOME = ROUTER_ROWS.where(ROUTER.c.id.in_(texts("ids")))
_HOLD = (
    sa.select(ROUTER.c.id)
    .where(ROUTER.c.id.in_(texts("ids")))
    .order_by(ROUTER.c.id)
    .with_for_update(read=True, key_share=True)
)
_GATEWAY_ADDRESSES = (
    sa.select(PORT_ADDRESS.c.port_id, PORT_ADDRESS.c.subnet_id, PORT_ADDRESS.c.ip)
    .where(PORT_ADDRESS.c.port_id.in_(texts("ids")))
    .order_by(PORT_ADDRESS.c.port_id, PORT_ADDRESS.c.place)
)
_FURTHER = (
    sa.select(
        FURTHER_GATEWAY.c.router_id,
        FURTHER_GATEWAY.c.qos_policy_id,
        FURTHER_GATEWAY.c.network_id,
        FURTHER_GATEWAY.c.port_id,
        FURTHER_GATEWAY.c.enable_snat,
    )
    .where(FURTHER_GATEWAY.c.router_id.in_(texts("ids")))
    .order_by(FURTHER_GATEWAY.c.router_id, FURTHER_GATEWAY.c.place)
)
_INSERT_FURTHER = sa.insert(FURTHER_GATEWAY)
_FORGET_FURTHER = sa.delete(FURTHER_GATEWAY).where(FURTHER_GATEWAY.c.router_id == sa.bindparam("router_id"))
SET_GATEWAY = (
    sa.update(ROUTER)
    .where(ROUTER.c.id == sa.bindparam("router_id"))
    .values({name: sa.bindparam(name) for name in _GATEWAY_COLUMNS})
)
_FLOATING_OF_PORTS = FLOATING_IPS.all.where(FLOATING_IP.c.port_id.in_(texts("ids"))).order_by(
    FLOATING_IP.c.floating_ip_address
)
_FLOATING_OF_ROUTER = FLOATING_IPS.all.where(FLOATING_IP.c.router_id == sa.bindparam("router_id"))
_UNUSED_FROM = FLOATING_IPS.all.where(
    FLOATING_IP.c.floating_network_id == sa.bindparam("network_id"), FLOATING_IP.c.port_id.is_(None)
)
_OWNERS = (str(DeviceOwner.ROUTER_GATEWAY), str(DeviceOwner.ROUTER_INTERFACE))
_DOOR = PORT.alias("door")
_JOINING = (
    sa.select(ROUTER.c.id, PORT_ADDRESS.c.ip)
    .join(PORT, PORT.c.device_id == ROUTER.c.id)
    .join(PORT_ADDRESS, PORT_ADDRESS.c.port_id == PORT.c.id)
    .where(PORT.c.device_owner == str(DeviceOwner.ROUTER_INTERFACE))
    .where(PORT_ADDRESS.c.subnet_id == sa.bindparam("subnet_id"))
    .where(
        sa.exists().where(
            _DOOR.c.device_id == ROUTER.c.id,
            _DOOR.c.id != PORT.c.id,
            _DOOR.c.network_id == sa.bindparam("network_id"),
            _DOOR.c.device_owner.in_(_OWNERS),
        )
    )
    .order_by(ROUTER.c.id)
)
_HAVING = (
    sa.select(PORT.c.device_id)
    .join(PORT_ADDRESS, PORT_ADDRESS.c.port_id == PORT.c.id)
    .where(PORT_ADDRESS.c.subnet_id.in_(texts("ids")))
    .where(PORT_ADDRESS.c.ip == sa.bindparam("ip", type_=IpAddress()))
    .where(PORT.c.device_owner.in_(_OWNERS))
)
_DOORS = (
    sa.select(PORT.c.id)
    .join(NETWORK, NETWORK.c.id == PORT.c.network_id)
    .where(NETWORK.c.router_external, PORT.c.device_owner.in_(_OWNERS))
)
_DOORS_OF = (
    sa.select(PORT.c.device_id, PORT.c.network_id)
    .join(NETWORK, NETWORK.c.id == PORT.c.network_id)
    .where(NETWORK.c.router_external, PORT.c.device_owner.in_(_OWNERS))
    .where(PORT.c.device_id == sa.bindparam("router_id"))
)


def having(db: Reader, ip: str, subnet_ids: Collection[str]) -> list[str]:
    """The routers that have an address of one of these subnets."""
    return [row[0] for row in db.rows(_HAVING, ip=ip, ids=list(subnet_ids))] if subnet_ids else []


def doors(db: Reader) -> list[str]:
    """The ports by which routers meet the outside."""
    return [row[0] for row in db.rows(_DOORS)]


def networks_outside(db: Reader, router_id: str) -> list[str]:
    """The external networks that a router is on, once for each port it has there."""
    return [row[1] for row in db.rows(_DOORS_OF, router_id=router_id)]


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The routers a project may know of: its own."""
    return ROUTER.c.project_id == project_id


def floating_ips_seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The floating IPs a project may know of: its own."""
    return FLOATING_IP.c.project_id == project_id


def whole(db: Reader, rows: Sequence[AnyRow]) -> list[Router]:
    """The routers of rows of ROUTER_ROWS: two more statements, however many there are."""
    with_gateways = [row[0] for row in rows if row[-2]]
    further: dict[str, list[AnyRow]] = {router_id: [] for router_id in with_gateways}
    for row in db.rows(_FURTHER, ids=with_gateways) if with_gateways else ():
        further[row[0]].append(row)
    port_ids = [row[-2] for row in rows if row[-2]] + [row[-2] for each in further.values() for row in each]
    addresses: dict[str, list[FixedIp]] = {port_id: [] for port_id in port_ids}
    for port_id, subnet_id, ip in db.rows(_GATEWAY_ADDRESSES, ids=port_ids) if port_ids else ():
        addresses[port_id].append(FixedIp(SubnetId(subnet_id), ip))
    return [
        ROUTERS.of(
            row,
            external_gateway_info=_gateway(row, addresses) if row[-2] else None,
            further_gateways=tuple(_gateway(each, addresses) for each in further.get(row[0], ())),
        )
        for row in rows
    ]


def _gateway(row: AnyRow, addresses: Mapping[str, Sequence[FixedIp]]) -> ExternalGateway:
    qos_policy_id, network_id, port_id, enable_snat = row[-4:]
    return ExternalGateway(
        network_id=network_id,
        port_id=port_id,
        enable_snat=enable_snat,
        qos_policy_id=qos_policy_id,
        external_fixed_ips=tuple(addresses[port_id]),
    )


def find(db: Reader, router_id: str) -> Router | None:
    """A router, or None."""
    return next(iter(whole(db, db.rows(_SOME, ids=[router_id]))), None)


def load(db: Reader, router_id: str) -> Router:
    """A router. Raises RouterNotFound."""
    router = find(db, router_id)
    if router is None:
        raise RouterNotFound(router_id)
    return router


def lock(tx: Tx, router_id: str) -> Router:
    """A router that nobody else changes before this transaction ends. Raises RouterNotFound."""
    routers = whole(tx, tx.rows(_SOME.with_for_update(), ids=[router_id]))
    if not routers:
        raise RouterNotFound(router_id)
    return routers[0]


def hold(tx: Tx, router_ids: Collection[str]) -> frozenset[str]:
    """Those of the routers that exist. Until this transaction ends none changes, and others may hold them too.

    Ports of guests are locked before routers are, and addresses are taken after: in another order two may wait for
    each other.
    """
    return frozenset(row[0] for row in tx.rows(_HOLD, ids=list(router_ids))) if router_ids else frozenset()


def gateway_columns(gateway: ExternalGateway | None) -> dict[str, Any]:
    """The columns that hold a router's gateway."""
    return {
        "gateway_network_id": gateway.network_id if gateway else None,
        "gateway_port_id": gateway.port_id if gateway else None,
        "enable_snat": gateway.enable_snat if gateway else True,
        "gateway_qos_policy_id": gateway.qos_policy_id if gateway else None,
    }


def remove(tx: Tx, router_id: str) -> None:
    """Delete a router with all that is written of its ways out; not their ports."""
    tx.execute(_FORGET_FURTHER, router_id=router_id)
    ROUTERS.remove(tx, router_id)


def put_further(tx: Tx, router_id: str, gateways: Sequence[ExternalGateway]) -> None:
    """Write the ways out that a router has besides the first, over those it had."""
    tx.execute(_FORGET_FURTHER, router_id=router_id)
    tx.execute_many(
        _INSERT_FURTHER,
        [
            {
                "port_id": each.port_id,
                "router_id": router_id,
                "network_id": each.network_id,
                "enable_snat": each.enable_snat,
                "qos_policy_id": each.qos_policy_id,
                "place": place,
            }
            for place, each in enumerate(gateways)
        ],
    )


def joining(db: Reader, subnet_id: str, network_id: str) -> list[tuple[str, str]]:
    """The routers that join a subnet and an external network, with their addresses in the subnet."""
    return [(row[0], row[1]) for row in db.rows(_JOINING, subnet_id=subnet_id, network_id=network_id)]


def lock_floating_ip(tx: Tx, floating_ip_id: str) -> FloatingIp:
    """A floating IP that nobody else changes before this transaction ends. Raises FloatingIPNotFound."""
    found = FLOATING_IPS.lock(tx, floating_ip_id)
    if found is None:
        raise FloatingIPNotFound(floating_ip_id)
    return found


def floating_ips_of_ports(db: Reader, port_ids: Collection[str]) -> list[FloatingIp]:
    """The floating IPs that lead to ports."""
    return (
        [FLOATING_IPS.of(row) for row in db.rows(_FLOATING_OF_PORTS, ids=list(port_ids))] if port_ids else []
    )


def floating_ips_of_router(db: Reader, router_id: str) -> list[FloatingIp]:
    """The floating IPs whose traffic a router carries."""
    return [FLOATING_IPS.of(row) for row in db.rows(_FLOATING_OF_ROUTER, router_id=router_id)]


def unused_floating_ips(db: Reader, network_id: str) -> list[FloatingIp]:
    """The floating IPs of an external network that lead nowhere as a whole."""
    return [FLOATING_IPS.of(row) for row in db.rows(_UNUSED_FROM, network_id=network_id)]


def lock_unused_floating_ips(tx: Tx, network_id: str) -> list[FloatingIp]:
    """The same, which nobody else changes before this transaction ends."""
    return [FLOATING_IPS.of(row) for row in tx.rows(_UNUSED_FROM.with_for_update(), network_id=network_id)]
