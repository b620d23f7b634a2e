"""Routers' ways out: made, changed and taken away.

The functions here make, change and choose; `changes.routers.update` writes what a router has from then on, and deletes
the ports of what it has no longer.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from nacre.kernel.database import Tx
from nacre.kernel.ids import NetworkId, PortId, ProjectId, new_id
from nacre.network.changes import ports as port_changes
from nacre.network.changes.ports import NewPort
from nacre.network.domain.addresses import overlaps
from nacre.network.domain.fixed_ips import AddressAsk
from nacre.network.domain.ports import DeviceOwner, Port
from nacre.network.domain.routers import ExternalGateway, Router
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import BadRequest, UnableToMatchGateways, UnableToRemoveGateways
from nacre.network.store import networks, ports, routers, subnets


class GatewayAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A way out that somebody asks for. `external_fixed_ips` is None when nobody asked for addresses."""

    network_id: NetworkId
    enable_snat: bool | None = None
    qos_policy_id: str | msgspec.UnsetType | None = msgspec.UNSET
    external_fixed_ips: tuple[AddressAsk, ...] | None = None


def with_first(tx: Tx, router: Router, ask: GatewayAsk | None) -> Router:
    """The router with another first way out, or without: the next one is first then. Errors: as for `make`."""
    first = router.external_gateway_info
    if ask is None:
        return _with(router, router.gateways[1:])
    if first is not None and ask.network_id == first.network_id:
        return _with(router, (_changed(tx, first, ask), *router.gateways[1:]))
    return _with(router, (make(tx, _with(router, router.gateways[1:]), ask), *router.gateways[1:]))


def with_more(tx: Tx, router: Router, asks: Sequence[GatewayAsk]) -> Router:
    """The router with these ways out besides. Errors: as for `make`."""
    for ask in asks:
        router = _with(router, (*router.gateways, make(tx, router, ask)))
    return router


def without(router: Router, asks: Sequence[GatewayAsk]) -> Router:
    """The router without these ways out. Errors: UnableToRemoveGateways, UnableToMatchGateways."""
    if not router.gateways:
        raise UnableToRemoveGateways(router.id)
    left = list(router.gateways)
    for ask in asks:
        found = _match(router, left, ask)
        if found is None:
            raise UnableToMatchGateways(router.id, f"it has none like that on network {ask.network_id}")
        left.remove(found)
    return _with(router, left)


def with_these(tx: Tx, router: Router, asks: Sequence[GatewayAsk]) -> Router:
    """The router with these ways out in this order and no others: what it has already, by address, stays.

    Errors: UnableToMatchGateways, and as for `make`.
    """
    left = list(router.gateways)
    matched: dict[int, ExternalGateway] = {}
    for place, ask in enumerate(asks):
        found = _match(router, left, ask)
        if found is not None:
            left.remove(found)
            matched[place] = found
    # What goes gives its addresses back before what comes takes some.
    kept = _with(router, tuple(matched.values()))
    let_go(tx, router, kept)
    settled: dict[int, ExternalGateway] = {
        place: _changed(tx, found, asks[place]) for place, found in matched.items()
    }
    for place, ask in enumerate(asks):
        if place not in settled:
            settled[place] = make(tx, _with(router, tuple(settled.values())), ask)
    return _with(router, [settled[place] for place in range(len(asks))])


def write(tx: Tx, router: Router) -> None:
    """Write a locked router's ways out, beside its other columns."""
    tx.execute(
        routers.SET_GATEWAY, router_id=router.id, **routers.gateway_columns(router.external_gateway_info)
    )
    routers.put_further(tx, router.id, router.further_gateways)


def let_go(tx: Tx, before: Router, after: Router) -> None:
    """Write a router's ways out, and delete the ports of those that it has no longer."""
    write(tx, after)
    kept = {each.port_id for each in after.gateways}
    gone = [each.port_id for each in before.gateways if each.port_id not in kept]
    port_changes.delete(tx, list(ports.lock_some(tx, gone).values()))


def _with(router: Router, gateways: Sequence[ExternalGateway]) -> Router:
    first, *further = gateways or (None,)
    return replace(router, external_gateway_info=first, further_gateways=tuple(filter(None, further)))


def _match(router: Router, among: Sequence[ExternalGateway], ask: GatewayAsk) -> ExternalGateway | None:
    """The one that is meant: the only one on its network, or that with one of the addresses that are said."""
    there = [each for each in among if each.network_id == ask.network_id]
    wanted = {each.ip_address for each in ask.external_fixed_ips or () if each.ip_address}
    if wanted:
        there = [each for each in there if wanted & {fixed.ip_address for fixed in each.external_fixed_ips}]
    if len(there) > 1:
        raise UnableToMatchGateways(
            router.id, f"several are on network {ask.network_id}, and no address says which one is meant"
        )
    return there[0] if there else None


def make(tx: Tx, router: Router, ask: GatewayAsk) -> ExternalGateway:
    """Make a way out for a router that has others or none.

    Errors: NetworkNotFound, BadRequest, IpAddressGenerationFailure, IpAddressAlreadyAllocated, ...
    """
    network = networks.load(tx, ask.network_id)
    if not network.router_external:
        raise BadRequest("router", f"Network {network.id} is not an external network")
    port = Port(
        id=PortId(new_id()),
        network_id=network.id,
        project_id=ProjectId(""),
        mac_address="",
        port_security_enabled=False,
        device_id=router.id,
        device_owner=DeviceOwner.ROUTER_GATEWAY,
        created_at=tx.now,
        updated_at=tx.now,
    )
    made = port_changes.create(tx, [NewPort(port, ask.external_fixed_ips or None)])[0]
    _check_apart(tx, router, made)
    return ExternalGateway(
        network_id=network.id,
        port_id=made.id,
        enable_snat=ask.enable_snat is not False,
        qos_policy_id=ask.qos_policy_id or None,
        external_fixed_ips=made.fixed_ips,
    )


def _check_apart(tx: Tx, router: Router, gateway_port: Port) -> None:
    """What a router is on besides must not hold the same addresses, except by another way out on the same subnet."""
    outside = subnets.SUBNETS.some(tx, {fixed.subnet_id for fixed in gateway_port.fixed_ips})
    kept = {each.port_id for each in router.gateways}
    others = [
        port
        for port in ports.of_devices(tx, [router.id])[router.id]
        if port.device_owner != DeviceOwner.ROUTER_GATEWAY or port.id in kept
    ]
    for present in subnets_of(tx, [port for port in others if port.id != gateway_port.id]):
        for subnet in outside.values():
            is_same_way = present.id == subnet.id and any(
                fixed.subnet_id == subnet.id for each in router.gateways for fixed in each.external_fixed_ips
            )
            if overlaps(present.cidr, subnet.cidr) and not is_same_way:
                raise overlap(subnet, present)


def subnets_of(tx: Tx, of: Sequence[Port]) -> list[Subnet]:
    """The subnets that ports have addresses from."""
    return list(
        subnets.SUBNETS.some(tx, {fixed.subnet_id for port in of for fixed in port.fixed_ips}).values()
    )


def overlap(subnet: Subnet, present: Subnet) -> BadRequest:
    """A router cannot be on both."""
    reason = (
        f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {present.cidr} of subnet {present.id}"
    )
    return BadRequest("router", reason)


def _changed(tx: Tx, old: ExternalGateway, ask: GatewayAsk) -> ExternalGateway:
    fixed_ips = old.external_fixed_ips
    if ask.external_fixed_ips:
        port = ports.lock(tx, old.port_id)
        fixed_ips = port_changes.update(tx, port, port, asks=ask.external_fixed_ips).fixed_ips
    enable_snat = old.enable_snat if ask.enable_snat is None else ask.enable_snat
    policy_id = old.qos_policy_id if ask.qos_policy_id is msgspec.UNSET else ask.qos_policy_id
    return replace(old, enable_snat=enable_snat, qos_policy_id=policy_id, external_fixed_ips=fixed_ips)
