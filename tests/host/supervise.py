"""Run a supervisor over the parts that a JSON file describes: `supervise.py DESCRIPTION`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

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


if __name__ == "__main__":
    what = json.loads(Path(sys.argv[1]).read_text())
    Supervisor(
        [part_of(item) for item in what["parts"]],
        ledger_file=Path(what["ledger"]),
        log_dir=Path(what["log_dir"]),
    ).run()
