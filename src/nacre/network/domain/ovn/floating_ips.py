"""Floating IPs as NAT in both directions."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.ovn import names
from nacre.network.domain.ovn.doors import door_to, named, pinned
from nacre.network.domain.ovn.qos import floating_ip_rows
from nacre.network.domain.qos import QosRule
from nacre.network.domain.routers import Router, RouterInterface
from nacre.network.domain.rows import NOTHING, Desired, Row, Value


def compile_floating_ip(
    floating_ip: FloatingIp,
    router: Router | None,
    *,
    floating_mac: str,
    doors: Sequence[RouterInterface] = (),
    qos_rules: Sequence[QosRule] = (),
) -> Desired:
    """The translation of a floating IP; nothing while it leads nowhere.

    On a distributed router the guest's own host answers for the address, under `floating_mac`; otherwise the
    host of the router's gateway does. `doors` are the ports by which the router is on external networks.
    Source: ovn-nb(5), "NAT".
    """
    if router is None or floating_ip.port_id is None or floating_ip.fixed_ip_address is None:
        return NOTHING
    door = door_to(doors, floating_ip.floating_network_id)
    columns: dict[str, Value] = named(door, doors) | {
        "type": "dnat_and_snat",
        "external_ip": floating_ip.floating_ip_address,
        "logical_ip": floating_ip.fixed_ip_address,
    }
    if router.distributed:
        columns |= {"external_mac": floating_mac, "logical_port": names.switch_port(floating_ip.port_id).key}
    row = Row(
        table="NAT",
        key=floating_ip.id,
        columns=columns,
        places=(names.inside(names.router(router.id), "nat"),),
    )
    shaping = floating_ip_rows(floating_ip, door, qos_rules)
    return Desired(
        (row, *pinned(floating_ip.id, router, door, doors, floating_ip.fixed_ip_address), *shaping)
    )
