"""Users, and the one thing about them that is never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import UserNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import APPLICATION_CREDENTIAL, ASSIGNMENT, CREDENTIAL, MEMBERSHIP, USER
from nacre.kernel.database import Reader, Tx


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user. Raising `epoch` voids every token issued before."""

    user_id: str
    domain_id: str
    name: str
    enabled: bool = True
    default_project_id: str | None = None
    options: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    epoch: int = 0
    created_at: float


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A user about to prove to be one. Without a `password_hash`, no password will do."""

    user: User
    password_hash: str | None


USERS = Shelf(USER, User, key="user_id", missing=UserNotFound)

_LOGIN = sa.select(*USERS.columns.values(), USER.c.password_hash)
_LOGIN_BY_ID = _LOGIN.where(USER.c.user_id == sa.bindparam("user_id"))
_LOGIN_BY_NAME = _LOGIN.where(
    USER.c.domain_id == sa.bindparam("domain_id"), USER.c.name == sa.bindparam("name")
)
_SET_PASSWORD = (
    sa.update(USER)
    .where(USER.c.user_id == sa.bindparam("this"))
    .values(
        password_hash=sa.bindparam("hash"),
        password_set_at=sa.bindparam("at"),
        epoch=USER.c.epoch + 1,
    )
)
_this: sa.BindParameter[str] = sa.bindparam("this")
_WITH_USER = (
    sa.delete(ASSIGNMENT).where(ASSIGNMENT.c.actor_id == _this),
    sa.delete(MEMBERSHIP).where(MEMBERSHIP.c.user_id == _this),
    sa.delete(APPLICATION_CREDENTIAL).where(APPLICATION_CREDENTIAL.c.user_id == _this),
    sa.delete(CREDENTIAL).where(CREDENTIAL.c.user_id == _this),
    sa.delete(USER).where(USER.c.user_id == _this),
)


def find_login_by_id(db: Reader, user_id: str) -> Login | None:
    return _login(db.row(_LOGIN_BY_ID, user_id=user_id))


def find_login_by_name(db: Reader, domain_id: str, name: str) -> Login | None:
    return _login(db.row(_LOGIN_BY_NAME, domain_id=domain_id, name=name))


def _login(row: Any) -> Login | None:
    return None if row is None else Login(user=USERS.of(row), password_hash=row[-1])


def set_password(tx: Tx, user_id: str, password_hash: str | None) -> None:
    """Let this be the password's hash; tokens issued before are void."""
    tx.execute(_SET_PASSWORD, this=user_id, hash=password_hash, at=tx.now)


def remove_user(tx: Tx, user_id: str) -> None:
    """Delete a user with roles, memberships and application credentials."""
    for statement in _WITH_USER:
        tx.execute(statement, this=user_id)
