"""What callers wait to hear from hosts: kept in the memory of the process that was asked.

A question lives for seconds and is worth nothing after them, so no row is written for it. With several
controllers, the one that was asked keeps the waiting caller; the others would have to learn of the question by
the same NOTIFY that carries wake-ups, and pass on the answer in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from nacre.compute.domain.guests import Question
from nacre.compute.errors import TooManyQuestions
from nacre.compute.store.hosts import topic_of
from nacre.kernel.clock import Clock
from nacre.kernel.ids import HostId, ServerId, new_id
from nacre.kernel.wakes import Wakes

MOST_WAITING = 256
ASK_AGAIN_S = 2.0
"""A question that was handed out is handed out again after this time, for the answer may have been lost."""


@dataclass
class _Waiting:
    question: Question
    host_id: HostId
    answer: asyncio.Future[bytes]
    loop: asyncio.AbstractEventLoop
    handed_out_at: float = float("-inf")


@final
class Questions:
    """Open questions of this process. Safe from every thread."""

    def __init__(self, clock: Clock, wakes: Wakes) -> None:
        self._clock = clock
        self._wakes = wakes
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}

    @contextlib.contextmanager
    def asking(self, host_id: HostId, guest_id: ServerId, *, lines: int) -> Iterator[asyncio.Future[bytes]]:
        """Ask a host; the future, of the running asyncio loop, gets the answer. Raises TooManyQuestions."""
        loop = asyncio.get_running_loop()
        question = Question(question_id=new_id(), guest_id=guest_id, lines=lines)
        waiting = _Waiting(question, host_id, loop.create_future(), loop)
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise TooManyQuestions
            self._waiting[question.question_id] = waiting
        try:
            self._wakes.wake([topic_of(host_id)])
            yield waiting.answer
        finally:
            with self._lock:
                del self._waiting[question.question_id]

    def for_host(self, host_id: HostId) -> tuple[Question, ...]:
        """The questions a host should hear now."""
        with self._lock:
            if not self._waiting:
                return ()
            now = self._clock.now()
            due = [
                waiting
                for waiting in self._waiting.values()
                if waiting.host_id == host_id and now - waiting.handed_out_at >= ASK_AGAIN_S
            ]
            for waiting in due:
                waiting.handed_out_at = now
        return tuple(waiting.question for waiting in due)

    def answer(self, host_id: HostId, question_id: str, data: bytes) -> None:
        """Pass on an answer; one that nobody waits for, or from another host than was asked, is dropped."""
        with self._lock:
            waiting = self._waiting.get(question_id)
        if waiting is not None and waiting.host_id == host_id:
            with contextlib.suppress(RuntimeError):  # The loop has closed, and its callers are gone.
                waiting.loop.call_soon_threadsafe(_settle, waiting.answer, data)


def _settle(answer: asyncio.Future[bytes], data: bytes) -> None:
    if not answer.done():
        answer.set_result(data)
