"""Fixtures that more than one room uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.wakes import Wakes
from tests.support import law_of_io
from tests.support.cloud import FakeCloud
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.stores import lay_sqlite

law_of_io.hold()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started for the first test that asks."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store with every table in place and no rows; the test runs once on each kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").new_database()
    return lay_sqlite(tmp_path / "store.db")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def database(database_url: str, clock: VirtualClock) -> Iterator[Database]:
    """A store with every table in place."""
    store = Database(database_url, clock=clock, wakes=Wakes(), durable=False)
    yield store
    store.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[FakeCloud]:
    """A whole cloud with two fake hosts on SQLite."""
    whole = FakeCloud(tmp_path)
    yield whole
    whole.close()
