"""The sockets: one TCP address for clients, one unix socket for this machine's own parts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

BACKLOG = 2048
KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    """Stops on a signal without raising it again, so that a wanted stop ends with exit status 0."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True
        self._stopping()


def serve_until_stopped(
    app: Any,
    *,
    host: str,
    port: int,
    unix_path: Path,
    grace_s: float,
    ready: Callable[[], None],
    stopping: Callable[[], None],
) -> None:
    """Answer on both sockets until SIGTERM or SIGINT; then finish what is under way, within `grace_s`.

    `ready` is called once both accept connections, and `stopping` when the stop is asked for, so that those who
    wait for news can be answered. Raises OSError when an address is taken.
    """
    sockets = [_tcp(host, port), _unix(unix_path)]
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(grace_s)),
            backlog=BACKLOG,
        ),
        stopping,
    )

    async def run() -> None:
        serving = asyncio.ensure_future(server.serve(sockets=sockets))
        while not server.started and not serving.done():
            await asyncio.sleep(0.002)
        ready()
        await serving

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    finally:
        unix_path.unlink(missing_ok=True)


def _tcp(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def _unix(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    os.chmod(path, 0o600)
    return listener
