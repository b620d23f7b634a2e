"""Local IPs come and go, and lead to ports of hosts."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from nacre.kernel.database import Duplicate, Tx
from nacre.kernel.ids import HostId, NetworkId, PortId, ProjectId, new_id
from nacre.network.changes import events
from nacre.network.changes.loops import HOSTS, LOCAL_IPS
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.fixed_ips import AddressAsk
from nacre.network.domain.local_ips import Association, LocalIp
from nacre.network.domain.ports import DeviceOwner, FixedIp, Port
from nacre.network.errors import (
    BadRequest,
    LocalIPAssociationExists,
    LocalIPNoIP,
    LocalIPNoRequestedIP,
    LocalIPRequestedIPNotFound,
    PortInUse,
)
from nacre.network.hindrances import of_local_ip, refuse
from nacre.network.store import local_ips, ports

KIND = "local_ip"


def create(tx: Tx, local_ip: LocalIp) -> LocalIp:
    """Write a local IP whose address is kept."""
    local_ips.LOCAL_IPS.insert(tx, [local_ip])
    events.created(tx, KIND, local_ip)
    tx.make_due(LOCAL_IPS, local_ip.id)
    return local_ip


def keep_new(tx: Tx, local_ip_id: str, network_id: NetworkId, address: str | None) -> Port:
    """A new port that keeps an IPv4 address of a network. Errors: BadRequest, IpAddressAlreadyAllocated, ..."""
    from nacre.network.changes import ports as port_changes

    port = Port(
        id=PortId(new_id()),
        network_id=network_id,
        project_id=ProjectId(""),
        mac_address="",
        port_security_enabled=False,
        device_id=local_ip_id,
        device_owner=DeviceOwner.LOCAL_IP,
        status="N/A",
        created_at=tx.now,
        updated_at=tx.now,
    )
    if address is not None and ip_version(address) != 4:
        raise BadRequest(KIND, "A local IP is an IPv4 address")
    ask = AddressAsk(ip_version=4) if address is None else AddressAsk(ip_address=address)
    return port_changes.create(tx, [port_changes.NewPort(port, (ask,))])[0]


def keep_by(tx: Tx, local_ip_id: str, port: Port) -> Port:
    """Let a locked port, which nothing uses, keep its address for a local IP. Errors: PortInUse."""
    from nacre.network.changes import ports as port_changes

    if port.device_id or port.is_trusted or port.binding_host_id:
        raise PortInUse(port.id, port.network_id, port.device_id)
    kept = replace(port, device_id=local_ip_id, device_owner=str(DeviceOwner.LOCAL_IP))
    return port_changes.write(tx, port, kept)


def address_of(port: Port, asked: str | None) -> FixedIp:
    """The address of a port that is meant. Errors: LocalIPNoIP, LocalIPRequestedIPNotFound, LocalIPNoRequestedIP."""
    usable = {each.ip_address: each for each in port.fixed_ips if ip_version(each.ip_address) == 4}
    if asked is not None:
        if asked not in usable:
            raise LocalIPRequestedIPNotFound(port.id, asked)
        return usable[asked]
    if not usable:
        raise LocalIPNoIP(port.id)
    if len(usable) > 1:
        raise LocalIPNoRequestedIP(port.id)
    return next(iter(usable.values()))


def update(tx: Tx, before: LocalIp, after: LocalIp) -> LocalIp:
    """Change what people say of a locked local IP."""
    after = local_ips.LOCAL_IPS.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    return after


def delete(tx: Tx, local_ip: LocalIp) -> None:
    """Delete a locked local IP that leads nowhere; a port that somebody gave it is free again. Errors: LocalIPInUse."""
    from nacre.network.changes import ports as port_changes

    refuse(of_local_ip(tx, local_ip.id))
    local_ips.LOCAL_IPS.remove(tx, local_ip.id)
    keeper = ports.lock(tx, local_ip.local_port_id)
    if keeper.project_id:
        port_changes.write(tx, keeper, replace(keeper, device_id="", device_owner=""))
    else:
        ports.remove(tx, [keeper.id])
    events.deleted(tx, KIND, local_ip)
    tx.make_due(LOCAL_IPS, local_ip.id)


def associate(tx: Tx, local_ip: LocalIp, port: Port, asked: str | None) -> Association:
    """Let a locked local IP lead to a locked port, from the port's host.

    Errors: BadRequest, LocalIPAssociationExists, and those of `address_of`.
    """
    fixed = address_of(port, asked)
    kept = ports.load(tx, local_ip.local_port_id)
    home = next(each for each in kept.fixed_ips if each.ip_address == local_ip.local_ip_address)
    if fixed.subnet_id != home.subnet_id:
        reason = f"Address {fixed.ip_address} of port {port.id} is not on the subnet of the local IP"
        raise BadRequest("port_association", reason)
    if port.is_trusted:
        raise BadRequest("port_association", f"Port {port.id} is not that of a guest")
    made = Association(
        local_ip_id=local_ip.id,
        fixed_port_id=port.id,
        fixed_ip=fixed.ip_address,
        host_id=port.binding_host_id,
    )
    try:
        local_ips.insert(tx, made)
    except Duplicate as problem:
        raise LocalIPAssociationExists(local_ip.id, port.id) from problem
    events.within(tx, KIND, local_ip, part="port_association", before=None, after=made)
    _make_due(tx, [made])
    return made


def dissociate(tx: Tx, local_ip: LocalIp, gone: Association) -> None:
    """Let a locked local IP lead to a port no longer."""
    local_ips.remove(tx, gone)
    events.within(tx, KIND, local_ip, part="port_association", before=gone, after=None)
    _make_due(tx, [gone])


def forget_targets(tx: Tx, port_ids: Collection[str], *, addresses: Collection[str] | None = None) -> None:
    """Let local IPs lead to these ports (to these of their addresses) no longer."""
    gone = local_ips.forget_ports(tx, port_ids)
    for each in gone:
        if addresses is not None and each.fixed_ip not in addresses:
            local_ips.insert(tx, each)
    _make_due(tx, gone)


def rebind(tx: Tx, port_ids: Collection[str], host_id: HostId) -> None:
    """Ports are on another host from now on: what leads to them is in force there, and not where they were."""
    moved = local_ips.not_on(tx, port_ids, host_id)
    if moved:
        local_ips.rebind(tx, port_ids, host_id)
        _make_due(tx, [*moved, *(replace(each, host_id=host_id) for each in moved)])


def _make_due(tx: Tx, changed: Iterable[Association]) -> None:
    for each in changed:
        tx.make_due(LOCAL_IPS, each.local_ip_id)
        if each.host_id:
            local_ips.note_host(tx, each.host_id)
            tx.make_due(HOSTS, each.host_id)
