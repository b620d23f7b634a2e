"""Credentials: secrets of users that identity keeps for other services. They are sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import CredentialNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import CREDENTIAL
from nacre.kernel.database import Reader, Tx


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """`sealed_blob` is the secret, in a form that only a node with the sealing keys can open."""

    credential_id: str
    user_id: str
    project_id: str | None = None
    type: str
    sealed_blob: str
    extra: Mapping[str, Any] = {}


STORED_CREDENTIALS = Shelf(CREDENTIAL, Credential, key="credential_id", missing=CredentialNotFound)

_OF_USER = STORED_CREDENTIALS.all.where(
    CREDENTIAL.c.user_id == sa.bindparam("user_id"), CREDENTIAL.c.type == sa.bindparam("type")
).order_by(CREDENTIAL.c.credential_id)
_CLAIM_PASSCODE = sa.text(
    'INSERT INTO identity_passcode_used (credential_id, "window") VALUES (:credential_id, :window)'
    ' ON CONFLICT (credential_id) DO UPDATE SET "window" = excluded."window"'
    ' WHERE identity_passcode_used."window" < excluded."window"'
)


def credentials_of(db: Reader, user_id: str, type_: str) -> Sequence[Credential]:
    """A user's credentials of one type."""
    return [STORED_CREDENTIALS.of(row) for row in db.rows(_OF_USER, user_id=user_id, type=type_)]


def claim_passcode(tx: Tx, credential_id: str, window: int) -> bool:
    """Accept the code of a window, this once; false if it, or a later one, has been accepted before."""
    return tx.execute(_CLAIM_PASSCODE, credential_id=credential_id, window=window) > 0
