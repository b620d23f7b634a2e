"""Secrets kept in files of the state directory, made on first use and readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path


def kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made by `make` if there is none. Whole or not at all, and durable when we return."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    fresh = _written(path, make())
    with contextlib.suppress(FileExistsError):  # Another process was first: its secret is the one.
        os.link(fresh, path)
    fresh.unlink()
    return path.read_text()


def replace_kept(path: Path, text: str) -> None:
    """Let the file hold `text` from now on: readers see all of the old or all of the new, and it is durable."""
    os.replace(_written(path, text), path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _written(path: Path, text: str) -> Path:
    """A new file beside `path` that holds `text`, durably."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh
