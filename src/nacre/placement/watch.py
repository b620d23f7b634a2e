"""The arrays of all providers, kept up with the store: changes announce themselves, and lost announcements heal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar, final

from nacre.kernel.clock import Clock
from nacre.kernel.database import Reader
from nacre.kernel.wakes import Wakes
from nacre.placement.domain.capacity import Capacity
from nacre.placement.store import providers
from nacre.placement.store.providers import TOPIC

Answer = TypeVar("Answer")
COMPARE_EVERY_S = 30.0
REREAD_ALL_FROM = 400
"""From so many changed providers on, reading everything is quicker than reading those."""


@final
class Watch:
    """Shares one Capacity between threads. What it shows may be a moment old: claims are conditional."""

    def __init__(self, clock: Clock, wakes: Wakes) -> None:
        self._clock = clock
        self._capacity = Capacity()
        self._using = threading.Lock()
        self._marking = threading.Lock()
        self._changed: set[str] = set()
        self._compare_at = 0.0
        wakes.listen_to_all(self._on_wake)

    def mark(self, provider_id: str) -> None:
        """Read this provider again before the next question."""
        with self._marking:
            self._changed.add(provider_id)

    def ask(self, db: Reader, question: Callable[[Capacity], Answer]) -> Answer:
        """What `question` makes of the providers as they are now. It must be quick: one is asked at a time."""
        with self._using:
            self._catch_up(db)
            return question(self._capacity)

    def _on_wake(self, topic: str) -> None:
        name, _, provider_id = topic.partition(":")
        if name != TOPIC:
            return
        if provider_id:
            self.mark(provider_id)
        else:
            self._compare_at = 0.0

    def _catch_up(self, db: Reader) -> None:
        with self._marking:
            changed, self._changed = self._changed, set()
        try:
            now = self._clock.now()
            if now >= self._compare_at:
                self._compare_at = now + COMPARE_EVERY_S
                changed |= self._differing(db)
            if len(changed) >= REREAD_ALL_FROM:
                self._read_all(db)
            elif changed:
                self._read(db, changed)
        except BaseException:
            with self._marking:
                self._changed |= changed
            self._compare_at = 0.0
            raise

    def _differing(self, db: Reader) -> set[str]:
        """The providers that are not, or not in this generation, in the store any more; and those only there."""
        stored = providers.generations(db)
        known = dict(self._capacity.generations())
        return {each for each in stored.keys() | known.keys() if stored.get(each) != known.get(each)}

    def _read_all(self, db: Reader) -> None:
        fresh = Capacity()
        for standing in providers.standings(db):
            fresh.put(standing)
        self._capacity = fresh

    def _read(self, db: Reader, changed: set[str]) -> None:
        for standing in providers.standings(db, changed):
            self._capacity.put(standing)
            changed.discard(standing.provider.provider_id)
        for gone in changed:
            self._capacity.drop(gone)
