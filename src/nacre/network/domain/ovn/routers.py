"""Routers as logical routers, with their routes and source NAT. Their ports belong to the ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from nacre.network.domain.addresses import ip_version
from nacre.network.domain.ovn import names
from nacre.network.domain.routers import Router, RouterInterface
from nacre.network.domain.rows import Desired, Ref, Row

EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def compile_router(
    router: Router, interfaces: Sequence[RouterInterface], *, gateway: RouterInterface | None
) -> Desired:
    """A router, the routes it was given, the way out, and source NAT for the networks it joins.

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
    translations = _source_nat(router, interfaces, gateway)
    return Desired((row, *(_route_row(ref, *route) for route in routes), *translations))


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
    router: Router, interfaces: Sequence[RouterInterface], gateway: RouterInterface | None
) -> tuple[Row, ...]:
    """IPv4 leaves under the gateway's first address; IPv6 leaves as it is."""
    info = router.external_gateway_info
    if gateway is None or info is None or not info.enable_snat:
        return ()
    outside = next((address for address in gateway.port.addresses if ip_version(address) == 4), None)
    if outside is None:
        return ()
    cidrs = {subnet.cidr for each in interfaces for subnet in each.subnets if subnet.ip_version == 4}
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
