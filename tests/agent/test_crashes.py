"""The agent may die before and after any effect: it always comes to what is wished, and leaks nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from nacre.agent.domain.sight import Run
from nacre.compute.domain.guests import GuestSpec, Power, Reboot
from nacre.network.contract import PacketLimit
from tests.agent.conftest import Stage
from tests.agent.control_plane import HOST_ID, new_nic, new_spec

LIMITS = (PacketLimit(is_outward=True, packets_per_s=1000, burst=100),)


class Killed(BaseException):
    """The agent's process is gone."""


class Executioner:
    """Kills at the n-th place where one may die, counted from 1; 0 never kills and counts the places."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.places: list[str] = []

    def __call__(self, place: str) -> None:
        self.places.append(place)
        if len(self.places) == self.at:
            raise Killed(place)


Act = Callable[[Stage, GuestSpec], object]


def _wish(**changes: Any) -> Act:
    return lambda stage, spec: stage.control.wish(spec, **changes)


def _end_itself(stage: Stage, spec: GuestSpec) -> None:
    stage.world.end_guest(spec.guest_id)


def _wish_limited(**changes: Any) -> Act:
    def act(stage: Stage, spec: GuestSpec) -> None:
        nics = tuple(msgspec.structs.replace(nic, packet_limits=LIMITS) for nic in spec.nics)
        stage.control.wish(spec, nics=nics, **changes)

    return act


def _become_an_orphan(stage: Stage, spec: GuestSpec) -> None:
    stage.control.forget(spec.guest_id)
    stage.new_agent()


def _stay_half_built(stage: Stage, spec: GuestSpec) -> None:
    stage.world.ports_take_s = 1000.0
    stage.control.wish(spec)


_GROW = _wish(disk=2, kept_disk=1, boots=2, reboot=Reboot.RESIZE, disk_gib=2)


@dataclass(frozen=True)
class Story:
    """What is done to a guest, beginning with one that runs or with none; what there is when all is over."""

    acts: tuple[Act, ...]
    run: Run | None
    starts: frozenset[int]
    begins_running: bool = True
    disks: frozenset[int] = frozenset({1})


STORIES = {
    "create": Story((_wish(),), Run.RUNNING, frozenset({1}), begins_running=False),
    "create off": Story((_wish(power=Power.OFF),), Run.OFF, frozenset({0}), begins_running=False),
    "stop": Story((_wish(power=Power.OFF),), Run.OFF, frozenset({1})),
    # A guest whose agent died before it pressed the button was never stopped, when it is wished on again.
    "stop and start": Story((_wish(power=Power.OFF), _wish()), Run.RUNNING, frozenset({1, 2})),
    "soft reboot": Story((_wish(boots=2, reboot=Reboot.SOFT),), Run.RUNNING, frozenset({2})),
    "hard reboot": Story((_wish(boots=2, reboot=Reboot.HARD),), Run.RUNNING, frozenset({2})),
    "pause": Story((_wish(power=Power.PAUSED),), Run.PAUSED, frozenset({1})),
    "pause and unpause": Story((_wish(power=Power.PAUSED), _wish()), Run.RUNNING, frozenset({1})),
    "suspend": Story((_wish(power=Power.SUSPENDED),), Run.OFF, frozenset({1})),
    "suspend and resume": Story((_wish(power=Power.SUSPENDED), _wish()), Run.RUNNING, frozenset({1})),
    "suspend and reboot": Story(
        (_wish(power=Power.SUSPENDED), _wish(boots=2, reboot=Reboot.HARD)), Run.RUNNING, frozenset({2})
    ),
    "pause and reboot": Story(
        (_wish(power=Power.PAUSED), _wish(boots=2, reboot=Reboot.HARD)), Run.RUNNING, frozenset({2})
    ),
    "limit packets": Story((_wish_limited(),), Run.RUNNING, frozenset({1})),
    "limit packets and reboot": Story(
        (_wish_limited(), _wish_limited(boots=2, reboot=Reboot.HARD)), Run.RUNNING, frozenset({2})
    ),
    "change interfaces": Story((_wish(nics=(new_nic(12),)),), Run.RUNNING, frozenset({1})),
    "rebuild": Story(
        (_wish(disk=2, boots=2, reboot=Reboot.REBUILD),), Run.RUNNING, frozenset({2}), disks=frozenset({2})
    ),
    "rebuild what sleeps": Story(
        (_wish(power=Power.SUSPENDED), _wish(disk=3, boots=2, reboot=Reboot.REBUILD)),
        Run.RUNNING,
        frozenset({2}),
        disks=frozenset({3}),
    ),
    "stop and rebuild": Story(
        (_wish(power=Power.OFF), _wish(power=Power.OFF, disk=3, reboot=Reboot.REBUILD)),
        Run.OFF,
        frozenset({1}),
        disks=frozenset({3}),
    ),
    "grow": Story((_GROW,), Run.RUNNING, frozenset({2}), disks=frozenset({1, 2})),
    "grow and confirm": Story(
        (_GROW, _wish(disk=2, boots=2, reboot=Reboot.RESIZE, disk_gib=2)),
        Run.RUNNING,
        frozenset({2}),
        disks=frozenset({2}),
    ),
    "grow and revert": Story((_GROW, _wish(boots=3, reboot=Reboot.REVERT)), Run.RUNNING, frozenset({2, 3})),
    "end itself": Story((_end_itself,), Run.OFF, frozenset({1})),
    "remove": Story((_wish(present=False),), None, frozenset()),
    "remove half built": Story(
        (_stay_half_built, _wish(present=False)), None, frozenset(), begins_running=False
    ),
    "become an orphan": Story((_become_an_orphan,), None, frozenset()),
}


def _play(story: Story, kill_at: int, *, host_falls: bool) -> tuple[Stage, GuestSpec, Executioner]:
    """Where the agent is killed, another begins, on a host that fell with it or did not."""
    stage, spec, executioner = Stage(), new_spec(), Executioner(kill_at)
    if story.begins_running:
        stage.control.wish(spec)
        stage.run(for_s=0)
    stage.world.interrupt = executioner
    for number, act in enumerate(story.acts, start=1):
        act(stage, spec)
        _run_and_rise(stage, for_s=120 if number == len(story.acts) else 1, host_falls=host_falls)
    return stage, spec, executioner


def _run_and_rise(stage: Stage, *, for_s: float, host_falls: bool) -> None:
    while True:
        try:
            stage.run(for_s=for_s, step_s=3)
        except Killed:
            if host_falls:
                stage.world.lose_power()
            stage.new_agent()
        else:
            return


def _cases() -> list[tuple[str, int, bool]]:
    cases = []
    for name, story in STORIES.items():
        _, _, executioner = _play(story, 0, host_falls=False)
        for place in range(1, len(executioner.places) + 1):
            cases += [(name, place, False), (name, place, True)]
    return cases


@pytest.mark.parametrize(("name", "place", "host_falls"), _cases())
def test_a_killed_agent_comes_to_the_same_end(name, place, host_falls):
    story = STORIES[name]

    stage, spec, executioner = _play(story, place, host_falls=host_falls)

    assert len(executioner.places) >= place, "the case does not reach its place any more"
    if story.run is None:
        assert not stage.world.guests
        assert not stage.world.plugged
        assert not stage.world.networks
        assert not stage.world.images
        return
    guest, run = stage.world.guests[spec.guest_id], story.run
    if host_falls and name == "end itself" and place == 1:
        run = Run.RUNNING  # The host fell before it was written down that the guest rests.
    if host_falls and name == "pause":
        run = Run.OFF  # What stood still in memory is lost.
    powers = {Run.RUNNING: Power.ON, Run.PAUSED: Power.PAUSED, Run.OFF: Power.OFF}
    facts, wished = stage.control.facts[spec.guest_id], stage.control.specs[HOST_ID][spec.guest_id][1]
    assert guest.run is run
    assert guest.disks == story.disks
    assert set(stage.world.plugged) == (set() if run is Run.OFF else {nic.port_id for nic in wished.nics})
    switch = stage.agent.keeper.drivers.switch
    assert run is Run.OFF or all(switch.keeps_limits(nic) for nic in wished.nics)
    assert facts.power is (Power.SUSPENDED if guest.saved else powers[run])
    assert guest.saved == (name == "suspend") or host_falls
    assert (facts.waiting, facts.fault) == ("", "")
    assert facts.observed_generation == wished.generation
    assert host_falls or guest.boots in story.starts


def test_the_stories_reach_every_effect_a_driver_has():
    reached = set()
    for story in STORIES.values():
        reached |= {place.split()[1] for place in _play(story, 0, host_falls=False)[2].places}

    assert reached == {
        "fetch", "ensure_disk", "ensure_network", "ensure_defined", "ensure_paused", "keep_record",
        "ensure_running", "ensure_still", "ensure_saved", "remove_saved", "press_power_button", "ensure_off",
        "remove_guest", "remove_disks", "remove_remains", "remove_network", "ensure_plugged",
        "ask_unplug", "remove_port", "limit_packets",
    }  # fmt: skip
