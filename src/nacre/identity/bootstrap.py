"""What is settled before a cloud's first start: its first passwords, and where its services answer."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec


class CatalogEntry(msgspec.Struct, frozen=True):
    """A service of this program: `path` is where it is mounted, below the base url."""

    type: str
    name: str
    path: str


def ensure_bootstrap_passwords(state_dir: Path) -> Mapping[str, str]:
    """The first passwords of `admin` and `demo`, kept in `bootstrap.json`, which only its owner may read.

    Made on first use, whole or not at all: they are durable before anything is seeded with them.
    """
    path = state_dir / "bootstrap.json"
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_once(path, {name: secrets.token_urlsafe(18) for name in ("admin_password", "demo_password")})
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def _write_once(path: Path, content: Mapping[str, str]) -> None:
    """Write `path` unless somebody else does so first."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
