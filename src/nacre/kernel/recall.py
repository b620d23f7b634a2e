"""Remembering what was read, until it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, final

from nacre.kernel.clock import Clock
from nacre.kernel.wakes import Wakes

T = TypeVar("T")

LONGEST_S = 10.0
"""How long anything is remembered at most, in case the wake-up of another node's change is lost."""


@final
class Recalled(Generic[T]):
    """A place to remember things in, which is replaced by an empty one whenever `topic` is woken.

    `make` gives an empty place and reads nothing. Whoever fills a place holds on to the one that `now()` gave
    before reading: if a change came meanwhile, that place is no longer the one others are given, and
    nothing that was read before the change is remembered after it.
    """

    def __init__(self, make: Callable[[], T], *, topic: str, clock: Clock, wakes: Wakes) -> None:
        self._make = make
        self._topic = topic
        self._clock = clock
        self._held: tuple[T, float] | None = None
        wakes.listen_to_all(self._on_wake)

    def now(self) -> T:
        """The place to look in, and to fill with what is missing."""
        held = self._held
        moment = self._clock.now()
        if held is None or held[1] <= moment:
            held = self._held = (self._make(), moment + LONGEST_S)
        return held[0]

    def _on_wake(self, topic: str) -> None:
        if topic == self._topic:
            self._held = None
