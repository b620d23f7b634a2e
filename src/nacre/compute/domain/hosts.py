"""Hosts, as the control plane knows them."""

from __future__ import annotations

import uuid

import msgspec

from nacre.compute.domain.guests import HostReport
from nacre.kernel.ids import HostId

SILENCE_MEANS_DOWN_S = 60.0
"""How long a host may be silent before it takes no new servers. Agents speak at least every 30 s."""

DEFAULT_ZONE = "nova"
"""The availability zone of hosts that no aggregate puts elsewhere; the name clients expect."""

_NAMESPACE = uuid.UUID("8d3c7a64-70b1-5f0e-9a57-2f4c2a6f7b10")


class Host(msgspec.Struct, frozen=True):
    """A host. `number` is its place in the order in which hosts became known."""

    host_id: HostId
    number: int
    report: HostReport
    generation: int
    created_at: float
    seen_at: float
    zone: str
    disabled: bool
    disabled_reason: str | None
    forced_down: bool

    def is_up(self, now: float) -> bool:
        """Whether it is heard of and well."""
        return not self.forced_down and now - self.seen_at < SILENCE_MEANS_DOWN_S

    def objection(self, now: float) -> str:
        """Why no new server may be placed here, as a sentence; empty if one may."""
        if self.disabled:
            return f"it is disabled ({self.disabled_reason})" if self.disabled_reason else "it is disabled"
        if self.forced_down:
            return "it was forced down"
        if not self.is_up(now):
            return f"it has not been heard of for {now - self.seen_at:.0f} s"
        if not self.report.healthy:
            return f"it complains: {self.report.complaint}"
        return ""

    def may_recover(self, now: float) -> bool:
        """Whether what is objected to may pass by itself: nobody has taken this host out of service."""
        return not (self.disabled or self.forced_down) and bool(self.objection(now))


def service_uuid(host_id: HostId) -> str:
    """The id that os-services shows for a host's agent; it follows from the host's own."""
    return str(uuid.uuid5(_NAMESPACE, f"service:{host_id}"))
