"""Routes of routers lead to neighbours, and not round in circles."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Tx
from nacre.network.changes import gateways
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.routers import Router
from nacre.network.domain.routes import holds, hops_onward, is_in
from nacre.network.domain.subnets import HostRoute
from nacre.network.errors import InvalidRoutes
from nacre.network.store import ports, routers
from nacre.network.store.shelf import serialise


def check(tx: Tx, router: Router) -> None:
    """Every next hop must be a neighbour of the router, and what is sent there must not come back.

    Raises InvalidRoutes.
    """
    own = ports.of_devices(tx, [router.id])[router.id]
    cidrs = [subnet.cidr for subnet in gateways.subnets_of(tx, own)]
    addresses = {ip for port in own for ip in port.addresses}
    for route in router.routes:
        if ip_version(route.destination) != ip_version(route.nexthop):
            raise _invalid(router, "destination and nexthop differ in IP version")
        if not is_in(route.nexthop, cidrs):
            raise _invalid(router, "the nexthop is not connected with router")
        if route.nexthop in addresses:
            raise _invalid(router, "the nexthop is used by router")
    if router.routes:
        _check_no_circle(tx, router)


def _invalid(router: Router, reason: str) -> InvalidRoutes:
    return InvalidRoutes(_spelled(router.routes), reason)


def _check_no_circle(tx: Tx, router: Router) -> None:
    # Two changes at once could close a circle of which neither sees the whole.
    serialise(tx, "circles of routes")
    arriving: set[tuple[str, str]] = set()
    for route in router.routes:
        if _comes_back(tx, router, route.destination, seen=frozenset(), arriving=arriving):
            raise _invalid(router, f"what is sent to {route.destination} would come back to the router")


def _comes_back(
    tx: Tx, router: Router, destination: str, *, seen: frozenset[str], arriving: set[tuple[str, str]]
) -> bool:
    """Whether a router is on the way of a destination, or of a part that has routes of its own, twice.

    `seen` are the routers on the way so far; `arriving` remembers, by router and destination, what does not come back.
    """
    if (router.id, destination) in arriving:
        return False
    own = ports.of_devices(tx, [router.id])[router.id]
    connected = gateways.subnets_of(tx, own)
    seen |= {router.id}
    for hop in hops_onward(destination, [subnet.cidr for subnet in connected], router.routes):
        for router_id in routers.having(tx, hop, {subnet.id for subnet in connected}):
            if router_id in seen:
                return True
            onward = routers.load(tx, router_id)
            parts = {each.destination for each in onward.routes if holds(destination, each.destination)}
            if any(
                _comes_back(tx, onward, part, seen=seen, arriving=arriving)
                for part in sorted({destination, *parts})
            ):
                return True
    arriving.add((router.id, destination))
    return False


def _spelled(routes: Sequence[HostRoute]) -> str:
    return str([{"destination": route.destination, "nexthop": route.nexthop} for route in routes])
