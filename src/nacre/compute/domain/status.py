"""What is shown of a server's state, as one pure function of what is wanted and what is true."""

from __future__ import annotations

from typing import Final

import msgspec

from nacre.compute.domain.guests import Power, Reboot
from nacre.kernel.ids import HostId


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a server's spec that its state follows from."""

    generation: int
    power: Power
    boots: int
    reboot: Reboot
    deleted: bool


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server was placed; or, while it has no host, why it got none."""

    host_id: HostId | None
    refusal: str


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What its host says of a guest. `launched` stays true once it was brought up for the first time."""

    observed_generation: int
    exists: bool
    power: Power
    boots: int
    fault: str
    waiting: str
    launched: bool


UNPLACED: Final = Standing(host_id=None, refusal="")
UNSEEN: Final = Sight(
    observed_generation=0, exists=False, power=Power.OFF, boots=0, fault="", waiting="", launched=False
)

NO_STATE, RUNNING, SHUT_DOWN = 0, 1, 4


class Shown(msgspec.Struct, frozen=True):
    """The four words of the Compute API. `power_state` is 0 (unknown), 1 (running) or 4 (shut down)."""

    status: str
    vm_state: str
    task_state: str | None
    power_state: int


def status_of(wish: Wish, standing: Standing, sight: Sight) -> Shown:
    """Name the state of a server.

    Source: Compute API guide, "Server concepts", server status and task state.
    """
    shown = _while_wanted(wish, standing, sight)
    if wish.deleted:
        return msgspec.structs.replace(shown, task_state="deleting")
    return shown


def _while_wanted(wish: Wish, standing: Standing, sight: Sight) -> Shown:
    power_state = _power_state(sight)
    if standing.host_id is None:
        if standing.refusal:
            return Shown("ERROR", "error", None, NO_STATE)
        return Shown("BUILD", "building", "scheduling", NO_STATE)
    if sight.fault and sight.observed_generation >= wish.generation:
        return Shown("ERROR", "error", None, power_state)
    if not sight.launched:
        return Shown("BUILD", "building", "spawning", power_state)
    if wish.power is Power.OFF:
        if sight.power is Power.OFF:
            return Shown("SHUTOFF", "stopped", None, SHUT_DOWN)
        return Shown("ACTIVE", "active", "powering-off", RUNNING)
    if sight.boots < wish.boots:
        return _rebooting(wish, power_state)
    if sight.power is Power.ON:
        return Shown("ACTIVE", "active", None, RUNNING)
    if sight.observed_generation < wish.generation:
        return Shown("SHUTOFF", "stopped", "powering-on", SHUT_DOWN)
    return Shown("SHUTOFF", "stopped", None, SHUT_DOWN)


def _rebooting(wish: Wish, power_state: int) -> Shown:
    if wish.reboot is Reboot.HARD:
        return Shown("HARD_REBOOT", "active", "reboot_started_hard", power_state)
    return Shown("REBOOT", "active", "reboot_started", power_state)


def _power_state(sight: Sight) -> int:
    if not sight.launched:
        return NO_STATE
    return RUNNING if sight.power is Power.ON else SHUT_DOWN


def has_launched(*, before: bool, observed_generation: int, power: Power, fault: str) -> bool:
    """Whether a guest has been brought up at least once, after a report that says the rest."""
    return before or power is Power.ON or (observed_generation > 0 and not fault)


def ended_itself(wish: Wish, sight: Sight) -> bool:
    """Whether the guest, wanted on, rests because it powered itself off: its owner's wish, spoken inside it."""
    return (
        not wish.deleted
        and wish.power is Power.ON
        and sight.launched
        and sight.exists
        and sight.power is Power.OFF
        and sight.observed_generation >= wish.generation
        and sight.boots >= wish.boots
        and not sight.fault
        and not sight.waiting
    )
