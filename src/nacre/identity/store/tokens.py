"""The keys that sign tokens, and the tokens that were revoked before their time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import TOKEN_KEY, TOKEN_REVOCATION
from nacre.kernel.database import Reader, Tx


class SealedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key as it is kept."""

    key_id: int
    sealed_secret: str
    signs_from: float


KEYS = Shelf(TOKEN_KEY, SealedKey, key="key_id")

_KEYS = KEYS.all.order_by(TOKEN_KEY.c.key_id)
_REMOVE_KEYS = sa.delete(TOKEN_KEY).where(TOKEN_KEY.c.key_id < sa.bindparam("before"))
_REVOKE = sa.text(
    "INSERT INTO token_revocation (audit_id, expires_at, revoked_at, whole_chain)"
    " VALUES (:audit_id, :expires_at, :revoked_at, :whole_chain) ON CONFLICT (audit_id) DO UPDATE"
    " SET whole_chain = token_revocation.whole_chain OR excluded.whole_chain,"
    " expires_at = CASE WHEN excluded.expires_at > token_revocation.expires_at"
    " THEN excluded.expires_at ELSE token_revocation.expires_at END"
)
_FORGET = sa.delete(TOKEN_REVOCATION).where(TOKEN_REVOCATION.c.expires_at <= sa.bindparam("now"))


def load_keys(db: Reader) -> Sequence[SealedKey]:
    """Every key, the oldest first."""
    return [KEYS.of(row) for row in db.rows(_KEYS)]


def add_key(tx: Tx, key: SealedKey) -> None:
    KEYS.insert(tx, key)


def remove_keys_before(tx: Tx, key_id: int) -> None:
    """Forget the keys older than this one; what they signed is void."""
    tx.execute(_REMOVE_KEYS, before=key_id)


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was revoked, or with `whole_chain` all that were made from it; `expires_at` ends its memory."""

    audit_id: str
    expires_at: float
    revoked_at: float
    whole_chain: bool


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """The audit ids of the tokens that were revoked, and of those revoked with all that came of them."""

    tokens: frozenset[str]
    chains: frozenset[str]

    def covers(self, audit_ids: Sequence[str]) -> bool:
        """Whether the token with these audit ids, its own first and its chain's last, is revoked."""
        return audit_ids[0] in self.tokens or audit_ids[-1] in self.chains


REVOCATIONS = Shelf(TOKEN_REVOCATION, Revocation, key="audit_id")
_REVOCATIONS = REVOCATIONS.all.where(TOKEN_REVOCATION.c.expires_at > sa.bindparam("now"))


def revoke(tx: Tx, audit_id: str, *, until: float, whole_chain: bool = False) -> None:
    """Let a token count no more; safe to repeat. Forgets revocations whose tokens have expired for good.

    `until` is when the token, or the last one of its chain, cannot be validated any more in any case.
    """
    tx.execute(_FORGET, now=tx.now)
    tx.execute(_REVOKE, audit_id=audit_id, expires_at=until, revoked_at=tx.now, whole_chain=whole_chain)


def load_revocations(db: Reader, *, now: float) -> Sequence[Revocation]:
    """The revocations of tokens that would still count otherwise."""
    return [REVOCATIONS.of(row) for row in db.rows(_REVOCATIONS, now=now)]


def load_revoked(db: Reader, *, now: float) -> Revoked:
    """The same, to be asked."""
    found = load_revocations(db, now=now)
    return Revoked(
        tokens=frozenset(each.audit_id for each in found),
        chains=frozenset(each.audit_id for each in found if each.whole_chain),
    )
