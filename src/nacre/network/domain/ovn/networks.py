"""Networks as logical switches."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.network.domain.networks import Network, NetworkType
from nacre.network.domain.ovn import names
from nacre.network.domain.ovn.security_groups import switch_rules, unchecked
from nacre.network.domain.rows import Desired, Row
from nacre.network.domain.segments import Segment, first_segment


def compile_network(network: Network, further: Sequence[Segment] = ()) -> Desired:
    """A switch; and for a flat or VLAN network the port by which it reaches the wire.

    `further` are the segments besides that of the network itself: each is a wire for other hosts.

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
                "vlan-passthru": "true" if network.vlan_transparent or network.qinq else "false",
            },
        },
    )
    rules = switch_rules(network.id)
    if not network.is_physical:
        return Desired((row, *rules))
    wires = [_wire(network, segment) for segment in (first_segment(network, network.id), *further)]
    through = [rule for wire in wires for rule in unchecked(network.id, wire.ref)]
    return Desired((row, *rules, *wires, *through))


def _wire(network: Network, segment: Segment) -> Row:
    wire = names.wire(segment.id)
    tagged = segment.network_type is NetworkType.VLAN
    service_tag = {"ethtype": "802.11ad"} if network.qinq else {}  # That is how OVN spells 802.1ad.
    return Row(
        table=wire.table,
        key=wire.key,
        columns={
            "name": wire.key,
            "type": "localnet",
            "addresses": frozenset({"unknown"}),
            "options": {"network_name": segment.physical_network or "", **service_tag},
            "tag": segment.segmentation_id if tagged else None,
            "enabled": network.admin_state_up,
        },
        places=(names.inside(names.switch(network.id), "ports"),),
    )
