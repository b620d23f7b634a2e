"""Everything that is kept sealed: the one list of it, and what it takes to seal it anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.store.tables import CREDENTIAL, DOMAIN_CONFIG, OIDC_CLIENT, TOKEN_KEY
from nacre.kernel.database import Reader, Tx

SEALED: Sequence[sa.Column[Any]] = (
    TOKEN_KEY.c.sealed_secret,
    CREDENTIAL.c.sealed_blob,
    DOMAIN_CONFIG.c.sealed,
    OIDC_CLIENT.c.sealed_secret,
)
"""Every column that holds what `Seal` has sealed, or an empty text. A law compares this list with the tables."""

BATCH = 200


class SealedRow(msgspec.Struct, frozen=True):
    """One secret as it is kept, and the key of the row it is in."""

    key: tuple[Any, ...]
    sealed: str


def rows_after(db: Reader, column: sa.Column[Any], key: tuple[Any, ...] | None) -> Sequence[SealedRow]:
    """The next `BATCH` secrets of a column in the order of their keys; from the beginning without a `key`."""
    keys = list(column.table.primary_key.columns)
    chosen = sa.select(*keys, column).where(column != "").order_by(*keys).limit(BATCH)
    if key is not None:
        chosen = chosen.where(sa.tuple_(*keys) > sa.tuple_(*key))
    return [SealedRow(tuple(row[:-1]), row[-1]) for row in db.rows(chosen)]


def replace_sealed(tx: Tx, column: sa.Column[Any], anew: Mapping[tuple[Any, ...], tuple[str, str]]) -> int:
    """Write secrets that are sealed anew, by key as (before, now), but not over newer ones. How many were written."""
    keys = list(column.table.primary_key.columns)
    statement = (
        sa.update(column.table)
        .where(*[each == sa.bindparam(f"key_{at}") for at, each in enumerate(keys)])
        .where(column == sa.bindparam("before"))
        .values({column.name: sa.bindparam("now")})
    )
    parameters = [
        {f"key_{at}": part for at, part in enumerate(key)} | {"before": before, "now": now}
        for key, (before, now) in anew.items()
    ]
    return tx.execute_many(statement, parameters)
