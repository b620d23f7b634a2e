"""Local IPs as small routers of their own, and what is different from host to host as the hosts' variables.

On every host the small router answers for the address, under one MAC. What is to be translated is so where its sender
is: by a load balancer of the switch, whose only target is a variable of the host. Source: ovn-nb(5), "Load_Balancer",
"Chassis_Template_Var", "Logical_Router_Policy", "Options for router ports".
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Sequence

from nacre.kernel.ids import HostId
from nacre.network.domain.local_ips import Association, IpMode, LocalIp
from nacre.network.domain.ovn import names
from nacre.network.domain.ovn.security_groups import unchecked
from nacre.network.domain.rows import Desired, Ref, Row
from nacre.network.domain.subnets import Subnet

REROUTE_PRIORITY, DROP_PRIORITY = 200, 100


def compile_local_ip(
    local_ip: LocalIp, subnet: Subnet, associations: Sequence[Association], *, mac: str
) -> Desired:
    """A local IP; `associations` are all it has. From a host without any, it is not reached."""
    router = names.local_router(local_ip.id)
    address = local_ip.local_ip_address
    block = ipaddress.ip_network(subnet.cidr)
    switch = names.switch(local_ip.network_id)
    rows = [
        Row(table=router.table, key=router.key, columns={"name": router.key, "enabled": True}),
        Row(
            table="Logical_Router_Port",
            key=f"lrp-{router.key}",
            columns={
                "name": f"lrp-{router.key}",
                "mac": mac,
                # The network's own address: the router needs one that nobody else has, and is never asked for it.
                "networks": frozenset((f"{block.network_address}/{block.prefixlen}",)),
                "enabled": True,
            },
            places=(names.inside(router, "ports"),),
        ),
        Row(
            table="Logical_Switch_Port",
            key=router.key,
            columns={
                "name": router.key,
                "type": "router",
                "addresses": frozenset({"router"}),
                "options": {"router-port": f"lrp-{router.key}", "arp_proxy": address},
                "enabled": True,
            },
            places=(names.inside(switch, "ports"),),
        ),
        *unchecked(local_ip.network_id, Ref("Logical_Switch_Port", router.key)),
        # Whatever was not led elsewhere before would come back to the router for ever.
        _rule(local_ip, "none", priority=DROP_PRIORITY, match=f"ip4.dst == {address}", action="drop"),
    ]
    if local_ip.ip_mode is IpMode.PASSTHROUGH:
        rows += [_to_port(local_ip, each) for each in associations]
    else:
        rows.append(
            Row(
                table="Load_Balancer",
                key=router.key,
                columns={
                    "name": router.key,
                    "vips": {address: f"^{names.local_variable(local_ip.id)}"},
                    "options": {"template": "true", "address-family": "ipv4"},
                },
                places=(names.inside(switch, "load_balancer"),),
            )
        )
    return Desired(tuple(rows))


def _to_port(local_ip: LocalIp, association: Association) -> Row:
    """What is sent on the port's host goes to the port as it is."""
    resident = f'is_chassis_resident("{names.switch_port(association.fixed_port_id).key}")'
    return _rule(
        local_ip,
        association.fixed_port_id,
        priority=REROUTE_PRIORITY,
        match=f"ip4.dst == {local_ip.local_ip_address} && {resident}",
        action="reroute",
        hops=frozenset((association.fixed_ip,)),
    )


def _rule(
    local_ip: LocalIp,
    what: str,
    *,
    priority: int,
    match: str,
    action: str,
    hops: frozenset[str] = frozenset(),
) -> Row:
    router = names.local_router(local_ip.id)
    return Row(
        table="Logical_Router_Policy",
        key=f"{router.key}/{what}",
        columns={"priority": priority, "match": match, "action": action, "nexthops": hops},
        places=(names.inside(router, "policies"),),
    )


def compile_host(host_id: HostId, associations: Sequence[Association]) -> Desired:
    """The variables of one host: where each local IP leads there. `associations` are those of ports on it.

    The row stays when there are none any more. Take it away, and ovn-controller 23.03 goes by what it said, and fails
    an assertion when it comes back.
    """
    targets: dict[str, list[str]] = defaultdict(list)
    for each in associations:
        targets[names.local_variable(each.local_ip_id)].append(each.fixed_ip)
    variables = {name: ",".join(sorted(set(addresses))) for name, addresses in targets.items()}
    return Desired(
        (
            Row(
                table="Chassis_Template_Var",
                key=host_id,
                columns={"chassis": host_id, "variables": variables},
            ),
        )
    )
