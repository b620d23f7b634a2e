"""Routers as logical routers, with their routes and source NAT. Their ports belong to the ports."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from nacre.kernel.ids import SubnetId
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.ovn import doors as outside
from nacre.network.domain.ovn import names
from nacre.network.domain.routers import Router, RouterInterface
from nacre.network.domain.rows import Desired, Ref, Row, Value

NO_SCOPES: Mapping[SubnetId, str] = MappingProxyType({})
WALL_PRIORITY = 30000
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def compile_router(
    router: Router,
    interfaces: Sequence[RouterInterface],
    *,
    gateways: Sequence[RouterInterface] = (),
    doors: Sequence[RouterInterface] = (),
    scopes: Mapping[SubnetId, str] = NO_SCOPES,
) -> Desired:
    """A router, the routes it was given, the ways out, and source NAT for the networks it joins.

    `gateways` are the router's, in its order; `doors` are these and the legs that are on external networks.

    `scopes` are the address scopes of subnets: what is in one leaves as it is into a network of the same, and does
    not reach the other subnets of the router that are in another, or in none.

    Source: ovn-nb(5), "Logical_Router", "Logical_Router_Static_Route", "NAT", "BFD".
    """
    ref = names.router(router.id)
    ways = list(zip(router.gateways, gateways, strict=False))
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
    translations = [
        each
        for info, way in ways
        if info.enable_snat
        for each in _source_nat(router, interfaces, way, scopes)
    ]
    rules = (*_walls(ref, interfaces, scopes), *outside.inside(router, interfaces, doors))
    return Desired((row, *_routes(router, gateways), *translations, *rules))


def _routes(router: Router, gateways: Sequence[RouterInterface]) -> Iterator[Row]:
    """The routes that the router was given, and where it was given none for all the rest, default routes."""
    ref = names.router(router.id)
    given = {(str(ipaddress.ip_network(route.destination)), route.nexthop) for route in router.routes}
    for destination, nexthop in sorted(given):
        yield _route_row(ref, destination, nexthop)
    taken = {destination for destination, _ in given}
    for version, everywhere in EVERYWHERE.items():
        hops = [
            (way, subnet.gateway_ip)
            for way in gateways
            for subnet in dict.fromkeys(way.subnets)
            if subnet.ip_version == version and subnet.gateway_ip and everywhere not in taken
        ]
        for way, nexthop in hops if router.enable_default_route_ecmp else hops[:1]:
            yield from _default_route(router, everywhere, nexthop, way, is_only=len(gateways) == 1)


def _route_row(router: Ref, destination: str, nexthop: str, *, suffix: str = "", **more: Value) -> Row:
    return Row(
        table="Logical_Router_Static_Route",
        key=f"{router.key}/{destination}/{nexthop}{suffix}",
        columns={"ip_prefix": destination, "nexthop": nexthop, **more},
        places=(names.inside(router, "static_routes"),),
    )


def _default_route(
    router: Router, everywhere: str, nexthop: str, way: RouterInterface, *, is_only: bool
) -> Iterator[Row]:
    """A route by one way out; where its neighbour is watched, the watch before it."""
    end = names.router_port(way.port.id)
    more: dict[str, Value] = {} if is_only else {"output_port": end.key}
    if router.enable_default_route_bfd:
        watch = Row(
            table="BFD", key=f"{end.key}/{nexthop}", columns={"logical_port": end.key, "dst_ip": nexthop}
        )
        yield watch
        more["bfd"] = watch.ref
    suffix = "" if is_only else f"/{way.port.id}"
    yield _route_row(names.router(router.id), everywhere, nexthop, suffix=suffix, **more)


def _source_nat(
    router: Router,
    interfaces: Sequence[RouterInterface],
    gateway: RouterInterface,
    scopes: Mapping[SubnetId, str],
) -> tuple[Row, ...]:
    """IPv4 leaves under the gateway's first address; IPv6, and what is in the scope of the outside, as it is."""
    address = next((address for address in gateway.port.addresses if ip_version(address) == 4), None)
    if address is None:
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
    is_only = len(router.gateways) == 1
    end: dict[str, Value] = {} if is_only else {"gateway_port": names.router_port(gateway.port.id)}
    return tuple(
        Row(
            table="NAT",
            key=f"{router.id}/snat/{cidr}" + ("" if is_only else f"/{gateway.port.id}"),
            columns={"type": "snat", "external_ip": address, "logical_ip": cidr, **end},
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
