"""The one store: SQLite or PostgreSQL from the same code, short write transactions, frozen structs out.

    with database.read() as db:
        row = db.row(FIND_SERVER, server_id=server_id)

    with database.write(actor) as tx:
        tx.execute(INSERT_SERVER, **values)
        tx.record(Event(action="create", kind="server", subject=server_id))
        tx.make_due("servers", server_id)

What is recorded and made due is written by two statements at the end of the transaction, and the loops
are woken once it is durable. No driver, neighbour process or network is called inside one.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection, Row

from nacre.kernel import due, events
from nacre.kernel.clock import Clock
from nacre.kernel.errors import Conflict, Unavailable
from nacre.kernel.events import Actor, Event
from nacre.kernel.wakes import Wakes

BUSY_TIMEOUT_S = 10.0
AnyRow = Row[*tuple[Any, ...]]
NOTIFY_CHANNEL = "nacre_wake"


@dataclass(eq=False)
class Duplicate(Conflict):
    """A row with this key exists already."""

    code = "nacre.duplicate"
    constraint: str

    def __str__(self) -> str:
        return f"It exists already ({self.constraint})."


@dataclass(eq=False)
class StoreUnavailable(Unavailable):
    """The database did not answer, or gave up on a lock."""

    code = "nacre.store_unavailable"
    reason: str

    def __str__(self) -> str:
        return "The database is not available at the moment; try again."


class _Inside(threading.local):
    """What this thread is doing with the database: statements so far, and whether a transaction is open."""

    statements: int = 0
    writing: bool = False


_inside = _Inside()


def statements_so_far() -> int:
    """How many SQL statements this thread has sent, ever. Differences of it are the cost of something."""
    return _inside.statements


def in_transaction() -> bool:
    """Whether this thread has a write transaction open; the law against I/O inside one asks."""
    return _inside.writing


class Reader:
    """A connection that reads. Statements are best built once, with `sa.bindparam`, at module level."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._connection.dialect.name

    def rows(self, statement: sa.Executable, /, **parameters: Any) -> Sequence[AnyRow]:
        """All rows of a statement."""
        return self._run(statement, parameters).all()

    def row(self, statement: sa.Executable, /, **parameters: Any) -> AnyRow | None:
        """The first row of a statement, or None."""
        return self._run(statement, parameters).first()

    def scalar(self, statement: sa.Executable, /, **parameters: Any) -> Any:
        """The first column of the first row, or None."""
        return self._run(statement, parameters).scalar()

    def _run(self, statement: sa.Executable, parameters: Any) -> sa.CursorResult[Any]:
        _inside.statements += 1
        try:
            return self._connection.execute(statement, parameters)
        except exc.IntegrityError as error:
            raise Duplicate(str(error.orig)) from error
        except (exc.OperationalError, exc.TimeoutError) as error:
            raise StoreUnavailable(str(error)) from error


class Tx(Reader):
    """A write transaction. It is short, and everything in it happens or nothing does."""

    def __init__(self, connection: Connection, actor: Actor, now: float) -> None:
        super().__init__(connection)
        self.actor = actor
        self.now = now
        self._events: list[dict[str, Any]] = []
        self._due: dict[tuple[str, str], dict[str, Any]] = {}
        self._topics: dict[str, None] = {}

    def execute(self, statement: sa.Executable, /, **parameters: Any) -> int:
        """Run a write; the number of rows it touched."""
        return self._run(statement, parameters).rowcount

    def execute_many(self, statement: sa.Executable, parameters: Sequence[Mapping[str, Any]], /) -> int:
        """Run one write with many sets of parameters; counts as one statement. An empty list does nothing.

        The number of rows that all of them touched.
        """
        return self._run(statement, list(parameters)).rowcount if parameters else 0

    def record(self, event: Event) -> None:
        """Add a line to the event log."""
        self._events.append(events.event_row(event, self.actor, self.now))

    def make_due(self, loop: str, key: str, *, in_s: float = 0.0) -> None:
        """Let `loop` look at `key`, at once or `in_s` seconds from now."""
        self._due[loop, key] = due.new_row(
            loop, key, now=self.now, at=self.now + in_s, trace_id=self.actor.trace_id
        )
        if not in_s:
            self.wake(due.topic_of(loop))

    def wake(self, topic: str) -> None:
        """Wake the listeners of `topic` once this transaction is durable."""
        self._topics[topic] = None

    def flush(self) -> None:
        """Write what was recorded and made due. Called once, by the end of the transaction."""
        self.execute_many(events.APPEND, self._events)
        self.execute_many(due.MAKE_DUE, list(self._due.values()))
        if self._topics and self.dialect == "postgresql":
            self.execute(
                sa.text(f"SELECT pg_notify('{NOTIFY_CHANNEL}', :topics)"),
                topics=json.dumps(list(self._topics)),
            )

    @property
    def topics(self) -> Sequence[str]:
        return list(self._topics)


class Database:
    """Connections, transactions and wake-ups. One per process.

    `durable=False` lets SQLite lose the last transactions of a power failure (never of a crash).
    """

    def __init__(
        self, url: str, *, clock: Clock, wakes: Wakes, pool_size: int = 20, durable: bool = True
    ) -> None:
        self.url = sa.engine.make_url(url)
        if self.url.drivername in ("postgresql", "postgres"):
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.clock = clock
        self.wakes = wakes
        self._write_lock: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        self._begin: Literal["BEGIN", "BEGIN IMMEDIATE"] = "BEGIN"
        self.engine = sa.create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=30,
            pool_reset_on_return=None,
            pool_pre_ping=self.is_postgresql,
            pool_use_lifo=True,
            connect_args={}
            if self.is_postgresql
            else {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "cached_statements": 512},
            query_cache_size=2000,
            poolclass=sa.QueuePool,
        )
        if not self.is_postgresql:
            self._write_lock = threading.Lock()  # SQLite has one writer; queueing here beats polling for it.
            self._begin = "BEGIN IMMEDIATE"
            _tune_sqlite(self.engine, durable=durable)

    @property
    def is_postgresql(self) -> bool:
        return self.url.get_backend_name() == "postgresql"

    @contextlib.contextmanager
    def read(self) -> Iterator[Reader]:
        """A connection for reading; each statement sees the newest committed state."""
        with self._connect() as connection:
            yield Reader(connection)

    @contextlib.contextmanager
    def write(self, actor: Actor) -> Iterator[Tx]:
        """A write transaction, committed when the block ends and rolled back when it raises.

        Errors: Duplicate, StoreUnavailable, and whatever the block raises.
        """
        assert not _inside.writing, "a transaction inside a transaction could be half committed"
        with self._connect() as connection, self._write_lock:
            _run_plain(connection, self._begin)
            _inside.writing = True
            try:
                tx = Tx(connection, actor, self.clock.now())
                yield tx
                tx.flush()
                _run_plain(connection, "COMMIT")
            except BaseException:
                with contextlib.suppress(exc.DBAPIError, StoreUnavailable):
                    _run_plain(connection, "ROLLBACK")
                raise
            finally:
                _inside.writing = False
        self.wakes.wake(tx.topics)

    def listen(self, stop: threading.Event) -> None:
        """Pass on the wake-ups of other nodes until `stop` is set. PostgreSQL only; blocks."""
        import psycopg

        while not stop.is_set():
            with contextlib.suppress(psycopg.Error), self._listener() as connection:
                for notification in connection.notifies(timeout=1.0, stop_after=None):
                    self.wakes.wake(json.loads(notification.payload))
            stop.wait(0.05)

    @contextlib.contextmanager
    def _listener(self) -> Iterator[Any]:
        import psycopg

        dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
            yield connection

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except (exc.OperationalError, exc.TimeoutError) as error:
            raise StoreUnavailable(str(error)) from error
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        self.engine.dispose()


def _run_plain(connection: Connection, words: str) -> None:
    """Begin or end a transaction, past the layers that SQLAlchemy puts around statements with values and rows."""
    raw: Any = connection.connection.dbapi_connection
    try:
        raw.execute(words)
    except connection.dialect.loaded_dbapi.Error as error:
        raise StoreUnavailable(str(error)) from error


def _ip_text(packed: bytes | None) -> str | None:
    """An address as it is written; PostgreSQL can tell that by itself."""
    if packed is None:
        return None
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _tune_sqlite(engine: sa.Engine, *, durable: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def tune(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16384")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()
        connection.create_function("ip_text", 1, _ip_text, deterministic=True)
