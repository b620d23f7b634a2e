"""Why the cloud could not be started or stopped. Each sentence ends with what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nacre.kernel.errors import Conflict, Invalid, NotFound, Unavailable


@dataclass(eq=False)
class CannotStart(Conflict):
    """This machine lacks something that the chosen hosts need."""

    code = "host.cannot_start"
    reasons: Sequence[str]

    def __str__(self) -> str:
        return "The cloud cannot be started here.\n" + "\n".join(f"  - {reason}" for reason in self.reasons)


@dataclass(eq=False)
class AlreadySupervised(Conflict):
    """There is one supervisor to a cloud."""

    code = "host.already_supervised"
    state: Path

    def __str__(self) -> str:
        return f"The cloud in {self.state} has a supervisor already."


@dataclass(eq=False)
class NotAnswering(Unavailable):
    """The control plane of this cloud does not answer on its unix socket."""

    code = "host.not_answering"
    state: Path

    def __str__(self) -> str:
        return f"The control plane of {self.state} does not answer: see `nacre status`, or run `nacre up`."


@dataclass(eq=False)
class NoSuchAudit(NotFound):
    """No service of this name compares anything."""

    code = "host.no_such_audit"
    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"There is no audit of {self.name}; there are {', '.join(self.known)}."


@dataclass(eq=False)
class PartFailed(Unavailable):
    """A part of the cloud does not come up."""

    code = "host.part_failed"
    part: str
    why: str
    log: Sequence[str]

    def __str__(self) -> str:
        tail = "".join(f"\n    {line}" for line in self.log)
        return f"{self.part} does not come up: {self.why}. `nacre doctor` says more. Its log ends with:{tail}"


@dataclass(eq=False)
class FirstUseFailed(Unavailable):
    """The cloud runs, and the first server in it does not come to an answer."""

    code = "host.first_use_failed"
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(eq=False)
class Refused(Unavailable):
    """The public API answered a request of `up` with an error."""

    code = "host.refused"
    method: str
    url: str
    answer_status: int
    answer: str

    def __str__(self) -> str:
        return f"{self._sentence()} ({self.method} {self.url}: {self.answer_status})"

    def _sentence(self) -> str:
        """What the answer says to people, whichever service's shape it has."""
        try:
            said = json.loads(self.answer)
        except ValueError:
            return self.answer[:500]
        while isinstance(said, dict) and "message" not in said and len(said) == 1:
            said = next(iter(said.values()))
        return str(said.get("message", said) if isinstance(said, dict) else said)[:500]


@dataclass(eq=False)
class UnclearMappings(Invalid):
    """The option that names physical networks and their bridges cannot be read."""

    code = "host.unclear_mappings"
    mappings: str

    def __str__(self) -> str:
        return f"local.bridge_mappings is {self.mappings!r}; NETWORK:BRIDGE:INTERFACE,... was expected."
