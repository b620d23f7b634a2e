"""Servers in the store: what is wanted, where it was placed, what its host says, read as one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.compute.domain.servers import Server, ServerName
from nacre.compute.domain.status import status_of
from nacre.compute.store import hosts
from nacre.compute.store.tables import GUEST_FACTS, SERVER, SERVER_PLACEMENT
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId, ServerId
from nacre.kernel.texts import texts

_RENAMED = {
    "guest_power": GUEST_FACTS.c.power,
    "guest_boots": GUEST_FACTS.c.boots,
    "guest_disk": GUEST_FACTS.c.disk,
}


def column(name: str) -> sa.ColumnElement[Any]:
    """The column a field of Server is read from."""
    if name in _RENAMED:
        return _RENAMED[name]
    for table in (SERVER, SERVER_PLACEMENT, GUEST_FACTS):
        if name in table.c:
            return table.c[name]
    raise AssertionError(f"no table has {name}")


SELECT = sa.select(*[column(name) for name in Server.__struct_fields__]).select_from(
    SERVER.outerjoin(SERVER_PLACEMENT, SERVER_PLACEMENT.c.server_id == SERVER.c.server_id).outerjoin(
        GUEST_FACTS, GUEST_FACTS.c.server_id == SERVER.c.server_id
    )
)
_FIND = SELECT.where(SERVER.c.server_id == sa.bindparam("server_id"))
_FIND_MANY = SELECT.where(SERVER.c.server_id.in_(texts("server_ids")))
_LOCK = _FIND.with_for_update(of=SERVER)
# In one order, so that two who lock several never wait for each other in a ring.
_LOCK_MANY = _FIND_MANY.order_by(SERVER.c.server_id).with_for_update(of=SERVER)
_INSERT = sa.insert(SERVER)
_DELETE = sa.delete(SERVER).where(SERVER.c.server_id == sa.bindparam("key"))
_COUNTED = {"vcpus": "VCPU", "memory_mib": "MEMORY_MB", "disk_gib": "DISK_GB"}
_SHOWN = ("status", "vm_state", "task_state", "power_state")
_SET_SHOWN = (
    sa.update(SERVER)
    .where(SERVER.c.server_id == sa.bindparam("key"))
    .values({name: sa.bindparam(f"new_{name}") for name in (*_SHOWN, "updated_at")})
)
_UNSETTLED = sa.select(SERVER.c.server_id).where(
    sa.or_(SERVER.c.deleted_at.is_not(None), SERVER.c.task_state == "scheduling")
)
_ON_HOST = sa.select(SERVER.c.server_id, SERVER.c.name, SERVER_PLACEMENT.c.host_id).select_from(
    SERVER.join(SERVER_PLACEMENT)
)
_IDS_OF_NAME = sa.select(SERVER.c.server_id).where(SERVER.c.name == sa.bindparam("name"))


def find(db: Reader, server_id: str) -> Server | None:
    """One server."""
    row = db.row(_FIND, server_id=server_id)
    return None if row is None else Server(*row)


def find_many(db: Reader, server_ids: Collection[str]) -> list[Server]:
    """Those of the servers that exist."""
    return [Server(*row) for row in db.rows(_FIND_MANY, server_ids=list(server_ids))] if server_ids else []


def lock(tx: Tx, server_id: str) -> Server | None:
    """One server, which nobody else changes until the transaction ends."""
    row = tx.row(_LOCK, server_id=server_id)
    return None if row is None else Server(*row)


def lock_many(tx: Tx, server_ids: Collection[str]) -> list[Server]:
    """Those of the servers that exist, which nobody else changes until the transaction ends."""
    return [Server(*row) for row in tx.rows(_LOCK_MANY, server_ids=sorted(server_ids))] if server_ids else []


def listed(db: Reader, statement: sa.Select[Any]) -> list[Server]:
    """The servers that a statement made of SELECT finds."""
    return [Server(*row) for row in db.rows(statement)]


def names(db: Reader, statement: sa.Select[Any]) -> list[ServerName]:
    """Id and name of the servers that a statement of these two columns finds."""
    return [ServerName(*row) for row in db.rows(statement)]


def insert_many(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """New servers."""
    tx.execute_many(_INSERT, rows)


def change(tx: Tx, server: Server, new: Mapping[str, Any], *, tell_host: bool) -> Server:
    """Write new values of a locked server and the state that follows; `tell_host` makes them a new wish.

    Only what the guest's host should hear raises the generation: an answer to the old one stays an answer
    when the owner merely locks or tags the server.
    """
    values = dict(new) | {"updated_at": tx.now}
    if tell_host:
        values["generation"] = server.generation + 1
    changed = msgspec.structs.replace(server, **values)
    shown = status_of(changed.wish, changed.standing, changed.sight)
    values |= {name: getattr(shown, name) for name in _SHOWN}
    if (changed.flavors, changed.image) != (server.flavors, server.image):
        values |= {name: changed.demand.get(counted, 0) for name, counted in _COUNTED.items()}
        values["flavor_id"] = changed.flavor.flavor_id
    tx.execute(sa.update(SERVER).where(SERVER.c.server_id == server.server_id).values(values))
    if tell_host and server.host_id:
        hosts.publish(tx, server.host_id, [server.server_id])
    return msgspec.structs.replace(changed, **{name: values[name] for name in _SHOWN})


def placed(server: Server, *, host_id: HostId | None, zone: str | None, refusal: str | None) -> Server:
    """The server as it is after a decision of the placing loop."""
    return msgspec.structs.replace(server, host_id=host_id, zone=zone, refusal=refusal)


def derive(tx: Tx, seen: Sequence[Server]) -> None:
    """Write anew what is shown of locked servers whose placement or facts have changed."""
    rows = []
    for server in seen:
        shown = status_of(server.wish, server.standing, server.sight)
        before = (server.status, server.vm_state, server.task_state, server.power_state)
        if before != (shown.status, shown.vm_state, shown.task_state, shown.power_state):
            row = {f"new_{name}": getattr(shown, name) for name in _SHOWN}
            rows.append(row | {"key": server.server_id, "new_updated_at": tx.now})
    tx.execute_many(_SET_SHOWN, rows)


def forget(tx: Tx, server_id: ServerId) -> None:
    """Delete a server; the rows of its placement and of what its host said go with it."""
    tx.execute(_DELETE, key=server_id)


def unsettled_ids(db: Reader) -> list[str]:
    """Servers for which the control plane has something left to do."""
    return [row[0] for row in db.rows(_UNSETTLED)]


def ids_of_name(db: Reader, name: str) -> list[ServerId]:
    """The servers called so, whoever owns them."""
    return [ServerId(row[0]) for row in db.rows(_IDS_OF_NAME, name=name)]


def names_by_host(db: Reader) -> dict[HostId, list[tuple[ServerId, str]]]:
    """Id and name of every placed server, by its host."""
    found: dict[HostId, list[tuple[ServerId, str]]] = {}
    for server_id, name, host_id in db.rows(_ON_HOST.where(SERVER_PLACEMENT.c.host_id.is_not(None))):
        found.setdefault(host_id, []).append((server_id, name))
    return found
