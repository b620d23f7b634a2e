"""Routers come and go, join networks, and find and lose their way out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nacre.kernel.database import Tx
from nacre.kernel.ids import PortId, new_id
from nacre.network.changes import events, floating_ips, gateways, routes
from nacre.network.changes import ports as port_changes
from nacre.network.changes.gateways import GatewayAsk
from nacre.network.changes.loops import FLOATING_IPS, NDP_PROXIES, PORTS, ROUTERS, make_due
from nacre.network.changes.ndp_proxies import outside_scopes
from nacre.network.changes.ports import NewPort
from nacre.network.domain.addresses import ip_version, overlaps
from nacre.network.domain.fixed_ips import AddressAsk
from nacre.network.domain.ports import DeviceOwner, Port
from nacre.network.domain.routers import Router
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import (
    BadRequest,
    PortInUse,
    RouterGatewayInUseByNDPProxy,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    SeveralGatewaysAndForwardings,
)
from nacre.network.hindrances import of_leg, of_router, of_ways_out, refuse
from nacre.network.store import (
    ndp_proxies,
    networks,
    ports,
    quotas,
    routers,
)


def create(tx: Tx, router: Router, gateway: GatewayAsk | None) -> Router:
    """Make a router. Errors: OverQuota, NetworkNotFound, BadRequest, IpAddressGenerationFailure, ..."""
    quotas.check_room(tx, router.project_id, "router")
    routers.ROUTERS.insert(tx, [router], **routers.gateway_columns(None))
    if gateway is not None:
        router = gateways.with_more(tx, router, [gateway])
        gateways.write(tx, router)
    events.created(tx, "router", router)
    tx.make_due(ROUTERS, router.id)
    return router


def update(tx: Tx, before: Router, after: Router) -> Router:
    """Change a locked router; its ways out are from `changes.gateways`.

    Errors: BadRequest, InvalidRoutes, RouterExternalGatewayInUseByFloatingIp, SeveralGatewaysAndForwardings,
    RouterGatewayInUseByNDPProxy.
    """
    _check_down(before, after)
    if before.routes != after.routes:
        routes.check(tx, after)
    if before.gateways != after.gateways:
        after = _with_ndp_proxies(tx, after)
    after = routers.ROUTERS.update(tx, before, after)
    if before.gateways != after.gateways:
        gateways.let_go(tx, before, after)
        _check_floating_ips(tx, before, after)
    events.updated(tx, "router", before, after)
    tx.make_due(ROUTERS, after.id)
    if (before.gateways, *_kind(before)) != (after.gateways, *_kind(after)):
        make_due(tx, PORTS, (port.id for port in ports.of_devices(tx, [after.id])[after.id]))
        _make_translations_due(tx, after)
        if before.distributed != after.distributed:
            floating_ips.tell_hosts(tx, routers.floating_ips_of_router(tx, after.id))
    elif before.enable_ndp_proxy != after.enable_ndp_proxy:
        _make_translations_due(tx, after)
    return after


def _make_translations_due(tx: Tx, router: Router) -> None:
    make_due(tx, FLOATING_IPS, (each.id for each in routers.floating_ips_of_router(tx, router.id)))
    make_due(tx, NDP_PROXIES, (each.id for each in ndp_proxies.of_router(tx, router.id)))


def _with_ndp_proxies(tx: Tx, router: Router) -> Router:
    """The router as it answers for others: not if no way out is left for that. Raises RouterGatewayInUseByNDPProxy."""
    if not router.enable_ndp_proxy or outside_scopes(tx, router):
        return router
    if ndp_proxies.of_router(tx, router.id):
        raise RouterGatewayInUseByNDPProxy(router.id)
    return replace(router, enable_ndp_proxy=False)


def _kind(router: Router) -> tuple[bool, bool]:
    """What kind of router it is: this is where and on how many hosts it meets the outside."""
    return router.distributed, router.ha


def _check_down(before: Router, after: Router) -> None:
    """Only a router that is down, or goes down, becomes one of another kind. Raises BadRequest."""
    if _kind(before) != _kind(after) and before.admin_state_up and after.admin_state_up:
        reason = (
            "Cannot change the kind of an active router. Please set router admin_state_up to False before"
        )
        raise BadRequest("router", reason)


def _check_floating_ips(tx: Tx, before: Router, after: Router) -> None:
    """What leads through a router still does. Raises RouterExternalGatewayInUseByFloatingIp, ..."""
    refuse(of_ways_out(tx, after.id, routers.networks_outside(tx, after.id)))
    if len(after.gateways) > len(before.gateways):
        check_forwardings(tx, after.id)


def check_forwardings(tx: Tx, router_id: str) -> None:
    """Ports are forwarded where there is one way out only. Raises SeveralGatewaysAndForwardings."""
    carried = [each.id for each in routers.floating_ips_of_router(tx, router_id) if each.port_id is None]
    if carried and len(routers.networks_outside(tx, router_id)) > 1:
        raise SeveralGatewaysAndForwardings(router_id)


# -- interfaces --------------------------------------------------------------------------------------------


def join_by_subnet(tx: Tx, router: Router, subnet: Subnet) -> Port:
    """Give a locked router the gateway's address of a subnet; the port that has it.

    Errors: BadRequest, IpAddressAlreadyAllocated, OverQuota.
    """
    if subnet.gateway_ip is None:
        raise BadRequest("router", "Subnet for router interface must have a gateway IP")
    _check_joinable(tx, router, [subnet])
    ask = AddressAsk(subnet_id=subnet.id, ip_address=subnet.gateway_ip)
    port = _leg_that_grows(tx, router, subnet)
    if port is not None:
        asks = [AddressAsk(subnet_id=each.subnet_id, ip_address=each.ip_address) for each in port.fixed_ips]
        joined = port_changes.update(tx, port, port, asks=[*asks, ask])
    else:
        joined = port_changes.create(tx, [NewPort(_new_leg(tx, router, subnet), (ask,))])[0]
    _legs_changed(tx, router, joined)
    return joined


def _legs_changed(tx: Tx, router: Router, leg: Port) -> None:
    """The legs of a locked router changed, which are not in its own row.

    Errors: SeveralGatewaysAndForwardings.
    """
    routers.ROUTERS.update(tx, router, router)
    tx.make_due(ROUTERS, router.id)
    if networks.load(tx, leg.network_id).router_external:
        check_forwardings(tx, router.id)
        _make_translations_due(tx, router)


def _new_leg(tx: Tx, router: Router, subnet: Subnet) -> Port:
    return Port(
        id=PortId(new_id()),
        network_id=subnet.network_id,
        project_id=router.project_id,
        mac_address="",
        port_security_enabled=False,
        device_id=router.id,
        device_owner=DeviceOwner.ROUTER_INTERFACE,
        created_at=tx.now,
        updated_at=tx.now,
    )


def _leg_that_grows(tx: Tx, router: Router, subnet: Subnet) -> Port | None:
    """IPv6 subnets of one network share the router's port there."""
    if subnet.ip_version == 4:
        return None
    for port in ports.lock_device(tx, router.id):
        here = port.network_id == subnet.network_id and port.device_owner == DeviceOwner.ROUTER_INTERFACE
        if here and all(ip_version(ip) == 6 for ip in port.addresses):
            return port
    return None


def join_by_port(tx: Tx, router: Router, port: Port) -> Port:
    """Make a locked port, which nothing uses, a leg of a locked router. Errors: PortInUse, BadRequest."""
    if port.device_id:
        raise PortInUse(port.id, port.network_id, port.device_id)
    on = gateways.subnets_of(tx, [port])
    if not on:
        raise BadRequest("router", f"Port {port.id} must have at least one fixed IP")
    if sum(subnet.ip_version == 4 for subnet in on) > 1:
        raise BadRequest("router", "Cannot have multiple IPv4 subnets on router port")
    _check_joinable(tx, router, on)
    leg = ports.replaced(
        port,
        device_id=router.id,
        device_owner=str(DeviceOwner.ROUTER_INTERFACE),
        security_groups=(),
        port_security_enabled=False,
    )
    joined = port_changes.write(tx, port, leg)
    _legs_changed(tx, router, joined)
    return joined


def _check_joinable(tx: Tx, router: Router, wanted: Sequence[Subnet]) -> None:
    for present in _subnets_of(tx, router.id):
        for subnet in wanted:
            if present.id == subnet.id:
                raise BadRequest("router", f"Router already has a port on subnet {subnet.id}")
            if overlaps(present.cidr, subnet.cidr):
                raise gateways.overlap(subnet, present)


def _subnets_of(tx: Tx, router_id: str) -> list[Subnet]:
    return gateways.subnets_of(tx, ports.of_devices(tx, [router_id])[router_id])


def leave(tx: Tx, router: Router, *, port_id: str | None, subnet_id: str | None) -> tuple[Port, str]:
    """Take a leg from a locked router, found by port or by subnet; the port, and the subnet that was left.

    Errors: RouterInterfaceNotFound, RouterInterfaceNotFoundForSubnet, RouterInterfaceInUseByFloatingIP,
    RouterInterfaceInUseByRoute.
    """
    legs = [
        port for port in ports.lock_device(tx, router.id) if port.device_owner == DeviceOwner.ROUTER_INTERFACE
    ]
    port = _leg(router, legs, port_id=port_id, subnet_id=subnet_id)
    left_ids = {subnet_id} if subnet_id else {fixed.subnet_id for fixed in port.fixed_ips}
    left = [subnet for subnet in gateways.subnets_of(tx, [port]) if subnet.id in left_ids]
    for subnet in left:
        refuse(of_leg(tx, router, subnet))
    kept = tuple(fixed for fixed in port.fixed_ips if fixed.subnet_id not in left_ids)
    if kept:
        port_changes.write(tx, port, ports.replaced(port, fixed_ips=kept))
    else:
        port_changes.delete(tx, [port])
    _legs_changed(tx, router, port)
    return port, subnet_id or port.fixed_ips[0].subnet_id


def _leg(router: Router, legs: Sequence[Port], *, port_id: str | None, subnet_id: str | None) -> Port:
    if port_id is not None:
        for port in legs:
            if port.id == port_id:
                if subnet_id is not None and subnet_id not in {each.subnet_id for each in port.fixed_ips}:
                    raise RouterInterfaceNotFoundForSubnet(router.id, subnet_id)
                return port
        raise RouterInterfaceNotFound(router.id, port_id)
    for port in legs:
        if subnet_id in {fixed.subnet_id for fixed in port.fixed_ips}:
            return port
    raise RouterInterfaceNotFoundForSubnet(router.id, subnet_id or "")


def delete(tx: Tx, router: Router) -> None:
    """Delete a locked router without legs, and its way out. Errors: RouterInUse."""
    own = ports.lock_device(tx, router.id)
    refuse(of_router(tx, router.id, own))
    routers.remove(tx, router.id)
    port_changes.delete(tx, own)
    events.deleted(tx, "router", router)
    tx.make_due(ROUTERS, router.id)
