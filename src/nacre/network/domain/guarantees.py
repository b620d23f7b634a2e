"""What ports are guaranteed: amounts that must be left on their host, in the words of placement's clients.

A host has a part for its switch, which may have packets to give, and below it one for each wire that has bandwidth to
give: physical networks, and the tunnels to other hosts.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from nacre.kernel.ids import PortId
from nacre.network.domain.qos import Direction, QosRule, RuleKind

SWITCH = "switch"
TUNNELS = "tunnels"
"""The wire of networks that are on no physical one."""

RESOURCE_CLASSES: Mapping[tuple[RuleKind, Direction], str] = {
    (RuleKind.MINIMUM_BANDWIDTH, Direction.EGRESS): "NET_BW_EGR_KILOBIT_PER_SEC",
    (RuleKind.MINIMUM_BANDWIDTH, Direction.INGRESS): "NET_BW_IGR_KILOBIT_PER_SEC",
    (RuleKind.MINIMUM_PACKET_RATE, Direction.ANY): "NET_PACKET_RATE_KILOPACKET_PER_SEC",
    (RuleKind.MINIMUM_PACKET_RATE, Direction.EGRESS): "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    (RuleKind.MINIMUM_PACKET_RATE, Direction.INGRESS): "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
}

_STRANGE = re.compile(r"[^A-Z0-9_]")


def wire_part(wire: str) -> str:
    """The name of the part of a host that is its place on a wire."""
    return f"wire:{wire}"


def wire_trait(wire: str) -> str:
    """The trait of the providers of a wire."""
    if wire == TUNNELS:
        return "CUSTOM_NETWORK_TUNNEL_PROVIDER"
    return f"CUSTOM_PHYSNET_{_STRANGE.sub('_', wire.upper())}"


def vnic_trait(vnic_type: str = "normal") -> str:
    """The trait of the providers that a kind of interface can be connected to."""
    return f"CUSTOM_VNIC_TYPE_{_STRANGE.sub('_', vnic_type.upper())}"


class Guarantee(msgspec.Struct, frozen=True, kw_only=True):
    """What one port is guaranteed from one part of its host, whose provider has the traits `required`."""

    group_id: str
    part: str
    required: tuple[str, ...]
    resources: Mapping[str, int]


def guarantees_of(
    port_id: PortId, rules: Sequence[QosRule], *, wire: str | None, vnic_type: str
) -> tuple[Guarantee, ...]:
    """What the rules for a port come to. Its network is on `wire`, or in tunnels."""
    wire = wire or TUNNELS
    vnic = vnic_trait(vnic_type)
    found = (
        _guarantee(port_id, rules, RuleKind.MINIMUM_BANDWIDTH, wire_part(wire), (wire_trait(wire), vnic)),
        _guarantee(port_id, rules, RuleKind.MINIMUM_PACKET_RATE, SWITCH, (vnic,)),
    )
    return tuple(each for each in found if each is not None)


def _guarantee(
    port_id: PortId, rules: Sequence[QosRule], kind: RuleKind, part: str, required: tuple[str, ...]
) -> Guarantee | None:
    meant = sorted((rule for rule in rules if rule.kind is kind and rule.minimum), key=lambda rule: rule.id)
    if not meant:
        return None
    return Guarantee(
        group_id=str(uuid.uuid5(uuid.UUID(port_id), " ".join(rule.id for rule in meant))),
        part=part,
        required=required,
        resources={RESOURCE_CLASSES[kind, rule.direction]: rule.minimum for rule in meant},
    )


def together(guarantees: Iterable[Guarantee]) -> dict[str, dict[str, int]]:
    """Amounts by part and resource class."""
    sums: dict[str, Counter[str]] = {}
    for each in guarantees:
        sums.setdefault(each.part, Counter()).update(each.resources)
    return {part: dict(amounts) for part, amounts in sums.items()}
