"""Floating IPs come and go, and lead here or there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from nacre.kernel.database import Tx
from nacre.kernel.ids import PortId, ProjectId, new_id
from nacre.network.changes import events
from nacre.network.changes.loops import FLOATING_IPS, make_due
from nacre.network.contract import NICS
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.fixed_ips import AddressAsk
from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.ports import DeviceOwner, Port
from nacre.network.errors import (
    BadRequest,
    ExternalGatewayForFloatingIPNotFound,
    FloatingIpInUse,
    FloatingIPPortAlreadyAssociated,
    RouterNotFound,
    RouterNotOnFloatingNetwork,
)
from nacre.network.hindrances import of_floating_ip, refuse
from nacre.network.store import port_forwardings, ports, quotas, routers, subnets


def disassociate_all(tx: Tx, port_ids: Collection[str], *, addresses: Collection[str] | None = None) -> None:
    """Let the floating IPs that lead to these ports (to these of their addresses) lead nowhere."""
    for floating_ip in routers.floating_ips_of_ports(tx, port_ids):
        if addresses is None or floating_ip.fixed_ip_address in addresses:
            change(tx, floating_ip, port_id=None, fixed_ip_address=None, router_id=None)


def change(tx: Tx, before: FloatingIp, **changes: Any) -> FloatingIp:
    """Change a floating IP."""
    after = routers.FLOATING_IPS.update(tx, before, msgspec.structs.replace(before, **changes))
    events.updated(tx, "floatingip", before, after)
    tx.make_due(FLOATING_IPS, after.id)
    if _way(before) != _way(after):
        tell_hosts(tx, (before, after))
    return after


def _way(floating_ip: FloatingIp) -> tuple[str | None, ...]:
    return floating_ip.port_id, floating_ip.fixed_ip_address, floating_ip.router_id


def tell_hosts(tx: Tx, floating_ips: Iterable[FloatingIp]) -> None:
    """Let the hosts hear of it whose guests these floating IPs lead to."""
    port_ids = {each.port_id for each in floating_ips if each.port_id}
    make_due(tx, NICS, ports.servers_plugged(tx, port_ids))


def aimed(
    tx: Tx, floating_ip: FloatingIp, port: Port, fixed_ip: str | None, *, router_id: str | None = None
) -> FloatingIp:
    """The floating IP as it leads to an address of a port, by a router that joins the two.

    `router_id` is one that somebody chose: how it reaches the port is for its routes.

    Errors: FloatingIpInUse, BadRequest, ExternalGatewayForFloatingIPNotFound, FloatingIPPortAlreadyAssociated,
    RouterNotFound, RouterNotOnFloatingNetwork.
    """
    if port_forwardings.of_floating_ips(tx, [floating_ip.id])[floating_ip.id]:
        raise FloatingIpInUse(floating_ip.id, "some of its ports are forwarded")
    fixed = _fixed_address(port, fixed_ip)
    if any(each.internal_ip_address == fixed for each in port_forwardings.of_ports(tx, [port.id])):
        raise FloatingIpInUse(
            floating_ip.id, f"another one's ports are forwarded to {fixed} of port {port.id}"
        )
    for other in routers.floating_ips_of_ports(tx, [port.id]):
        if (
            other.id != floating_ip.id
            and other.floating_network_id == floating_ip.floating_network_id
            and other.fixed_ip_address == fixed
        ):
            raise FloatingIPPortAlreadyAssociated(
                other.floating_ip_address, other.id, port.id, fixed, other.floating_network_id
            )
    return msgspec.structs.replace(
        floating_ip,
        port_id=port.id,
        fixed_ip_address=fixed,
        router_id=_chosen(tx, floating_ip, router_id)
        if router_id
        else router_for(tx, floating_ip, port, fixed),
    )


def _chosen(tx: Tx, floating_ip: FloatingIp, router_id: str) -> str:
    if not routers.hold(tx, [router_id]):
        raise RouterNotFound(router_id)
    if floating_ip.floating_network_id not in routers.networks_outside(tx, router_id):
        raise RouterNotOnFloatingNetwork(router_id, floating_ip.floating_network_id)
    return router_id


def _fixed_address(port: Port, asked: str | None) -> str:
    usable = [ip for ip in port.addresses if ip_version(ip) == 4]
    if asked is not None:
        if asked not in usable:
            raise BadRequest("floatingip", f"Port {port.id} does not have fixed ip {asked}")
        return asked
    if not usable:
        reason = f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses"
        raise BadRequest("floatingip", reason)
    if len(usable) > 1:
        reason = (
            f"Port {port.id} has multiple fixed IPv4 addresses. "
            "Must provide a specific IPv4 address when assigning a floating IP"
        )
        raise BadRequest("floatingip", reason)
    return usable[0]


def router_for(tx: Tx, floating_ip: FloatingIp, port: Port, fixed: str) -> str:
    """The router that joins the fixed address and the outside: the subnet's own gateway, if several do.

    It is held: whoever takes its way out away has done so before, or finds what leads through it now.
    Errors: ExternalGatewayForFloatingIPNotFound.
    """
    subnet_id = next(each.subnet_id for each in port.fixed_ips if each.ip_address == fixed)
    ends = (subnet_id, floating_ip.floating_network_id)
    held = routers.hold(tx, [router_id for router_id, _ in routers.joining(tx, *ends)])
    joining = [each for each in routers.joining(tx, *ends) if each[0] in held]
    if not joining:
        raise ExternalGatewayForFloatingIPNotFound(*ends, port.id)
    gateway = subnets.load(tx, subnet_id).gateway_ip
    return next((router_id for router_id, ip in joining if ip == gateway), joining[0][0])


def create(tx: Tx, floating_ip: FloatingIp, ask: AddressAsk) -> FloatingIp:
    """Take an address of an external network, kept by a port of its own. Where it leads is for `aimed`.

    Errors: OverQuota, IpAddressGenerationFailure, IpAddressAlreadyAllocated, InvalidInput, ...
    """
    from nacre.network.changes import ports as port_changes

    quotas.check_room(tx, floating_ip.project_id, "floatingip")
    port = Port(
        id=PortId(new_id()),
        network_id=floating_ip.floating_network_id,
        project_id=ProjectId(""),
        mac_address="",
        port_security_enabled=False,
        device_id=floating_ip.id,
        device_owner=DeviceOwner.FLOATING_IP,
        status="N/A",
        created_at=tx.now,
        updated_at=tx.now,
    )
    kept = port_changes.create(tx, [port_changes.NewPort(port, (ask,))])[0]
    made = msgspec.structs.replace(
        floating_ip, floating_port_id=kept.id, floating_ip_address=kept.addresses[0]
    )
    routers.FLOATING_IPS.insert(tx, [made])
    events.created(tx, "floatingip", made)
    tx.make_due(FLOATING_IPS, made.id)
    tell_hosts(tx, (made,))
    return made


def delete(tx: Tx, floating_ip: FloatingIp) -> None:
    """Give a floating IP back, with the port that kept its address. Errors: FloatingIpInUse."""
    refuse(of_floating_ip(tx, floating_ip.id))
    routers.FLOATING_IPS.remove(tx, floating_ip.id)
    ports.remove(tx, [floating_ip.floating_port_id])
    events.deleted(tx, "floatingip", floating_ip)
    tx.make_due(FLOATING_IPS, floating_ip.id)
    tell_hosts(tx, (floating_ip,))
