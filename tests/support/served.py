"""An ASGI application behind a socket of this machine, for programs that are not ours."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

CLIENTS = Path(__file__).parents[2] / ".venv-clients" / "bin"
NEEDS_CLIENTS = pytest.mark.skipif(
    not CLIENTS.exists(), reason="the clients are not installed (make test, as root)"
)


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """Where the application answers over a socket, for a while: a URL without a path."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)
