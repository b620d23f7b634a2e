"""Security groups and their rules, as rows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import SecurityGroupId
from nacre.kernel.texts import texts
from nacre.network.domain.rbac import Action
from nacre.network.domain.security_groups import SecurityGroup, SecurityGroupRule, rule_meaning
from nacre.network.errors import SecurityGroupNotFound
from nacre.network.store import rbac
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import (
    DEFAULT_SECURITY_GROUP_RULE,
    PORT,
    PORT_SECURITY_GROUP,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
)

GROUPS = Shelf(SECURITY_GROUP, SecurityGroup)
RULES = Shelf(SECURITY_GROUP_RULE, SecurityGroupRule)

_DEFAULT = uuid.UUID("6e616372-652d-4e67-8465-66617561756c")

_LOCK_SOME = (
    GROUPS.all.where(SECURITY_GROUP.c.id.in_(texts("ids"))).order_by(SECURITY_GROUP.c.id).with_for_update()
)
_RULES_OF = RULES.all.where(SECURITY_GROUP_RULE.c.security_group_id.in_(texts("ids"))).order_by(
    SECURITY_GROUP_RULE.c.created_at, SECURITY_GROUP_RULE.c.id
)
_NAMING_ELSEWHERE = (
    RULES.all.where(SECURITY_GROUP_RULE.c.remote_group_id == sa.bindparam("group_id"))
    .where(SECURITY_GROUP_RULE.c.security_group_id != sa.bindparam("group_id"))
    .order_by(SECURITY_GROUP_RULE.c.id)
)
_REMOVE_RULES = sa.delete(SECURITY_GROUP_RULE).where(
    sa.or_(
        SECURITY_GROUP_RULE.c.security_group_id == sa.bindparam("group_id"),
        SECURITY_GROUP_RULE.c.remote_group_id == sa.bindparam("group_id"),
    )
)
_NAMING_IN_TEMPLATE = sa.select(DEFAULT_SECURITY_GROUP_RULE.c.id).where(
    DEFAULT_SECURITY_GROUP_RULE.c.remote_group_id == sa.bindparam("group_id")
)
_SAME = sa.select(SECURITY_GROUP_RULE.c.id).where(
    SECURITY_GROUP_RULE.c.security_group_id == sa.bindparam("group_id"),
    SECURITY_GROUP_RULE.c.meaning.in_(texts("meanings")),
)
_NAMED = sa.select(SECURITY_GROUP.c.id, SECURITY_GROUP.c.name).where(
    SECURITY_GROUP.c.project_id == sa.bindparam("project_id"),
    sa.or_(
        SECURITY_GROUP.c.name.in_(texts("words")),
        SECURITY_GROUP.c.id.in_(texts("words")),
    ),
)
_NAMES_OF_DEVICES = (
    sa.select(PORT.c.device_id, SECURITY_GROUP.c.name)
    .join(PORT_SECURITY_GROUP, PORT_SECURITY_GROUP.c.port_id == PORT.c.id)
    .join(SECURITY_GROUP, SECURITY_GROUP.c.id == PORT_SECURITY_GROUP.c.security_group_id)
    .where(PORT.c.device_id.in_(texts("ids")))
    .distinct()
    .order_by(PORT.c.device_id, SECURITY_GROUP.c.name)
)


def default_id(project_id: str) -> SecurityGroupId:
    """The id of a project's default group follows from the project: nobody can make a second one."""
    return SecurityGroupId(str(uuid.uuid5(_DEFAULT, project_id)))


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The groups a project may know of."""
    return rbac.seen_by(project_id, "security_group")


def rules_seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The rules a project may know of: those of its groups."""
    own = sa.select(SECURITY_GROUP.c.id).where(seen_by(project_id))
    return sa.or_(
        SECURITY_GROUP_RULE.c.project_id == project_id, SECURITY_GROUP_RULE.c.security_group_id.in_(own)
    )


def is_shared_with(db: Reader, group: SecurityGroup, project_id: str) -> bool:
    """Whether a project that does not own a group may use it."""
    return group.shared or rbac.grants(db, project_id, "security_group", group.id, Action.SHARED)


def load(db: Reader, group_id: str) -> SecurityGroup:
    """A group. Raises SecurityGroupNotFound."""
    group = GROUPS.find(db, group_id)
    if group is None:
        raise SecurityGroupNotFound(group_id)
    return group


def lock(tx: Tx, group_id: str) -> SecurityGroup:
    """A group that nobody else changes before this transaction ends. Raises SecurityGroupNotFound."""
    group = GROUPS.lock(tx, group_id)
    if group is None:
        raise SecurityGroupNotFound(group_id)
    return group


def lock_some(tx: Tx, group_ids: Collection[str]) -> Mapping[str, SecurityGroup]:
    """Those of the groups that exist; nobody else changes them before this transaction ends."""
    rows = tx.rows(_LOCK_SOME, ids=list(group_ids)) if group_ids else ()
    return {group.id: group for group in map(GROUPS.of, rows)}


def rules_of(db: Reader, group_ids: Collection[str]) -> Mapping[str, list[SecurityGroupRule]]:
    """The rules of groups, oldest first."""
    found: dict[str, list[SecurityGroupRule]] = {group_id: [] for group_id in group_ids}
    for row in db.rows(_RULES_OF, ids=list(group_ids)) if group_ids else ():
        rule = RULES.of(row)
        found[rule.security_group_id].append(rule)
    return found


def insert_rules(tx: Tx, rules: Sequence[SecurityGroupRule]) -> None:
    """Write new rules. Raises Duplicate where one means the same as another of its group."""
    RULES.insert_rows(tx, [RULES.row_of(rule) | {"meaning": _meaning(rule)} for rule in rules])


def find_same(db: Reader, rules: Sequence[SecurityGroupRule]) -> str | None:
    """A rule that lets through what one of these rules of one group does, or None."""
    meanings = [_meaning(rule) for rule in rules]
    found: str | None = db.scalar(_SAME, group_id=rules[0].security_group_id, meanings=meanings)
    return found


def _meaning(rule: SecurityGroupRule) -> str:
    return msgspec.json.encode(rule_meaning(rule)[1:]).decode()


def naming_elsewhere(db: Reader, group_id: str) -> list[SecurityGroupRule]:
    """The rules of other groups that let this group's members through."""
    return [RULES.of(row) for row in db.rows(_NAMING_ELSEWHERE, group_id=group_id)]


def naming_in_template(db: Reader, group_id: str) -> list[str]:
    """The rules of the template for new groups that let this group's members through."""
    return [row[0] for row in db.rows(_NAMING_IN_TEMPLATE, group_id=group_id)]


def remove(tx: Tx, group_id: str) -> None:
    """Delete a group with its rules, and those of others that name it."""
    tx.execute(_REMOVE_RULES, group_id=group_id)
    GROUPS.remove(tx, group_id)


def named(db: Reader, project_id: str, words: Collection[str]) -> list[tuple[str, str]]:
    """Ids and names of a project's groups whose id or name is among `words`."""
    rows = db.rows(_NAMED, project_id=project_id, words=list(words)) if words else ()
    return [(row[0], row[1]) for row in rows]


def names_of_devices(db: Reader, device_ids: Collection[str]) -> Mapping[str, list[str]]:
    """The names of the groups on devices' ports, each once."""
    found: dict[str, list[str]] = defaultdict(list)
    for device_id, name in db.rows(_NAMES_OF_DEVICES, ids=list(device_ids)) if device_ids else ():
        found[device_id].append(name)
    return found
