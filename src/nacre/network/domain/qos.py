"""Quality of service: how much of the wire a port may use, and how its packets are marked."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nacre.kernel.ids import ProjectId


class RuleKind(StrEnum):
    """What a rule is about, as the API names it."""

    BANDWIDTH_LIMIT = "bandwidth_limit"
    DSCP_MARKING = "dscp_marking"


class Direction(StrEnum):
    """Seen from the port's owner: egress leaves the guest."""

    EGRESS = "egress"
    INGRESS = "ingress"


DSCP_MARKS = (0, *range(8, 42, 2), 44, 46, 48, 56)
"""The code points of the class selectors, of assured and expedited forwarding, and 44. Source: RFC 2474, 2597, 3246."""


class QosRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. Rates are in kbit/s, bursts in kbit, 0 meaning the engine's own; marks count outgoing packets alone."""

    id: str
    policy_id: str
    kind: RuleKind
    direction: Direction = Direction.EGRESS
    max_kbps: int = 0
    max_burst_kbps: int = 0
    dscp_mark: int = 0

    @property
    def says_nothing(self) -> bool:
        """Whether it limits to no rate, which means that it does not limit."""
        return self.kind is RuleKind.BANDWIDTH_LIMIT and self.max_kbps == 0

    @property
    def slot(self) -> str:
        """What a policy may say once only."""
        return f"{self.kind}/{self.direction}"


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
