"""Groups and who is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import GroupNotFound
from nacre.identity.store.federated_users import groups_in_force, members_in_force
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ASSIGNMENT, FEDERATED_MEMBERSHIP, GROUP, MEMBERSHIP, USER
from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.texts import texts


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of users; roles given to it are its members'."""

    group_id: str
    domain_id: str
    name: str
    description: str = ""
    extra: Mapping[str, Any] = {}


GROUPS = Shelf(GROUP, Group, key="group_id", missing=GroupNotFound)

_user: sa.BindParameter[str] = sa.bindparam("user_id")
_group: sa.BindParameter[str] = sa.bindparam("group_id")
_IS_MEMBER = sa.union_all(
    sa.select(MEMBERSHIP.c.group_id).where(MEMBERSHIP.c.user_id == _user, MEMBERSHIP.c.group_id == _group),
    sa.select(sa.literal("")).where(_group.in_(groups_in_force(_user, sa.bindparam("now")))),
)
_ADD = sa.text(
    "INSERT INTO identity_membership (user_id, group_id) VALUES (:user_id, :group_id) ON CONFLICT DO NOTHING"
)
_REMOVE = sa.delete(MEMBERSHIP).where(MEMBERSHIP.c.user_id == _user, MEMBERSHIP.c.group_id == _group)
_MEMBERS = sa.select(MEMBERSHIP.c.group_id, MEMBERSHIP.c.user_id).where(
    MEMBERSHIP.c.group_id.in_(texts("group_ids"))
)
_EVERYBODY = sa.union(_MEMBERS, members_in_force(texts("group_ids"), sa.bindparam("now")))
_this: sa.BindParameter[str] = sa.bindparam("this")
_WITH_GROUP = (
    sa.delete(ASSIGNMENT).where(ASSIGNMENT.c.actor_id == _this),
    sa.delete(GROUP).where(GROUP.c.group_id == _this),
)


def is_member(db: Reader, user_id: str, group_id: str, *, now: float) -> bool:
    """Whether a user has been put into a group, by us or by an identity provider."""
    return db.row(_IS_MEMBER, user_id=user_id, group_id=group_id, now=now) is not None


def members_of(db: Reader, group_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The users we have put into each of the groups."""
    return _gathered(group_ids, db.rows(_MEMBERS, group_ids=list(group_ids)) if group_ids else ())


def everybody_in(db: Reader, group_ids: Sequence[str], *, now: float) -> Mapping[str, Sequence[str]]:
    """The users in each of the groups, those among them whom identity providers have put there."""
    rows = db.rows(_EVERYBODY, group_ids=list(group_ids), now=now) if group_ids else ()
    return _gathered(group_ids, rows)


def _gathered(group_ids: Sequence[str], rows: Sequence[AnyRow]) -> Mapping[str, Sequence[str]]:
    members: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    for group_id, user_id in rows:
        members[group_id].append(user_id)
    return members


def within_group(group_id: str, *, now: float) -> sa.ColumnElement[bool]:
    """The condition that a user is in a group."""
    vouched = members_in_force([group_id], now).with_only_columns(FEDERATED_MEMBERSHIP.c.user_id)
    return sa.or_(
        USER.c.user_id.in_(sa.select(MEMBERSHIP.c.user_id).where(MEMBERSHIP.c.group_id == group_id)),
        USER.c.user_id.in_(vouched),
    )


def with_member(user_id: str, *, now: float) -> sa.ColumnElement[bool]:
    """The condition that a group has a member."""
    return sa.or_(
        GROUP.c.group_id.in_(sa.select(MEMBERSHIP.c.group_id).where(MEMBERSHIP.c.user_id == user_id)),
        GROUP.c.group_id.in_(groups_in_force(user_id, now)),
    )


def add_member(tx: Tx, user_id: str, group_id: str) -> None:
    """Put a user into a group; safe to repeat."""
    tx.execute(_ADD, user_id=user_id, group_id=group_id)


def remove_member(tx: Tx, user_id: str, group_id: str) -> bool:
    """Whether the user was in the group."""
    return tx.execute(_REMOVE, user_id=user_id, group_id=group_id) > 0


def remove_group(tx: Tx, group_id: str) -> None:
    """Delete a group with its roles and memberships."""
    for statement in _WITH_GROUP:
        tx.execute(statement, this=group_id)
