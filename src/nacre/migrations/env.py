"""Run by alembic: hands it the store's own connection, in one transaction."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

import nacre.migrations.tables  # noqa: F401 - Fills METADATA, for comparisons.
from nacre.kernel.schema import METADATA

LOCK = 7_130_219  # Any number: it only has to be the same for every node that might upgrade at once.

engine: sa.Engine = context.config.attributes["engine"]


def render(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Write our own column types into migrations as what they are kept as."""
    if kind == "type" and isinstance(item, sa.types.TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


with engine.connect() as connection:
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:  # It changes a table by laying a new one in its place: nothing may go along with the old one.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
    try:
        if not sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        context.configure(
            connection=connection, target_metadata=METADATA, transactional_ddl=False, render_item=render
        )
        context.run_migrations()
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all() if sqlite else ()
        assert not broken, f"rows that refer to nothing: {broken[:10]}"
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    finally:
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
