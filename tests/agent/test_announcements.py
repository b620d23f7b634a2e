"""What a host tells the wires by itself: which floating IPs, when, and how often."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from nacre.agent.announcements import AT_ONCE, PAUSES_S
from nacre.agent.domain.frames import gratuitous_arp
from nacre.compute.domain.guests import GuestSpec, OutsideAddress
from nacre.network.contract import Outlet
from tests.agent.conftest import Stage
from tests.agent.control_plane import new_spec

FLOATING = OutsideAddress(
    ip="172.24.4.9", fixed_ip="10.0.0.11", revision=1, mac="fa:16:3e:00:00:99", outlets=(Outlet("wire-out"),)
)
TIMES = len(PAUSES_S) + 1
STEP_S = 0.05


def lead(stage: Stage, spec: GuestSpec, *addresses: OutsideAddress, **changes: Any) -> GuestSpec:
    """Floating IPs lead to a guest, and no others."""
    return stage.control.wish(spec, nics=(replace(spec.nics[0], outside=addresses),), **changes)


@pytest.fixture
def spec(stage: Stage) -> GuestSpec:
    """A guest that runs, on a host that has heard everything."""
    spec = stage.control.wish(new_spec())
    stage.run(for_s=0)
    return spec


def test_a_floating_ip_that_comes_is_announced_at_once_and_again_with_pauses_that_grow(stage, spec):
    began = stage.clock.now()

    lead(stage, spec, FLOATING)
    stage.run(for_s=30, step_s=STEP_S)

    moments = [at for at, ip in stage.world.announced if ip == FLOATING.ip]
    assert len(moments) == len(stage.world.announced) == TIMES
    assert moments[0] == began
    pauses = [after - before for before, after in pairwise(moments)]
    assert all(after > before for before, after in pairwise(pauses))
    assert stage.world.guests[spec.guest_id].boots == 1, "the guest is none the wiser"


def test_one_that_has_left_the_host_is_announced_no_more(stage, spec):
    spec = lead(stage, spec, FLOATING)
    stage.run(for_s=0.1, step_s=STEP_S)
    said = len(stage.world.announced)
    assert said

    lead(stage, spec)
    stage.run(for_s=30, step_s=STEP_S)

    assert len(stage.world.announced) == said


def test_one_that_went_away_and_came_back_unseen_is_announced_anew(stage, spec):
    spec = lead(stage, spec, FLOATING)
    stage.run(for_s=30, step_s=STEP_S)
    stage.world.announced.clear()

    spec = lead(stage, spec, FLOATING)
    stage.run(for_s=30, step_s=STEP_S)
    assert not stage.world.announced, "nothing came"

    lead(stage, spec, replace(FLOATING, revision=3))
    stage.run(for_s=30, step_s=STEP_S)
    assert len(stage.world.announced) == TIMES


def test_one_that_another_host_answers_for_is_not_announced_here(stage, spec):
    lead(stage, spec, replace(FLOATING, mac="", outlets=()))
    stage.run(for_s=30, step_s=1)

    assert not stage.world.announced


def test_nothing_is_announced_before_the_flows_of_its_port_are_there(stage):
    stage.world.ports_take_s = 3.0
    stage.run(for_s=0)
    began = stage.clock.now()

    lead(stage, new_spec(), FLOATING)
    stage.run(for_s=30, step_s=STEP_S)

    assert stage.world.announced[0][0] >= began + 3.0
    assert len(stage.world.announced) == TIMES


def test_an_agent_that_starts_announces_nothing_that_was_there_before_it(stage, spec):
    spec = lead(stage, spec, FLOATING)
    stage.run(for_s=0)
    stage.world.announced.clear()

    stage.new_agent()
    stage.run(for_s=30, step_s=1)
    assert not stage.world.announced

    lead(stage, spec, FLOATING, replace(FLOATING, ip="172.24.4.10"))
    stage.run(for_s=30, step_s=STEP_S)
    assert {ip for _, ip in stage.world.announced} == {"172.24.4.10"}


def test_what_came_while_the_control_plane_was_away_is_announced_when_it_is_back(stage, spec):
    stage.control.away = True
    stage.run(for_s=2)
    lead(stage, spec, FLOATING)

    stage.control.away = False
    stage.run(for_s=0)

    assert stage.world.announced


def test_many_at_once_are_announced_by_and_by(stage, spec):
    many = [replace(FLOATING, ip=f"172.24.{number >> 8}.{number & 255}") for number in range(2 * AT_ONCE + 1)]

    lead(stage, spec, *many)
    stage.run(for_s=0)
    assert len(stage.world.announced) == AT_ONCE

    stage.run(for_s=30, step_s=STEP_S)
    assert not stage.agent.keeper.announcements.are_left()


def test_nothing_is_kept_of_guests_that_are_gone(stage, spec):
    spec = lead(stage, spec, FLOATING)
    stage.run(for_s=0)

    stage.control.wish(spec, present=False)
    stage.run(for_s=0)

    assert not stage.agent.keeper.announcements.are_left()


@pytest.mark.parametrize(("vlan", "tag"), [(None, ""), (300, "8100 012c")])
def test_an_announcement_is_a_request_of_arp_for_the_sender_itself(vlan, tag):
    frame = gratuitous_arp("172.24.4.9", "fa:16:3e:00:00:99", vlan=vlan)

    ends = "fa163e000099 ac180409 000000000000 ac180409"
    assert frame == bytes.fromhex(f"ffffffffffff fa163e000099 {tag} 0806 0001 0800 06 04 0001 {ends}")
