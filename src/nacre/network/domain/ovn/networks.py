"""Networks as logical switches."""

from __future__ import annotations

from nacre.network.domain.networks import Network, NetworkType
from nacre.network.domain.ovn import names
from nacre.network.domain.rows import Desired, Row


def compile_network(network: Network) -> Desired:
    """A switch; and for a flat or VLAN network the port by which it reaches the wire.

    Source: ovn-nb(5), "Logical_Switch", "Logical_Switch_Port: Options for localnet ports".
    """
    switch = names.switch(network.id)
    row = Row(
        table=switch.table,
        key=switch.key,
        columns={
            "name": switch.key,
            "other_config": {
                "mcast_snoop": "false",
                "vlan-passthru": "true" if network.vlan_transparent else "false",
            },
        },
    )
    return Desired((row, _wire(network)) if network.is_physical else (row,))


def _wire(network: Network) -> Row:
    wire = names.wire(network.id)
    tagged = network.provider_network_type is NetworkType.VLAN
    return Row(
        table=wire.table,
        key=wire.key,
        columns={
            "name": wire.key,
            "type": "localnet",
            "addresses": frozenset({"unknown"}),
            "options": {"network_name": network.provider_physical_network or ""},
            "tag": network.provider_segmentation_id if tagged else None,
            "enabled": network.admin_state_up,
        },
        places=(names.inside(names.switch(network.id), "ports"),),
    )
