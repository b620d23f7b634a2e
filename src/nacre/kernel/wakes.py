"""Wake-ups: a topic became interesting. They carry nothing else, may be lost, and only ever save time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator


class Wakes:
    """Tells whoever listens on a topic that it is worth looking again. Safe from every thread.

    A topic is a text such as `loop:servers` or `host:node-1`. Listeners are called in the thread that
    wakes them and must only set a flag.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        self._everywhere: list[Callable[[str], None]] = []

    def wake(self, topics: Iterable[str]) -> None:
        """Call every listener of these topics."""
        for topic in topics:
            with self._lock:
                listeners = [*self._listeners.get(topic, ()), *self._everywhere]
            for listener in listeners:
                listener(topic)

    def wake_everybody(self) -> None:
        """Call every listener of a topic, whatever it waits for: the process is about to stop."""
        with self._lock:
            topics = list(self._listeners)
        self.wake(topics)

    def listen_to_all(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with every topic that is woken, for as long as this process runs."""
        with self._lock:
            self._everywhere.append(listener)

    @contextlib.contextmanager
    def listening(self, topic: str, listener: Callable[[str], None]) -> Iterator[None]:
        """Call `listener` whenever `topic` is woken, until the block ends."""
        with self._lock:
            self._listeners.setdefault(topic, []).append(listener)
        try:
            yield
        finally:
            with self._lock:
                listeners = self._listeners[topic]
                listeners.remove(listener)
                if not listeners:
                    del self._listeners[topic]

    @contextlib.contextmanager
    def awaiting(self, topic: str) -> Iterator[asyncio.Event]:
        """An event of the running asyncio loop that is set when `topic` is woken. For long polls."""
        event, loop = asyncio.Event(), asyncio.get_running_loop()

        def set_event(_topic: str) -> None:
            with contextlib.suppress(RuntimeError):  # The loop has closed: nobody is waiting any more.
                loop.call_soon_threadsafe(event.set)

        with self.listening(topic, set_event):
            yield event
