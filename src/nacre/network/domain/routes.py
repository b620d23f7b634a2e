"""Where a router sends on what it gets for a destination, as far as that could come back to it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence

from nacre.network.domain.addresses import parse_cidr
from nacre.network.domain.subnets import HostRoute


def hops_onward(destination: str, connected: Collection[str], routes: Sequence[HostRoute]) -> list[str]:
    """The next hops that a router sends all of a destination to.

    None if it is on a subnet that holds the destination; nor where a route says less exactly where to, if it is on a
    part of the destination or has routes of its own for a part: then at least that part arrives. A route for just this
    destination counts always.
    """
    if any(holds(cidr, destination) for cidr in connected):
        return []
    covering = [route for route in routes if holds(route.destination, destination)]
    longest = max((parse_cidr(route.destination).prefix_length for route in covering), default=0)
    best = [route for route in covering if parse_cidr(route.destination).prefix_length == longest]
    is_exact = longest == parse_cidr(destination).prefix_length
    parts = (*connected, *(route.destination for route in routes))
    if not is_exact and any(holds(destination, part) for part in parts):
        return []
    return sorted({route.nexthop for route in best})


def holds(outer: str, inner: str) -> bool:
    """Whether all of `inner` is in `outer`."""
    one, other = parse_cidr(outer), parse_cidr(inner)
    return one.version == other.version and one.first <= other.first and other.last <= one.last


def is_in(address: str, cidrs: Collection[str]) -> bool:
    """Whether an address is in one of these blocks."""
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(cidr) for cidr in cidrs)
