"""The one thing to do next for a guest: a pure function of what is wished, what is seen, and what is around it.

Why a guest is off decides whether it is started again. Three things end a guest:

- we did (a stop, a reboot, a removal): the record says so, or the wish explains it;
- it did, by its own power-off or by the death of its process: the hypervisor saw that and says so while it
  lives (`GuestSeen.ended_itself`), and the next step writes it down (`GuestRecord.resting`). It stays off
  until the wish moves on, whatever restarts meanwhile;
- its host did: power cut, reboot, `nacre down`, a hypervisor that was killed together with it. There is no
  evidence for anything else then, so the guest is started again.
"""

from __future__ import annotations

import msgspec

from nacre.agent.domain.sight import (
    GuestRecord,
    GuestSeen,
    MetadataNetwork,
    PluggedNic,
    Run,
    Surroundings,
    make_of,
    metadata_networks,
)
from nacre.compute.domain.guests import GuestNic, GuestSpec, Power
from nacre.kernel.ids import PortId

SHUTDOWN_LIMIT_S = 30.0
"""How long a guest may take to answer its power button before it is switched off."""

PORTS_RECHECK_S = 1.0
"""The switch wakes us as soon as a port is ready; this is for the wake-up that is lost."""


class FetchImage(msgspec.Struct, frozen=True):
    """Bring the base image to this host."""


class MakeDisk(msgspec.Struct, frozen=True):
    """Lay the root disk over its base, or make it from the one that is kept."""


class OpenMetadata(msgspec.Struct, frozen=True):
    """Answer 169.254.169.254 on a network of the guest."""

    network: MetadataNetwork


class LimitPackets(msgspec.Struct, frozen=True):
    """Limit the packets of an interface that is plugged, as is wished."""

    nic: GuestNic


class DefineGuest(msgspec.Struct, frozen=True):
    """Tell the hypervisor of a guest that is to stay off."""


class StartPaused(msgspec.Struct, frozen=True):
    """Define the guest as it is wished now, make its process and plug its ports; let no instruction run."""


class Resume(msgspec.Struct, frozen=True):
    """Write `record`, then let the guest run."""

    record: GuestRecord


class Record(msgspec.Struct, frozen=True):
    """Write down what is known of the guest, and do nothing to it."""

    record: GuestRecord


class PressButton(msgspec.Struct, frozen=True):
    """Write `record`, then press the guest's power button."""

    record: GuestRecord


class StandStill(msgspec.Struct, frozen=True):
    """Stop the guest's processors; its process stays."""


class Save(msgspec.Struct, frozen=True):
    """Write the guest's memory to the host's disk and end its process."""


class DropSaved(msgspec.Struct, frozen=True):
    """Remove memory that was kept: the guest is to boot, or to stay off."""


class ChangeNics(msgspec.Struct, frozen=True):
    """Take interfaces from a guest that runs, which it has to allow, and give it others."""

    unplug: tuple[PortId, ...]
    plug: tuple[GuestNic, ...]


class PowerOff(msgspec.Struct, frozen=True):
    """Switch the guest off at once."""


class Unstick(msgspec.Struct, frozen=True):
    """Let a guest try again whose disk failed."""


class RemoveGuest(msgspec.Struct, frozen=True):
    """Switch the guest off at once and make the hypervisor forget it."""


class RemoveRemains(msgspec.Struct, frozen=True):
    """Remove the disks and whatever else is kept of the guest."""


class DropDisks(msgspec.Struct, frozen=True):
    """Remove root disks that are not wished any more."""

    disks: frozenset[int]


class Await(msgspec.Struct, frozen=True):
    """Wait for something that is not ours to hurry."""

    recheck_s: float
    because: str


class Refuse(msgspec.Struct, frozen=True):
    """Nothing may be done, for a reason that the owner has to hear."""

    because: str


class Settle(msgspec.Struct, frozen=True):
    """The guest is as wished, or rests after it ended by itself."""


class Forget(msgspec.Struct, frozen=True):
    """Nothing of the guest is left here."""


Building = FetchImage | MakeDisk | OpenMetadata | LimitPackets | DefineGuest | StartPaused
"""Steps that need to know what the guest should be."""

Changing = (
    Resume
    | Record
    | PressButton
    | StandStill
    | Save
    | DropSaved
    | PowerOff
    | DropDisks
    | RemoveGuest
    | RemoveRemains
)
"""Steps that change a guest, whatever it should be."""

Pausing = Await | Unstick | Refuse | Settle | Forget
"""Steps after which there is nothing to do for a while."""

Step = Building | Changing | ChangeNics | Pausing


def next_step(spec: GuestSpec | None, seen: GuestSeen, around: Surroundings) -> Step:
    """Name the one thing to do next. No spec means that nobody knows the guest: it goes.

    Building, questions follow dependence: a process needs its disk, its ports need the process, and no
    instruction runs before ports and metadata are there. Leaving, they run in reverse.
    """
    if spec is None or not spec.present:
        return _leave(seen)
    if spec.disk not in seen.disks and (seen.run is Run.OFF or seen.disks):
        return _towards_disk(spec, seen, around)
    if seen.held is not Power.OFF and seen.power is Power.OFF:
        # Its process, or its memory, is gone: nothing is held any more.
        return _record(spec, seen, held=Power.OFF)
    if spare := _spare_disks(spec, seen):
        return DropDisks(spare)
    match spec.power:
        case Power.OFF:
            return _towards_off(spec, seen, around)
        case Power.PAUSED:
            return _towards_paused(spec, seen)
        case Power.SUSPENDED:
            return _towards_suspended(spec, seen)
        case Power.ON:
            return _towards_on(spec, seen, around)


def _towards_on(spec: GuestSpec, seen: GuestSeen, around: Surroundings) -> Step:
    match seen.run:
        case Run.OFF:
            return _start(spec, seen, around)
        case Run.PAUSED:
            is_held = seen.held is not Power.OFF
            if seen.make != make_of(spec) or (is_held and _must_boot(spec, seen.record)):
                return PowerOff()
            return _let_run(spec, seen, around)
        case Run.RUNNING:
            return _keep_running(spec, seen, around)
        case Run.STUCK:
            return PowerOff() if _must_boot(spec, seen.record) else Unstick()


def _leave(seen: GuestSeen) -> Step:
    if seen.defined or seen.run is not Run.OFF:
        return RemoveGuest()
    return RemoveRemains() if seen.exists else Forget()


def _towards_disk(spec: GuestSpec, seen: GuestSeen, around: Surroundings) -> Step:
    """What can be had before the guest ends is had before; its old disk goes when the new one is there.

    Numbers of disks only rise: one that is not above that of the guest's own has been here.
    """
    was_here = seen.record is not None and seen.record.disk >= spec.disk
    if was_here or (spec.kept_disk and spec.kept_disk not in seen.disks):
        # It has run: laying a fresh disk would pass for the one that was lost.
        return Refuse("its disk is missing on the host")
    if not spec.kept_disk and not around.has_image:
        return FetchImage()
    if seen.run is Run.RUNNING and not spec.reboot.is_abrupt:
        return _shut_down(seen.record, around, fresh=GuestRecord(boots=0, generation=0))
    if seen.run is not Run.OFF:
        return PowerOff()
    return DropSaved() if seen.saved else MakeDisk()


def _spare_disks(spec: GuestSpec, seen: GuestSeen) -> frozenset[int]:
    """What is neither wished nor kept, once nothing runs from it."""
    if spec.disk not in seen.disks or (seen.make and seen.make.disk != spec.disk):
        return frozenset()
    return seen.disks - {spec.disk, spec.kept_disk}


def _towards_off(spec: GuestSpec, seen: GuestSeen, around: Surroundings) -> Step:
    match seen.run:
        case Run.OFF:
            if seen.saved:
                return DropSaved()
            if not seen.defined:
                return DefineGuest()
            record = seen.record
            if record is not None and record.disk != spec.disk:
                return Record(msgspec.structs.replace(record, disk=spec.disk))
            return Settle()
        case Run.PAUSED | Run.STUCK:
            return PowerOff()
        case Run.RUNNING:
            return _shut_down(seen.record, around, fresh=GuestRecord(boots=0, generation=0))


def _towards_paused(spec: GuestSpec, seen: GuestSeen) -> Step:
    """A guest that is off has nothing that could stand still, and stays off."""
    match seen.run:
        case Run.OFF:
            return Settle()
        case Run.PAUSED:
            return Settle() if seen.held is Power.PAUSED else _record(spec, seen, held=Power.PAUSED)
        case Run.RUNNING:
            return StandStill()
        case Run.STUCK:
            return Unstick()


def _towards_suspended(spec: GuestSpec, seen: GuestSeen) -> Step:
    """A guest that is off has no memory that could be kept, and stays off."""
    match seen.run:
        case Run.OFF:
            if seen.saved and seen.held is not Power.SUSPENDED:
                return _record(spec, seen, held=Power.SUSPENDED)
            return Settle()
        case Run.PAUSED | Run.RUNNING:
            return Save()
        case Run.STUCK:
            return Unstick()


def _record(spec: GuestSpec, seen: GuestSeen, *, held: Power) -> Record:
    return Record(msgspec.structs.replace(seen.record or _fresh_record(spec), held=held))


def _fresh_record(spec: GuestSpec) -> GuestRecord:
    return GuestRecord(boots=spec.boots, generation=spec.generation, disk=spec.disk)


def _start(spec: GuestSpec, seen: GuestSeen, around: Surroundings) -> Step:
    record = seen.record
    if seen.saved:
        if _must_boot(spec, record):
            return DropSaved()
        return _open_metadata(spec, around) or StartPaused()
    if record is not None and not _must_boot(spec, record):
        if record.resting and record.generation >= spec.generation:
            return Settle()
        if seen.ended_itself and not record.resting and not record.asked_off_at:
            return Record(msgspec.structs.replace(record, generation=spec.generation, resting=True))
    return _open_metadata(spec, around) or StartPaused()


def _let_run(spec: GuestSpec, seen: GuestSeen, around: Surroundings) -> Step:
    if opening := _open_metadata(spec, around) or _limit_packets(spec, seen, around):
        return opening
    # What its process does not have is plugged once it runs.
    plugged = {nic.port_id for nic in seen.nics}.intersection(nic.port_id for nic in spec.nics)
    missing = sorted(plugged - around.ports_ready)
    if missing:
        return Await(PORTS_RECHECK_S, f"the switch has not yet realised port {', '.join(missing)}")
    return Resume(_fresh_record(spec))


def _keep_running(spec: GuestSpec, seen: GuestSeen, around: Surroundings) -> Step:
    record = seen.record
    if record is None:
        # It can only have been lost: Resume writes it first. Whatever boots were asked for, this is one.
        return Record(_fresh_record(spec))
    if _must_boot(spec, record):
        return PowerOff() if spec.reboot.is_abrupt else _shut_down(record, around, fresh=record)
    if record.asked_off_at:
        return _doubt(spec, record, around)
    return (
        _open_metadata(spec, around)
        or _limit_packets(spec, seen, around)
        or _change_nics(spec, seen)
        or Settle()
    )


def _change_nics(spec: GuestSpec, seen: GuestSeen) -> ChangeNics | None:
    """A port whose MAC has changed has to be let go of before it is plugged anew."""
    wished = {PluggedNic(nic.port_id, nic.mac) for nic in spec.nics}
    held = {nic.port_id for nic in seen.nics}
    unplug = tuple(nic.port_id for nic in sorted(seen.nics - wished))
    plug = tuple(nic for nic in spec.nics if nic.port_id not in held)
    return ChangeNics(unplug, plug) if unplug or plug else None


def _doubt(spec: GuestSpec, record: GuestRecord, around: Surroundings) -> Step:
    """The button was pressed and then the wish turned: the guest may still end because of us."""
    left_s = _patience_s(record, around)
    if left_s > 0:
        return Await(left_s, "the guest was asked to shut down; it is started again if it does")
    return Record(msgspec.structs.replace(record, generation=spec.generation, asked_off_at=0.0))


def _shut_down(record: GuestRecord | None, around: Surroundings, *, fresh: GuestRecord) -> Step:
    """Press the button once, wait for the guest, and switch it off when it does not answer."""
    record = record or fresh
    if not record.asked_off_at:
        return PressButton(msgspec.structs.replace(record, asked_off_at=around.now))
    left_s = _patience_s(record, around)
    return Await(left_s, "the guest is shutting down") if left_s > 0 else PowerOff()


def _patience_s(record: GuestRecord, around: Surroundings) -> float:
    """How much longer the guest may take; nothing is left either when the host's clock was set back."""
    elapsed_s = around.now - record.asked_off_at
    return SHUTDOWN_LIMIT_S - elapsed_s if elapsed_s >= 0 else 0.0


def _must_boot(spec: GuestSpec, record: GuestRecord | None) -> bool:
    """Whether a start was asked for that the guest has not seen, or one from another disk."""
    return record is not None and (record.boots < spec.boots or record.disk != spec.disk)


def _limit_packets(spec: GuestSpec, seen: GuestSeen, around: Surroundings) -> LimitPackets | None:
    plugged = {nic.port_id for nic in seen.nics}
    for nic in spec.nics:
        if nic.port_id in around.mislimited & plugged:
            return LimitPackets(nic)
    return None


def _open_metadata(spec: GuestSpec, around: Surroundings) -> OpenMetadata | None:
    for network in metadata_networks(spec):
        if network.network_id not in around.networks_open:
            return OpenMetadata(network)
    return None
