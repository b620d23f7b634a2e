"""Which keys are due, and when: each is worked on by one worker at a time, and no wake-up is lost."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from nacre.kernel.clock import Clock

Key = TypeVar("Key", bound=Hashable)


class DueQueue(Generic[Key]):
    """Keys in the order in which they are due. Bounded by the number of different keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Key]] = []  # May hold outdated entries; `_due` is the truth.
        self._due: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._order = 0
        self._closed = False
        self._changed = threading.Condition()

    def wake(self, key: Key) -> None:
        """`key` is due now; if somebody works on it, it is due again when they are done."""
        with self._changed:
            self._put(key, self._clock.now())

    def wake_idle(self, key: Key) -> None:
        """`key` is due now, unless it is worked on or waits for its moment."""
        with self._changed:
            if key not in self._due and key not in self._running:
                self._put(key, self._clock.now())

    def take(self, wait_s: float) -> Key | None:
        """A due key, now the caller's until `done`; None after `wait_s` real seconds, or when closed."""
        with self._changed:
            while not self._closed:
                key, pause_s = self._next(wait_s)
                if key is not None:
                    self._running.add(key)
                    del self._due[key]
                    return key
                if pause_s <= 0 or not self._changed.wait(pause_s):
                    wait_s -= pause_s
                    if wait_s <= 0:
                        return None
            return None

    def done(self, key: Key, *, again_in_s: float | None = None) -> None:
        """The caller has ended its work on `key`, which is due again after that time, if one is given."""
        with self._changed:
            self._running.discard(key)
            moment = self._due.pop(key, None)  # Woken meanwhile.
            if moment is None and again_in_s is not None:
                moment = self._clock.now() + again_in_s
            if moment is not None:
                self._put(key, moment)

    def next_at(self) -> float | None:
        """When the next key is due, that nobody works on."""
        with self._changed:
            return self._heap[0][0] if self._drop_outdated() else None

    def close(self) -> None:
        """Nobody is given a key any more; those who wait for one return."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _put(self, key: Key, moment: float) -> None:
        known = self._due.get(key)
        if known is not None and known <= moment:
            return
        self._due[key] = moment
        if key not in self._running:
            self._order += 1
            heapq.heappush(self._heap, (moment, self._order, key))
            self._changed.notify()

    def _next(self, wait_s: float) -> tuple[Key | None, float]:
        if not self._drop_outdated():
            return None, wait_s
        moment, _, key = self._heap[0]
        pause_s = moment - self._clock.now()
        if pause_s > 0:
            return None, min(pause_s, wait_s)
        heapq.heappop(self._heap)
        return key, 0.0

    def _drop_outdated(self) -> bool:
        """Whether anything is left at the top of the heap that is still meant."""
        heap = self._heap
        while heap and (self._due.get(heap[0][2]) != heap[0][0] or heap[0][2] in self._running):
            heapq.heappop(heap)
        return bool(heap)
