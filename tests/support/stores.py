"""Stores with every table in place, copied from one that is made once: making them anew costs most of a test."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from nacre import migrations
from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.wakes import Wakes


def migrate(url: str) -> None:
    """Bring the store at `url` to the newest schema."""
    store = Database(url, clock=VirtualClock(), wakes=Wakes(), durable=False)
    migrations.upgrade(store)
    store.close()


@functools.cache
def _sqlite_template() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="nacre-template-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    migrate(f"sqlite:///{directory / 'store.db'}")
    return directory / "store.db"


def lay_sqlite(path: Path) -> str:
    """A migrated SQLite store at `path`, unless one is there already; its URL."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_sqlite_template(), path)
    return f"sqlite:///{path}"
