"""The lowest free numbers of ranges, where what is used stands in an index and nothing is kept besides.

Free numbers are found in windows: full windows are skipped by counting them in the index, in steps that double and
then halve, so that of 60,000 used numbers none is read. Where the last look found room, the next one begins, so that
a crowded range costs no more than an empty one: numbers that this process has given back since draw it back, and what
others gave back below it is found when everything above is taken.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import Protocol, final

WINDOW = 256
MOST_REMEMBERED = 20_000


class Used(Protocol):
    """The numbers in use of one kind."""

    def among(self, low: int, high: int) -> set[int]:
        """Those from `low` to `high`, both included."""
        ...

    def count(self, low: int, high: int) -> int:
        """How many there are from `low` to `high`, both included."""
        ...


def lowest_free(
    used: Used,
    ranges: Sequence[tuple[int, int]],
    *,
    count: int,
    but: Collection[int] = (),
    begin: int = 0,
) -> list[int]:
    """The `count` lowest numbers in `ranges` (both ends included) that are not in use; fewer if there are.

    `but` are numbers that this transaction is about to give away. Those from `begin` on come first.
    """
    found = _free_from(used, ranges, begin=begin, count=count, but=but)
    if len(found) < count and begin:
        found = _free_from(used, ranges, begin=0, count=count, but=but)
    return found


def _free_from(
    used: Used, ranges: Sequence[tuple[int, int]], *, begin: int, count: int, but: Collection[int]
) -> list[int]:
    found: list[int] = []
    for low, high in ranges:
        position = max(low, begin)
        while position <= high and len(found) < count:
            end = min(high, position + WINDOW - 1)
            taken = used.among(position, end).union(but)
            free = [number for number in range(position, end + 1) if number not in taken]
            found += free[: count - len(found)]
            position = end + 1 if free else _end_of_full(used, end + 1, high)
    return found


def _end_of_full(used: Used, position: int, high: int) -> int:
    """The first number from `position` on whose window is not full: bigger and bigger steps, then smaller ones."""
    size = WINDOW
    while position + size - 1 <= high and _is_full(used, position, size):
        position += size
        size *= 2
    while size > WINDOW:
        size //= 2
        if position + size - 1 <= high and _is_full(used, position, size):
            position += size
    return position


def _is_full(used: Used, low: int, size: int) -> bool:
    return used.count(low, low + size - 1) == size


@final
class Beginnings:
    """Where searches begin, by name. A wrong number costs statements and nothing else, so none is ever checked."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, name: str) -> int:
        return self._numbers.get(name, 0)

    def put(self, name: str, number: int) -> None:
        with self._lock:
            if len(self._numbers) >= MOST_REMEMBERED:
                self._numbers.clear()
            self._numbers[name] = number

    def draw_back(self, name: str, number: int) -> None:
        with self._lock:
            if number < self._numbers.get(name, 0):
                self._numbers[name] = number

    def draw_all_back(self, number: int) -> None:
        with self._lock:
            self._numbers = {name: min(begin, number) for name, begin in self._numbers.items()}
