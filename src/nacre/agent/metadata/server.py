"""Answers guests over HTTP, and who asks for names, on sockets that lie in the namespaces of their networks.

One thread does it for all networks, so that a host costs the same with one network and with a hundred: an answer takes
a tenth of a millisecond, and nothing is waited for. Guests are not trusted: every request is bounded in bytes, in
time, and in number for each guest; whoever is slow keeps nobody waiting.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus

from nacre.agent.metadata.documents import Document, find_document
from nacre.agent.metadata.questions import MOST_BYTES, answer_to
from nacre.compute.domain.guests import GuestSpec
from nacre.kernel.ids import NetworkId

log = logging.getLogger("nacre.agent")

REQUEST_LIMIT_S = 5.0
REQUEST_MOST_BYTES = 8192
AT_ONCE_EACH = 4
AT_ONCE = 2000
RETRY_S = 1.0

FindGuest = Callable[[NetworkId, str], GuestSpec | None]
"""The guest that has an address on a network of this host."""

_Caller = tuple[NetworkId, str]


class _Exchange:
    """A request and its answer, as far as they have come."""

    def __init__(self, connection: socket.socket, caller: _Caller) -> None:
        self.connection = connection
        self.caller = caller
        self.deadline = time.monotonic() + REQUEST_LIMIT_S
        self.left: bytes | None = None
        """What is left of the answer to be sent; None until there is one."""
        self._heard = b""

    def hear(self) -> bytes | None:
        """The request with its headers, once it is there or will not come whole; None while more is to come."""
        piece = self.connection.recv(REQUEST_MOST_BYTES)
        self._heard += piece
        is_whole = b"\r\n\r\n" in self._heard or len(self._heard) >= REQUEST_MOST_BYTES
        return self._heard if is_whole or not piece else None

    def say(self) -> bool:
        """Send of the answer what the guest takes; whether that was the rest."""
        assert self.left is not None
        with suppress(BlockingIOError):
            self.left = self.left[self.connection.send(self.left) :]
        return not self.left


class MetadataServer:
    """Serves the documents of guests, which are known by their network and source address."""

    def __init__(self, find_guest: FindGuest) -> None:
        self._find_guest = find_guest
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._sockets: dict[NetworkId, Sequence[socket.socket]] = {}
        self._under_way: dict[_Exchange, None] = {}  # In the order of their deadlines.
        self._requests: Counter[_Caller] = Counter()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="metadata", daemon=True)
        self._thread.start()

    def serves(self, network_id: NetworkId) -> bool:
        """Whether there are sockets for the network."""
        return network_id in self._sockets

    def serve(self, network_id: NetworkId, *sockets: socket.socket) -> None:
        """Answer on `sockets`, which are ours from now on: over HTTP, or by datagrams who asks for names."""
        with self._lock:
            self._drop(network_id)
            self._sockets[network_id] = sockets
            for each in sockets:
                each.setblocking(False)
                self._selector.register(each, selectors.EVENT_READ, network_id)
        self._wake()

    def hush(self, network_id: NetworkId) -> None:
        """Answer on the network no more."""
        with self._lock:
            self._drop(network_id)
        self._wake()

    def close(self) -> None:
        """Answer nobody any more."""
        self._stopping = True
        self._wake()
        self._thread.join(REQUEST_LIMIT_S)
        for exchange in list(self._under_way):
            self._end(exchange)
        with self._lock:
            for network_id in list(self._sockets):
                self._drop(network_id)
            self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def _drop(self, network_id: NetworkId) -> None:
        for each in self._sockets.pop(network_id, ()):
            self._selector.unregister(each)
            each.close()

    def _wake(self) -> None:
        self._wake_in.send(b"x")

    def _run(self) -> None:
        while not self._stopping:
            try:
                for key, _ in self._selector.select(self._patience_s()):
                    self._attend(key)
                self._end_overdue()
            except Exception:
                log.exception("metadata requests could not be taken; it is tried again")
                time.sleep(RETRY_S)

    def _patience_s(self) -> float | None:
        """Until the next request takes too long."""
        first = next(iter(self._under_way), None)
        return None if first is None else max(0.0, first.deadline - time.monotonic())

    def _attend(self, key: selectors.SelectorKey) -> None:
        assert isinstance(key.fileobj, socket.socket)
        if key.data is None:
            self._wake_out.recv(4096)
        elif isinstance(key.data, _Exchange):
            self._go_on(key.data)
        elif key.fileobj.type == socket.SOCK_DGRAM:
            _answer_question(key.fileobj)
        else:
            self._accept(key.fileobj, key.data)

    def _accept(self, listener: socket.socket, network_id: NetworkId) -> None:
        try:
            connection, address = listener.accept()
        except OSError:
            return  # The caller thought better of it, or the listener is gone.
        caller = (network_id, _spelled(address[0]))
        if self._requests[caller] >= AT_ONCE_EACH or len(self._under_way) >= AT_ONCE:
            connection.close()
            return
        connection.setblocking(False)
        exchange = _Exchange(connection, caller)
        self._requests[caller] += 1
        self._under_way[exchange] = None
        self._selector.register(connection, selectors.EVENT_READ, exchange)
        self._go_on(exchange)  # Most have asked by now.

    def _go_on(self, exchange: _Exchange) -> None:
        """As far as it goes without waiting."""
        try:
            if exchange.left is None:
                request = exchange.hear()
                if request is None:
                    return
                exchange.left = self._response(request, exchange.caller)
            if not exchange.say():
                self._selector.modify(exchange.connection, selectors.EVENT_WRITE, exchange)
                return
        except BlockingIOError:
            return
        except OSError as error:
            log.debug("metadata request of %s: %s", exchange.caller[1], error)
        except Exception:
            log.exception("metadata request of %s", exchange.caller[1])
        self._end(exchange)

    def _end_overdue(self) -> None:
        now = time.monotonic()
        while (first := next(iter(self._under_way), None)) and first.deadline <= now:
            log.debug("metadata request of %s takes too long", first.caller[1])
            self._end(first)

    def _end(self, exchange: _Exchange) -> None:
        del self._under_way[exchange]
        self._requests[exchange.caller] -= 1
        if not self._requests[exchange.caller]:
            del self._requests[exchange.caller]
        self._selector.unregister(exchange.connection)
        exchange.connection.close()

    def _response(self, request: bytes, caller: _Caller) -> bytes:
        method, _, rest = request.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        path, _, version = rest.partition(" ")
        if not version.startswith("HTTP/1."):
            return _http(HTTPStatus.BAD_REQUEST)
        if method not in ("GET", "HEAD"):
            return _http(HTTPStatus.METHOD_NOT_ALLOWED)
        guest = self._find_guest(*caller)
        if guest is None:
            # It may be one of ours of which we have not heard yet: whoever is told that there is nothing gives up.
            return _http(HTTPStatus.SERVICE_UNAVAILABLE, more="Retry-After: 1\r\n")
        document = find_document(guest, path)
        if document is None:
            return _http(HTTPStatus.NOT_FOUND)
        return _http(HTTPStatus.OK, document, with_body=method == "GET")


def _answer_question(wire: socket.socket) -> None:
    """Answers are never longer than questions, so that nobody is flooded by them."""
    try:
        question, asking = wire.recvfrom(MOST_BYTES)
        if answer := answer_to(question):
            wire.sendto(answer, asking)
    except OSError as error:
        log.debug("a question for a name: %s", error)


def _spelled(address: str) -> str:
    """An address as records have it: sockets tell the interface with it, and IPv4 as a part of IPv6."""
    return address.partition("%")[0].removeprefix("::ffff:")


def _http(
    status: HTTPStatus, document: Document | None = None, *, with_body: bool = True, more: str = ""
) -> bytes:
    document = document or Document("text/plain; charset=utf-8", f"{status.phrase}\n".encode())
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {document.content_type}\r\n"
        f"Content-Length: {len(document.body)}\r\n"
        f"{more}Connection: close\r\n\r\n"
    )
    return head.encode() + (document.body if with_body else b"")
