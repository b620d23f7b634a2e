"""The agent's conversation with its control plane over HTTP, and what it makes of one that is not there."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.agent.fleet import fake_report
from nacre.agent.link import ControlPlaneAway, HttpLink, ImageGone
from nacre.compute.domain.guests import GuestFacts, Power
from tests.agent.control_plane import HOST_ID, IMAGE, ControlPlane, new_spec
from tests.agent.control_plane_http import TOKEN, served


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="nl-", dir="/tmp"))
    (path / "token").write_text(TOKEN + "\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def link(folder):
    return HttpLink(folder / "api.sock", folder / "token")


def test_everything_arrives_as_it_was_said(folder, link):
    control = ControlPlane()
    spec = control.wish(new_spec())
    facts = GuestFacts(
        guest_id=spec.guest_id, observed_generation=1, exists=True, power=Power.ON, boots=1, waiting="für Öl"
    )
    with served(control, folder / "api.sock"):
        link.report_host(fake_report(HOST_ID))
        wishes = link.wishes(HOST_ID, since=0, wait_s=0)
        link.report_guests(HOST_ID, [facts])
        question_id = control.ask_console(spec.guest_id, lines=3)
        asked = link.wishes(HOST_ID, since=wishes.generation, wait_s=5).questions
        link.answer(HOST_ID, question_id, b"\x00\xffbytes")

    assert control.hosts == {HOST_ID: fake_report(HOST_ID)}
    assert (wishes.complete, wishes.guests) == (True, (spec,))
    assert control.facts == {spec.guest_id: facts}
    assert [question.question_id for question in asked] == [question_id]
    assert control.answers == {question_id: b"\x00\xffbytes"}


def test_a_long_poll_returns_as_soon_as_something_is_wished(folder, link):
    control = ControlPlane()
    with served(control, folder / "api.sock"):
        link.report_host(fake_report(HOST_ID))
        since = link.wishes(HOST_ID, since=0, wait_s=0).generation
        late = threading.Timer(0.1, lambda: control.wish(new_spec()))
        late.start()
        wishes = link.wishes(HOST_ID, since=since, wait_s=20)
        late.join()

    assert len(wishes.guests) == 1
    assert not wishes.complete


def test_an_answer_that_nobody_waits_for_any_more_is_no_failure(folder, link):
    control = ControlPlane()
    with served(control, folder / "api.sock"):
        link.answer(HOST_ID, "forgotten", b"too late")

    assert not control.answers


def test_an_image_comes_in_pieces_and_a_missing_one_is_said_to_be_gone(folder, link):
    control, image = ControlPlane(), b"0123456789" * 500_000
    with served(control, folder / "api.sock", image=image), link.open_image(IMAGE.image_id) as chunks:
        pieces = list(chunks)
    with (
        served(control, folder / "api.sock"),
        pytest.raises(ImageGone),
        link.open_image(IMAGE.image_id),
    ):
        pass

    assert b"".join(pieces) == image
    assert max(map(len, pieces)) <= 1 << 20


def test_trouble_while_an_image_is_kept_is_not_blamed_on_the_control_plane(folder, link):
    with (
        served(ControlPlane(), folder / "api.sock", image=b"x"),
        pytest.raises(OSError, match="disk is full"),
        link.open_image(IMAGE.image_id),
    ):
        raise OSError("disk is full")


@pytest.mark.parametrize("call", ["report_host", "wishes", "report_guests", "answer", "open_image"])
def test_a_control_plane_that_is_not_there_is_unavailable(folder, link, call):
    calls = {
        "report_host": lambda: link.report_host(fake_report(HOST_ID)),
        "wishes": lambda: link.wishes(HOST_ID, since=0, wait_s=0),
        "report_guests": lambda: link.report_guests(HOST_ID, []),
        "answer": lambda: link.answer(HOST_ID, "question", b""),
        "open_image": lambda: link.open_image(IMAGE.image_id).__enter__(),
    }
    with pytest.raises(ControlPlaneAway):
        calls[call]()

    control = ControlPlane()
    with served(control, folder / "api.sock"):
        control.away = True  # It closes the connection without a word.
        with pytest.raises(ControlPlaneAway):
            calls[call]()

    (folder / "token").write_text("wrong")
    with served(ControlPlane(), folder / "api.sock"), pytest.raises(ControlPlaneAway, match="401"):
        calls[call]()


def test_an_answer_that_is_no_list_of_wishes_is_unavailable(folder, link):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "api.sock"))
    listener.listen()

    def answer() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}')

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(ControlPlaneAway, match="cannot be read"):
        link.wishes(HOST_ID, since=0, wait_s=0)
    thread.join()
