"""What the first start made, so that a later one does not make again what an operator has taken away."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import SEEDED
from nacre.kernel.database import Reader, Tx


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """`what` was made (`user:admin`), as `subject_id`; `value` is what it said, where that may change."""

    what: str
    subject_id: str
    value: str = ""


SEEDS = Shelf(SEEDED, Seeded, key="what")

_LIKE = sa.select(SEEDED.c.what).where(SEEDED.c.what.startswith(sa.bindparam("beginning")))


def seeds_like(db: Reader, beginning: str) -> set[str]:
    """What was ever made under names that begin like this."""
    return {row[0] for row in db.rows(_LIKE, beginning=beginning)}


def insert_seeds(tx: Tx, seeds: Sequence[Seeded]) -> None:
    """Note what has been made."""
    tx.execute_many(sa.insert(SEEDED), [msgspec.structs.asdict(seed) for seed in seeds])
