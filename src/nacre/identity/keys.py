"""The keys that sign tokens: kept sealed, and replaced by period without voiding a token before its time."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from nacre.identity.domain.tokens import TokenKey, new_secret
from nacre.identity.sealing import Seal
from nacre.identity.store.tokens import SealedKey, add_key, load_keys, remove_keys_before
from nacre.kernel.config import Settings
from nacre.kernel.database import Reader, Tx
from nacre.kernel.events import Event

KEYS_CHANGED = "identity:keys"
KEY_SETTLES_S = 60.0
"""How long a new key waits before it signs: by then every node has heard of it."""


def new_sealed_secret(seal: Seal) -> str:
    """The secret of a key to be, as it is kept. Made before the transaction that keeps it."""
    return seal.seal(base64.b64encode(new_secret()).decode())


def open_keys(db: Reader, seal: Seal) -> Mapping[int, TokenKey]:
    """Every key by its id, the oldest first. Raises SealBroken."""
    return {
        key.key_id: TokenKey(
            key_id=key.key_id,
            secret=base64.b64decode(seal.open(key.sealed_secret)),
            signs_from=key.signs_from,
        )
        for key in load_keys(db)
    }


def rotate_keys(tx: Tx, sealed_secret: str, *, lifetime_s: float) -> None:
    """Let a new key sign from soon on, and forget those that no living token is signed with.

    `lifetime_s` is how long a token may be asked about. Raises Duplicate if another node rotates at this moment.
    """
    keys = load_keys(tx)
    if not keys:
        key_id, signs_from = 1, tx.now
    else:
        key_id, signs_from = keys[-1].key_id + 1, tx.now + KEY_SETTLES_S
        # Every token signed before the newest key that has signed for a whole lifetime has expired.
        settled = [key.key_id for key in keys if key.signs_from + lifetime_s + KEY_SETTLES_S <= tx.now]
        if settled:
            remove_keys_before(tx, max(settled))
    add_key(tx, SealedKey(key_id=key_id, sealed_secret=sealed_secret, signs_from=signs_from))
    tx.record(Event(action="create", kind="token-key", subject=str(key_id)))
    tx.wake(KEYS_CHANGED)


def read_for_s(settings: Settings) -> float:
    """How long after its issue a token may still be asked about."""
    return settings.token.lifetime_s + settings.auth.late_validation_s
