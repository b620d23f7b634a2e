"""A directory short enough for unix sockets, and a supervisor with harmless parts in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nacre.host import ledger, processes
from nacre.host.ledger import Phase, Record


def eventually(condition: Callable[[], object], *, timeout_s: float = 10.0) -> object:
    """What `condition` returns as soon as it is true; fails when it stays false."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.005)
    return result


class Rig:
    """One supervisor at a time, over the parts described; and what it did."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger_file = directory / "parts.json"
        self.starts_file = directory / "starts"
        self.starts_file.touch()
        self.parts: list[dict] = []
        self.kill_the_first_recorded = False
        self.disk_is_full_times = 0
        self._supervisor: subprocess.Popen | None = None
        self._seen: set[processes.Identity] = set()

    def add(self, name: str, *command: str, **more: object) -> None:
        self.parts.append({"name": name, "command": command, "starts": str(self.starts_file), **more})

    def sleeper(self) -> tuple[str, ...]:
        """A program that does nothing for long, and whose command line no other has."""
        return ("sleep", f"1000.{os.getpid()}{len(self.parts)}{abs(hash(self.directory)) % 10**8}")

    def start(self) -> None:
        assert self._supervisor is None
        description = self.directory / "description.json"
        content = {
            "parts": self.parts,
            "ledger": str(self.ledger_file),
            "log_dir": str(self.directory / "log"),
            "kill_the_first_recorded": self.kill_the_first_recorded,
            "disk_is_full_times": self.disk_is_full_times,
        }
        description.write_text(json.dumps(content))
        script = Path(__file__).with_name("supervise.py")
        self._supervisor = subprocess.Popen([sys.executable, str(script), str(description)])

    def stop(self, by: signal.Signals) -> None:
        assert self._supervisor is not None
        self.records()
        self._supervisor.send_signal(by)
        self._supervisor.wait(timeout=10)
        self._supervisor = None
        self.records()

    def hurry(self) -> None:
        assert self._supervisor is not None
        self._supervisor.send_signal(signal.SIGHUP)

    def supervisor_pid(self) -> int:
        assert self._supervisor is not None
        return self._supervisor.pid

    def records(self) -> dict[str, Record]:
        known = ledger.read(self.ledger_file)
        found = dict(known.parts) if known else {}
        self._seen |= {record.identity for record in found.values() if record.identity}
        return found

    def ready(self, name: str) -> Record | None:
        record = self.records().get(name)
        return record if record and record.phase is Phase.READY else None

    def wait_until_ready(self) -> dict[str, Record]:
        """All parts, as the present supervisor and no earlier one says."""

        def all_ready() -> bool:
            known = ledger.read(self.ledger_file)
            if known is None or known.supervisor.pid != self.supervisor_pid():
                return False
            return all(self.ready(part["name"]) for part in self.parts)

        eventually(all_ready)
        return self.records()

    def starts(self) -> list[str]:
        """The names of the parts in the order in which they were started."""
        return self.starts_file.read_text().split()

    def running(self, *command: str) -> list[int]:
        """All processes of this machine with exactly this command line."""
        wanted = b"".join(word.encode() + b"\0" for word in command)
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "cmdline").read_bytes() == wanted:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def close(self) -> None:
        if self._supervisor is not None:
            self.stop(signal.SIGTERM)
        self.records()
        for identity in self._seen:
            processes.end(identity, grace_s=2.0)


@pytest.fixture
def state() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="nh-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def rig(state: Path) -> Iterator[Rig]:
    rig = Rig(state)
    yield rig
    rig.close()
