"""What the agent of a host makes of wishes, on a simulated host."""

from __future__ import annotations

import msgspec
import pytest

from nacre.agent.domain.sight import GuestRecord, Run
from nacre.agent.domain.steps import SHUTDOWN_LIMIT_S
from nacre.agent.drivers.base import CannotHost, EngineAway, EngineRefused
from nacre.compute.domain.guests import Power, Reboot
from nacre.kernel.ids import NetworkId
from nacre.network.contract import PacketLimit
from tests.agent.control_plane import IMAGE, METADATA, NETWORK_ID, new_nic, new_spec


def test_a_guest_is_built_and_runs_and_says_so(stage):
    spec = stage.control.wish(new_spec())

    stage.run(for_s=0)

    guest = stage.world.guests[spec.guest_id]
    assert (guest.run, guest.boots) == (Run.RUNNING, 1)
    assert stage.world.images == {IMAGE.sha256}
    assert list(stage.world.networks) == [NETWORK_ID]
    facts = stage.control.facts[spec.guest_id]
    assert facts.exists
    assert (facts.power, facts.boots, facts.observed_generation) == (Power.ON, 1, spec.generation)
    assert facts.ports_up == (spec.nics[0].port_id,)
    assert (facts.fault, facts.waiting) == ("", "")


def test_no_instruction_of_a_guest_runs_before_its_ports_are_realised(stage):
    stage.world.ports_take_s = 3.0
    spec = stage.control.wish(new_spec())

    stage.run(for_s=2)
    early = stage.world.guests[spec.guest_id].run, stage.control.facts[spec.guest_id]
    stage.run(for_s=2)

    assert early[0] is Run.PAUSED
    assert spec.nics[0].port_id in early[1].waiting
    assert early[1].power is Power.OFF
    assert stage.world.guests[spec.guest_id].run is Run.RUNNING


def test_a_guest_wished_off_from_the_start_exists_and_never_runs(stage):
    spec = stage.control.wish(new_spec(power=Power.OFF))

    stage.run()

    guest = stage.world.guests[spec.guest_id]
    assert (guest.disks, guest.defined, guest.boots) == ({1}, True, 0)
    facts = stage.control.facts[spec.guest_id]
    assert (facts.power, facts.observed_generation) == (Power.OFF, spec.generation)


def test_a_stopped_guest_is_asked_politely_and_started_again_when_wished(stage):
    spec = stage.control.wish(new_spec())
    stage.run()

    stage.control.wish(spec, power=Power.OFF)
    stage.run()
    stopped = stage.control.facts[spec.guest_id]
    stage.control.wish(spec, power=Power.ON)
    stage.run()

    assert (stopped.power, stopped.observed_generation) == (Power.OFF, 2)
    assert stage.world.guests[spec.guest_id].run is Run.RUNNING
    assert stage.control.facts[spec.guest_id].observed_generation == 3


def test_a_guest_that_ignores_its_power_button_is_switched_off_after_the_limit(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.world.answers_power_button = False

    stage.control.wish(spec, power=Power.OFF)
    stage.run(for_s=SHUTDOWN_LIMIT_S - 2)
    still = stage.world.guests[spec.guest_id].run
    stage.run(for_s=5)

    assert still is Run.RUNNING
    assert stage.world.guests[spec.guest_id].run is Run.OFF
    assert stage.control.facts[spec.guest_id].power is Power.OFF


@pytest.mark.parametrize("reboot", Reboot)
@pytest.mark.parametrize("listens", [True, False])
def test_a_reboot_starts_the_guest_once_more_and_only_once(stage, reboot, listens):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.world.answers_power_button = listens

    stage.control.wish(spec, boots=2, reboot=reboot)
    stage.run(for_s=SHUTDOWN_LIMIT_S + 10)
    stage.new_agent()
    stage.run()

    guest = stage.world.guests[spec.guest_id]
    assert (guest.run, guest.boots) == (Run.RUNNING, 2)
    assert stage.control.facts[spec.guest_id].boots == 2


def test_a_hard_reboot_does_not_wait_for_a_soft_one(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.world.answers_power_button = False
    stage.control.wish(spec, boots=2, reboot=Reboot.SOFT)
    stage.run(for_s=3)

    stage.control.wish(spec, boots=3, reboot=Reboot.HARD)
    stage.run(for_s=1)

    guest = stage.world.guests[spec.guest_id]
    assert (guest.run, guest.boots) == (Run.RUNNING, 2), "one start answers both"
    assert stage.control.facts[spec.guest_id].boots == 3


def test_a_guest_that_switched_itself_off_rests_until_its_wish_moves_on(stage):
    spec = stage.control.wish(new_spec())
    stage.run()

    stage.world.end_guest(spec.guest_id)
    stage.run()
    stage.new_agent()
    stage.run(for_s=60, step_s=10)
    resting = stage.control.facts[spec.guest_id]
    stage.world.lose_power()  # The evidence is gone; what was written down is not.
    stage.new_agent()
    stage.run()
    after_power_cut = stage.world.guests[spec.guest_id].run
    stage.control.wish(spec)
    stage.run()

    assert (resting.power, resting.observed_generation) == (Power.OFF, spec.generation)
    assert (resting.waiting, resting.fault) == ("", "")
    assert after_power_cut is Run.OFF
    assert stage.world.guests[spec.guest_id].run is Run.RUNNING


def test_guests_are_started_again_after_their_host_lost_its_power(stage):
    running, stopped = stage.control.wish(new_spec()), stage.control.wish(new_spec(nics=()))
    stage.run()
    stage.control.wish(stopped, power=Power.OFF)
    stage.run()

    stage.world.lose_power()
    stage.new_agent()
    stage.run()

    assert stage.world.guests[running.guest_id].run is Run.RUNNING
    assert stage.world.guests[stopped.guest_id].run is Run.OFF


def test_a_guest_switched_off_by_somebody_else_is_started_again(stage):
    spec = stage.control.wish(new_spec())
    stage.run()

    stage.world.end_guest(spec.guest_id, by_itself=False)
    stage.run()

    assert stage.world.guests[spec.guest_id].run is Run.RUNNING


def test_a_start_asked_while_the_guest_still_shuts_down_is_not_lost(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.world.answers_power_button = False
    stage.control.wish(spec, power=Power.OFF)
    stage.run(for_s=2)
    stage.control.wish(spec, power=Power.ON)
    stage.run(for_s=2)

    stage.world.end_guest(spec.guest_id)  # Only now does it answer the button.
    stage.run()

    assert stage.world.guests[spec.guest_id].run is Run.RUNNING


def test_a_removed_guest_leaves_nothing_and_its_network_is_closed_with_the_last(stage):
    first, second = stage.control.wish(new_spec()), stage.control.wish(new_spec())
    stage.run()

    stage.control.wish(first, present=False)
    stage.run()
    with_one = list(stage.world.networks)
    stage.control.wish(second, present=False)
    stage.run()

    assert with_one == [NETWORK_ID]
    assert not stage.world.guests
    assert not stage.world.networks
    assert not stage.world.plugged
    assert not stage.control.facts[second.guest_id].exists
    assert stage.control.facts[second.guest_id].observed_generation == 2


def test_removing_what_never_came_is_answered_at_once(stage):
    spec = stage.control.wish(new_spec(present=False))

    stage.run(for_s=0)

    assert not stage.control.facts[spec.guest_id].exists
    assert stage.control.facts[spec.guest_id].observed_generation == spec.generation


def test_an_agent_that_has_not_heard_the_whole_list_removes_nothing(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.new_agent()
    stage.control.away = True

    stage.run(for_s=60, step_s=10)

    assert stage.world.guests[spec.guest_id].run is Run.RUNNING
    assert list(stage.world.networks) == [NETWORK_ID]


def test_a_guest_in_no_list_is_an_orphan_and_goes(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.control.forget(spec.guest_id)

    stage.new_agent()
    stage.run()

    assert not stage.world.guests
    assert not stage.world.networks


def test_guests_run_on_and_changes_are_told_later_while_the_control_plane_is_away(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.control.away = True
    stage.world.end_guest(spec.guest_id, by_itself=False)

    stage.run()
    started = stage.world.guests[spec.guest_id].run
    stage.control.facts.clear()
    stage.control.away = False
    stage.run()

    assert started is Run.RUNNING
    assert stage.control.facts[spec.guest_id].power is Power.ON, "everything is said again"


def test_only_what_changed_is_said(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    said = len(stage.control.history)

    stage.run(for_s=600, step_s=10)
    quiet = len(stage.control.history)
    stage.world.end_guest(spec.guest_id)
    stage.run()

    assert quiet == said
    assert [facts.power for facts in stage.control.history[said:]] == [Power.OFF]


def test_an_engine_that_is_away_is_waited_for_and_never_a_fault(stage):
    stage.world.fail("ensure_paused", EngineAway("libvirt", "gone"), times=5)
    spec = stage.control.wish(new_spec())

    stage.run(for_s=2)
    waiting = stage.control.facts[spec.guest_id]
    stage.run(for_s=10)

    assert "libvirt" in waiting.waiting
    assert not any(facts.fault for facts in stage.control.history)
    assert stage.control.facts[spec.guest_id].power is Power.ON
    assert stage.control.facts[spec.guest_id].waiting == ""


def test_a_refusal_that_lasts_becomes_a_fault_and_clears_when_it_passes(stage):
    stage.world.fail("ensure_paused", EngineRefused("libvirt", "out of memory"), times=6)
    spec = stage.control.wish(new_spec())

    stage.run(for_s=1)
    first = stage.control.facts[spec.guest_id]
    stage.run(for_s=20)
    faulty = stage.control.facts[spec.guest_id]
    stage.run(for_s=120)

    assert (first.fault, first.observed_generation) == ("", 0)
    assert "out of memory" in faulty.fault
    assert faulty.observed_generation == spec.generation
    assert stage.control.facts[spec.guest_id].fault == ""
    assert stage.control.facts[spec.guest_id].power is Power.ON


def test_what_can_never_be_is_a_fault_at_once(stage):
    stage.world.fail("ensure_disk", CannotHost("the image is a lie"))
    spec = stage.control.wish(new_spec())

    stage.run(for_s=0)

    assert stage.control.facts[spec.guest_id].fault == "the image is a lie"


def test_a_lost_disk_is_told_and_never_replaced_by_a_fresh_one(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.world.lose_power()
    stage.world.guests[spec.guest_id].disks.clear()

    stage.run()

    assert "disk is missing" in stage.control.facts[spec.guest_id].fault
    assert not stage.world.guests[spec.guest_id].disks


def test_a_guest_whose_disk_failed_is_let_go_again(stage):
    spec = stage.control.wish(new_spec())
    stage.run()

    stage.world.jam_guest(spec.guest_id)
    stage.run(for_s=40)

    assert stage.world.guests[spec.guest_id].run is Run.RUNNING
    assert stage.control.facts[spec.guest_id].waiting == ""


def test_definitions_that_the_hypervisor_lost_are_made_again(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.control.wish(spec, power=Power.OFF)
    stage.run()

    stage.world.forget_definitions()
    stage.run(for_s=15)

    assert stage.world.guests[spec.guest_id].defined


def test_a_record_that_was_lost_is_written_anew_without_a_reboot(stage):
    spec = stage.control.wish(new_spec(boots=3))
    stage.run()

    stage.world.guests[spec.guest_id].record = None
    stage.run(for_s=15)

    assert stage.world.guests[spec.guest_id].record == GuestRecord(boots=3, generation=1)
    assert stage.world.guests[spec.guest_id].boots == 1


def test_metadata_answers_on_every_address_that_any_guest_knows_of_its_network(stage):
    other = msgspec.structs.replace(METADATA.addresses[0], ip="10.1.0.2")
    both = msgspec.structs.replace(METADATA, addresses=(*METADATA.addresses, other))
    stage.control.wish(new_spec())
    stage.control.wish(new_spec(nics=(new_nic(12, metadata=both),)))

    stage.run()
    said = len(stage.control.history)
    stage.run(for_s=60, step_s=10)

    assert {address.ip for address in stage.world.networks[NETWORK_ID].addresses} == {"10.0.0.2", "10.1.0.2"}
    assert len(stage.control.history) == said, "the two views do not quarrel"


def test_a_guest_is_found_by_its_network_and_address(stage):
    spec = stage.control.wish(new_spec())
    stage.run(for_s=0)

    keeper = stage.agent.keeper
    assert keeper.spec_at(NETWORK_ID, "10.0.0.11") == spec
    assert keeper.spec_at(NETWORK_ID, "10.0.0.12") is None
    assert keeper.spec_at(NetworkId("another"), "10.0.0.11") is None


def test_a_question_is_answered_from_the_guests_console(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    question_id = stage.control.ask_console(spec.guest_id, lines=2)

    stage.run(for_s=0)

    assert stage.control.answers[question_id].splitlines()[-1] == b"pearl login: "
    assert len(stage.control.answers[question_id].splitlines()) == 2


def test_images_that_no_guest_uses_are_swept(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.control.wish(spec, present=False)

    stage.run(for_s=15)

    assert not stage.world.images


def test_nothing_is_kept_in_memory_of_guests_that_are_gone(stage):
    for _ in range(3):
        spec = stage.control.wish(new_spec())
        stage.run()
        stage.control.wish(spec, present=False)
        stage.run()
        stage.control.forget(spec.guest_id)

    keeper = stage.agent.keeper
    tables = (keeper._wishes, keeper._facts, keeper._unsaid, keeper._rests, keeper._failures)
    networks = (keeper._networks._users, keeper._networks._of_guest, keeper._networks._merged)
    assert not any(tables)
    assert not any(networks)


def test_a_slow_start_is_waited_for_and_happens_once(stage):
    stage.world.be_slow("ensure_paused", 3.0)
    spec = stage.control.wish(new_spec())

    stage.run(for_s=2)
    early = stage.world.guests[spec.guest_id].run
    stage.run(for_s=2)

    assert early is Run.OFF
    assert stage.world.guests[spec.guest_id].run is Run.RUNNING
    assert stage.world.guests[spec.guest_id].boots == 1


# Interfaces that come and go.


def test_a_running_guest_gets_an_interface_and_loses_one(stage):
    other_network = NetworkId("0a000000-0000-4000-8000-000000000002")
    spec = stage.control.wish(new_spec())
    stage.run()
    old, new = spec.nics[0], new_nic(12, network_id=other_network)

    stage.control.wish(spec, nics=(old, new))
    stage.run(for_s=0)
    both = set(stage.world.plugged)
    stage.control.wish(spec, nics=(new,))
    stage.run(for_s=0)

    assert both == {old.port_id, new.port_id}
    assert set(stage.world.plugged) == {new.port_id}
    assert set(stage.world.networks) == {other_network}, "metadata answers where the guest may ask"
    facts = stage.control.facts[spec.guest_id]
    assert (facts.ports_up, facts.observed_generation, facts.waiting) == ((new.port_id,), 3, "")
    assert stage.world.guests[spec.guest_id].boots == 1


def test_a_guest_that_does_not_let_go_of_an_interface_is_cut_off_and_asked_again(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.world.lets_go_of_nics = False

    stage.control.wish(spec, nics=(new_nic(12),))
    stage.run(for_s=30)
    held, facts = stage.world.guests[spec.guest_id].nics, stage.control.facts[spec.guest_id]
    plugged = set(stage.world.plugged)
    stage.world.lets_go_of_nics = True
    stage.run(for_s=10)

    assert len(held) == 2
    assert spec.nics[0].port_id not in plugged, "nothing passes by it"
    assert len(plugged) == 1, "and it hinders no other"
    assert spec.nics[0].port_id in facts.waiting
    assert facts.fault == ""
    assert len(stage.world.guests[spec.guest_id].nics) == 1
    assert stage.control.facts[spec.guest_id].waiting == ""


def test_an_interface_that_a_running_guest_cannot_be_given_is_there_when_it_starts_again(stage):
    spec = stage.control.wish(new_spec())
    stage.run()
    stage.world.refuses_nics = "no slot is free"

    spec = stage.control.wish(spec, nics=(*spec.nics, new_nic(12)))
    stage.run(for_s=30)
    facts = stage.control.facts[spec.guest_id]
    stage.control.wish(spec, boots=2, reboot=Reboot.HARD)
    stage.run()

    assert "no slot is free" in facts.waiting
    assert (facts.fault, facts.power) == ("", Power.ON)
    assert len(stage.world.guests[spec.guest_id].nics) == 2
    assert stage.control.facts[spec.guest_id].waiting == ""


LIMITS = (PacketLimit(is_outward=True, packets_per_s=1000, burst=100),)


def limits_of(stage, spec):
    """What holds now for the guest's interface."""
    switch = stage.agent.keeper.drivers.switch
    wishes = (LIMITS, ())
    nic = spec.nics[0]
    return next(
        each for each in wishes if switch.keeps_limits(msgspec.structs.replace(nic, packet_limits=each))
    )


def test_no_instruction_of_a_guest_runs_before_its_packets_are_limited(stage):
    stage.world.fail("limit_packets", EngineAway("fake", "it restarts"), times=3)
    spec = stage.control.wish(new_spec(nics=(new_nic(packet_limits=LIMITS),)))

    stage.run(for_s=0)
    assert stage.world.guests[spec.guest_id].run is Run.PAUSED
    assert stage.control.facts[spec.guest_id].waiting == "fake does not answer: it restarts"

    stage.run(for_s=10)
    assert stage.world.guests[spec.guest_id].run is Run.RUNNING
    assert limits_of(stage, spec) == LIMITS


def test_a_running_guest_is_limited_as_its_wish_changes_and_when_it_is_plugged_anew(stage):
    spec = stage.control.wish(new_spec())
    stage.run(for_s=0)
    assert limits_of(stage, spec) == ()

    spec = stage.control.wish(spec, nics=(msgspec.structs.replace(spec.nics[0], packet_limits=LIMITS),))
    stage.run(for_s=0)
    assert limits_of(stage, spec) == LIMITS
    spec = stage.control.wish(spec, boots=2, reboot=Reboot.HARD)
    stage.run(for_s=3)
    assert stage.world.guests[spec.guest_id].boots == 2
    assert limits_of(stage, spec) == LIMITS

    spec = stage.control.wish(spec, nics=(msgspec.structs.replace(spec.nics[0], packet_limits=()),))
    stage.run(for_s=0)
    assert limits_of(stage, spec) == ()
    assert stage.world.guests[spec.guest_id].boots == 2, "nobody has to start a guest for that"


def test_limits_that_a_switch_has_forgotten_are_set_again(stage):
    spec = stage.control.wish(new_spec(nics=(new_nic(packet_limits=LIMITS),)))
    stage.run(for_s=0)

    stage.world.limits.clear()
    stage.run(for_s=0)

    assert limits_of(stage, spec) == LIMITS
    stage.control.wish(spec, present=False)
    stage.run(for_s=12)
    assert stage.world.limits == {}
