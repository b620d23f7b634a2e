"""Reconciling loops: due keys, leases, bounded concurrency, back-off, periodic full passes.

A loop is told a key and performs one step towards what the store says is wanted:

    SETTLED                      nothing is owed any more
    AGAIN                        a step was made; look again at once
    Wait(recheck_s, because)     not yet; waiting is not failing

Every key survives the death of the process at any instant: the lease runs out and somebody looks again.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import math
import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, final

import msgspec
import prometheus_client
import sqlalchemy as sa

from nacre.kernel import due
from nacre.kernel.config import LoopSettings
from nacre.kernel.database import Database, Tx
from nacre.kernel.errors import Conflict, Invalid, NotFound, Problem, Stale
from nacre.kernel.events import Actor
from nacre.kernel.outcome import AGAIN, SETTLED, Outcome, Wait

__all__ = ["AGAIN", "SETTLED", "Loop", "LoopEngine", "Outcome", "Wait", "current_actor"]

log = logging.getLogger("nacre.loops")

STEPS_AT_ONCE = 100
FULL_PASS = "full-pass"
IDLE_LOOK_S = 1.0
BREATH_S = 0.008
"""The least time between two turns: under load, what is wished meanwhile shares one transaction."""
GATHER_S = 0.01
"""How long the ends of steps may wait for a turn that is made anyway: nobody waits for a settled key."""

STEPS = prometheus_client.Counter(
    "nacre_loop_steps", "Steps performed, by how they ended.", ["loop", "outcome"]
)


_trace: contextvars.ContextVar[str] = contextvars.ContextVar("nacre_trace", default="")


class Loop(Protocol):
    """One noun's reconciler."""

    @property
    def name(self) -> str:
        """The loop's name in `make_due`, metrics and `nacre status`."""
        ...

    @property
    def at_once(self) -> int:
        """How many keys may be worked on at the same time by one process."""
        ...

    def reconcile(self, key: str) -> Outcome:
        """Perform at most one step for `key`. Safe to repeat, and safe to be killed in."""
        ...

    def all_keys(self) -> Iterable[str]:
        """Every key there is, for the periodic full pass."""
        ...

    def record_fault(self, key: str, problem: Problem) -> None:
        """Show `problem` to the owner of `key`: it will not go away until the wish changes."""
        ...


def current_actor(loop: str) -> Actor:
    """The actor of what a loop changes: itself, with the trace id of the request that caused the step."""
    return Actor(f"loop:{loop}", trace_id=_trace.get())


class Owed(msgspec.Struct, frozen=True):
    """A key that this process has leased."""

    loop: str
    key: str
    generation: int
    attempts: int
    trace_id: str


class _Result(msgspec.Struct, frozen=True):
    owed: Owed
    settled: bool
    at: float
    attempts: int
    because: str


_CLAIM = """
UPDATE due SET lease_until = :until, lease_by = :node
WHERE loop = :loop AND subject IN (
    SELECT subject FROM due WHERE loop = :loop AND at <= :now AND lease_until <= :now
    ORDER BY at LIMIT :most {skip_locked})
RETURNING loop, subject, generation, attempts, trace_id
"""
_CLAIMS = {
    "sqlite": sa.text(_CLAIM.format(skip_locked="")),
    "postgresql": sa.text(_CLAIM.format(skip_locked="FOR UPDATE SKIP LOCKED")),
}
_SETTLE = sa.text(
    "DELETE FROM due"
    " WHERE loop = :loop AND subject = :subject AND generation = :generation AND lease_by = :node"
)
_POSTPONE = sa.text(
    "UPDATE due SET at = CASE WHEN generation = :generation THEN :at ELSE at END, attempts = :attempts,"
    " because = :because, lease_until = 0, lease_by = ''"
    " WHERE loop = :loop AND subject = :subject AND lease_by = :node"
)
_RELEASE = sa.text("UPDATE due SET lease_until = 0, lease_by = '' WHERE lease_by = :node")
_NEXT = sa.text(
    "SELECT loop, MIN(CASE WHEN lease_until > at THEN lease_until ELSE at END) FROM due GROUP BY loop"
)
_TROUBLE = sa.text(
    "SELECT loop, subject, since, attempts, because, trace_id FROM due"
    " WHERE because <> '' ORDER BY since LIMIT :most"
)
_LENGTHS = sa.text("SELECT loop, COUNT(*) FROM due GROUP BY loop")


@dataclass
class _Lane:
    """What this process knows of one loop: how many of its keys it works on, and when it must look again."""

    loop: Loop
    running: int = 0
    look_at: float = 0.0


@final
class LoopEngine:
    """Runs loops: leases due keys in batches, performs their steps in worker threads, writes down the ends.

    One transaction per turn serves all loops: it settles what has ended and leases what is due. `turn()` and
    `settle()` run everything in the caller's thread, for tests with a virtual clock; `start()` runs threads.
    """

    def __init__(
        self, database: Database, loops: Sequence[Loop], settings: LoopSettings, *, node: str
    ) -> None:
        """`node` names this process among those that share the store, and stays the same when it restarts."""
        self._database = database
        self._clock = database.clock
        self._settings = settings
        self._node = node
        self._lanes = {loop.name: _Lane(loop) for loop in [*loops, _FullPass(database, loops, settings)]}
        self._results: list[_Result] = []
        self._mutex = threading.Condition()
        self._woken: set[str] = set()
        self._stopping = False
        self._next_survey = 0.0
        self._turned_at = 0.0
        self._ended_at = 0.0
        self._pool: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None
        database.wakes.listen_to_all(self._on_wake)

    # -- in threads ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work, in threads of its own."""
        self.begin()
        self._pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="loop")
        self._thread = threading.Thread(target=self._run, name="loops", daemon=True)
        self._thread.start()

    def stop(self, *, grace_s: float = 5.0) -> None:
        """Finish the steps that are under way, within `grace_s`, and give back every lease."""
        with self._mutex:
            self._stopping = True
            self._mutex.notify_all()
        if self._thread:
            self._thread.join(grace_s)
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(Problem), self._database.write(Actor("loops")) as tx:
            self._write_results(tx)
            tx.execute(_RELEASE, node=self._node)

    def _run(self) -> None:
        assert self._pool is not None
        while True:
            with self._mutex:
                while not self._stopping and (pause := self._pause_s()) > 0:
                    self._mutex.wait(pause)
                if self._stopping:
                    return
            self._turned_at = self._clock.now()
            try:
                for owed in self._turn_over():
                    self._pool.submit(self._work, owed)
            except Exception:
                log.exception("a turn of the loops failed; it is repeated")
                threading.Event().wait(1.0)

    def _pause_s(self) -> float:
        """How long the next turn can wait, as things are."""
        looks = [lane.look_at for lane in self._lanes.values() if lane.running < lane.loop.at_once]
        moment = min([self._next_survey, *looks])
        if self._woken:
            moment = 0.0
        elif self._results:
            moment = min(moment, self._ended_at + GATHER_S)
        return min(max(moment, self._turned_at + BREATH_S) - self._clock.now(), IDLE_LOOK_S)

    def _work(self, owed: Owed) -> None:
        result = self._perform(owed)
        with self._mutex:
            if not self._results:
                self._ended_at = self._clock.now()
                self._mutex.notify_all()
            self._results.append(result)

    # -- in the caller's thread ------------------------------------------------------------------------

    def begin(self) -> None:
        """Take back what this node had leased before it died, and look at everything once."""
        with self._database.write(Actor("loops")) as tx:
            tx.execute(_RELEASE, node=self._node)
            rows = [
                due.new_row(FULL_PASS, name, now=tx.now, at=tx.now, trace_id="")
                for name in self._lanes
                if name != FULL_PASS
            ]
            tx.execute_many(due.MAKE_DUE, rows)

    def turn(self) -> int:
        """Lease what is due now and perform it here. The number of keys looked at."""
        for lane in self._lanes.values():
            lane.look_at = 0.0
        batch = self._turn_over()
        self._results += [self._perform(owed) for owed in batch]
        if batch:
            with self._database.write(Actor("loops")) as tx:
                self._write_results(tx)
        return len(batch)

    def next_due_at(self) -> float | None:
        """When the next key is due, in seconds since the epoch; None if nothing is owed."""
        with self._database.read() as db:
            moments = [row[1] for row in db.rows(_NEXT) if row[0] in self._lanes]
        return min(moments, default=None)

    # -- both ------------------------------------------------------------------------------------------

    def _turn_over(self) -> list[Owed]:
        """One transaction: write how the last steps ended, lease what is due."""
        now = self._clock.now()
        self._survey(now)
        with self._mutex:
            woken, self._woken = self._woken, set()
        for name in woken:
            self._lanes[name].look_at = 0.0
        ready = [
            lane for lane in self._lanes.values() if lane.look_at <= now and lane.running < lane.loop.at_once
        ]
        if not ready and not self._results:
            return []
        batch: list[Owed] = []
        with self._database.write(Actor("loops")) as tx:
            self._write_results(tx)
            for lane in ready:
                room = lane.loop.at_once - lane.running
                leased = self._lease(tx, lane.loop.name, room)
                lane.running += len(leased)
                # A full batch may have left more behind. Else a wake-up or the next survey says when.
                lane.look_at = 0.0 if len(leased) == room else math.inf
                batch += leased
        return batch

    def _lease(self, tx: Tx, loop: str, most: int) -> list[Owed]:
        rows = tx.rows(
            _CLAIMS[tx.dialect],
            loop=loop,
            node=self._node,
            now=tx.now,
            until=tx.now + self._settings.lease_s,
            most=most,
        )
        return [Owed(*row) for row in rows]

    def _write_results(self, tx: Tx) -> None:
        with self._mutex:
            results, self._results = self._results, []
        for result in results:
            lane = self._lanes[result.owed.loop]
            lane.running -= 1
            lane.look_at = min(lane.look_at, result.at)
        base = [
            (
                r,
                {
                    "loop": r.owed.loop,
                    "subject": r.owed.key,
                    "generation": r.owed.generation,
                    "node": self._node,
                },
            )
            for r in results
        ]
        settled = tx.execute_many(_SETTLE, [row for r, row in base if r.settled])
        kept = [(r, row) for r, row in base if not r.settled]
        if settled + len(kept) < len(base):
            # A wish that came in meanwhile has kept a row: its lease must go.
            kept = base
        tx.execute_many(
            _POSTPONE, [{**row, "at": r.at, "attempts": r.attempts, "because": r.because} for r, row in kept]
        )

    def _survey(self, now: float) -> None:
        """Every few seconds, learn from the table when each loop is next due: wake-ups may have been lost."""
        if now < self._next_survey:
            return
        self._next_survey = now + IDLE_LOOK_S
        with self._database.read() as db:
            for name, moment in db.rows(_NEXT):
                if name in self._lanes:
                    self._lanes[name].look_at = min(self._lanes[name].look_at, moment)

    def _perform(self, owed: Owed) -> _Result:
        """Step until the key settles or has to wait. Never raises but for a kill."""
        loop = self._lanes[owed.loop].loop
        token = _trace.set(owed.trace_id)
        outcome: Outcome = AGAIN
        try:
            for _ in range(STEPS_AT_ONCE):
                outcome = loop.reconcile(owed.key)
                STEPS.labels(owed.loop, "wait" if isinstance(outcome, Wait) else outcome.value).inc()
                if outcome is not AGAIN:
                    break
        except Stale:
            outcome = AGAIN
        except (Invalid, NotFound, Conflict) as problem:
            return self._faulted(loop, owed, problem)
        except Exception as error:  # noqa: BLE001 - Around a whole step.
            return self._failed(owed, error)
        finally:
            _trace.reset(token)
        return self._ended(owed, outcome)

    def _ended(self, owed: Owed, outcome: Outcome) -> _Result:
        now = self._clock.now()
        match outcome:
            case Wait(recheck_s=recheck_s, because=because):
                return _Result(owed, False, now + recheck_s, 0, because)
            case done:
                return _Result(owed, done is SETTLED, now, 0, "")

    def _faulted(self, loop: Loop, owed: Owed, problem: Problem) -> _Result:
        STEPS.labels(owed.loop, "fault").inc()
        log.warning("%s %s: %s", owed.loop, owed.key, problem, extra={"trace_id": owed.trace_id})
        try:
            loop.record_fault(owed.key, problem)
        except Exception as error:  # noqa: BLE001 - Around a whole step.
            return self._failed(owed, error)
        return _Result(owed, True, self._clock.now(), 0, "")

    def _failed(self, owed: Owed, error: Exception) -> _Result:
        STEPS.labels(owed.loop, "error").inc()
        attempts = owed.attempts + 1
        pause = self._backoff_s(attempts)
        log.warning(
            "%s %s failed (attempt %d), again in %.1f s: %s",
            owed.loop,
            owed.key,
            attempts,
            pause,
            error,
            exc_info=not isinstance(error, Problem),
            extra={"trace_id": owed.trace_id},
        )
        because = f"{type(error).__name__}: {error}"[:1000]
        return _Result(owed, False, self._clock.now() + pause, attempts, because)

    def _backoff_s(self, attempts: int) -> float:
        """Doubling from the first to the longest pause, each shortened by up to a half at random."""
        longest = min(
            self._settings.backoff_most_s, self._settings.backoff_first_s * 2.0 ** min(attempts - 1, 20)
        )
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - Spreads load; guards nothing.

    def _on_wake(self, topic: str) -> None:
        name = topic.removeprefix("loop:")
        if name not in self._lanes:
            return
        with self._mutex:
            self._woken.add(name)
            self._mutex.notify_all()

    # -- for the operator ------------------------------------------------------------------------------

    def status(self) -> Mapping[str, object]:
        """What each loop owes, and the keys in trouble with their last error."""
        with self._database.read() as db:
            lengths = {row[0]: row[1] for row in db.rows(_LENGTHS)}
            trouble = [dict(row._mapping) for row in db.rows(_TROUBLE, most=100)]
        return {
            "loops": {
                name: {"due": lengths.get(name, 0), "running": lane.running}
                for name, lane in self._lanes.items()
                if name != FULL_PASS
            },
            "trouble": [row for row in trouble if row["loop"] != FULL_PASS],
        }


@dataclass
class _FullPass:
    """A loop over the loops: makes every key of one of them due, by period. Its keys are their names."""

    database: Database
    loops: Sequence[Loop]
    settings: LoopSettings
    name: str = FULL_PASS
    at_once: int = 1
    _by_name: dict[str, Loop] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {loop.name: loop for loop in self.loops}

    def reconcile(self, key: str) -> Outcome:
        loop = self._by_name.get(key)
        if loop is None:
            return SETTLED
        keys = list(loop.all_keys())
        with self.database.write(Actor(f"loop:{FULL_PASS}")) as tx:
            tx.execute_many(
                due.MAKE_DUE_IF_ABSENT,
                [due.new_row(key, each, now=tx.now, at=tx.now, trace_id="") for each in keys],
            )
            tx.wake(due.topic_of(key))
        return Wait(recheck_s=self.settings.full_pass_s, because="the next full pass is by period")

    def all_keys(self) -> Iterable[str]:
        return ()

    def record_fault(self, key: str, problem: Problem) -> None:
        raise AssertionError(f"a full pass has no owner to tell: {key}: {problem}")
