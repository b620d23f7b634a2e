from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from nacre.kernel.database import Database, Duplicate, in_transaction, statements_so_far
from nacre.kernel.due import DUE
from nacre.kernel.events import EVENT, Actor, Event
from nacre.kernel.schema import Json
from nacre.kernel.texts import texts

THING = sa.Table(
    "test_thing",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("tags", Json(list[str])),
)


@pytest.fixture
def database(database):
    """A store with a table of things besides."""
    THING.create(database.engine)
    return database


ACTOR = Actor("user:somebody", trace_id="req-1")


def names(database: Database) -> list[str]:
    with database.read() as db:
        return [row[0] for row in db.rows(sa.select(THING.c.name).order_by(THING.c.name))]


def test_what_a_transaction_writes_is_there_after_it_with_its_events_and_due_keys(database):
    with database.write(ACTOR) as tx:
        tx.execute(THING.insert(), name="one", tags=["a", "b"])
        tx.record(Event(action="create", kind="thing", subject="one", after={"tags": ["a", "b"]}))
        tx.make_due("things", "one")

    with database.read() as db:
        event = db.row(sa.select(EVENT))
        owed = db.row(sa.select(DUE))
        thing = db.row(sa.select(THING))
    assert (event.actor, event.trace_id, event.after) == ("user:somebody", "req-1", '{"tags":["a","b"]}')
    assert (owed.loop, owed.subject, owed.at) == ("things", "one", database.clock.now())
    assert thing.tags == ["a", "b"]


def test_a_transaction_that_fails_leaves_nothing_and_wakes_nobody(database):
    woken = []
    database.wakes.listen_to_all(woken.append)

    with pytest.raises(ZeroDivisionError), database.write(ACTOR) as tx:
        tx.execute(THING.insert(), name="one", tags=[])
        tx.record(Event(action="create", kind="thing", subject="one"))
        tx.make_due("things", "one")
        raise ZeroDivisionError

    with database.read() as db:
        assert db.rows(sa.select(EVENT)) == []
        assert db.rows(sa.select(DUE)) == []
    assert names(database) == []
    assert woken == []
    assert not in_transaction()


def test_loops_are_woken_once_the_wish_is_durable(database):
    seen = []
    database.wakes.listen_to_all(lambda topic: seen.append((topic, names(database))))

    with database.write(ACTOR) as tx:
        tx.execute(THING.insert(), name="one", tags=[])
        tx.make_due("things", "one")
        assert seen == []

    assert seen == [("loop:things", ["one"])]


def test_a_second_row_with_the_same_key_is_a_duplicate(database):
    with database.write(ACTOR) as tx:
        tx.execute(THING.insert(), name="one", tags=[])

    with pytest.raises(Duplicate), database.write(ACTOR) as tx:
        tx.execute(THING.insert(), name="one", tags=[])


def test_making_a_key_due_again_moves_its_generation_on(database):
    for _ in range(2):
        with database.write(ACTOR) as tx:
            tx.make_due("things", "one")

    with database.read() as db:
        assert db.scalar(sa.select(DUE.c.generation)) == 2


@pytest.mark.parametrize("beside", [0, 70_000], ids=["few", "more than a database takes parameters"])
def test_a_list_of_any_length_is_one_parameter(database, beside):
    odd = ['with "marks", {braces} and \\', "late, später"]
    with database.write(ACTOR) as tx:
        tx.execute_many(THING.insert(), [{"name": name, "tags": []} for name in ("plain", *odd)])
    among = sa.select(THING.c.name).where(THING.c.name.in_(texts("names"))).order_by(THING.c.name)

    with database.read() as db:
        found = db.rows(among, names=[*odd, *map(str, range(beside))])
        nothing = db.rows(among, names=[])

    assert {row[0] for row in found} == set(odd)
    assert not nothing


def test_events_and_due_keys_cost_one_statement_each_however_many(database):
    before = statements_so_far()
    with database.write(ACTOR) as tx:
        for number in range(50):
            tx.record(Event(action="create", kind="thing", subject=str(number)))
            tx.make_due("things", str(number))

    # PostgreSQL tells the other nodes of the wake-up in a third.
    assert statements_so_far() - before == (3 if database.is_postgresql else 2)


def test_writers_in_many_threads_all_succeed(database):
    def write(number: int) -> None:
        for step in range(20):
            with database.write(ACTOR) as tx:
                tx.execute(THING.insert(), name=f"{number}-{step:02}", tags=[])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(names(database)) == 100


def test_wake_ups_travel_between_nodes_on_postgresql(postgres, clock):
    from nacre.kernel.wakes import Wakes

    url = postgres.new_database()
    here, there = (Database(url, clock=clock, wakes=Wakes()) for _ in range(2))
    heard, stop = threading.Event(), threading.Event()
    there.wakes.listen_to_all(lambda topic: heard.set() if topic == "loop:things" else None)
    listener = threading.Thread(target=there.listen, args=(stop,))
    listener.start()

    # The other node may not be listening yet; a wake-up that comes too early is lost, as wake-ups may be.
    for _ in range(100):
        with here.write(ACTOR) as tx:
            tx.make_due("things", "one")
        if heard.wait(0.1):
            break
    stop.set()
    listener.join()
    here.close()
    there.close()

    assert heard.is_set()
