"""The control plane of the agent's tests behind HTTP on a unix socket, as agents reach the real one."""

from __future__ import annotations

import http.server
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from nacre.agent.link import FactsReport
from nacre.compute.domain.guests import HostReport, HostWishes
from nacre.kernel.errors import Unavailable
from nacre.kernel.ids import HostId
from tests.agent.control_plane import ControlPlane

TOKEN = "a-secret"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    control: ControlPlane
    image: bytes

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An agent that was killed does not hear the end of its poll, nor does one whose control plane went."""
        if not isinstance(sys.exc_info()[1], BrokenPipeError | Unavailable):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_PUT(self) -> None:
        if self._may():
            self.server.control.report_host(msgspec.json.decode(self._body(), type=HostReport))
            self._reply(204)

    def do_GET(self) -> None:
        if not self._may():
            return
        url = urlsplit(self.path)
        parts = url.path.split("/")
        if parts[3] == "images":
            self._reply(200, self.server.image) if self.server.image else self._reply(404)
            return
        query = parse_qs(url.query)
        wishes = self._wait(HostId(parts[4]), int(query["since"][0]), float(query["wait"][0]))
        self._reply(200, msgspec.json.encode(wishes))

    def do_POST(self) -> None:
        if not self._may():
            return
        parts = self.path.split("/")
        if parts[5] == "facts":
            facts = msgspec.json.decode(self._body(), type=FactsReport).facts
            self.server.control.report_guests(HostId(parts[4]), facts)
            self._reply(204)
            return
        asked = self.server.control.questions.get(HostId(parts[4]), [])
        if any(question.question_id == parts[6] for question in asked):
            self.server.control.answer(HostId(parts[4]), parts[6], self._body())
            self._reply(204)
        else:
            self._reply(404)

    def _wait(self, host_id: HostId, since: int, wait_s: float) -> HostWishes:
        deadline = time.monotonic() + wait_s
        while True:
            wishes = self.server.control.wishes(host_id, since=since, wait_s=0)
            if wishes.guests or wishes.complete or wishes.questions or time.monotonic() >= deadline:
                return wishes
            time.sleep(0.01)

    def _may(self) -> bool:
        if self.server.control.away:
            self.close_connection = True
            return False
        if self.headers["X-Agent-Token"] != TOKEN:
            self._reply(401)
            return False
        return True

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _reply(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "agent"


@contextmanager
def served(control: ControlPlane, socket: Path, *, image: bytes = b"") -> Iterator[None]:
    """`control` answers on `socket` until the end of the block."""
    socket.unlink(missing_ok=True)
    server = _Server(str(socket), _Handler)
    server.control, server.image = control, image
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        socket.unlink(missing_ok=True)
