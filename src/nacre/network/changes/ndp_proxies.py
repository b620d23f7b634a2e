"""NDP proxies come and go, and with what they need of routers."""

from __future__ import annotations

from collections.abc import Collection

from nacre.kernel.database import Duplicate, Tx
from nacre.network.changes import events
from nacre.network.changes.loops import NDP_PROXIES
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.ndp_proxies import NdpProxy
from nacre.network.domain.ports import DeviceOwner, Port
from nacre.network.domain.routers import Router
from nacre.network.errors import (
    AddressScopeConflict,
    BadRequest,
    InvalidAddress,
    NDPProxyExists,
    PortUnreachableRouter,
    RouterGatewayNotValid,
    RouterNDPProxyNotEnable,
)
from nacre.network.store import address_scopes, ndp_proxies, ports

KIND = "ndp_proxy"


def outside_scopes(tx: Tx, router: Router) -> frozenset[str]:
    """The address scopes of the IPv6 subnets outside that a router has addresses from."""
    subnet_ids = {
        fixed.subnet_id
        for each in router.gateways
        for fixed in each.external_fixed_ips
        if ip_version(fixed.ip_address) == 6
    }
    return frozenset(address_scopes.of_subnets(tx, subnet_ids).values())


def check_possible(tx: Tx, router: Router) -> None:
    """A router answers for others only where its way out has IPv6 of an address scope. Raises RouterGatewayNotValid."""
    if not outside_scopes(tx, router):
        raise RouterGatewayNotValid(router.id)


def address_for(tx: Tx, router: Router, port: Port, asked: str | None) -> str:
    """The address of a port that a locked router can answer for: the first one, where nobody says which.

    Errors: PortUnreachableRouter, RouterNDPProxyNotEnable, BadRequest, InvalidAddress, AddressScopeConflict.
    """
    legs = ports.of_devices(tx, [router.id])[router.id]
    inside = [leg for leg in legs if leg.device_owner == DeviceOwner.ROUTER_INTERFACE]
    if port.network_id not in {leg.network_id for leg in inside}:
        raise PortUnreachableRouter(port.id, router.id)
    if not router.enable_ndp_proxy:
        raise RouterNDPProxyNotEnable(router.id)
    usable = {fixed.ip_address: fixed for fixed in port.fixed_ips if ip_version(fixed.ip_address) == 6}
    if not usable:
        raise BadRequest(KIND, f"Requested port {port.id} must allocate one IPv6 address at least")
    joined = {fixed.subnet_id for leg in inside for fixed in leg.fixed_ips}
    if asked is None:
        reached = [address for address, fixed in usable.items() if fixed.subnet_id in joined]
        if not reached:
            raise PortUnreachableRouter(port.id, router.id)
        asked = reached[0]
    elif asked not in usable:
        raise InvalidAddress(asked, f"it does not belong to port {port.id}")
    elif usable[asked].subnet_id not in joined:
        raise InvalidAddress(asked, f"router {router.id} is not on its subnet")
    inner = address_scopes.of_subnets(tx, [usable[asked].subnet_id]).get(usable[asked].subnet_id)
    outer = outside_scopes(tx, router)
    if inner not in outer:
        raise AddressScopeConflict(", ".join(sorted(outer)), inner or "none")
    return asked


def create(tx: Tx, proxy: NdpProxy) -> NdpProxy:
    """Let a router answer for an address. Errors: NDPProxyExists."""
    try:
        ndp_proxies.PROXIES.insert(tx, [proxy])
    except Duplicate as problem:
        raise NDPProxyExists(proxy.router_id, proxy.ip_address) from problem
    events.created(tx, KIND, proxy)
    tx.make_due(NDP_PROXIES, proxy.id)
    return proxy


def update(tx: Tx, before: NdpProxy, after: NdpProxy) -> NdpProxy:
    """Change what people say of a locked proxy."""
    after = ndp_proxies.PROXIES.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    return after


def delete(tx: Tx, proxy: NdpProxy) -> None:
    """Let nobody answer for the address any more."""
    ndp_proxies.PROXIES.remove(tx, proxy.id)
    events.deleted(tx, KIND, proxy)
    tx.make_due(NDP_PROXIES, proxy.id)


def forget_targets(tx: Tx, port_ids: Collection[str], *, addresses: Collection[str] | None = None) -> None:
    """Delete the proxies for these ports (for these of their addresses)."""
    for each in ndp_proxies.of_ports(tx, port_ids):
        if addresses is None or each.ip_address in addresses:
            delete(tx, each)
