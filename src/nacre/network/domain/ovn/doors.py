"""By which of its ports a router meets the outside, where it has several: what comes in by one leaves by the same.

A router with one *door* needs nothing of this; the switches find it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nacre.kernel.ids import NetworkId
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.ovn import names
from nacre.network.domain.routers import Router, RouterInterface
from nacre.network.domain.rows import Row, Value

INSIDE_PRIORITY = 25000
"""Below the walls between address scopes, which hold whatever way a packet takes."""
PINNED_PRIORITY = 20000


def door_to(doors: Sequence[RouterInterface], network_id: NetworkId) -> RouterInterface | None:
    """The door that leads to a network.

    Of several on one network it is that which the switches take for a next hop there: whose row sorts first.
    """
    there = [each for each in doors if each.port.network_id == network_id]
    return min(there, key=lambda each: names.router_port(each.port.id).uuid, default=None)


def named(door: RouterInterface | None, doors: Sequence[RouterInterface]) -> dict[str, Value]:
    """The column by which a translation names its door. Source: ovn-nb(5), "NAT"."""
    return {"gateway_port": names.router_port(door.port.id)} if door and len(doors) > 1 else {}


def pinned(
    key: str, router: Router, door: RouterInterface | None, doors: Sequence[RouterInterface], address: str
) -> tuple[Row, ...]:
    """The rule by which what `address` inside sends to the outside leaves by its door, if there are others."""
    version = ip_version(address)
    hops = {
        subnet.gateway_ip
        for subnet in (door.subnets if door else ())
        if subnet.ip_version == version and subnet.gateway_ip
    }
    if door is None or len(doors) < 2 or not hops - set(door.port.addresses):
        return ()
    return (
        Row(
            table="Logical_Router_Policy",
            key=f"{key}/pinned",
            columns={
                "priority": PINNED_PRIORITY,
                "match": f"ip{version}.src == {address}",
                "action": "reroute",
                "nexthops": frozenset((min(hops - set(door.port.addresses)),)),
            },
            places=(names.inside(names.router(router.id), "policies"),),
        ),
    )


def inside(
    router: Router, interfaces: Sequence[RouterInterface], doors: Sequence[RouterInterface]
) -> Iterator[Row]:
    """The rules by which what is sent to neighbours goes to them, whichever door its sender is pinned to.

    A network on which the router has several doors is left out: only by its own is the sender known there.
    """
    if len(doors) < 2:
        return
    there = [each.port.network_id for each in doors]
    near = [each for each in (*interfaces, *doors) if there.count(each.port.network_id) < 2]
    cidrs = {subnet.cidr for each in near for subnet in each.subnets}
    cidrs |= {route.destination for route in router.routes if not route.destination.endswith("/0")}
    for version in (4, 6):
        targets = sorted(cidr for cidr in cidrs if ip_version(cidr) == version)
        if targets:
            yield Row(
                table="Logical_Router_Policy",
                key=f"{router.id}/inside/{version}",
                columns={
                    "priority": INSIDE_PRIORITY,
                    "match": f"ip{version}.dst == {{{', '.join(targets)}}}",
                    "action": "allow",
                },
                places=(names.inside(names.router(router.id), "policies"),),
            )
