"""The story of a server, told in the API's own terms: what was asked, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

ASKED = frozenset(
    {
        "create", "delete", "start", "stop", "reboot", "pause", "unpause", "suspend", "resume", "lock", "unlock",
        "attach_interface", "detach_interface", "rebuild", "resize", "confirmResize", "revertResize",
    }
)  # fmt: skip
"""The lines of the log that the API shows as actions."""

_EVENT_NAMES = {
    "place": "nova_scheduler_select_destinations",
    "refuse": "nova_scheduler_select_destinations",
    "report": "compute_guest_report",
    "rest": "compute_guest_powered_itself_off",
    "forget": "compute_terminate_instance",
}
_FAILED = frozenset({"refuse"})
_DONE_AT_ONCE = {
    "attach_interface": "compute_attach_interface",
    "detach_interface": "compute_detach_interface",
}
"""What had been done for an action when it was written down, by the names that clients wait for."""


class Line(Protocol):
    """What is needed of a line of the log."""

    @property
    def at(self) -> float: ...
    @property
    def actor(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def after(self) -> str: ...


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Something that came of an action."""

    name: str
    at: float
    failed: bool
    details: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One action of a caller and what came of it, oldest first."""

    action: str
    request_id: str
    user_id: str
    project_id: str
    at: float
    updated_at: float
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> bool:
        return any(outcome.failed for outcome in self.outcomes)


def tell(lines: Sequence[Line]) -> list[Told]:
    """The actions among the lines of one server's log (newest first), newest first.

    What happens after an action and before the next one came of it.
    """
    told: list[Told] = []
    outcomes: list[Outcome] = []
    for line in lines:
        if line.action in ASKED:
            told.append(_told(line, outcomes))
            outcomes = []
        elif line.action in _EVENT_NAMES:
            outcomes.insert(0, _outcome(line))
    return told


def _told(line: Line, later: Sequence[Outcome]) -> Told:
    done = _DONE_AT_ONCE.get(line.action)
    at_once = [Outcome(name=done, at=line.at, failed=False, details="")] if done else []
    outcomes = (*at_once, *later)
    return Told(
        action=line.action,
        request_id=line.trace_id,
        user_id=line.actor.removeprefix("user:"),
        project_id=line.project_id,
        at=line.at,
        updated_at=max([line.at, *[outcome.at for outcome in outcomes]]),
        outcomes=outcomes,
    )


def _outcome(line: Line) -> Outcome:
    failed = line.action in _FAILED or '"fault"' in line.after
    return Outcome(
        name=_EVENT_NAMES[line.action], at=line.at, failed=failed, details=line.after if failed else ""
    )
