"""A shelf: one table whose columns are named as the fields of one struct, and the plain statements on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, final

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import Missing
from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.http.paging import Page, paged
from nacre.kernel.texts import texts

Shape = TypeVar("Shape", bound=msgspec.Struct)


@final
class Shelf(Generic[Shape]):
    """Reads and writes whole structs. Columns that are no field of `shape` are left to other statements.

    `missing` is the error for a key that is not there; `only` limits the shelf to some of the rows.
    """

    def __init__(
        self,
        table: sa.Table,
        shape: type[Shape],
        *,
        key: str,
        missing: type[Missing] = Missing,
        only: sa.ColumnElement[bool] | None = None,
    ) -> None:
        self.table = table
        self.key: sa.Column[Any] = table.c[key]
        self.columns = {name: table.c[name] for name in shape.__struct_fields__}
        self.all = sa.select(*self.columns.values()).where(*([] if only is None else [only]))
        self._shape = shape
        self._missing = missing
        self._one = self.all.where(self.key == sa.bindparam("key"))
        self._lock = self._one.with_for_update()
        self._hold = self._one.with_for_update(read=True)
        self._some = self.all.where(self.key.in_(texts("keys")))
        self._insert = sa.insert(table)
        self._update = (
            sa.update(table)
            .where(self.key == sa.bindparam("this"))
            .values({name: sa.bindparam(name) for name in self.columns if name != key})
        )
        self._remove = sa.delete(table).where(self.key == sa.bindparam("key"))

    def of(self, row: Sequence[Any]) -> Shape:
        """The struct of a row whose first columns are this shelf's."""
        return self._shape(**dict(zip(self.columns, row, strict=False)))

    def find(self, db: Reader, key: str) -> Shape | None:
        """The one with this key, or None."""
        row = db.row(self._one, key=key)
        return None if row is None else self.of(row)

    def load(self, db: Reader, key: str) -> Shape:
        """The one with this key. Raises the noun's own NotFound."""
        return self._there(db.row(self._one, key=key), key)

    def lock(self, tx: Tx, key: str) -> Shape:
        """The same, about to be changed or deleted: nobody else does so before this transaction ends."""
        return self._there(tx.row(self._lock, key=key), key)

    def hold(self, tx: Tx, key: str) -> Shape:
        """The same, about to be referred to: nobody changes or deletes it before this transaction ends."""
        return self._there(tx.row(self._hold, key=key), key)

    def _there(self, row: AnyRow | None, key: str) -> Shape:
        if row is None:
            raise self._missing(key)
        return self.of(row)

    def some(self, db: Reader, keys: Sequence[str]) -> Sequence[Shape]:
        """Those of the keys that exist."""
        return [self.of(row) for row in db.rows(self._some, keys=keys)] if keys else []

    def insert(self, tx: Tx, item: Shape, **beside: Any) -> None:
        """Write a new row; `beside` are columns that the struct does not show. Raises Duplicate."""
        tx.execute(self._insert, **msgspec.structs.asdict(item), **beside)

    def update(self, tx: Tx, item: Shape) -> None:
        """Write all of the struct's columns over the row with its key. Raises Duplicate."""
        values = msgspec.structs.asdict(item)
        tx.execute(self._update, this=values.pop(self.key.name), **values)

    def remove(self, tx: Tx, key: str) -> bool:
        """Delete the row; whether there was one."""
        return tx.execute(self._remove, key=key) > 0

    def page(
        self, db: Reader, page: Page, filters: Mapping[str, Any], *conditions: sa.ColumnElement[bool]
    ) -> list[Shape]:
        """One page of the rows whose columns equal `filters` and that meet `conditions`, and one row more."""
        equal = [self.table.c[name] == value for name, value in filters.items()]
        statement = paged(
            db, self.all.where(*equal, *conditions), page, {**self.columns, "id": self.key}, unique=self.key
        )
        return [self.of(row) for row in db.rows(statement)]
