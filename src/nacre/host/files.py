"""Files written whole: a reader sees the old content or the new, and a crash leaves one of the two."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, text: str, *, mode: int) -> None:
    """Write `text` with this mode from its first byte on, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(fresh, path)
