"""The server of metadata: who asks, and how little it takes on trust."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from nacre.agent.metadata import server as module
from nacre.agent.metadata.server import AT_ONCE_EACH, REQUEST_MOST_BYTES, MetadataServer
from nacre.kernel.ids import NetworkId
from tests.agent.control_plane import new_spec

FIRST, SECOND = NetworkId("first"), NetworkId("second")


class Served:
    """A server with a listener for each of two networks; the callers' address is the same on both."""

    def __init__(self) -> None:
        self.specs = {FIRST: new_spec(), SECOND: new_spec()}
        self.server = MetadataServer(
            lambda network_id, ip: self.specs.get(network_id) if ip == "127.0.0.1" else None
        )
        self.addresses = {}
        for network_id in self.specs:
            listener = socket.create_server(("127.0.0.1", 0))
            self.addresses[network_id] = listener.getsockname()
            self.server.serve(network_id, listener)

    def ask(self, request: bytes, *, on: NetworkId = FIRST) -> bytes:
        with socket.create_connection(self.addresses[on], timeout=5) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def get(self, path: str, *, on: NetworkId = FIRST) -> bytes:
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n".encode(), on=on)


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.server.close()


def test_a_guest_is_known_by_its_network_and_address(served):
    answers = [
        served.get("/openstack/latest/meta_data.json", on=network_id) for network_id in (FIRST, SECOND)
    ]

    uuids = [json.loads(answer.partition(b"\r\n\r\n")[2])["uuid"] for answer in answers]
    assert uuids == [served.specs[FIRST].guest_id, served.specs[SECOND].guest_id]
    assert all(answer.startswith(b"HTTP/1.1 200 OK\r\n") for answer in answers)


def test_a_stranger_learns_nothing(served):
    served.specs.clear()

    assert served.get("/openstack/latest/meta_data.json").startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /openstack HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"GET /openstack\r\n\r\n", b"400"),
        (b"\x16\x03\x01\r\n\r\n", b"400"),
        (b"GET /" + b"x" * (REQUEST_MOST_BYTES - 5), b"400"),
        (b"HEAD /openstack HTTP/1.0\r\n\r\n", b"200"),
    ],
)
def test_every_request_gets_an_answer_of_its_kind(served, request_bytes, status):
    assert served.ask(request_bytes).split(b" ")[1] == status


def test_head_has_no_body(served):
    head, _, body = served.ask(b"HEAD /openstack HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")

    assert b"Content-Length: " in head
    assert not body


def test_a_network_that_is_hushed_is_not_listened_on(served):
    served.server.hush(FIRST)

    with pytest.raises(OSError, match="refused"):
        served.get("/openstack")
    assert not served.server.serves(FIRST)
    assert served.get("/openstack", on=SECOND).startswith(b"HTTP/1.1 200 ")


def test_a_guest_that_never_finishes_its_request_is_cut_off(served, monkeypatch):
    monkeypatch.setattr(module, "REQUEST_LIMIT_S", 0.2)

    assert served.ask(b"GET /openstack HTTP/1.1\r\n") == b""


def test_a_greedy_guest_does_not_keep_others_waiting(served):
    held = [socket.create_connection(served.addresses[FIRST], timeout=5) for _ in range(AT_ONCE_EACH)]
    try:
        assert served.get("/openstack", on=SECOND).startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in held:
            connection.close()


def test_more_requests_at_once_than_a_guest_may_make_are_turned_away(served):
    held = [socket.create_connection(served.addresses[FIRST], timeout=5) for _ in range(AT_ONCE_EACH + 3)]
    try:
        # Those turned away are closed; those held wait for their request.
        assert [connection.recv(1) for connection in held[AT_ONCE_EACH:]] == [b"", b"", b""]
    finally:
        for connection in held:
            connection.close()
