"""What is shown of a server, as a table of cases."""

from __future__ import annotations

import itertools

import pytest

from nacre.compute.domain.guests import Power, Reboot
from nacre.compute.domain.servers import AwaitRemoval, Forget, Place, Settle, next_step
from nacre.compute.domain.status import Sight, Standing, Wish, ended_itself, has_launched, status_of

NOWHERE = Standing(host_id=None, refusal="")
REFUSED = Standing(host_id=None, refusal="no room")
HERE = Standing(host_id="host-1", refusal="")


def wish(**fields):
    return Wish(
        **{"generation": 2, "power": Power.ON, "boots": 0, "reboot": Reboot.SOFT, "deleted": False} | fields
    )


def sight(**fields):
    seen = {
        "observed_generation": 2, "exists": True, "power": Power.ON, "boots": 0, "fault": "", "waiting": "",
        "launched": True,
    }  # fmt: skip
    return Sight(**seen | fields)


UNSEEN = sight(observed_generation=0, exists=False, power=Power.OFF, launched=False)
OFF = sight(power=Power.OFF)


@pytest.mark.parametrize(
    ("wished", "standing", "seen", "expected"),
    [
        (wish(), NOWHERE, UNSEEN, ("BUILD", "building", "scheduling", 0)),
        (wish(), REFUSED, UNSEEN, ("ERROR", "error", None, 0)),
        (wish(), HERE, UNSEEN, ("BUILD", "building", "spawning", 0)),
        (wish(), HERE, sight(), ("ACTIVE", "active", None, 1)),
        (wish(), HERE, sight(observed_generation=1), ("ACTIVE", "active", None, 1)),
        (wish(), HERE, OFF, ("SHUTOFF", "stopped", None, 4)),
        (
            wish(),
            HERE,
            sight(power=Power.OFF, observed_generation=1),
            ("SHUTOFF", "stopped", "powering-on", 4),
        ),
        (wish(power=Power.OFF), HERE, sight(), ("ACTIVE", "active", "powering-off", 1)),
        (wish(power=Power.OFF), HERE, OFF, ("SHUTOFF", "stopped", None, 4)),
        (wish(power=Power.PAUSED), HERE, sight(observed_generation=1), ("ACTIVE", "active", "pausing", 1)),
        (wish(power=Power.PAUSED), HERE, sight(power=Power.PAUSED), ("PAUSED", "paused", None, 3)),
        (wish(power=Power.PAUSED), HERE, OFF, ("SHUTOFF", "stopped", None, 4)),
        (
            wish(),
            HERE,
            sight(power=Power.PAUSED, observed_generation=1),
            ("PAUSED", "paused", "unpausing", 3),
        ),
        (
            wish(power=Power.SUSPENDED),
            HERE,
            sight(observed_generation=1),
            ("ACTIVE", "active", "suspending", 1),
        ),
        (
            wish(power=Power.SUSPENDED),
            HERE,
            sight(power=Power.SUSPENDED),
            ("SUSPENDED", "suspended", None, 4),
        ),
        (
            wish(),
            HERE,
            sight(power=Power.SUSPENDED, observed_generation=1),
            ("SUSPENDED", "suspended", "resuming", 4),
        ),
        (wish(boots=1), HERE, sight(observed_generation=1), ("REBOOT", "active", "reboot_started", 1)),
        (
            wish(boots=1, reboot=Reboot.HARD),
            HERE,
            sight(observed_generation=1, power=Power.OFF),
            ("HARD_REBOOT", "active", "reboot_started_hard", 4),
        ),
        (wish(), HERE, sight(fault="no disk", launched=False, power=Power.OFF), ("ERROR", "error", None, 0)),
        (wish(), HERE, sight(fault="old", observed_generation=1), ("ACTIVE", "active", None, 1)),
        (wish(deleted=True), HERE, sight(), ("ACTIVE", "active", "deleting", 1)),
        (wish(deleted=True), REFUSED, UNSEEN, ("ERROR", "error", "deleting", 0)),
    ],
)
def test_the_state_follows_from_wish_standing_and_sight(wished, standing, seen, expected):
    shown = status_of(wished, standing, seen)

    assert (shown.status, shown.vm_state, shown.task_state, shown.power_state) == expected


def test_every_combination_has_a_state_and_a_step():
    powers, flags = tuple(Power), (True, False)
    for power, boots, deleted, standing, seen_power, generation, fault, launched in itertools.product(
        powers, (0, 1), flags, (NOWHERE, REFUSED, HERE), powers, (0, 2), ("", "broken"), flags
    ):
        wished = wish(power=power, boots=boots, deleted=deleted)
        seen = sight(power=seen_power, observed_generation=generation, fault=fault, launched=launched)
        shown = status_of(wished, standing, seen)
        step = next_step(wished, standing, seen)
        assert shown.status in {
            "ACTIVE", "BUILD", "ERROR", "SHUTOFF", "PAUSED", "SUSPENDED", "REBOOT", "HARD_REBOOT",
        }  # fmt: skip
        assert deleted == (shown.task_state == "deleting")
        assert not (deleted and step == Settle()), "what is deleted is always owed something"
        assert not (step == Place() and standing.host_id), "nothing is placed twice"


def test_a_guest_is_gone_only_when_its_host_says_so_of_the_removal():
    gone_before = sight(exists=False, observed_generation=1, power=Power.OFF)
    gone = sight(exists=False, observed_generation=2, power=Power.OFF)

    assert next_step(wish(deleted=True), HERE, sight()) == AwaitRemoval("host-1")
    assert next_step(wish(deleted=True), HERE, gone_before) == AwaitRemoval("host-1")
    assert next_step(wish(deleted=True), HERE, gone) == Forget()
    assert next_step(wish(deleted=True), NOWHERE, UNSEEN) == Forget()


def test_what_no_host_takes_is_not_tried_again_until_the_wish_changes():
    assert next_step(wish(), NOWHERE, UNSEEN) == Place()
    assert next_step(wish(), REFUSED, UNSEEN) == Settle()


def test_a_guest_ended_itself_only_if_nobody_asked_for_it():
    assert ended_itself(wish(), OFF)
    assert ended_itself(wish(power=Power.PAUSED), OFF), "it ended before it could be paused"
    assert not ended_itself(wish(power=Power.SUSPENDED), sight(power=Power.SUSPENDED))
    assert not ended_itself(wish(power=Power.OFF), OFF)
    assert not ended_itself(wish(boots=1), OFF), "it is being rebooted"
    assert not ended_itself(wish(), sight(power=Power.OFF, observed_generation=1)), "it is being started"
    assert not ended_itself(wish(), sight(power=Power.OFF, fault="its disk is missing"))


def test_a_guest_has_launched_once_it_ran_or_was_brought_to_its_spec():
    assert has_launched(before=False, observed_generation=0, power=Power.ON, fault="")
    assert has_launched(before=False, observed_generation=1, power=Power.OFF, fault="")
    assert not has_launched(before=False, observed_generation=1, power=Power.OFF, fault="no disk")
    assert has_launched(before=True, observed_generation=0, power=Power.OFF, fault="")
