"""Application credentials: secrets by which programs act for a user on one project."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from nacre.identity.domain.access_rules import AccessRule
from nacre.identity.errors import ApplicationCredentialNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import APPLICATION_CREDENTIAL
from nacre.kernel.database import AnyRow, Reader


class ApplicationCredential(msgspec.Struct, frozen=True, kw_only=True):
    """`role_ids` bound what a token made by it may do; an `unrestricted` one may make others.

    With `rules`, only the requests they name may be made with such a token: with none of them, none at all.
    """

    credential_id: str
    user_id: str
    project_id: str
    name: str
    description: str = ""
    role_ids: tuple[str, ...] = ()
    unrestricted: bool = False
    expires_at: float | None = None
    rules: tuple[AccessRule, ...] | None = None


class CredentialSecret(msgspec.Struct, frozen=True, kw_only=True):
    """An application credential with what its secret must hash to."""

    credential: ApplicationCredential
    secret_hash: str


CREDENTIALS = Shelf(
    APPLICATION_CREDENTIAL, ApplicationCredential, key="credential_id", missing=ApplicationCredentialNotFound
)

_SECRET = sa.select(*CREDENTIALS.columns.values(), APPLICATION_CREDENTIAL.c.secret_hash)
_BY_ID = _SECRET.where(APPLICATION_CREDENTIAL.c.credential_id == sa.bindparam("credential_id"))
_BY_NAME = _SECRET.where(
    APPLICATION_CREDENTIAL.c.user_id == sa.bindparam("user_id"),
    APPLICATION_CREDENTIAL.c.name == sa.bindparam("name"),
)


def find_secret_by_id(db: Reader, credential_id: str) -> CredentialSecret | None:
    return _secret(db.row(_BY_ID, credential_id=credential_id))


def find_secret_by_name(db: Reader, user_id: str, name: str) -> CredentialSecret | None:
    return _secret(db.row(_BY_NAME, user_id=user_id, name=name))


def _secret(row: AnyRow | None) -> CredentialSecret | None:
    return None if row is None else CredentialSecret(credential=CREDENTIALS.of(row), secret_hash=row[-1])
