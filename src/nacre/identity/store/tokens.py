"""The keys that sign tokens, and the tokens that were revoked before their time."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from nacre.identity.domain.tokens import TokenKey
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import TOKEN_KEY, TOKEN_REVOCATION
from nacre.kernel.database import Reader, Tx

KEYS = Shelf(TOKEN_KEY, TokenKey, key="key_id")

_KEYS = KEYS.all.order_by(TOKEN_KEY.c.key_id)
_REMOVE_KEYS = sa.delete(TOKEN_KEY).where(TOKEN_KEY.c.key_id < sa.bindparam("before"))
_REVOKE = sa.text(
    "INSERT INTO token_revocation (audit_id, expires_at) VALUES (:audit_id, :expires_at)"
    " ON CONFLICT (audit_id) DO NOTHING"
)
_REVOKED = sa.select(TOKEN_REVOCATION.c.audit_id).where(TOKEN_REVOCATION.c.expires_at > sa.bindparam("now"))
_FORGET = sa.delete(TOKEN_REVOCATION).where(TOKEN_REVOCATION.c.expires_at <= sa.bindparam("now"))


def load_keys(db: Reader) -> Sequence[TokenKey]:
    """Every key, the oldest first."""
    return [KEYS.of(row) for row in db.rows(_KEYS)]


def add_key(tx: Tx, key: TokenKey) -> None:
    KEYS.insert(tx, key)


def remove_keys_before(tx: Tx, key_id: int) -> None:
    """Forget the keys older than this one; what they signed is void."""
    tx.execute(_REMOVE_KEYS, before=key_id)


def revoke(tx: Tx, audit_id: str, *, expires_at: float) -> None:
    """Let a token count no more; safe to repeat. Forgets revocations of tokens that have expired since."""
    tx.execute(_FORGET, now=tx.now)
    tx.execute(_REVOKE, audit_id=audit_id, expires_at=expires_at)


def load_revoked(db: Reader, *, now: float) -> frozenset[str]:
    """The audit ids of the tokens that were revoked and would still count otherwise."""
    return frozenset(row[0] for row in db.rows(_REVOKED, now=now))
