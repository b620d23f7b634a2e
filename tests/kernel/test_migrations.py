from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from nacre import migrations
from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.schema import METADATA
from nacre.kernel.wakes import Wakes


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store: not even the tables are there."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").new_database(empty=True)
    return f"sqlite:///{tmp_path / 'store.db'}"


def test_an_upgraded_store_has_the_tables_that_the_code_declares(database_url):
    store = Database(database_url, clock=VirtualClock(), wakes=Wakes())
    migrations.upgrade(store)

    with warnings.catch_warnings(), store.engine.connect() as connection:
        warnings.simplefilter(
            "ignore"
        )  # SQLite cannot reflect indexes on expressions; they are compared below.
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        ours = {name for name, table in METADATA.tables.items() if not name.startswith("test_")}
        differences = [each for each in compare_metadata(context, METADATA) if "test_" not in str(each)]
        indexes = {name for table in ours for name in names_of_indexes(connection, table)}
    store.close()

    assert differences == []
    assert {index.name for table in ours for index in METADATA.tables[table].indexes} <= indexes


def names_of_indexes(connection: sa.Connection, table: str) -> set[str]:
    if connection.dialect.name == "sqlite":
        asked = sa.text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :name")
    else:
        asked = sa.text("SELECT indexname FROM pg_indexes WHERE tablename = :name")
    return set(connection.execute(asked, {"name": table}).scalars())


def test_upgrading_twice_changes_nothing(database_url):
    store = Database(database_url, clock=VirtualClock(), wakes=Wakes())
    migrations.upgrade(store)
    before = sa.inspect(store.engine).get_table_names()
    migrations.upgrade(store)

    assert sa.inspect(store.engine).get_table_names() == before
    store.close()
