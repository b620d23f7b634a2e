"""Port forwardings as load balancers of the router, with one entry for each port outside."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.ovn import names
from nacre.network.domain.port_forwardings import PROTOCOLS, PortForwarding
from nacre.network.domain.rows import Desired, Row


def compile_forwardings(floating_ip: FloatingIp, forwardings: Sequence[PortForwarding]) -> Desired:
    """One row for each protocol in use. Source: ovn-nb(5), "Load_Balancer"."""
    assert floating_ip.router_id is not None, "forwardings go through a router"
    place = names.inside(names.router(floating_ip.router_id), "load_balancer")
    return Desired(
        tuple(
            Row(
                table="Load_Balancer",
                key=f"{floating_ip.id}-{protocol}",
                columns={"name": f"{floating_ip.id}-{protocol}", "protocol": protocol, "vips": entries},
                places=(place,),
            )
            for protocol in PROTOCOLS
            if (entries := _entries(floating_ip, forwardings, protocol))
        )
    )


def _entries(floating_ip: FloatingIp, forwardings: Sequence[PortForwarding], protocol: str) -> dict[str, str]:
    return {
        f"{floating_ip.floating_ip_address}:{outside}": f"{each.internal_ip_address}:{inside}"
        for each in forwardings
        if each.protocol == protocol
        for outside, inside in each.pairs()
    }
