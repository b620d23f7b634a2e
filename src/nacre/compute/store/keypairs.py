"""Key pairs in the store. Each belongs to a user, whatever project they work in."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from nacre.compute.domain.keypairs import Keypair
from nacre.compute.errors import KeypairExists, KeypairNotFound
from nacre.compute.store.tables import KEYPAIR
from nacre.kernel.database import Duplicate, Reader, Tx

SELECT = sa.select(*[KEYPAIR.c[name] for name in Keypair.__struct_fields__])
_FIND = SELECT.where(KEYPAIR.c.user_id == sa.bindparam("user_id"), KEYPAIR.c.name == sa.bindparam("name"))
_COUNT = sa.text("SELECT COUNT(*) FROM keypair WHERE user_id = :user_id")
_DELETE = sa.text("DELETE FROM keypair WHERE user_id = :user_id AND name = :name")


def load(db: Reader, user_id: str, name: str) -> Keypair:
    """A user's key pair. Raises KeypairNotFound."""
    row = db.row(_FIND, user_id=user_id, name=name)
    if row is None:
        raise KeypairNotFound(name, user_id)
    return Keypair(*row)


def listed(db: Reader, statement: sa.Select[tuple[object, ...]]) -> Sequence[Keypair]:
    """The key pairs that a statement made of SELECT finds."""
    return [Keypair(*row) for row in db.rows(statement)]


def count(db: Reader, user_id: str) -> int:
    """How many key pairs a user has."""
    found: int = db.scalar(_COUNT, user_id=user_id)
    return found


def insert(tx: Tx, user_id: str, name: str, *, kind: str, fingerprint: str, public_key: str) -> None:
    """A new key pair. Raises KeypairExists."""
    try:
        tx.execute(
            sa.insert(KEYPAIR), user_id=user_id, name=name, kind=kind, fingerprint=fingerprint,
            public_key=public_key, created_at=tx.now,
        )  # fmt: skip
    except Duplicate as error:
        raise KeypairExists(name) from error


def delete(tx: Tx, user_id: str, name: str) -> None:
    """Delete a key pair; servers keep the public key they were made with. Raises KeypairNotFound."""
    if not tx.execute(_DELETE, user_id=user_id, name=name):
        raise KeypairNotFound(name, user_id)
