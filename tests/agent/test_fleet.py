"""Thousands of simulated hosts, driven by one thread."""

from __future__ import annotations

import threading
import time

import pytest

from nacre.agent.drivers.base import EngineRefused
from nacre.agent.fleet import REFRESH_S, FakeFleet, fake_host_ids
from nacre.compute.domain.guests import Power
from nacre.kernel.clock import SystemClock, VirtualClock
from nacre.kernel.errors import Unavailable
from tests.agent.control_plane import ControlPlane, new_spec


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def control():
    return ControlPlane()


def _run(fleet):
    while fleet.turn():
        pass


def test_every_host_introduces_itself_and_is_asked_about(control, clock):
    fleet = FakeFleet(control, 450, clock)

    _run(fleet)

    assert sorted(control.hosts) == sorted(fake_host_ids(450))
    assert control.calls["report_hosts"] == 3, "in few calls"
    assert control.calls["fleet_wishes"] == 3


def test_a_hundred_guests_on_twenty_hosts_are_built_in_a_handful_of_calls(control, clock):
    fleet = FakeFleet(control, 20, clock)
    _run(fleet)
    control.calls.clear()

    hosts = fake_host_ids(20)
    specs = [control.wish(new_spec(), on=hosts[number % 20]) for number in range(100)]
    _run(fleet)

    assert all(control.facts[spec.guest_id].power is Power.ON for spec in specs)
    assert sum(control.calls.values()) <= 2
    assert len(control.history) == 100, "one fact for each guest"


def test_removed_guests_are_reported_gone_and_forgotten(control, clock):
    fleet = FakeFleet(control, 2, clock)
    host = fake_host_ids(2)[0]
    specs = [control.wish(new_spec(), on=host) for _ in range(10)]
    _run(fleet)

    for spec in specs:
        control.wish(spec, on=host, present=False)
    _run(fleet)

    assert not any(control.facts[spec.guest_id].exists for spec in specs)
    assert not fleet.worlds[host].guests
    assert not fleet.worlds[host].networks
    assert not fleet.keepers[host]._wishes


def test_a_wake_up_that_is_lost_costs_no_more_than_the_refresh_period(control, clock):
    fleet = FakeFleet(control, 3, clock)
    _run(fleet)
    control._subscribers.clear()

    spec = control.wish(new_spec(), on=fake_host_ids(3)[1])
    _run(fleet)
    before = spec.guest_id in control.facts
    clock.advance(REFRESH_S)
    _run(fleet)

    assert not before
    assert control.facts[spec.guest_id].power is Power.ON


def test_a_guest_that_waits_is_looked_at_again_in_time(control, clock):
    fleet = FakeFleet(control, 1, clock)
    host = fake_host_ids(1)[0]
    fleet.worlds[host].fail("ensure_paused", EngineRefused("fake", "not today"))
    _run(fleet)
    spec = control.wish(new_spec(), on=host)
    _run(fleet)
    waiting = control.facts[spec.guest_id].waiting

    assert fleet.next_at() <= clock.now() + 1.0
    clock.advance(1.0)
    _run(fleet)

    assert "not today" in waiting
    assert control.facts[spec.guest_id].power is Power.ON


def test_facts_that_could_not_be_said_are_said_later(control, clock):
    fleet = FakeFleet(control, 1, clock)
    host = fake_host_ids(1)[0]
    spec = control.wish(new_spec(), on=host)
    _run(fleet)

    fleet.worlds[host].end_guest(spec.guest_id)
    control.away = True
    with pytest.raises(Unavailable):
        _run(fleet)
    control.away = False
    _run(fleet)

    assert control.facts[spec.guest_id].power is Power.OFF


def test_a_console_question_is_answered(control, clock):
    fleet = FakeFleet(control, 1, clock)
    host = fake_host_ids(1)[0]
    spec = control.wish(new_spec(), on=host)
    _run(fleet)

    question_id = control.ask_console(spec.guest_id, lines=10, on=host)
    _run(fleet)

    assert len(control.answers[question_id].splitlines()) == 10


def test_hosts_outlive_their_fleet(control, clock):
    fleet = FakeFleet(control, 2, clock)
    host = fake_host_ids(2)[0]
    spec = control.wish(new_spec(), on=host)
    _run(fleet)

    successor = FakeFleet(control, 2, clock, worlds=fleet.worlds)
    control.facts.clear()
    _run(successor)

    assert successor.worlds == fleet.worlds
    assert successor.worlds[host].guests[spec.guest_id].boots == 1
    assert control.facts[spec.guest_id].power is Power.ON


def test_its_thread_builds_a_guest_as_soon_as_it_is_wished():
    control = ControlPlane()
    fleet = FakeFleet(control, 3, SystemClock())
    told = threading.Event()
    report, control.report_fleet = control.report_fleet, lambda facts: (report(facts), told.set())
    fleet.start()
    try:
        spec = control.wish(new_spec(), on=fake_host_ids(3)[2])
        assert told.wait(5.0)
        assert control.facts[spec.guest_id].power is Power.ON
    finally:
        fleet.stop()


def test_a_guest_costs_far_less_than_a_millisecond(control, clock):
    fleet = FakeFleet(control, 20, clock)
    _run(fleet)
    hosts = fake_host_ids(20)
    for number in range(1000):
        control.wish(new_spec(), on=hosts[number % 20])

    begun = time.process_time()
    _run(fleet)
    spent_s = time.process_time() - begun

    assert len(control.facts) == 1000
    assert spent_s / 1000 < 0.001
    print(f"{1e6 * spent_s / 1000:.0f} us of CPU a guest")
