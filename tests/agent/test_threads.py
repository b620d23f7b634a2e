"""The agent in threads, against the real clock: it is woken, it recovers, it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from nacre.agent import loop
from nacre.agent.drivers.fake import FakeWorld, fake_drivers
from nacre.agent.fleet import fake_report
from nacre.agent.loop import Agent
from nacre.compute.domain.guests import HostWishes, Power
from nacre.kernel.clock import SystemClock
from nacre.kernel.ids import HostId
from tests.agent.control_plane import HOST_ID, ControlPlane, new_spec
from tests.support.real_host import eventually


class WaitingControlPlane(ControlPlane):
    """Answers a long poll when there is something to say, as a real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()
        self.subscribe(lambda _host_id: self._notify())

    def _notify(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def wishes(self, host_id: HostId, *, since: int, wait_s: float) -> HostWishes:
        deadline = time.monotonic() + wait_s
        with self.changed:
            while True:
                wishes = super().wishes(host_id, since=since, wait_s=0)
                left_s = deadline - time.monotonic()
                if wishes.guests or wishes.questions or wishes.complete or left_s <= 0:
                    return wishes
                self.changed.wait(left_s)


@pytest.fixture
def control():
    return WaitingControlPlane()


@pytest.fixture
def world():
    return FakeWorld(SystemClock())


@pytest.fixture
def agent(control, world) -> Iterator[Agent]:
    agent = Agent(
        control, fake_drivers(world), SystemClock(), host_id=HOST_ID, describe=lambda: fake_report(HOST_ID)
    )
    agent.start()
    yield agent
    agent.stop()


def _runs(control, spec):
    facts = control.facts.get(spec.guest_id)
    return facts is not None and facts.power is Power.ON


def test_a_wish_is_fulfilled_and_told_within_a_moment(agent, control):
    specs = [control.wish(new_spec()) for _ in range(30)]

    eventually(lambda: all(_runs(control, spec) for spec in specs), "all run", within_s=5)


def test_a_guest_that_ends_is_told_without_waiting_for_the_next_survey(agent, control, world):
    spec = control.wish(new_spec())
    eventually(lambda: _runs(control, spec), "it runs", within_s=5)

    world.end_guest(spec.guest_id)

    eventually(lambda: not _runs(control, spec), "its end is told", within_s=5)


def test_it_recovers_when_the_control_plane_comes_back(agent, control, monkeypatch):
    spec = control.wish(new_spec())
    eventually(lambda: _runs(control, spec), "it runs", within_s=5)
    control.away = True
    control.wish(spec, power=Power.OFF)
    eventually(lambda: agent._since == 0, "it has noticed", within_s=5)
    control.facts.clear()

    control.away = False

    eventually(lambda: spec.guest_id in control.facts and not _runs(control, spec), "it is off", within_s=5)


def test_a_control_plane_that_answers_emptily_at_once_is_not_asked_in_a_frenzy(control, world, monkeypatch):
    monkeypatch.setattr(loop, "EMPTY_ANSWER_PAUSE_S", 0.2)
    impatient = ControlPlane()
    agent = Agent(
        impatient, fake_drivers(world), SystemClock(), host_id=HOST_ID, describe=lambda: fake_report(HOST_ID)
    )
    agent.start()
    eventually(lambda: impatient.calls.get("wishes", 0) >= 2, "it asks", within_s=5)
    begun, asked = time.monotonic(), impatient.calls["wishes"]
    eventually(lambda: impatient.calls["wishes"] >= asked + 3, "it asks again", within_s=5)
    agent.stop()

    assert time.monotonic() - begun >= 0.4


def test_it_ends_when_told_and_leaves_guests_as_they_are(control, world):
    agent = Agent(
        control, fake_drivers(world), SystemClock(), host_id=HOST_ID, describe=lambda: fake_report(HOST_ID)
    )
    agent.start()
    spec = control.wish(new_spec())
    eventually(lambda: _runs(control, spec), "it runs", within_s=5)

    begun = time.monotonic()
    agent.stop()

    assert time.monotonic() - begun < 2.0
    assert world.guests[spec.guest_id].run == "running"
