"""Short programs that are run for their effect or their output, each with a time limit and a clear failure."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nacre.kernel.errors import Unavailable


@dataclass(eq=False)
class ToolFailed(Unavailable):
    """A program of the system did not do what it was run for."""

    code = "host.tool_failed"
    command: Sequence[str]
    why: str

    def __str__(self) -> str:
        return f"`{' '.join(self.command)}` failed: {self.why}"


def run(*command: str, environment: Mapping[str, str] | None = None, timeout_s: float = 30.0) -> str:
    """What the program prints. Raises ToolFailed, with what it said, when it fails, hangs or does not exist."""
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(command, f"it took longer than {timeout_s:.0f} s") from error
    except OSError as error:
        raise ToolFailed(command, error.strerror or str(error)) from error
    if done.returncode != 0:
        raise ToolFailed(command, done.stderr.strip() or f"exit status {done.returncode}")
    return done.stdout


def try_to_run(
    *command: str, environment: Mapping[str, str] | None = None, timeout_s: float = 15.0
) -> str | None:
    """What the program prints; None when it fails in whatever way, where that is no surprise."""
    try:
        return run(*command, environment=environment, timeout_s=timeout_s)
    except ToolFailed:
        return None


def detach(*command: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
    """Start a program that goes on by itself, in a session of its own; what it prints is added to `log`."""
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", *command],
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            timeout=10,
        )
