"""Questions that tell whether a program serves. They answer within half a second and change nothing."""

from __future__ import annotations

import socket
from pathlib import Path

_PATIENCE_S = 0.5


def accepts(path: Path) -> bool:
    """Whether somebody accepts connections on a unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_PATIENCE_S)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def is_healthy(api_socket: Path) -> bool:
    """Whether the control plane answers `GET /healthz` with 200."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_PATIENCE_S)
        try:
            client.connect(str(api_socket))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: nacre\r\nConnection: close\r\n\r\n")
            return client.recv(64).split(b" ", 2)[1:2] == [b"200"]
        except OSError:
            return False
