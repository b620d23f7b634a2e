"""What one part of the cloud is, to the supervisor that runs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


def _nothing() -> None:
    return None


def _at_once(_pid: int) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Part:
    """A program that should always run, or (without a command) a task, done each time its forerunners start.

    `prepare` runs in the part's own new process, before the command takes its place; it may be repeated.
    `ready` is asked with the pid until it says yes; what comes `after` this part waits for that.
    `pid_file` is a file whose lock the program holds while it lives: found held, its holder is taken over
    instead of starting a second one.
    """

    name: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    prepare: Callable[[], None] = _nothing
    after: tuple[str, ...] = ()
    ready: Callable[[int], bool] = _at_once
    pid_file: Path | None = None

    @property
    def lasts(self) -> bool:
        """Whether this is a program that should always run."""
        return bool(self.command)
