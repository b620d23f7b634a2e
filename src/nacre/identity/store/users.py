"""Users, and what about them is never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import UserNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import (
    ASSIGNMENT,
    FEDERATED_USER,
    FORMER_PASSWORD,
    LOGIN_FAILURE,
    MIRRORED,
    USER,
)
from nacre.kernel.database import AnyRow, Reader, Tx


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user. Raising `epoch` voids every token issued before. `active_at` is when the user last logged in."""

    user_id: str
    domain_id: str
    name: str
    enabled: bool = True
    default_project_id: str | None = None
    options: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    epoch: int = 0
    created_at: float
    password_expires_at: float | None = None
    active_at: float | None = None


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A user about to prove to be one. Without a `password_hash`, no password will do.

    `chosen_at` is when the user chose the password, if it was the user; `former_hashes` are of those before it,
    the newest first; `failures` says how many wrong passwords came in a row. `is_mirrored` is true of a user who
    comes from a directory, `is_elsewhere` of one whom an identity provider knows.
    """

    user: User
    password_hash: str | None
    chosen_at: float | None = None
    former_hashes: Sequence[str] = ()
    failures: int = 0
    is_mirrored: bool = False
    is_elsewhere: bool = False


class PasswordSet(msgspec.Struct, frozen=True, kw_only=True):
    """A new password as it is kept, by the columns it goes to. No hash: no password will do."""

    password_hash: str | None
    password_set_at: float | None
    password_expires_at: float | None
    password_chosen_at: float | None = None


USERS = Shelf(USER, User, key="user_id", missing=UserNotFound)

_LOGIN = (
    sa.select(
        *USERS.columns.values(),
        USER.c.password_hash,
        USER.c.password_chosen_at,
        FORMER_PASSWORD.c.hashes,
        LOGIN_FAILURE.c.failures,
        sa.exists().where(MIRRORED.c.subject_id == USER.c.user_id),
        sa.exists().where(FEDERATED_USER.c.user_id == USER.c.user_id),
    )
    .select_from(USER)
    .outerjoin(FORMER_PASSWORD, FORMER_PASSWORD.c.user_id == USER.c.user_id)
    .outerjoin(LOGIN_FAILURE, LOGIN_FAILURE.c.subject == USER.c.user_id)
)
_LOGIN_BY_ID = _LOGIN.where(USER.c.user_id == sa.bindparam("user_id"))
_LOCK_LOGIN = _LOGIN_BY_ID.with_for_update(of=USER)
_LOGIN_BY_NAME = _LOGIN.where(
    USER.c.domain_id == sa.bindparam("domain_id"), USER.c.name == sa.bindparam("name")
)
_REPLACE_PASSWORD = (
    sa.update(USER)
    .where(USER.c.user_id == sa.bindparam("this"), USER.c.epoch == sa.bindparam("seen_epoch"))
    .values(
        {name: sa.bindparam(name) for name in PasswordSet.__struct_fields__} | {"epoch": USER.c.epoch + 1}
    )
)
_RENEW_HASH = (
    sa.update(USER)
    .where(USER.c.user_id == sa.bindparam("this"), USER.c.password_hash == sa.bindparam("known"))
    .values(password_hash=sa.bindparam("renewed"))
)
_KEEP_FORMER = sa.text(
    "INSERT INTO identity_former_password (user_id, hashes) VALUES (:user_id, :hashes)"
    " ON CONFLICT (user_id) DO UPDATE SET hashes = excluded.hashes"
).bindparams(sa.bindparam("hashes", type_=FORMER_PASSWORD.c.hashes.type))
_this: sa.BindParameter[str] = sa.bindparam("this", type_=sa.Text)
_WITH_USER = (
    sa.delete(ASSIGNMENT).where(ASSIGNMENT.c.actor_id == _this),
    sa.delete(USER).where(USER.c.user_id == _this),
)


def find_login_by_id(db: Reader, user_id: str) -> Login | None:
    return _login(db.row(_LOGIN_BY_ID, user_id=user_id))


def find_login_by_name(db: Reader, domain_id: str, name: str) -> Login | None:
    return _login(db.row(_LOGIN_BY_NAME, domain_id=domain_id, name=name))


def lock_login(tx: Tx, user_id: str) -> Login:
    """A user who is about to be changed; nobody else does so before this transaction ends. Raises UserNotFound."""
    login = _login(tx.row(_LOCK_LOGIN, user_id=user_id))
    if login is None:
        raise UserNotFound(user_id)
    return login


def _login(row: AnyRow | None) -> Login | None:
    if row is None:
        return None
    password_hash, chosen_at, former, failures, is_mirrored, is_elsewhere = row[len(USERS.columns) :]
    return Login(
        user=USERS.of(row),
        password_hash=password_hash,
        chosen_at=chosen_at,
        former_hashes=former or (),
        failures=failures or 0,
        is_mirrored=is_mirrored,
        is_elsewhere=is_elsewhere,
    )


def update_user(tx: Tx, user: User, **beside: Any) -> None:
    """Write a locked user anew; `beside` are columns that the struct does not show. Raises Duplicate."""
    values = msgspec.structs.asdict(user) | beside
    tx.execute(sa.update(USER).where(USER.c.user_id == values.pop("user_id")).values(values))


def replace_password(tx: Tx, login: Login, new: PasswordSet) -> bool:
    """Set a password if the user is as `login` says; tokens issued before are void. Whether it was so."""
    values = msgspec.structs.asdict(new)
    return tx.execute(_REPLACE_PASSWORD, this=login.user.user_id, seen_epoch=login.user.epoch, **values) > 0


def keep_former_hashes(tx: Tx, user_id: str, hashes: Sequence[str]) -> None:
    """Let these be the hashes that the next password of a user is compared with."""
    tx.execute(_KEEP_FORMER, user_id=user_id, hashes=tuple(hashes))


def renew_hash(tx: Tx, user_id: str, *, known: str, renewed: str) -> bool:
    """Keep a stronger hash of the same password, unless there is a newer password by now. Whether it was kept."""
    return tx.execute(_RENEW_HASH, this=user_id, known=known, renewed=renewed) > 0


def remove_user(tx: Tx, user_id: str) -> None:
    """Delete a user with all that was theirs. What has a key of the user goes by it."""
    for statement in _WITH_USER:
        tx.execute(statement, this=user_id)
