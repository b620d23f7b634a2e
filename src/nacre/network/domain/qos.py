"""Quality of service: how much of the wire a port may use, and how its packets are marked."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nacre.kernel.ids import ProjectId


class RuleKind(StrEnum):
    """What a rule is about, as the API names it."""

    BANDWIDTH_LIMIT = "bandwidth_limit"
    DSCP_MARKING = "dscp_marking"
    MINIMUM_BANDWIDTH = "minimum_bandwidth"
    MINIMUM_PACKET_RATE = "minimum_packet_rate"
    PACKET_RATE_LIMIT = "packet_rate_limit"


GUARANTEES = frozenset({RuleKind.MINIMUM_BANDWIDTH, RuleKind.MINIMUM_PACKET_RATE})
"""Those that are kept by placing servers where enough is left; switches have nothing to do for them."""

KEPT_ELSEWHERE = GUARANTEES | {RuleKind.PACKET_RATE_LIMIT}
"""Those for which OVN has nothing to do: hosts themselves count packets."""


class Direction(StrEnum):
    """Seen from the port's owner: egress leaves the guest. Packets may also be counted both ways together."""

    EGRESS = "egress"
    INGRESS = "ingress"
    ANY = "any"


WAYS = (Direction.EGRESS, Direction.INGRESS)


DSCP_MARKS = (0, *range(8, 42, 2), 44, 46, 48, 56)
"""The code points of the class selectors, of assured and expedited forwarding, and 44. Source: RFC 2474, 2597, 3246."""


class QosRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. Rates are in kbit/s or thousands of packets a second, bursts in kbit or thousands of packets, 0 meaning
    the engine's own; marks count outgoing packets alone.
    """

    id: str
    policy_id: str
    kind: RuleKind
    direction: Direction = Direction.EGRESS
    max_kbps: int = 0
    max_burst_kbps: int = 0
    dscp_mark: int = 0
    min_kbps: int = 0
    min_kpps: int = 0
    max_kpps: int = 0
    max_burst_kpps: int = 0

    @property
    def says_nothing(self) -> bool:
        """Whether OVN has nothing to do for it. A limit to no rate does not limit."""
        return self.kind in KEPT_ELSEWHERE or (self.kind is RuleKind.BANDWIDTH_LIMIT and self.max_kbps == 0)

    @property
    def minimum(self) -> int:
        """What it guarantees."""
        return self.min_kbps if self.kind is RuleKind.MINIMUM_BANDWIDTH else self.min_kpps

    def contradicts(self, other: QosRule) -> bool:
        """Whether one policy cannot have both, although they speak of different directions."""
        return (
            self.id != other.id
            and self.kind is other.kind
            and Direction.ANY in (self.direction, other.direction)
        )

    @property
    def slot(self) -> str:
        """What a policy may say once only."""
        return f"{self.kind}/{self.direction}"


class PacketLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How many packets a second an interface of a guest passes, out of the guest or into it; `burst` may come at once.

    With a `vlan`, those of the subport are counted that the interface carries under that tag; without, all those that
    no other limit counts.
    """

    is_outward: bool
    packets_per_s: int
    burst: int
    vlan: int | None = None


def packet_limit(direction: Direction, *, kpps: int, burst_kpackets: int, vlan: int | None) -> PacketLimit:
    """A rule as a limit of an interface. A rule that names no burst lets a tenth of a second's packets come at once."""
    return PacketLimit(
        is_outward=direction is Direction.EGRESS,
        packets_per_s=kpps * 1000,
        burst=burst_kpackets * 1000 or kpps * 100,
        vlan=vlan,
    )


class QosPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of rules. A default one is given to its project's new networks."""

    id: str
    project_id: ProjectId
    name: str = ""
    description: str = ""
    shared: bool = False
    is_default: bool = False
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
