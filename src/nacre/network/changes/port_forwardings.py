"""Port forwardings come and go, and with the first and the last of them a floating IP's router."""

from __future__ import annotations

from collections.abc import Collection

from nacre.kernel.database import Tx
from nacre.network.changes import events, floating_ips
from nacre.network.changes.loops import FLOATING_IPS
from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.port_forwardings import PortForwarding
from nacre.network.domain.ports import Port
from nacre.network.errors import (
    BadRequest,
    FloatingIpInUse,
    PortHasBindedFloatingIP,
    SeveralGatewaysAndForwardings,
)
from nacre.network.store import port_forwardings, routers


def create(tx: Tx, floating_ip: FloatingIp, forwarding: PortForwarding, port: Port) -> None:
    """Let some ports of a locked floating IP lead to a locked port.

    Errors: FloatingIpInUse, BadRequest, PortHasBindedFloatingIP, ExternalGatewayForFloatingIPNotFound,
    SeveralGatewaysAndForwardings.
    """
    if floating_ip.port_id is not None:
        raise FloatingIpInUse(floating_ip.id, f"it leads to port {floating_ip.port_id} as a whole")
    floating_ip = _routed(tx, floating_ip, forwarding, port)
    port_forwardings.insert(tx, forwarding)
    _changed(tx, floating_ip, None, forwarding)


def update(
    tx: Tx, floating_ip: FloatingIp, before: PortForwarding, after: PortForwarding, port: Port
) -> None:
    """Change a forwarding of a locked floating IP. Errors: as for `create`."""
    floating_ip = _routed(tx, floating_ip, after, port)
    port_forwardings.update(tx, after)
    _changed(tx, floating_ip, before, after)


def delete(tx: Tx, floating_ip: FloatingIp, gone: PortForwarding) -> None:
    """Let no port of a locked floating IP lead there any more."""
    port_forwardings.remove(tx, [gone.id])
    if not port_forwardings.of_floating_ips(tx, [floating_ip.id])[floating_ip.id]:
        floating_ip = floating_ips.change(tx, floating_ip, router_id=None)
    _changed(tx, floating_ip, gone, None)


def forget_targets(tx: Tx, port_ids: Collection[str], *, addresses: Collection[str] | None = None) -> None:
    """Delete the forwardings that lead to these ports (to these of their addresses)."""
    for each in port_forwardings.of_ports(tx, port_ids):
        if addresses is None or each.internal_ip_address in addresses:
            delete(tx, routers.lock_floating_ip(tx, each.floating_ip_id), each)


def _routed(tx: Tx, floating_ip: FloatingIp, wanted: PortForwarding, port: Port) -> FloatingIp:
    """The floating IP with the router that joins it and the port: all of its forwardings go through one."""
    others = port_forwardings.of_floating_ips(tx, [floating_ip.id])[floating_ip.id]
    for other in others:
        if wanted.conflicts_with(other):
            reason = (
                "A duplicate port forwarding entry with same attributes already exists: "
                f"{other.id} forwards {other.protocol} {other.external_ports} to "
                f"{other.internal_ip_address} {other.internal_ports}"
            )
            raise BadRequest("port_forwarding", reason)
    for bound in routers.floating_ips_of_ports(tx, [port.id]):
        if bound.fixed_ip_address == wanted.internal_ip_address:
            raise PortHasBindedFloatingIP(floating_ip.id, port.id, wanted.internal_ip_address, bound.id)
    router_id = floating_ips.router_for(tx, floating_ip, port, wanted.internal_ip_address)
    if len(routers.networks_outside(tx, router_id)) > 1:
        raise SeveralGatewaysAndForwardings(router_id)
    if floating_ip.router_id == router_id:
        return floating_ip
    if any(other.id != wanted.id for other in others):
        reason = (
            f"The floating IP forwards by router {floating_ip.router_id}, which does not reach port {port.id}"
        )
        raise BadRequest("port_forwarding", reason)
    return floating_ips.change(tx, floating_ip, router_id=router_id)


def _changed(
    tx: Tx, floating_ip: FloatingIp, before: PortForwarding | None, after: PortForwarding | None
) -> None:
    events.within(tx, "floatingip", floating_ip, part="port_forwarding", before=before, after=after)
    tx.make_due(FLOATING_IPS, floating_ip.id)
