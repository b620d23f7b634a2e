"""What the supervisor has started, on disk, for its successor and for everybody who wants to know."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from nacre.host import processes
from nacre.host.processes import Identity


class Phase(StrEnum):
    """How far a part is."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTING = "resting"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One part as of the newest change. `since_s` is when its present process was started or taken over."""

    name: str
    phase: Phase
    lasts: bool
    pid: int = 0
    started: int = 0
    since_s: float = 0.0
    restarts: int = 0
    last_end: str = ""

    @property
    def identity(self) -> Identity | None:
        """The process of this part, running or not; None when it has none."""
        return Identity(self.pid, self.started) if self.pid else None

    @property
    def runs(self) -> bool:
        """Whether the recorded process runs now."""
        return self.identity is not None and processes.is_running(self.identity)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Every part of the cloud by name, in the order of starting, and who watches them."""

    boot_id: str
    supervisor: Identity
    parts: Mapping[str, Record]

    @property
    def supervisor_runs(self) -> bool:
        """Whether the process that wrote this still runs."""
        return processes.is_running(self.supervisor)


def read(path: Path) -> Ledger | None:
    """The ledger, or None when there is none, or it was written before the machine last started."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    if content["boot_id"] != processes.boot_id():
        return None
    records = [Record(**{**item, "phase": Phase(item["phase"])}) for item in content["parts"]]
    return Ledger(
        boot_id=content["boot_id"],
        supervisor=Identity(**content["supervisor"]),
        parts={record.name: record for record in records},
    )


def write(path: Path, ledger: Ledger) -> None:
    """Replace the ledger in one step. It need not survive the machine: nothing it names would."""
    content = {
        "boot_id": ledger.boot_id,
        "supervisor": asdict(ledger.supervisor),
        "parts": [asdict(record) for record in ledger.parts.values()],
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=1))
    os.replace(fresh, path)
