"""Aggregates: named sets of hosts; one with a zone puts its hosts into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.compute.errors import AggregateConflict, AggregateNotFound
from nacre.compute.store.tables import AGGREGATE, HOST
from nacre.kernel.database import Duplicate, Reader, Tx


class Aggregate(msgspec.Struct, frozen=True):
    """A set of hosts."""

    number: int
    aggregate_id: str
    name: str
    zone: str | None
    hosts: tuple[str, ...]
    metadata: Mapping[str, str]
    created_at: float
    updated_at: float | None


_ALL = sa.select(*[AGGREGATE.c[name] for name in Aggregate.__struct_fields__]).order_by(AGGREGATE.c.number)
_FIND = _ALL.where(AGGREGATE.c.number == sa.bindparam("number"))


def listed(db: Reader) -> list[Aggregate]:
    """Every aggregate, oldest first."""
    return [Aggregate(*row) for row in db.rows(_ALL)]


def load(db: Reader, number: str) -> Aggregate:
    """One aggregate, by its number. Raises AggregateNotFound."""
    row = db.row(_FIND, number=int(number)) if number.isdecimal() and len(number) < 9 else None
    if row is None:
        raise AggregateNotFound(number)
    return Aggregate(*row)


def insert(tx: Tx, aggregate: Aggregate) -> None:
    """A new aggregate. Raises AggregateConflict."""
    try:
        tx.execute(sa.insert(AGGREGATE), **msgspec.structs.asdict(aggregate))
    except Duplicate as error:
        raise AggregateConflict(f"Aggregate {aggregate.name} already exists.") from error


def update(tx: Tx, aggregate: Aggregate, new: Mapping[str, Any]) -> Aggregate:
    """Write new values. Raises AggregateConflict."""
    values = dict(new) | {"updated_at": tx.now}
    try:
        tx.execute(sa.update(AGGREGATE).where(AGGREGATE.c.number == aggregate.number).values(values))
    except Duplicate as error:
        raise AggregateConflict(f"Aggregate {new.get('name')} already exists.") from error
    return msgspec.structs.replace(aggregate, **values)


def delete(tx: Tx, number: int) -> None:
    """Delete an aggregate."""
    tx.execute(sa.delete(AGGREGATE).where(AGGREGATE.c.number == number))


def set_zone(tx: Tx, host_ids: tuple[str, ...], zone: str) -> None:
    """Put hosts into a zone."""
    if host_ids:
        tx.execute(sa.update(HOST).where(HOST.c.host_id.in_(host_ids)).values(zone=zone))
