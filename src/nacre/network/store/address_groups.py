"""Address groups, as rows, with their addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.address_groups import AddressGroup
from nacre.network.domain.rbac import Action
from nacre.network.errors import AddressGroupNotFound
from nacre.network.store import rbac
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import (
    ADDRESS_GROUP,
    ADDRESS_GROUP_ADDRESS,
    DEFAULT_SECURITY_GROUP_RULE,
    SECURITY_GROUP_RULE,
)

GROUPS = Shelf(ADDRESS_GROUP, AddressGroup)

_ADDRESSES = (
    sa.select(ADDRESS_GROUP_ADDRESS.c.address_group_id, ADDRESS_GROUP_ADDRESS.c.cidr)
    .where(ADDRESS_GROUP_ADDRESS.c.address_group_id.in_(texts("ids")))
    .order_by(ADDRESS_GROUP_ADDRESS.c.address_group_id, ADDRESS_GROUP_ADDRESS.c.cidr)
)
_INSERT_ADDRESS = sa.insert(ADDRESS_GROUP_ADDRESS)
_FORGET_ADDRESS = sa.delete(ADDRESS_GROUP_ADDRESS).where(
    ADDRESS_GROUP_ADDRESS.c.address_group_id == sa.bindparam("group_id"),
    ADDRESS_GROUP_ADDRESS.c.cidr.in_(texts("cidrs")),
)
_FORGET_ALL = sa.delete(ADDRESS_GROUP_ADDRESS).where(
    ADDRESS_GROUP_ADDRESS.c.address_group_id == sa.bindparam("group_id")
)
_NAMED = sa.union_all(
    sa.select(SECURITY_GROUP_RULE.c.id, sa.false()).where(
        SECURITY_GROUP_RULE.c.remote_address_group_id == sa.bindparam("group_id")
    ),
    sa.select(DEFAULT_SECURITY_GROUP_RULE.c.id, sa.true()).where(
        DEFAULT_SECURITY_GROUP_RULE.c.remote_address_group_id == sa.bindparam("group_id")
    ),
)


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The groups a project may know of."""
    return rbac.seen_by(project_id, "address_group")


def is_shared_with(db: Reader, group: AddressGroup, project_id: str) -> bool:
    """Whether the rules of a project that does not own a group may name it."""
    return group.shared or rbac.grants(db, project_id, "address_group", group.id, Action.SHARED)


def whole(db: Reader, rows: Sequence[AnyRow]) -> list[AddressGroup]:
    """The groups of rows: one more statement, however many there are."""
    ids = [row[0] for row in rows]
    addresses: dict[str, list[str]] = defaultdict(list)
    for group_id, cidr in db.rows(_ADDRESSES, ids=ids) if ids else ():
        addresses[group_id].append(cidr)
    return [GROUPS.of(row, addresses=tuple(addresses[row[0]])) for row in rows]


def some(db: Reader, group_ids: Collection[str]) -> Mapping[str, AddressGroup]:
    """Those of the groups that exist, by id."""
    rows = db.rows(GROUPS.all.where(ADDRESS_GROUP.c.id.in_(list(group_ids)))) if group_ids else ()
    return {group.id: group for group in whole(db, rows)}


def lock(tx: Tx, group_id: str) -> AddressGroup:
    """A group that nobody else changes before this transaction ends. Raises AddressGroupNotFound."""
    rows = tx.rows(GROUPS.all.where(ADDRESS_GROUP.c.id == group_id).with_for_update())
    if not rows:
        raise AddressGroupNotFound(group_id)
    return whole(tx, rows)[0]


def insert_addresses(tx: Tx, group_id: str, cidrs: Collection[str]) -> None:
    """Write addresses that the group does not have."""
    tx.execute_many(_INSERT_ADDRESS, [{"address_group_id": group_id, "cidr": cidr} for cidr in cidrs])


def remove_addresses(tx: Tx, group_id: str, cidrs: Collection[str]) -> None:
    """Delete some addresses of a group."""
    tx.execute(_FORGET_ADDRESS, group_id=group_id, cidrs=list(cidrs))


def remove(tx: Tx, group_id: str) -> None:
    """Delete a group with its addresses."""
    tx.execute(_FORGET_ALL, group_id=group_id)
    GROUPS.remove(tx, group_id)


def naming(db: Reader, group_id: str) -> list[tuple[str, bool]]:
    """The rules that name a group, and whether each is of the template of rules."""
    return [(row[0], bool(row[1])) for row in db.rows(_NAMED, group_id=group_id)]
