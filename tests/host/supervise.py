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


def part_of(description: dict) -> Part:
    ready_file = description.get("ready_file")
    return Part(
        name=description["name"],
        command=tuple(description.get("command", ())),
        after=tuple(description.get("after", ())),
        prepare=partial(note, Path(description["starts"]), description["name"]),
        ready=lambda _pid: ready_file is None or Path(ready_file).exists(),
        pid_file=Path(description["pid_file"]) if "pid_file" in description else None,
    )


if __name__ == "__main__":
    what = json.loads(Path(sys.argv[1]).read_text())
    Supervisor(
        [part_of(item) for item in what["parts"]],
        ledger_file=Path(what["ledger"]),
        log_dir=Path(what["log_dir"]),
    ).run()
