"""Users whom identity providers vouch for, and the groups they have been put into until further notice."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.store.tables import (
    FEDERATED_MEMBERSHIP,
    FEDERATED_USER,
    GROUP,
    IDENTITY_PROVIDER,
    PROJECT,
    ROLE,
    USER,
)
from nacre.identity.store.users import USERS, User
from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts


class FederatedUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who a user is for an identity provider."""

    idp_id: str
    protocol_id: str
    unique_id: str
    user_id: str


class FoundGroup(msgspec.Struct, frozen=True):
    """A group, and by what it may be named."""

    group_id: str
    name: str
    domain_id: str
    domain_name: str


def stable_id(idp_id: str, protocol_id: str, unique_id: str) -> str:
    """The id of a federated user: the same whenever and on whichever node they come."""
    told = msgspec.json.encode([idp_id, protocol_id, unique_id])
    return hashlib.sha256(told).hexdigest()


# -- who is who --------------------------------------------------------------------------------------------

_FIND = (
    sa.select(*USERS.columns.values())
    .join(FEDERATED_USER, FEDERATED_USER.c.user_id == USER.c.user_id)
    .where(
        FEDERATED_USER.c.idp_id == sa.bindparam("idp_id"),
        FEDERATED_USER.c.protocol_id == sa.bindparam("protocol_id"),
        FEDERATED_USER.c.unique_id == sa.bindparam("unique_id"),
    )
)
_LOCK = _FIND.with_for_update(of=USER)
_COLUMNS = [FEDERATED_USER.c[name] for name in FederatedUser.__struct_fields__]
_OF_USERS = (
    sa.select(*_COLUMNS)
    .where(FEDERATED_USER.c.user_id.in_(texts("user_ids")))
    .order_by(FEDERATED_USER.c.idp_id, FEDERATED_USER.c.protocol_id, FEDERATED_USER.c.unique_id)
)
_CLEAR = sa.delete(FEDERATED_USER).where(FEDERATED_USER.c.user_id == sa.bindparam("this"))
_ADD = sa.insert(FEDERATED_USER)
_NAMED = sa.select(USER.c.user_id).where(
    USER.c.domain_id == sa.bindparam("domain_id"), USER.c.name == sa.bindparam("name")
)


def lock_federated(tx: Tx, *, idp_id: str, protocol_id: str, unique_id: str) -> User | None:
    """The user, about to be changed, or None."""
    row = tx.row(_LOCK, idp_id=idp_id, protocol_id=protocol_id, unique_id=unique_id)
    return None if row is None else USERS.of(row)


def federated_of(db: Reader, user_ids: Collection[str]) -> Mapping[str, Sequence[FederatedUser]]:
    """Who each of the users is elsewhere, for those who are somebody. One statement."""
    found: dict[str, list[FederatedUser]] = {}
    for row in db.rows(_OF_USERS, user_ids=sorted(user_ids)) if user_ids else ():
        one = FederatedUser(**dict(zip(FederatedUser.__struct_fields__, row, strict=True)))
        found.setdefault(one.user_id, []).append(one)
    return found


def add_federated(tx: Tx, users: Sequence[FederatedUser]) -> None:
    """Raises Duplicate where somebody is that already, or there is no such identity provider."""
    tx.execute_many(_ADD, [msgspec.structs.asdict(user) for user in users])


def set_federated(tx: Tx, user_id: str, users: Sequence[FederatedUser]) -> None:
    """Let a user be these elsewhere, and nobody else. Raises Duplicate."""
    tx.execute(_CLEAR, this=user_id)
    add_federated(tx, users)


def is_federated(filters: Mapping[str, str]) -> sa.ColumnElement[bool]:
    """The condition that a user is this elsewhere: `idp_id`, `protocol_id`, `unique_id`, those given."""
    same = [FEDERATED_USER.c[name] == value for name, value in filters.items()]
    return USER.c.user_id.in_(sa.select(FEDERATED_USER.c.user_id).where(*same))


def name_in_use(db: Reader, domain_id: str, name: str, *, but_by: str) -> bool:
    """Whether anybody else in the domain is called that."""
    found = db.scalar(_NAMED, domain_id=domain_id, name=name)
    return found not in (None, but_by)


# -- groups and roles that mappings name -------------------------------------------------------------------

_GROUPS = (
    sa.select(GROUP.c.group_id, GROUP.c.name, GROUP.c.domain_id, sa.func.coalesce(PROJECT.c.name, ""))
    .outerjoin(PROJECT, PROJECT.c.project_id == GROUP.c.domain_id)
    .where(
        sa.or_(
            GROUP.c.group_id.in_(texts("group_ids")),
            GROUP.c.name.in_(texts("names")),
        )
    )
)
_ROLES = sa.select(ROLE.c.name, ROLE.c.role_id).where(ROLE.c.domain_id == "", ROLE.c.name.in_(texts("names")))


def groups_like(db: Reader, *, group_ids: Collection[str], names: Collection[str]) -> Sequence[FoundGroup]:
    """The groups that have one of the ids, or one of the names in whichever domain. One statement."""
    rows = db.rows(_GROUPS, group_ids=sorted(group_ids), names=sorted(names)) if group_ids or names else ()
    return [FoundGroup(*row) for row in rows]


def roles_named(db: Reader, names: Collection[str]) -> Mapping[str, str]:
    """The ids of those roles that exist and belong to no domain."""
    return {row[0]: row[1] for row in db.rows(_ROLES, names=sorted(names))} if names else {}


# -- memberships -------------------------------------------------------------------------------------------

_MEMBERSHIPS = sa.select(FEDERATED_MEMBERSHIP.c.group_id, FEDERATED_MEMBERSHIP.c.expires_at).where(
    FEDERATED_MEMBERSHIP.c.user_id == sa.bindparam("user_id"),
    FEDERATED_MEMBERSHIP.c.idp_id == sa.bindparam("idp_id"),
)
_LEAVE = sa.delete(FEDERATED_MEMBERSHIP).where(
    FEDERATED_MEMBERSHIP.c.user_id == sa.bindparam("this_user"),
    FEDERATED_MEMBERSHIP.c.idp_id == sa.bindparam("this_idp"),
)
_LEAVE_SOME = _LEAVE.where(FEDERATED_MEMBERSHIP.c.group_id.in_(texts("group_ids")))
_JOIN = sa.text(
    "INSERT INTO identity_federated_membership (user_id, idp_id, group_id, expires_at)"
    " VALUES (:user_id, :idp_id, :group_id, :expires_at)"
    " ON CONFLICT (user_id, idp_id, group_id) DO UPDATE SET expires_at = excluded.expires_at"
)


def _in_force(now: sa.ColumnElement[float] | float) -> sa.ColumnElement[bool]:
    """What an identity provider has said counts until its time is over, and as long as the provider is enabled."""
    enabled = sa.select(IDENTITY_PROVIDER.c.idp_id).where(IDENTITY_PROVIDER.c.enabled)
    return sa.and_(FEDERATED_MEMBERSHIP.c.expires_at > now, FEDERATED_MEMBERSHIP.c.idp_id.in_(enabled))


_IN_FORCE = (
    sa.select(FEDERATED_MEMBERSHIP.c.idp_id, FEDERATED_MEMBERSHIP.c.group_id)
    .where(FEDERATED_MEMBERSHIP.c.user_id == sa.bindparam("user_id"), _in_force(sa.bindparam("now")))
    .order_by(FEDERATED_MEMBERSHIP.c.group_id)
)


def set_memberships(
    tx: Tx, *, user_id: str, idp_id: str, group_ids: Collection[str], expires_at: float
) -> bool:
    """Let an identity provider have put a user into these groups, and no others, until then.

    Whether that is a change: lasting longer alone is none. Never shortens what an earlier login is good for.
    """
    before = {row[0]: row[1] for row in tx.rows(_MEMBERSHIPS, user_id=user_id, idp_id=idp_id)}
    gone = before.keys() - set(group_ids)
    if gone:
        tx.execute(_LEAVE_SOME, this_user=user_id, this_idp=idp_id, group_ids=sorted(gone))
    values = [
        {"user_id": user_id, "idp_id": idp_id, "group_id": group_id, "expires_at": expires_at}
        for group_id in sorted(group_ids)
        if before.get(group_id, 0.0) < expires_at
    ]
    tx.execute_many(_JOIN, values)
    return bool(gone) or any(before.get(group_id, 0.0) <= tx.now for group_id in group_ids)


def memberships_in_force(db: Reader, user_id: str, *, now: float) -> Sequence[tuple[str, str]]:
    """Each identity provider's id with that of a group it has put the user into."""
    return [(row[0], row[1]) for row in db.rows(_IN_FORCE, user_id=user_id, now=now)]


def groups_in_force(
    user_id: sa.ColumnElement[str] | str, now: sa.ColumnElement[float] | float
) -> sa.Select[str]:
    """The ids of the groups that identity providers have put a user into, as long as that counts."""
    return sa.select(FEDERATED_MEMBERSHIP.c.group_id).where(
        FEDERATED_MEMBERSHIP.c.user_id == user_id, _in_force(now)
    )


def members_in_force(
    group_ids: sa.Select[str] | Sequence[str], now: sa.ColumnElement[float] | float
) -> sa.Select[str, str]:
    """The groups among these with each user whom identity providers have put into them, as long as that counts."""
    return sa.select(FEDERATED_MEMBERSHIP.c.group_id, FEDERATED_MEMBERSHIP.c.user_id).where(
        FEDERATED_MEMBERSHIP.c.group_id.in_(group_ids), _in_force(now)
    )


def first_end_of(user_id: sa.ColumnElement[str], now: sa.ColumnElement[float]) -> sa.ScalarSelect[float]:
    """When the first of the memberships in force ends; NULL if there is none."""
    ends = sa.select(sa.func.min(FEDERATED_MEMBERSHIP.c.expires_at)).where(
        FEDERATED_MEMBERSHIP.c.user_id == user_id, _in_force(now)
    )
    return ends.scalar_subquery()
