"""Routers as logical routers, with their routes and source NAT. Their ports belong to the ports."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from nacre.kernel.ids import SubnetId
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.ovn import names
from nacre.network.domain.routers import Router, RouterInterface
from nacre.network.domain.rows import Desired, Ref, Row

NO_SCOPES: Mapping[SubnetId, str] = MappingProxyType({})
WALL_PRIORITY = 30000
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def compile_router(
    router: Router,
    interfaces: Sequence[RouterInterface],
    *,
    gateway: RouterInterface | None,
    scopes: Mapping[SubnetId, str] = NO_SCOPES,
) -> Desired:
    """A router, the routes it was given, the way out, and source NAT for the networks it joins.

    `scopes` are the address scopes of subnets: what is in one leaves as it is into a network of the same, and does
    not reach the other subnets of the router that are in another, or in none.

    Source: ovn-nb(5), "Logical_Router", "Logical_Router_Static_Route", "NAT".
    """
    ref = names.router(router.id)
    row = Row(
        table=ref.table,
        key=ref.key,
        columns={
            "name": ref.key,
            "enabled": router.admin_state_up,
            # Neighbours are learnt when they are asked for: routers on one big network stay cheap.
            "options": {"always_learn_from_arp_request": "false", "dynamic_neigh_routers": "true"},
        },
    )
    routes = _routes(router, gateway)
    translations = _source_nat(router, interfaces, gateway, scopes)
    walls = _walls(ref, interfaces, scopes)
    return Desired((row, *(_route_row(ref, *route) for route in routes), *translations, *walls))


def _routes(router: Router, gateway: RouterInterface | None) -> list[tuple[str, str]]:
    routes = {(str(ipaddress.ip_network(route.destination)), route.nexthop) for route in router.routes}
    chosen = {destination for destination, _ in routes}
    for subnet in gateway.subnets if gateway else ():
        if subnet.gateway_ip and EVERYWHERE[subnet.ip_version] not in chosen:
            routes.add((EVERYWHERE[subnet.ip_version], subnet.gateway_ip))
    return sorted(routes)


def _route_row(router: Ref, destination: str, nexthop: str) -> Row:
    return Row(
        table="Logical_Router_Static_Route",
        key=f"{router.key}/{destination}/{nexthop}",
        columns={"ip_prefix": destination, "nexthop": nexthop},
        places=(names.inside(router, "static_routes"),),
    )


def _source_nat(
    router: Router,
    interfaces: Sequence[RouterInterface],
    gateway: RouterInterface | None,
    scopes: Mapping[SubnetId, str],
) -> tuple[Row, ...]:
    """IPv4 leaves under the gateway's first address; IPv6, and what is in the scope of the outside, as it is."""
    info = router.external_gateway_info
    if gateway is None or info is None or not info.enable_snat:
        return ()
    outside = next((address for address in gateway.port.addresses if ip_version(address) == 4), None)
    if outside is None:
        return ()
    shared = {
        scopes[subnet.id] for subnet in gateway.subnets if subnet.id in scopes and subnet.ip_version == 4
    }
    cidrs = {
        subnet.cidr
        for each in interfaces
        for subnet in each.subnets
        if subnet.ip_version == 4 and scopes.get(subnet.id) not in shared
    }
    ref = names.router(router.id)
    return tuple(
        Row(
            table="NAT",
            key=f"{router.id}/snat/{cidr}",
            columns={"type": "snat", "external_ip": outside, "logical_ip": cidr},
            places=(names.inside(ref, "nat"),),
        )
        for cidr in sorted(cidrs)
    )


def _walls(
    router: Ref, interfaces: Sequence[RouterInterface], scopes: Mapping[SubnetId, str]
) -> Iterator[Row]:
    """What keeps the scopes of a router apart: a rule for each pair of them, however many subnets they have."""
    for version in (4, 6):
        blocks: dict[str, set[str]] = defaultdict(set)
        for subnet in (subnet for each in interfaces for subnet in each.subnets):
            if subnet.ip_version == version:
                blocks[scopes.get(subnet.id, "")].add(subnet.cidr)
        for source in sorted(blocks):
            for target in sorted(blocks.keys() - {source}):
                yield _wall(router, version, (source, target), (blocks[source], blocks[target]))


def _wall(
    router: Ref, version: int, between: tuple[str, str], blocks: tuple[Collection[str], Collection[str]]
) -> Row:
    sources, targets = (", ".join(sorted(each)) for each in blocks)
    return Row(
        table="Logical_Router_Policy",
        key=f"{router.key}/{version}/{between[0]}/{between[1]}",
        columns={
            "priority": WALL_PRIORITY,
            "match": f"ip{version}.src == {{{sources}}} && ip{version}.dst == {{{targets}}}",
            "action": "drop",
        },
        places=(names.inside(router, "policies"),),
    )
