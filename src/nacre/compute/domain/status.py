"""What is shown of a server's state, as one pure function of what is wanted and what is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from nacre.compute.domain.guests import Power, Reboot
from nacre.kernel.ids import HostId


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a server's spec that its state follows from. `resized` waits to be confirmed or reverted."""

    generation: int
    power: Power
    boots: int
    reboot: Reboot
    deleted: bool
    disk: int = 1
    resized: bool = False


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
    disk: int = 1


UNPLACED: Final = Standing(host_id=None, refusal="")
UNSEEN: Final = Sight(
    observed_generation=0, exists=False, power=Power.OFF, boots=0, fault="", waiting="", launched=False
)

NO_STATE, RUNNING, PAUSED, SHUT_DOWN = 0, 1, 3, 4
_AT_REST: Mapping[Power, tuple[str, str, int]] = {
    Power.ON: ("ACTIVE", "active", RUNNING),
    Power.OFF: ("SHUTOFF", "stopped", SHUT_DOWN),
    Power.PAUSED: ("PAUSED", "paused", PAUSED),
    Power.SUSPENDED: ("SUSPENDED", "suspended", SHUT_DOWN),
}
_TASKS = {Power.OFF: "powering-off", Power.PAUSED: "pausing", Power.SUSPENDED: "suspending"}
_TASKS_TOWARDS_ON = {Power.OFF: "powering-on", Power.PAUSED: "unpausing", Power.SUSPENDED: "resuming"}


class Shown(msgspec.Struct, frozen=True):
    """The four words of the Compute API. `power_state` is 0 (unknown), 1 (running), 3 (paused), 4 (shut down)."""

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
    if sight.disk != wish.disk or (wish.power is Power.ON and sight.boots < wish.boots):
        return _changing(wish, power_state)
    if wish.resized:
        return Shown("VERIFY_RESIZE", "resized", None, power_state)
    status, vm_state, power_state = _AT_REST[sight.power]
    return Shown(status, vm_state, _power_task(wish, sight), power_state)


def _power_task(wish: Wish, sight: Sight) -> str | None:
    """What is under way. Nothing is for a guest that has ended by itself, once its host has answered the wish."""
    has_ended = sight.power is Power.OFF and sight.observed_generation >= wish.generation
    if wish.power is sight.power or has_ended:
        return None
    return _TASKS_TOWARDS_ON[sight.power] if wish.power is Power.ON else _TASKS[wish.power]


def _changing(wish: Wish, power_state: int) -> Shown:
    """On its way to a new boot, or to a new disk."""
    vm_state = "stopped" if wish.power is Power.OFF else "active"
    match wish.reboot:
        case Reboot.SOFT:
            return Shown("REBOOT", vm_state, "reboot_started", power_state)
        case Reboot.HARD:
            return Shown("HARD_REBOOT", vm_state, "reboot_started_hard", power_state)
        case Reboot.REBUILD:
            return Shown("REBUILD", vm_state, "rebuilding", power_state)
        case Reboot.RESIZE:
            return Shown("RESIZE", vm_state, "resize_finish", power_state)
        case Reboot.REVERT:
            return Shown("REVERT_RESIZE", "resized", "resize_reverting", power_state)


def _power_state(sight: Sight) -> int:
    if not sight.launched:
        return NO_STATE
    return _AT_REST[sight.power][2]


def has_launched(*, before: bool, observed_generation: int, power: Power, fault: str) -> bool:
    """Whether a guest has been brought up at least once, after a report that says the rest."""
    return before or power is Power.ON or (observed_generation > 0 and not fault)


def ended_itself(wish: Wish, sight: Sight) -> bool:
    """Whether the guest rests though it is not wanted off: it powered itself off, which is its owner's wish, spoken
    inside it; or it ended before it could be paused or suspended.
    """
    return (
        not wish.deleted
        and wish.power is not Power.OFF
        and sight.launched
        and sight.exists
        and sight.power is Power.OFF
        and sight.observed_generation >= wish.generation
        and (sight.boots >= wish.boots and sight.disk == wish.disk)
        and not sight.fault
        and not sight.waiting
    )
