"""Ports, as rows, with their addresses and security groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.ids import SecurityGroupId
from nacre.kernel.texts import texts
from nacre.network.domain.ports import DeviceOwner, FixedIp, IpAllocation, Port, Slot
from nacre.network.errors import PortNotFound
from nacre.network.store.addresses import given_back
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import (
    FLOATING_IP,
    NETWORK,
    PORT,
    PORT_ADDRESS,
    PORT_SECURITY_GROUP,
    SUBNET,
    TRUNK,
    TRUNK_SUBPORT,
)

PORTS = Shelf(PORT, Port)

_ADDRESSES = (
    sa.select(PORT_ADDRESS.c.port_id, PORT_ADDRESS.c.subnet_id, PORT_ADDRESS.c.ip)
    .where(PORT_ADDRESS.c.port_id.in_(texts("ids")))
    .order_by(PORT_ADDRESS.c.port_id, PORT_ADDRESS.c.place)
)
_GROUPS = (
    sa.select(PORT_SECURITY_GROUP.c.port_id, PORT_SECURITY_GROUP.c.security_group_id)
    .where(PORT_SECURITY_GROUP.c.port_id.in_(texts("ids")))
    .order_by(PORT_SECURITY_GROUP.c.port_id, PORT_SECURITY_GROUP.c.security_group_id)
)
_SOME = PORTS.all.where(PORT.c.id.in_(texts("ids")))
_OF_DEVICES = PORTS.all.where(PORT.c.device_id.in_(texts("ids"))).order_by(
    PORT.c.device_id, PORT.c.place, PORT.c.created_at, PORT.c.id
)
_NICS = _OF_DEVICES.add_columns(PORT.c.place, PORT.c.nic_tag)
_LOCK_NICS = _OF_DEVICES.add_columns(PORT.c.made_for_server).with_for_update()
_NEXT_PLACE = sa.select(sa.func.coalesce(sa.func.max(PORT.c.place) + 1, 0)).where(
    PORT.c.device_id == sa.bindparam("server_id")
)
_OF_NETWORK = sa.select(PORT.c.id).where(PORT.c.network_id == sa.bindparam("network_id"))
_NAMED_ON = _OF_NETWORK.where(PORT.c.dns_name != "")
_WITH_OWN_DHCP = _OF_NETWORK.where(PORT.c.extra_dhcp_opts != ())
_OWNED_ON = PORTS.all.where(PORT.c.network_id.in_(texts("ids")), PORT.c.device_owner == sa.bindparam("owner"))
_WITH_ADDRESS = (
    sa.select(PORT_ADDRESS.c.ip, PORT.c.id, PORT.c.device_owner)
    .join(PORT, PORT.c.id == PORT_ADDRESS.c.port_id)
    .where(PORT_ADDRESS.c.subnet_id == sa.bindparam("subnet_id"))
)
_MACS = sa.select(PORT.c.network_id, PORT.c.mac_address).where(
    PORT.c.network_id.in_(texts("ids")),
    PORT.c.mac_address.in_(texts("macs")),
)
_IN_GROUPS = sa.select(PORT_SECURITY_GROUP.c.port_id).where(
    PORT_SECURITY_GROUP.c.security_group_id == sa.bindparam("group_id")
)
_MADE_FOR_SERVER = sa.select(PORT.c.made_for_server).where(PORT.c.id == sa.bindparam("id"))
_INSERT_ADDRESS = sa.insert(PORT_ADDRESS)
_INSERT_GROUP = sa.insert(PORT_SECURITY_GROUP)
_FORGET_ADDRESSES = (
    sa.delete(PORT_ADDRESS)
    .where(PORT_ADDRESS.c.port_id.in_(texts("ids")))
    .returning(PORT_ADDRESS.c.subnet_id, PORT_ADDRESS.c.ip)
)
_FORGET_GROUPS = sa.delete(PORT_SECURITY_GROUP).where(PORT_SECURITY_GROUP.c.port_id.in_(texts("ids")))
_FORGET = sa.delete(PORT).where(PORT.c.id.in_(texts("ids")))
_REPORT = (
    sa.update(PORT)
    .where(PORT.c.id == sa.bindparam("port_id"), PORT.c.binding_host_id == sa.bindparam("host_id"))
    .where(PORT.c.status != sa.bindparam("new_status"))
    .values(status=sa.bindparam("new_status"))
)
_SET_STATUS = (
    sa.update(PORT)
    .where(PORT.c.id == sa.bindparam("port_id"), PORT.c.status != sa.bindparam("new_status"))
    .values(status=sa.bindparam("new_status"))
)
_BIND = (
    sa.update(PORT)
    .where(PORT.c.device_id == sa.bindparam("server_id"), PORT.c.binding_host_id != sa.bindparam("new_host"))
    .values(
        binding_host_id=sa.bindparam("new_host"),
        status="DOWN",
        revision_number=PORT.c.revision_number + 1,
        updated_at=sa.bindparam("now"),
    )
    .returning(PORT.c.id, PORT.c.ip_allocation)
)
_BIND_ONE = _BIND.where(PORT.c.id == sa.bindparam("port_id"))
_OWN = sa.select(PORT.c.id).where(PORT.c.device_id == sa.bindparam("device_id"))
_CARRIED = (
    sa.select(TRUNK_SUBPORT.c.port_id)
    .join(TRUNK, TRUNK.c.id == TRUNK_SUBPORT.c.trunk_id)
    .where(TRUNK.c.port_id.in_(_OWN))
)
OWN_AND_CARRIED = _OWN.union_all(_CARRIED)
"""The ports of the device `device_id`, and those below them in trunks."""

_ROUTED_NICS = sa.select(PORT.c.id).where(
    PORT.c.id.in_(OWN_AND_CARRIED),
    sa.exists().where(SUBNET.c.network_id == PORT.c.network_id, SUBNET.c.segment_id.is_not(None)),
)
_FIXED_OF_DEVICES = (
    sa.select(PORT.c.device_id, PORT.c.id, NETWORK.c.name, PORT.c.mac_address, PORT_ADDRESS.c.ip)
    .join(NETWORK, NETWORK.c.id == PORT.c.network_id)
    .join(PORT_ADDRESS, PORT_ADDRESS.c.port_id == PORT.c.id)
    .where(PORT.c.device_id.in_(texts("ids")))
    .order_by(PORT.c.device_id, PORT.c.place, PORT.c.created_at, PORT.c.id, PORT_ADDRESS.c.place)
)
# In one order, so that two who make the same servers due never wait for each other in a ring.
_SERVERS_PLUGGED = (
    sa.select(PORT.c.device_id)
    .where(PORT.c.id.in_(texts("ids")), PORT.c.device_owner.startswith("compute:"))
    .where(PORT.c.binding_host_id != "")
    .order_by(PORT.c.device_id)
)
_FLOATING_OF_DEVICES = (
    sa.select(FLOATING_IP.c.port_id, FLOATING_IP.c.fixed_ip_address, FLOATING_IP.c.floating_ip_address)
    .join(PORT, PORT.c.id == FLOATING_IP.c.port_id)
    .where(PORT.c.device_id.in_(texts("ids")))
    .order_by(FLOATING_IP.c.floating_ip_address)
)


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The ports a project may know of: its own, and all on its networks."""
    own = sa.select(NETWORK.c.id).where(NETWORK.c.project_id == project_id)
    return sa.or_(PORT.c.project_id == project_id, PORT.c.network_id.in_(own))


# -- reading -----------------------------------------------------------------------------------------------


def whole(db: Reader, rows: Sequence[AnyRow]) -> list[Port]:
    """The ports of rows that begin with the columns of `PORTS`: two more statements, however many there are."""
    ids = [row[0] for row in rows]
    if not ids:
        return []
    addresses: dict[str, list[FixedIp]] = defaultdict(list)
    for port_id, subnet_id, ip in db.rows(_ADDRESSES, ids=ids):
        addresses[port_id].append(FixedIp(subnet_id, ip))
    groups: dict[str, list[SecurityGroupId]] = defaultdict(list)
    for port_id, group_id in db.rows(_GROUPS, ids=ids):
        groups[port_id].append(group_id)
    return [
        PORTS.of(row, fixed_ips=addresses.get(row[0], ()), security_groups=groups.get(row[0], ()))
        for row in rows
    ]


def some(db: Reader, port_ids: Collection[str]) -> Mapping[str, Port]:
    """Those of the ports that exist, by id."""
    found = whole(db, db.rows(_SOME, ids=list(port_ids))) if port_ids else []
    return {port.id: port for port in found}


def find(db: Reader, port_id: str) -> Port | None:
    """A port, or None."""
    return some(db, [port_id]).get(port_id)


def find_bare(db: Reader, port_id: str) -> Port | None:
    """A port without its addresses and groups, or None."""
    return PORTS.find(db, port_id)


def load(db: Reader, port_id: str) -> Port:
    """A port. Raises PortNotFound."""
    port = find(db, port_id)
    if port is None:
        raise PortNotFound(port_id)
    return port


def lock_some(tx: Tx, port_ids: Collection[str]) -> Mapping[str, Port]:
    """Those of the ports that exist; nobody else changes them before this transaction ends."""
    rows = tx.rows(_SOME.order_by(PORT.c.id).with_for_update(), ids=list(port_ids)) if port_ids else ()
    return {port.id: port for port in whole(tx, rows)}


def lock(tx: Tx, port_id: str) -> Port:
    """A port that nobody else changes before this transaction ends. Raises PortNotFound."""
    port = lock_some(tx, [port_id]).get(port_id)
    if port is None:
        raise PortNotFound(port_id)
    return port


def of_devices(db: Reader, device_ids: Collection[str]) -> Mapping[str, list[Port]]:
    """The ports of servers or routers, in the order in which they were asked for."""
    found: dict[str, list[Port]] = {device_id: [] for device_id in device_ids}
    for port in whole(db, db.rows(_OF_DEVICES, ids=list(device_ids)) if device_ids else ()):
        found[port.device_id].append(port)
    return found


def lock_device(tx: Tx, device_id: str) -> list[Port]:
    """The ports of one device, in order; nobody else changes them before this transaction ends."""
    return whole(tx, tx.rows(_OF_DEVICES.with_for_update(), ids=[device_id]))


def nics_of(db: Reader, server_ids: Collection[str]) -> Mapping[str, list[tuple[Port, Slot]]]:
    """The ports of servers, each with its slot, in order."""
    found: dict[str, list[tuple[Port, Slot]]] = {server_id: [] for server_id in server_ids}
    rows = db.rows(_NICS, ids=list(server_ids)) if server_ids else ()
    for port, row in zip(whole(db, rows), rows, strict=True):
        found[port.device_id].append((port, Slot(place=row[-2], tag=row[-1])))
    return found


def next_place(db: Reader, server_id: str) -> int:
    """The place of the next interface of a server."""
    place: int = db.scalar(_NEXT_PLACE, server_id=server_id)
    return place


def lock_nics(tx: Tx, server_id: str) -> list[tuple[Port, bool]]:
    """The ports of a server, in order, and whether they came into being with it and go with it.

    Nobody else changes them before this transaction ends.
    """
    rows = tx.rows(_LOCK_NICS, ids=[server_id])
    return [(port, bool(row[-1])) for port, row in zip(whole(tx, rows), rows, strict=True)]


def ids_named(db: Reader, network_id: str) -> list[str]:
    """The ports of a network that have a name."""
    return [row[0] for row in db.rows(_NAMED_ON, network_id=network_id)]


def ids_with_own_dhcp(db: Reader, network_id: str) -> list[str]:
    """The ports of a network that are told more by DHCP than its others."""
    return [row[0] for row in db.rows(_WITH_OWN_DHCP, network_id=network_id)]


def owned_on(db: Reader, network_ids: Collection[str], owner: DeviceOwner) -> list[Port]:
    """The ports of one kind of owner on networks."""
    rows = db.rows(_OWNED_ON, ids=list(network_ids), owner=str(owner)) if network_ids else ()
    return whole(db, rows)


def of_network(db: Reader, network_id: str) -> list[Port]:
    """All ports of a network."""
    rows = db.rows(PORTS.all.where(PORT.c.network_id == network_id).order_by(PORT.c.id))
    return whole(db, rows)


def addresses_from(db: Reader, subnet_id: str) -> list[tuple[str, str, str]]:
    """Address, port and device owner of every address in use of a subnet."""
    return [tuple(row) for row in db.rows(_WITH_ADDRESS, subnet_id=subnet_id)]


def used_macs(db: Reader, network_ids: Collection[str], macs: Collection[str]) -> frozenset[tuple[str, str]]:
    """Pairs of network and MAC that some port has."""
    rows = db.rows(_MACS, ids=list(network_ids), macs=list(macs)) if macs else ()
    return frozenset((row[0], row[1]) for row in rows)


def ids_in_group(db: Reader, group_id: str) -> list[str]:
    """The ports in a security group."""
    return [row[0] for row in db.rows(_IN_GROUPS, group_id=group_id)]


def is_made_for_server(db: Reader, port_id: str) -> bool:
    """Whether a port came with its server, and goes with it."""
    return bool(db.scalar(_MADE_FOR_SERVER, id=port_id))


def servers_plugged(db: Reader, port_ids: Collection[str]) -> list[str]:
    """The servers that have these ports on a host; see `Port.is_plugged`."""
    return [row[0] for row in db.rows(_SERVERS_PLUGGED, ids=list(port_ids))] if port_ids else []


def fixed_of_devices(db: Reader, device_ids: Collection[str]) -> Sequence[AnyRow]:
    """Device, port, network's name, MAC and address of every address of devices, in order."""
    return db.rows(_FIXED_OF_DEVICES, ids=list(device_ids)) if device_ids else ()


def floating_of_devices(db: Reader, device_ids: Collection[str]) -> Sequence[AnyRow]:
    """Port, fixed address and floating IP of every floating IP that leads to devices."""
    return db.rows(_FLOATING_OF_DEVICES, ids=list(device_ids)) if device_ids else ()


# -- writing -----------------------------------------------------------------------------------------------


def insert(
    tx: Tx, ports: Sequence[Port], *, made_for_server: bool = False, slots: Sequence[Slot] = ()
) -> None:
    """Write new ports: three statements, however many there are. Raises Duplicate.

    `slots` are theirs among the interfaces of a server.
    """
    PORTS.insert_rows(
        tx,
        [
            PORTS.row_of(port) | {"made_for_server": made_for_server} | beside(slot)
            for port, slot in zip(ports, slots or [Slot()] * len(ports), strict=True)
        ],
    )
    _write_addresses(tx, ports)
    _write_groups(tx, ports)


def beside(slot: Slot) -> dict[str, Any]:
    """The columns that a port's slot is kept in."""
    return {"place": slot.place, "nic_tag": slot.tag}


def _write_addresses(tx: Tx, ports: Iterable[Port]) -> None:
    tx.execute_many(
        _INSERT_ADDRESS,
        [
            {"subnet_id": fixed.subnet_id, "ip": fixed.ip_address, "port_id": port.id, "place": place}
            for port in ports
            for place, fixed in enumerate(port.fixed_ips)
        ],
    )


def _write_groups(tx: Tx, ports: Iterable[Port]) -> None:
    tx.execute_many(
        _INSERT_GROUP,
        [
            {"port_id": port.id, "security_group_id": group_id}
            for port in ports
            for group_id in dict.fromkeys(port.security_groups)
        ],
    )


def update(tx: Tx, before: Port, after: Port, **beside: Any) -> Port:
    """Write what differs, addresses and groups included; the port as it is from now on. Raises Duplicate."""
    if before.fixed_ips != after.fixed_ips:
        _forget_addresses(tx, [before.id])
        _write_addresses(tx, [after])
    if set(before.security_groups) != set(after.security_groups):
        tx.execute(_FORGET_GROUPS, ids=[before.id])
        _write_groups(tx, [after])
    return PORTS.update(tx, before, after, **beside)


def remove(tx: Tx, port_ids: Collection[str]) -> None:
    """Delete ports with their addresses; absent is success."""
    if port_ids:
        _forget_addresses(tx, port_ids)
        for statement in (_FORGET_GROUPS, _FORGET):
            tx.execute(statement, ids=list(port_ids))


def _forget_addresses(tx: Tx, port_ids: Collection[str]) -> None:
    given_back((row[0], row[1]) for row in tx.rows(_FORGET_ADDRESSES, ids=list(port_ids)))


def bind(tx: Tx, server_id: str, host_id: str, *, only: str | None = None) -> dict[str, IpAllocation]:
    """Bind the ports of a server, or one of them, to a host.

    Gives those that were not bound to it before, and when they get addresses.
    """
    if only is None:
        rows = tx.rows(_BIND, server_id=server_id, new_host=host_id, now=tx.now)
    else:
        rows = tx.rows(_BIND_ONE, server_id=server_id, new_host=host_id, now=tx.now, port_id=only)
    return {row[0]: IpAllocation(row[1]) for row in rows}


def routed_nics(db: Reader, server_id: str) -> Mapping[str, Port]:
    """The ports of a server, and those they carry, on networks whose subnets are each of one segment; by id."""
    return some(db, [row[0] for row in db.rows(_ROUTED_NICS, device_id=server_id)])


def report(tx: Tx, host_id: str, statuses: Mapping[str, str]) -> None:
    """Write what a host says of its own ports; what it says of others is not heard."""
    tx.execute_many(
        _REPORT,
        [
            {"port_id": port_id, "host_id": host_id, "new_status": status}
            for port_id, status in statuses.items()
        ],
    )


def set_status(tx: Tx, port_id: str, status: str) -> None:
    """Write the status of a port of the cloud itself."""
    tx.execute(_SET_STATUS, port_id=port_id, new_status=status)


def replaced(port: Port, **changes: Any) -> Port:
    """The port with some fields changed."""
    return msgspec.structs.replace(port, **changes)
