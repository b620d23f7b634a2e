"""NDP proxies as translations of an address into itself: for what it translates, a router answers its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.ids import NetworkId
from nacre.network.domain.ndp_proxies import NdpProxy
from nacre.network.domain.ovn import names
from nacre.network.domain.ovn.doors import door_to, named, pinned
from nacre.network.domain.routers import Router, RouterInterface
from nacre.network.domain.rows import Desired, Row, Value


def compile_ndp_proxy(
    proxy: NdpProxy, router: Router, *, network_id: NetworkId, doors: Sequence[RouterInterface], mac: str
) -> Desired:
    """The answer for an address on an external network that its router is on.

    On a distributed router the guest's own host answers, under `mac`; otherwise that of the router's gateway does.
    Source: ovn-nb(5), "NAT"; ovn-northd(8), "IP Input", on neighbour solicitations for translated addresses.
    """
    door = door_to(doors, network_id)
    columns: dict[str, Value] = named(door, doors) | {
        "type": "dnat_and_snat",
        "external_ip": proxy.ip_address,
        "logical_ip": proxy.ip_address,
    }
    if router.distributed:
        columns |= {"external_mac": mac, "logical_port": names.switch_port(proxy.port_id).key}
    row = Row(
        table="NAT", key=proxy.id, columns=columns, places=(names.inside(names.router(router.id), "nat"),)
    )
    return Desired((row, *pinned(proxy.id, router, door, doors, proxy.ip_address)))
