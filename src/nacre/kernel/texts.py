"""Lists of texts, such as ids, as one parameter of a statement.

    SOME = sa.select(PORT).where(PORT.c.id.in_(texts("ids")))
    db.rows(SOME, ids=port_ids)

The statement is the same however long the list is: it is compiled once and prepared once, and no database's bound on
the number of parameters applies.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from nacre.kernel.schema import Json


def texts(name: str) -> sa.Select[str]:
    """The texts that the parameter `name` lists, to be used with `in_`."""
    rows = _rows_of(sa.bindparam(name, type_=Json(list[str]))).table_valued("value")
    return sa.select(rows.c.value)


class _rows_of(GenericFunction[Any]):
    """A JSON list as rows of one column, `value`."""

    inherit_cache = True


@compiles(_rows_of, "sqlite")
def _on_sqlite(element: _rows_of, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_rows_of, "postgresql")
def _on_postgresql(element: _rows_of, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json))"
