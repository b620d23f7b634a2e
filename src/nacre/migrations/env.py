"""Run by alembic: hands it the store's own connection, in one transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

import nacre.migrations.tables  # noqa: F401 - Fills METADATA, for comparisons.
from nacre.kernel.schema import METADATA

engine: sa.Engine = context.config.attributes["engine"]
LOCK = 7_130_219  # Any number: it only has to be the same for every node that might upgrade at once.

with engine.connect() as connection:
    begin = "BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN"
    connection.exec_driver_sql(begin)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    context.configure(connection=connection, target_metadata=METADATA, transactional_ddl=False)
    context.run_migrations()
    connection.exec_driver_sql("COMMIT")
