"""The server of metadata: who asks, and how little it takes on trust."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress

import pytest
from msgspec.structs import replace

from nacre.agent.metadata import server as module
from nacre.agent.metadata.questions import answer_to
from nacre.agent.metadata.server import AT_ONCE_EACH, REQUEST_MOST_BYTES, MetadataServer
from nacre.compute.domain.guests import Address, HostWishes
from nacre.kernel.ids import NetworkId, ServerId
from tests.agent.control_plane import HOST_ID, NETWORK_ID, new_nic, new_spec

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


@pytest.mark.parametrize(
    ("seen", "address"),
    [("10.0.0.5", "10.0.0.5"), ("::ffff:10.0.0.5", "10.0.0.5"), ("fe80::5%metadata", "fe80::5")],
)
def test_a_caller_is_looked_for_by_the_address_that_records_have(seen, address):
    assert module._spelled(seen) == address


def test_whoever_asks_while_its_port_is_bound_and_changed_is_never_told_that_there_is_nothing(stage):
    server = MetadataServer(stage.agent.keeper.spec_at)
    listener = socket.create_server(("127.0.0.1", 0))
    where = listener.getsockname()
    server.serve(NETWORK_ID, listener)
    answers: list[bytes] = []
    bound = threading.Event()
    done = threading.Event()

    def ask_again_and_again() -> None:
        while not done.is_set():
            was_bound, said = bound.is_set(), b""
            # Whoever asks more at once than it may is turned away without an answer.
            with suppress(ConnectionError), socket.create_connection(where, timeout=5) as connection:
                connection.sendall(b"GET /openstack/latest/meta_data.json HTTP/1.1\r\n\r\n")
                said = b"".join(iter(lambda: connection.recv(65536), b""))
            if said and (was_bound or not said.startswith(b"HTTP/1.1 503 ")):
                answers.append(said)

    here = new_nic(addresses=(Address(ip="127.0.0.1", prefix_length=8),))
    more = new_nic(12, addresses=(Address(ip="127.0.0.2", prefix_length=8),))
    specs = [new_spec(guest_id=ServerId("a"), nics=nics) for nics in ((here,), (more, here), (here, more))]
    callers = [threading.Thread(target=ask_again_and_again) for _ in range(3)]
    for caller in callers:
        caller.start()
    for generation in range(1, 1000):
        spec = replace(specs[generation % 3], generation=generation)
        wishes = HostWishes(host_id=HOST_ID, generation=generation, complete=False, guests=(spec,))
        stage.agent.keeper.hear(wishes)
        bound.set()
    done.set()
    for caller in callers:
        caller.join()
    server.close()

    assert answers
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}


def test_a_stranger_learns_nothing(served):
    served.specs.clear()

    answer = served.get("/openstack/latest/meta_data.json")

    assert answer.startswith(b"HTTP/1.1 503 "), "who is not known yet should ask again"
    assert b"\r\nRetry-After: 1\r\n" in answer


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


def test_however_many_are_slow_nobody_waits_for_them(served):
    slow = [
        socket.create_connection(served.addresses[FIRST], timeout=5, source_address=(f"127.0.1.{number}", 0))
        for number in range(1, 41)
        for _ in range(AT_ONCE_EACH)
    ]
    try:
        assert served.get("/openstack").startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in slow:
            connection.close()


def test_a_guest_that_reads_slowly_gets_all_there_is(served):
    script = bytes(range(256)) * 250
    instance = replace(served.specs[FIRST].instance, user_data_base64=b64encode(script).decode())
    served.specs[FIRST] = replace(served.specs[FIRST], instance=instance)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    where = listener.getsockname()
    served.server.serve(FIRST, listener)

    with socket.socket() as guest:
        guest.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        guest.settimeout(5)
        guest.connect(where)
        guest.sendall(b"GET /openstack/latest/user_data HTTP/1.1\r\n\r\n")
        said = b"".join(iter(lambda: guest.recv(1024), b""))

    assert said.partition(b"\r\n\r\n")[2] == script


def test_more_requests_at_once_than_a_guest_may_make_are_turned_away(served):
    held = [socket.create_connection(served.addresses[FIRST], timeout=5) for _ in range(AT_ONCE_EACH + 3)]
    try:
        # Those turned away are closed; those held wait for their request.
        assert [connection.recv(1) for connection in held[AT_ONCE_EACH:]] == [b"", b"", b""]
    finally:
        for connection in held:
            connection.close()


# id, flags, questions, answers, authorities, additional; `web.test`, kind AAAA, class IN
QUESTION = bytes.fromhex("0007 0100 0001 0000 0000 0000 03776562 0474657374 00 001c 0001")
EXTENDED = bytes.fromhex(
    "0007 0100 0001 0000 0000 0001 03776562 0474657374 00 001c 0001 0000290200000000000000"
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (QUESTION, bytes.fromhex("0007 8180 0001 0000 0000 0000") + QUESTION[12:]),
        (EXTENDED, bytes.fromhex("0007 8181 0001 0000 0000 0000") + QUESTION[12:]),
        (QUESTION[:2] + b"\x81\x80" + QUESTION[4:], None),
        (QUESTION[:5] + b"\x02" + QUESTION[6:], None),
        (QUESTION[:-1], None),
        (QUESTION[:12] + b"\xc0\x0c\x00\x01\x00\x01", None),
        (b"", None),
    ],
    ids=["plain", "with extensions", "an answer", "two questions", "cut off", "a pointer", "nothing"],
)
def test_questions_for_names_are_told_at_once_that_nothing_is_known(question, answer):
    assert answer_to(question) == answer


def test_names_are_asked_for_beside_the_documents(served):
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", 0))
    there = wire.getsockname()
    served.server.serve(FIRST, socket.create_server(("127.0.0.1", 0)), wire)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        guest.settimeout(5)
        guest.sendto(b"rubbish", there)
        guest.sendto(QUESTION, there)
        assert guest.recv(512) == answer_to(QUESTION)
