"""Sealing everything anew with a new key, while the cloud runs.

The file of sealing keys says how far a rotation is: with two keys one is under way, and what it still has to do is
whatever the newest key has not sealed. So it goes on where it was, however it ended, and is over when the old key
is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import sqlalchemy as sa

from nacre.identity.sealing import Seal
from nacre.identity.store.sealed import SEALED, SealedRow, replace_sealed, rows_after
from nacre.kernel.database import Database
from nacre.kernel.errors import Conflict
from nacre.kernel.events import Actor, Event

SETTLES_S = 60.0
"""How long after a change of the keys a process may still write what it sealed before."""


@dataclass(eq=False)
class StillSealed(Conflict):
    """Secrets would be lost with the old key."""

    code: ClassVar[str] = "identity.still_sealed"
    secrets: int

    def __str__(self) -> str:
        return (
            f"{self.secrets} secrets are still sealed with an older key; `nacre keys rotate --seal` goes on."
        )


@dataclass(eq=False)
class TooSoon(Conflict):
    """Somebody may still be writing what was sealed with the old key."""

    code: ClassVar[str] = "identity.seal_too_soon"
    wait_s: float

    def __str__(self) -> str:
        return f"The newest sealing key is too young; try again in {self.wait_s:.0f} s."


@dataclass(eq=False)
class NotAnnounced(Conflict):
    """Other nodes would not know the new key, and could open nothing that it seals."""

    code: ClassVar[str] = "identity.seal_not_announced"
    file: Path

    def __str__(self) -> str:
        return (
            f"Other nodes of this store must know the new key first: `nacre keys announce`, copy {self.file} to"
            " each of them, and try again; or say --alone if there is no other."
        )


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """How many secrets a column holds, and how many of them an older key has sealed."""

    secrets: int
    older: int


def begin(seal: Seal, *, alone: bool) -> bool:
    """Put a new key on top, unless a rotation is under way. Whether it begins here.

    `alone` says that no other node has a copy of the file. Raises NotAnnounced.
    """
    if seal.key_count > 1:
        return False
    if not alone and not seal.is_announced:
        raise NotAnnounced(seal.path)
    seal.add_key()
    return True


def seal_anew(database: Database, seal: Seal) -> Iterator[int]:
    """Seal with the newest key whatever an older one has sealed, batch by batch; how many were, for each batch.

    Short transactions, with the work done between them. Raises SealBroken for what no key opens.
    """
    for column in SEALED:
        for rows in _batches(database, column):
            anew = {row.key: (row.sealed, fresh) for row in rows if (fresh := seal.sealed_anew(row.sealed))}
            if anew:
                with database.write(Actor("keys")) as tx:
                    written = replace_sealed(tx, column, anew)
                    tx.record(
                        Event(action="seal", kind=column.table.name, subject="*", after={"secrets": written})
                    )
                yield written


def survey(database: Database, seal: Seal) -> Mapping[str, Sealed]:
    """What is sealed, by `table.column`. Reads everything, batch by batch."""
    found = {}
    for column in SEALED:
        secrets = older = 0
        for rows in _batches(database, column):
            secrets += len(rows)
            older += sum(seal.sealed_anew(row.sealed) is not None for row in rows)
        found[str(column)] = Sealed(secrets=secrets, older=older)
    return found


def drop_old_keys(database: Database, seal: Seal) -> int:
    """Forget the older keys, once nothing needs them. How many there were. Raises StillSealed, TooSoon."""
    if seal.key_count == 1:
        return 0
    wait_s = seal.path.stat().st_mtime + SETTLES_S - database.clock.now()
    if wait_s > 0:
        raise TooSoon(wait_s)
    older = sum(column.older for column in survey(database, seal).values())
    if older:
        raise StillSealed(older)
    return seal.drop_old_keys()


def _batches(database: Database, column: sa.Column[Any]) -> Iterator[list[SealedRow]]:
    key: tuple[Any, ...] | None = None
    while True:
        with database.read() as db:
            rows = list(rows_after(db, column, key))
        if not rows:
            return
        yield rows
        key = rows[-1].key
