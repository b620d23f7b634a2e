"""Lists of texts, such as ids, as one parameter of a statement.

    SOME = sa.select(PORT).where(PORT.c.id.in_(texts("ids")))
    db.rows(SOME, ids=port_ids)

The statement is the same however long the list is: it is compiled once and prepared once, and no database's bound on
the number of parameters applies.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


def texts(name: str) -> sa.Select[str]:
    """The texts that the parameter `name` lists, to be used with `in_`."""
    rows = _rows_of(sa.bindparam(name, type_=_Texts())).table_valued("value")
    return sa.select(rows.c.value)


class _Texts(sa.types.TypeDecorator[Collection[str]]):
    """A list as each database takes it: an array, or JSON where there are none."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.ARRAY(sa.Text) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Collection[str] | None, dialect: sa.Dialect) -> Any:
        assert value is not None
        return list(value) if dialect.name == "postgresql" else msgspec.json.encode(value).decode()


class _rows_of(GenericFunction[Any]):
    """A list as rows of one column, `value`."""

    inherit_cache = True


@compiles(_rows_of, "sqlite")
def _on_sqlite(element: _rows_of, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_rows_of, "postgresql")
def _on_postgresql(element: _rows_of, compiler: Any, **options: Any) -> str:
    """The planner knows how many rows an array makes, and so when to go by an index; of JSON it does not."""
    return f"(SELECT unnest({compiler.process(element.clauses, **options)}) AS value)"
