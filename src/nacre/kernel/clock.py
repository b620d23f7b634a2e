"""Time, as something that is handed over: the real clock, and a virtual one for tests."""

from __future__ import annotations

import datetime as dt
import functools
import threading
import time
from typing import Protocol

_SECONDS, _MICROSECONDS = 19, 26
"""How long an ISO time is without its zone."""


class Clock(Protocol):
    """Seconds since the epoch. Nothing in Nacre asks the operating system for the time directly."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()


class VirtualClock:
    """Time that passes only when told to. Safe to share between threads."""

    def __init__(self, start_s: float = 1_800_000_000.0) -> None:
        self._now = start_s
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` (not negative) pass."""
        assert seconds >= 0, "time does not run backwards"
        with self._lock:
            self._now += seconds

    def advance_to(self, moment_s: float) -> None:
        """Let time pass until `moment_s`; earlier moments change nothing."""
        with self._lock:
            self._now = max(self._now, moment_s)


@functools.lru_cache(maxsize=8192)
def iso_z(moment_s: float) -> str:
    """`2026-01-31T09:30:00Z`: whole seconds, as compute shows times.

    What is made together bears the same moments, and lists show them again and again: remembering them halves what
    a line of a list costs. isoformat is several times as fast as strftime.
    """
    return dt.datetime.fromtimestamp(moment_s, dt.UTC).isoformat(timespec="seconds")[:_SECONDS] + "Z"


@functools.lru_cache(maxsize=8192)
def iso_micro(moment_s: float, *, zulu: bool = True) -> str:
    """`2026-01-31T09:30:00.000000Z`: microseconds, as identity (with Z) and actions (without) show times."""
    text = dt.datetime.fromtimestamp(moment_s, dt.UTC).isoformat(timespec="microseconds")[:_MICROSECONDS]
    return text + "Z" if zulu else text


def parse_iso(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 time; without a zone it is UTC. Raises ValueError."""
    moment = dt.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
