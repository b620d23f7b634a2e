"""A shelf: one table whose columns are named as the fields of one struct, and the plain statements on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar, final

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts

Shape = TypeVar("Shape", bound=msgspec.Struct)


@final
class Shelf(Generic[Shape]):
    """Reads and writes structs. Columns that are no field of `shape`, and the reverse, are left to others.

    Updates touch the columns in which two versions of a struct differ, count the revision up and set the time.
    """

    def __init__(self, table: sa.Table, shape: type[Shape]) -> None:
        self.table = table
        self.shape = shape
        self.names = tuple(name for name in shape.__struct_fields__ if name in table.c)
        self.all = sa.select(*[table.c[name] for name in self.names])
        self._one = self.all.where(table.c.id == sa.bindparam("id"))
        self._locked = self._one.with_for_update()
        self._some = self.all.where(table.c.id.in_(texts("ids")))
        self._ids = sa.select(table.c.id)
        self._insert = sa.insert(table)
        self._remove = sa.delete(table).where(table.c.id == sa.bindparam("id"))

    def of(self, row: Sequence[Any], **more: Any) -> Shape:
        """The struct of a row whose first columns are this shelf's; `more` are fields that no column holds."""
        fields = dict(zip(self.names, row, strict=False))
        fields.update(more)
        return msgspec.convert(fields, self.shape)

    def find(self, db: Reader, object_id: str) -> Shape | None:
        """The one with this id, or None."""
        row = db.row(self._one, id=object_id)
        return None if row is None else self.of(row)

    def lock(self, tx: Tx, object_id: str) -> Shape | None:
        """The one with this id, or None. Nobody else changes it before this transaction ends."""
        row = tx.row(self._locked, id=object_id)
        return None if row is None else self.of(row)

    def some(self, db: Reader, ids: Collection[str]) -> Mapping[str, Shape]:
        """Those of the ids that exist, by id."""
        rows = db.rows(self._some, ids=list(ids)) if ids else ()
        return {item.id: item for item in map(self.of, rows)}  # type: ignore[attr-defined]

    def ids(self, db: Reader) -> Sequence[str]:
        """Every id there is."""
        return [row[0] for row in db.rows(self._ids)]

    def insert(self, tx: Tx, items: Sequence[Shape], **beside: Any) -> None:
        """Write new rows; `beside` are columns that the struct does not have. Raises Duplicate."""
        self.insert_rows(tx, [self.row_of(item) | beside for item in items])

    def insert_rows(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write new rows as they are, each with all columns. Raises Duplicate."""
        tx.execute_many(self._insert, rows)

    def row_of(self, item: Shape) -> dict[str, Any]:
        """The columns that hold a struct."""
        return {name: getattr(item, name) for name in self.names}

    def update(self, tx: Tx, before: Shape, after: Shape, **beside: Any) -> Shape:
        """Write what differs; the struct as it is from now on. Raises Duplicate."""
        after = msgspec.structs.replace(
            after,
            revision_number=before.revision_number + 1,  # type: ignore[attr-defined]
            updated_at=tx.now,
        )
        changes = {
            name: getattr(after, name) for name in self.names if getattr(after, name) != getattr(before, name)
        }
        if not changes and not beside:
            return after
        statement = sa.update(self.table).where(self.table.c.id == before.id)  # type: ignore[attr-defined]
        tx.execute(statement.values(changes | beside))
        return after

    def remove(self, tx: Tx, object_id: str) -> bool:
        """Delete the row; whether there was one."""
        return tx.execute(self._remove, id=object_id) > 0


def serialise(tx: Tx, name: str) -> None:
    """Let nobody else who says the same `name` go on before this transaction ends.

    For decisions that follow from many rows, such as the lowest free address. SQLite has one writer anyway.
    """
    if tx.dialect == "postgresql":
        tx.execute(_SERIALISE, name=name)


_SERIALISE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
