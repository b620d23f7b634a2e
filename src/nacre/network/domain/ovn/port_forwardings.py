"""Port forwardings as load balancers of the router, with one entry for each port outside."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.ovn import names
from nacre.network.domain.ovn.doors import door_to
from nacre.network.domain.ovn.qos import floating_ip_rows
from nacre.network.domain.port_forwardings import PROTOCOLS, PortForwarding
from nacre.network.domain.qos import QosRule
from nacre.network.domain.routers import RouterInterface
from nacre.network.domain.rows import Desired, Row


def compile_forwardings(
    floating_ip: FloatingIp,
    forwardings: Sequence[PortForwarding],
    *,
    doors: Sequence[RouterInterface] = (),
    qos_rules: Sequence[QosRule] = (),
) -> Desired:
    """One row for each protocol in use, and those that shape the address. Source: ovn-nb(5), "Load_Balancer".

    `doors` are the ports by which the router is on external networks.
    """
    assert floating_ip.router_id is not None, "forwardings go through a router"
    place = names.inside(names.router(floating_ip.router_id), "load_balancer")
    balancers = (
        Row(
            table="Load_Balancer",
            key=f"{floating_ip.id}-{protocol}",
            columns={"name": f"{floating_ip.id}-{protocol}", "protocol": protocol, "vips": entries},
            places=(place,),
        )
        for protocol in PROTOCOLS
        if (entries := _entries(floating_ip, forwardings, protocol))
    )
    door = door_to(doors, floating_ip.floating_network_id)
    return Desired((*balancers, *floating_ip_rows(floating_ip, door, qos_rules)))


def _entries(floating_ip: FloatingIp, forwardings: Sequence[PortForwarding], protocol: str) -> dict[str, str]:
    return {
        f"{floating_ip.floating_ip_address}:{outside}": f"{each.internal_ip_address}:{inside}"
        for each in forwardings
        if each.protocol == protocol
        for outside, inside in each.pairs()
    }
