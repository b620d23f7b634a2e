"""Server groups: which servers want to be together, or apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.compute.store.tables import SERVER, SERVER_GROUP
from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts


class ServerGroup(msgspec.Struct, frozen=True):
    """A group; its members are the servers that name it."""

    group_id: str
    project_id: str
    user_id: str
    name: str
    policy: str
    most_per_host: int | None
    created_at: float


SELECT = sa.select(*[SERVER_GROUP.c[name] for name in ServerGroup.__struct_fields__])
_FIND = SELECT.where(SERVER_GROUP.c.group_id == sa.bindparam("group_id"))
_MEMBERS = (
    sa.select(SERVER.c.group_id, SERVER.c.server_id)
    .where(SERVER.c.group_id.in_(texts("group_ids")), SERVER.c.deleted_at.is_(None))
    .order_by(SERVER.c.created_at, SERVER.c.server_id)
)
_DELETE = sa.text("DELETE FROM server_group WHERE group_id = :group_id")


def find(db: Reader, group_id: str) -> ServerGroup | None:
    """One group."""
    row = db.row(_FIND, group_id=group_id)
    return None if row is None else ServerGroup(*row)


def listed(db: Reader, statement: sa.Select[tuple[object, ...]]) -> Sequence[ServerGroup]:
    """The groups that a statement made of SELECT finds."""
    return [ServerGroup(*row) for row in db.rows(statement)]


def members(db: Reader, group_ids: Collection[str]) -> Mapping[str, list[str]]:
    """The ids of the servers of each group, oldest first."""
    found: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    for group_id, server_id in db.rows(_MEMBERS, group_ids=list(group_ids)) if group_ids else ():
        found[group_id].append(server_id)
    return found


def insert(tx: Tx, group: ServerGroup) -> None:
    """A new group."""
    tx.execute(sa.insert(SERVER_GROUP), **msgspec.structs.asdict(group))


def delete(tx: Tx, group_id: str) -> None:
    """Delete a group; its servers stay where they are."""
    tx.execute(_DELETE, group_id=group_id)
