"""One connection to an OVSDB server: transactions from many threads, and news of the rows that are watched.

A thread of its own reads what the server says, keeps a view up to date, answers the server's probes and connects
again when the server was away. Source: RFC 7047.
"""

from __future__ import annotations

import itertools
import json
import logging
import select
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

log = logging.getLogger(__name__)

RECEIVE_BYTES = 1 << 20
FIRST_RETRY_S, LAST_RETRY_S = 0.05, 1.0


class View(Protocol):
    """What is kept up to date with the server. Called in the connection's thread alone."""

    def reset(self, tables: Mapping[str, Any]) -> None:
        """A new connection: these are all the rows there are, as `<table-updates>`."""
        ...

    def update(self, tables: Mapping[str, Any]) -> None:
        """These rows are new, changed (`new` in full) or gone (no `new`)."""
        ...


class ConnectionLost(Exception):
    """The server is away, or went away before it answered."""


class OvsdbConnection:
    """A connection that comes back by itself. `remote` is `unix:PATH` or `tcp:HOST:PORT`.

    An answer to a transaction arrives only after the view has heard of its effects: the server sends them in
    that order.
    """

    def __init__(self, remote: str, database: str, *, watch: Mapping[str, Sequence[str]], view: View) -> None:
        self._remote = remote
        self._database = database
        self._watch = {table: [{"columns": list(columns)}] for table, columns in watch.items()}
        self._view = view
        self._ids = itertools.count(1)
        self._socket: socket.socket | None = None
        self._sending = threading.Lock()
        self._answers: dict[int, _Answer] = {}
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ovsdb {remote}", daemon=True)
        self._thread.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether there is a connection, and the view complete; waits at most `timeout_s` for it."""
        return self._ready.wait(timeout_s)

    def transact(self, operations: Sequence[Mapping[str, Any]], *, timeout_s: float) -> list[Any]:
        """Perform `operations` in one transaction; its results, errors among them.

        Raises ConnectionLost if there is no connection within `timeout_s`, or no answer: the transaction may
        then have happened, and the connection is begun anew, so that the view knows.
        """
        if not self._ready.wait(timeout_s):
            raise ConnectionLost(f"no connection to {self._remote} within {timeout_s:g} s")
        answer = self._ask("transact", [self._database, *operations])
        if not answer.arrived.wait(timeout_s):
            self._drop()
            raise ConnectionLost(f"no answer from {self._remote} within {timeout_s:g} s")
        return answer.value()

    def close(self) -> None:
        """End the connection and its thread."""
        self._closing.set()
        self._drop()
        self._thread.join(timeout=5)

    # The side of the callers.

    def _ask(self, method: str, params: list[Any]) -> _Answer:
        answer, number = _Answer(), next(self._ids)
        self._answers[number] = answer
        try:
            self._send({"id": number, "method": method, "params": params})
        except (OSError, ConnectionLost) as error:
            self._answers.pop(number, None)
            self._drop()
            raise ConnectionLost(f"{self._remote}: {error}") from error
        return answer

    def _send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode()
        with self._sending:
            if self._socket is None:
                raise ConnectionLost(f"no connection to {self._remote}")
            self._socket.sendall(data)

    def _drop(self) -> None:
        """Have the reading thread notice that this connection is over."""
        with self._sending:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    log.debug("the connection to %s was over already", self._remote)

    # The side of the reading thread.

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._closing.is_set():
            try:
                self._connect()
                retry_s = FIRST_RETRY_S
                self._read()
            except (OSError, ConnectionLost) as error:
                log.info("OVSDB at %s is away: %s", self._remote, error)
            finally:
                self._disconnect()
            self._closing.wait(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _connect(self) -> None:
        connection = _open(self._remote)
        # A server that does not read must not hold a caller for ever: sending gives up after ten seconds.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 10, 0))
        with self._sending:
            self._socket = connection
        if self._closing.is_set():
            raise ConnectionLost("closed while connecting")
        self._ask("monitor", [self._database, None, self._watch])

    def _read(self) -> None:
        assert self._socket is not None
        for message in _messages(self._socket):
            if message.get("method") == "update":
                self._view.update(message["params"][1])
            elif message.get("method") == "echo":
                self._send({"id": message["id"], "result": message["params"], "error": None})
            elif not self._ready.is_set():
                self._begin(message)
            elif (answer := self._answers.pop(message.get("id"), None)) is not None:
                answer.arrive(message)

    def _begin(self, message: Mapping[str, Any]) -> None:
        """The first answer on a connection is to our request to watch: all rows."""
        if message.get("error"):
            raise ConnectionLost(f"{self._remote} refuses to be watched: {message['error']}")
        self._answers.pop(message["id"], None)
        self._view.reset(message["result"])
        self._ready.set()

    def _disconnect(self) -> None:
        self._ready.clear()
        with self._sending:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
        for number in list(self._answers):
            if (answer := self._answers.pop(number, None)) is not None:
                answer.arrive({"error": f"the connection to {self._remote} was lost"})


class _Answer:
    """The answer to one request, waited for by its caller."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._message: Mapping[str, Any] = {}

    def arrive(self, message: Mapping[str, Any]) -> None:
        self._message = message
        self.arrived.set()

    def value(self) -> list[Any]:
        if self._message.get("error"):
            raise ConnectionLost(str(self._message["error"]))
        result: list[Any] = self._message["result"]
        return result


def _open(remote: str) -> socket.socket:
    kind, _, where = remote.partition(":")
    if kind == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(where)
        except OSError:
            connection.close()
            raise
        return connection
    assert kind == "tcp", f"a remote is unix:PATH or tcp:HOST:PORT, not {remote}"
    host, _, port = where.rpartition(":")
    connection = socket.create_connection((host.strip("[]"), int(port)), timeout=10)
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return connection


def _messages(connection: socket.socket) -> Iterator[Any]:
    """The server's messages, which follow each other without any mark between them, until it goes away.

    A message is parsed once the server pauses after a closing brace: a large one, which arrives in many pieces,
    is not parsed again with each of them.
    """
    decoder = json.JSONDecoder()
    pending = select.poll()
    pending.register(connection, select.POLLIN)
    buffer = bytearray()
    while data := connection.recv(RECEIVE_BYTES):
        buffer += data
        if not buffer.endswith(b"}") or (len(buffer) > RECEIVE_BYTES and pending.poll(0)):
            continue
        text, start = buffer.decode(), 0
        while start < len(text):
            try:
                message, start = decoder.raw_decode(text, start)
            except json.JSONDecodeError:
                break  # The rest of this message is still on its way.
            yield message
        buffer = bytearray(text[start:].encode())
    raise ConnectionLost("the server closed the connection")
