"""Run a supervisor over the parts that a JSON file describes: `supervise.py DESCRIPTION`."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nacre.host import ledger
from nacre.host.ledger import Ledger
from nacre.host.parts import Part
from nacre.host.supervisor import Supervisor


def note(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")


def is_ready(description: dict, pid: int) -> bool:
    """With a ready file, when it is there; else as soon as the process has become its command."""
    if "ready_file" in description:
        return Path(description["ready_file"]).exists()
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1] == [
            word.encode() for word in description["command"]
        ]
    except OSError:
        return False


def part_of(description: dict) -> Part:
    return Part(
        name=description["name"],
        command=tuple(description.get("command", ())),
        after=tuple(description.get("after", ())),
        prepare=partial(note, Path(description["starts"]), description["name"]),
        ready=partial(is_ready, description),
        pid_file=Path(description["pid_file"]) if "pid_file" in description else None,
    )


def killing_the_first_recorded(write: Callable[[Path, Ledger], None]) -> Callable[[Path, Ledger], None]:
    """`write`, and after the first record of a process that process is killed: it has not yet begun."""
    killed: list[int] = []

    def write_and_kill(path: Path, what: Ledger) -> None:
        write(path, what)
        pids = [record.pid for record in what.parts.values() if record.pid]
        if pids and not killed:
            killed.extend(pids)
            os.kill(pids[0], signal.SIGKILL)
            os.waitid(os.P_PID, pids[0], os.WEXITED | os.WNOWAIT)

    return write_and_kill


def failing_at_first(write: Callable[[Path, Ledger], None], times: int) -> Callable[[Path, Ledger], None]:
    """`write`, which finds the disk full so many times."""
    attempts = itertools.count()

    def write_or_fail(path: Path, what: Ledger) -> None:
        if any(record.pid for record in what.parts.values()) and next(attempts) < times:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, what)

    return write_or_fail


if __name__ == "__main__":
    what = json.loads(Path(sys.argv[1]).read_text())
    ledger.write = failing_at_first(ledger.write, what["disk_is_full_times"])
    if what["kill_the_first_recorded"]:
        ledger.write = killing_the_first_recorded(ledger.write)
    Supervisor(
        [part_of(item) for item in what["parts"]],
        ledger_file=Path(what["ledger"]),
        log_dir=Path(what["log_dir"]),
    ).run()
