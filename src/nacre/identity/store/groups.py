"""Groups and who is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import GroupNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ASSIGNMENT, GROUP, MEMBERSHIP, USER
from nacre.kernel.database import Reader, Tx


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
_IS_MEMBER = sa.select(MEMBERSHIP.c.user_id).where(
    MEMBERSHIP.c.user_id == _user, MEMBERSHIP.c.group_id == _group
)
_ADD = sa.text(
    "INSERT INTO identity_membership (user_id, group_id) VALUES (:user_id, :group_id) ON CONFLICT DO NOTHING"
)
_REMOVE = sa.delete(MEMBERSHIP).where(MEMBERSHIP.c.user_id == _user, MEMBERSHIP.c.group_id == _group)
_MEMBERS = sa.select(MEMBERSHIP.c.group_id, MEMBERSHIP.c.user_id).where(
    MEMBERSHIP.c.group_id.in_(sa.bindparam("group_ids", expanding=True))
)
_this: sa.BindParameter[str] = sa.bindparam("this")
_WITH_GROUP = (
    sa.delete(ASSIGNMENT).where(ASSIGNMENT.c.actor_id == _this),
    sa.delete(MEMBERSHIP).where(MEMBERSHIP.c.group_id == _this),
    sa.delete(GROUP).where(GROUP.c.group_id == _this),
)


def is_member(db: Reader, user_id: str, group_id: str) -> bool:
    return db.row(_IS_MEMBER, user_id=user_id, group_id=group_id) is not None


def members_of(db: Reader, group_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The users in each of the groups."""
    members: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    if members:
        for group_id, user_id in db.rows(_MEMBERS, group_ids=list(members)):
            members[group_id].append(user_id)
    return members


def within_group(group_id: str) -> sa.ColumnElement[bool]:
    """The condition that a user is in a group."""
    return USER.c.user_id.in_(sa.select(MEMBERSHIP.c.user_id).where(MEMBERSHIP.c.group_id == group_id))


def with_member(user_id: str) -> sa.ColumnElement[bool]:
    """The condition that a group has a member."""
    return GROUP.c.group_id.in_(sa.select(MEMBERSHIP.c.group_id).where(MEMBERSHIP.c.user_id == user_id))


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
