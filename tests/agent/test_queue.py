"""Keys come in the order in which they are due, to one worker at a time, and no wake-up is lost."""

from __future__ import annotations

import threading

import pytest

from nacre.agent.queue import DueQueue
from nacre.kernel.clock import SystemClock, VirtualClock


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def queue(clock):
    return DueQueue(clock)


def test_woken_keys_are_taken_in_their_order_and_once(queue):
    for key in ("b", "a", "b"):
        queue.wake(key)

    assert [queue.take(0), queue.take(0), queue.take(0)] == ["b", "a", None]


def test_a_key_comes_again_when_its_time_has_come(queue, clock):
    queue.wake("a")
    queue.done(queue.take(0), again_in_s=5.0)

    early = queue.take(0)
    clock.advance(5.0)

    assert early is None
    assert queue.take(0) == "a"


def test_a_wake_up_is_earlier_than_a_later_moment(queue):
    queue.wake("a")
    queue.done(queue.take(0), again_in_s=5.0)

    queue.wake("a")

    assert queue.take(0) == "a"
    queue.done("a")
    assert queue.take(0) is None, "the later moment is gone"


def test_a_key_woken_while_it_is_worked_on_comes_again_afterwards(queue):
    queue.wake("a")
    queue.take(0)
    queue.wake("a")

    meanwhile = queue.take(0)
    queue.done("a", again_in_s=60.0)

    assert meanwhile is None, "nobody else gets it"
    assert queue.take(0) == "a"


def test_an_idle_wake_up_changes_nothing_for_a_key_that_has_its_moment(queue, clock):
    queue.wake("a")
    queue.done(queue.take(0), again_in_s=5.0)
    queue.wake_idle("a")
    waiting = queue.take(0)
    clock.advance(5.0)
    queue.take(0)
    queue.wake_idle("a")
    queue.done("a")

    assert waiting is None
    assert queue.take(0) is None
    queue.wake_idle("a")
    assert queue.take(0) == "a"


def test_the_next_moment_is_known(queue, clock):
    assert queue.next_at() is None
    queue.wake("a")
    assert queue.next_at() == clock.now()
    queue.done(queue.take(0), again_in_s=5.0)
    assert queue.next_at() == clock.now() + 5.0


def test_a_worker_that_waits_is_given_a_key_as_soon_as_it_is_woken():
    queue: DueQueue[str] = DueQueue(SystemClock())
    taken: list[str | None] = []
    worker = threading.Thread(target=lambda: taken.append(queue.take(30.0)))
    worker.start()

    queue.wake("a")
    worker.join(5.0)

    assert taken == ["a"]


def test_workers_that_wait_return_when_the_queue_is_closed():
    queue: DueQueue[str] = DueQueue(SystemClock())
    taken: list[str | None] = []
    workers = [threading.Thread(target=lambda: taken.append(queue.take(30.0))) for _ in range(3)]
    for worker in workers:
        worker.start()

    queue.close()
    for worker in workers:
        worker.join(5.0)

    assert taken == [None] * 3


def test_many_workers_never_share_a_key_and_lose_none():
    queue: DueQueue[int] = DueQueue(SystemClock())
    at_work: set[int] = set()
    visits = dict.fromkeys(range(20), 0)
    mistakes: list[int] = []
    lock = threading.Lock()

    def labour():
        while (key := queue.take(0.5)) is not None:
            with lock:
                if key in at_work:
                    mistakes.append(key)
                at_work.add(key)
                visits[key] += 1
                again = visits[key] < 50
            with lock:
                at_work.discard(key)
            queue.done(key, again_in_s=0.0 if again else None)

    for key in visits:
        queue.wake(key)
    workers = [threading.Thread(target=labour) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20.0)

    assert not mistakes
    assert set(visits.values()) == {50}
