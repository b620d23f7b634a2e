"""What is settled before a cloud's first start: its first passwords, and where its services answer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nacre.identity.kept import kept


class CatalogEntry(msgspec.Struct, frozen=True):
    """A service of this program: `path` is where it is mounted, below the base url."""

    type: str
    name: str
    path: str


def ensure_bootstrap_passwords(state_dir: Path) -> Mapping[str, str]:
    """The first passwords of `admin` and `demo`, kept in `bootstrap.json`, which only its owner may read.

    They are durable before anything is seeded with them.
    """
    text = kept(state_dir / "bootstrap.json", lambda: json.dumps(_new_passwords()))
    return msgspec.json.decode(text, type=dict[str, str])


def _new_passwords() -> Mapping[str, str]:
    return {name: secrets.token_urlsafe(18) for name in ("admin_password", "demo_password")}
