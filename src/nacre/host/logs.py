"""The log files of the parts: appended to, and shortened when they grow."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LONGEST_BYTES = 32 << 20


def open_log(log_dir: Path, name: str) -> int:
    """A descriptor that appends to the log of one part."""
    return os.open(log_dir / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


def shorten_all(log_dir: Path) -> None:
    """Move what a log beyond the limit holds to `NAME.log.1`, in place of what was there.

    Its writer keeps its descriptor, which appends, so it goes on at the new beginning.
    """
    for log in log_dir.glob("*.log"):
        if log.stat().st_size > LONGEST_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def last_lines(log_dir: Path, name: str, *, count: int) -> list[str]:
    """The newest lines of a part's log; empty when it has written none."""
    try:
        with (log_dir / f"{name}.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - (64 << 10)))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []
