from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from nacre.kernel.clock import SystemClock
from nacre.kernel.config import LoopSettings
from nacre.kernel.database import Database
from nacre.kernel.due import DUE
from nacre.kernel.errors import Conflict, Problem, Stale, Unavailable
from nacre.kernel.events import Actor
from nacre.kernel.loops import AGAIN, SETTLED, LoopEngine, Outcome, Wait, current_actor
from nacre.kernel.wakes import Wakes

SETTINGS = LoopSettings(workers=4, lease_s=60, full_pass_s=300, backoff_first_s=1, backoff_most_s=8)


@dataclass
class Recorder:
    """A loop that does what it is told and remembers which keys it was shown."""

    step: Callable[[str], Outcome] = lambda _key: SETTLED
    keys: tuple[str, ...] = ()
    name: str = "things"
    at_once: int = 4
    seen: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    def reconcile(self, key: str) -> Outcome:
        self.seen.append(key)
        return self.step(key)

    def all_keys(self) -> Iterable[str]:
        return self.keys

    def record_fault(self, key: str, problem: Problem) -> None:
        self.faults[key] = str(problem)


def engine_of(database: Database, loop: Recorder, *, node: str = "node-1") -> LoopEngine:
    return LoopEngine(database, [loop], SETTINGS, node=node)


def want(database: Database, *keys: str, in_s: float = 0) -> None:
    with database.write(Actor("test", trace_id="req-7")) as tx:
        for key in keys:
            tx.make_due("things", key, in_s=in_s)


def owed(database: Database) -> list[str]:
    with database.read() as db:
        return [row[0] for row in db.rows(sa.select(DUE.c.subject).where(DUE.c.loop == "things"))]


class Broken(Unavailable):
    def __str__(self) -> str:
        return "the switch does not answer"


class Impossible(Conflict):
    def __str__(self) -> str:
        return "this cannot be"


def test_a_due_key_is_reconciled_and_settled(database):
    loop = Recorder()
    want(database, "a")

    assert engine_of(database, loop).turn() == 1

    assert loop.seen == ["a"]
    assert owed(database) == []


def test_steps_follow_each_other_until_the_key_settles(database):
    loop = Recorder(step=lambda _key: SETTLED if len(loop.seen) == 3 else AGAIN)
    want(database, "a")

    engine_of(database, loop).turn()

    assert loop.seen == ["a", "a", "a"]


def test_a_wish_made_while_its_key_is_worked_on_is_not_settled_with_it(database):
    loop = Recorder(step=lambda _key: (want(database, "a") if len(loop.seen) == 1 else None) or SETTLED)
    engine = engine_of(database, loop)
    want(database, "a")

    engine.turn()
    assert owed(database) == ["a"]
    engine.turn()

    assert loop.seen == ["a", "a"]
    assert owed(database) == []


def test_waiting_keys_come_back_when_they_said_and_say_why(database, clock):
    loop = Recorder(step=lambda _key: SETTLED if len(loop.seen) == 2 else Wait(5, "the image is downloading"))
    engine = engine_of(database, loop)
    want(database, "a")
    engine.turn()

    assert [row["because"] for row in engine.status()["trouble"]] == ["the image is downloading"]
    clock.advance(4.9)
    assert engine.turn() == 0
    clock.advance(0.1)
    assert engine.turn() == 1
    assert owed(database) == []


def test_a_wake_up_shortens_the_wait(database):
    loop = Recorder(step=lambda _key: SETTLED if len(loop.seen) == 2 else Wait(500, "a host"))
    engine = engine_of(database, loop)
    want(database, "a")
    engine.turn()

    want(database, "a")

    assert engine.turn() == 1
    assert owed(database) == []


def test_failures_back_off_and_are_visible_with_the_request_that_caused_them(database, clock):
    def fail(_key: str) -> Outcome:
        raise Broken

    loop = Recorder(step=fail)
    engine = engine_of(database, loop)
    want(database, "a")

    pauses = []
    for _ in range(6):
        engine.turn()
        pauses.append(engine.next_due_at() - clock.now())
        clock.advance(pauses[-1])

    longest = [1, 2, 4, 8, 8, 8]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)), pauses
    trouble = engine.status()["trouble"][0]
    assert trouble["because"] == "Broken: the switch does not answer"
    assert (trouble["attempts"], trouble["trace_id"]) == (6, "req-7")


def test_what_will_not_go_away_is_told_to_the_owner_and_rests(database):
    def refuse(_key: str) -> Outcome:
        raise Impossible

    loop = Recorder(step=refuse)
    want(database, "a")

    engine_of(database, loop).turn()

    assert loop.faults == {"a": "this cannot be"}
    assert owed(database) == []


def test_a_stale_read_is_repeated_at_once(database):
    def once_stale(_key: str) -> Outcome:
        if len(loop.seen) == 1:
            raise Stale
        return SETTLED

    loop = Recorder(step=once_stale)
    engine = engine_of(database, loop)
    want(database, "a")

    engine.turn()
    engine.turn()

    assert loop.seen == ["a", "a"]
    assert owed(database) == []


def test_a_loop_never_works_on_more_keys_than_it_allows(database):
    loop = Recorder(at_once=3)
    engine = engine_of(database, loop)
    want(database, *"abcdefgh")

    assert [engine.turn(), engine.turn(), engine.turn()] == [3, 3, 2]


def test_two_nodes_never_work_on_one_key(database):
    inner = Recorder()
    other = engine_of(database, inner, node="node-2")
    loop = Recorder(step=lambda _key: (other.turn(), SETTLED)[1])
    engine = engine_of(database, loop, node="node-1")
    want(database, *"ab")

    engine.turn()

    assert sorted(loop.seen) == ["a", "b"]
    assert inner.seen == []


class Killed(BaseException):
    """The process dies here."""


def test_a_dead_nodes_keys_are_taken_over_when_its_lease_ends(database, clock):
    def die(_key: str) -> Outcome:
        raise Killed

    want(database, "a")
    with pytest.raises(Killed):
        engine_of(database, Recorder(step=die)).turn()

    survivor = Recorder()
    engine = engine_of(database, survivor, node="node-2")
    assert engine.turn() == 0
    clock.advance(SETTINGS.lease_s)
    engine.turn()

    assert survivor.seen == ["a"]


def test_a_restarted_node_takes_its_own_keys_up_at_once(database):
    def die(_key: str) -> Outcome:
        raise Killed

    want(database, "a")
    with pytest.raises(Killed):
        engine_of(database, Recorder(step=die)).turn()

    loop = Recorder()
    engine = engine_of(database, loop)
    engine.begin()
    engine.turn()

    assert loop.seen == ["a"]


def test_every_key_is_looked_at_by_period_even_if_nobody_asks(database, clock):
    loop = Recorder(keys=("a", "b"))
    engine = engine_of(database, loop)
    engine.begin()
    engine.turn()
    engine.turn()
    assert sorted(loop.seen) == ["a", "b"]

    clock.advance(SETTINGS.full_pass_s)
    engine.turn()
    engine.turn()

    assert sorted(loop.seen) == ["a", "a", "b", "b"]


def test_what_a_loop_changes_bears_the_trace_of_the_request_behind_it(database):
    actors = []
    loop = Recorder(step=lambda _key: (actors.append(current_actor("things")), SETTLED)[1])
    want(database, "a")

    engine_of(database, loop).turn()

    assert actors == [Actor("loop:things", trace_id="req-7")]


@pytest.fixture
def running_database(database_url):
    store = Database(database_url, clock=SystemClock(), wakes=Wakes(), durable=False)
    yield store
    store.close()


def test_threads_settle_a_thousand_keys_and_stop(running_database):
    done = threading.Event()
    counted, lock = set(), threading.Lock()

    def count(key: str) -> Outcome:
        with lock:
            counted.add(key)
            if len(counted) == 1000:
                done.set()
        return SETTLED

    loop = Recorder(step=count, at_once=16)
    engine = engine_of(running_database, loop)
    engine.start()
    want(running_database, *map(str, range(1000)))

    assert done.wait(30)
    engine.stop()
    assert owed(running_database) == []


def test_a_wish_wakes_the_threads_without_waiting_for_a_period(running_database):
    done = threading.Event()
    engine = engine_of(running_database, Recorder(step=lambda _key: (done.set(), SETTLED)[1]))
    engine.start()
    threading.Event().wait(0.2)
    began = SystemClock().now()

    want(running_database, "a")

    assert done.wait(10)
    engine.stop()
    assert SystemClock().now() - began < 0.9, "it waited for the next survey instead of being woken"
