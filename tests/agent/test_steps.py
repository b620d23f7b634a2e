"""The next step of a guest, as a table."""

from __future__ import annotations

import msgspec
import pytest

from nacre.agent.domain.sight import (
    GuestRecord,
    GuestSeen,
    Make,
    PluggedNic,
    Run,
    Surroundings,
    metadata_networks,
)
from nacre.agent.domain.steps import (
    SHUTDOWN_LIMIT_S,
    Await,
    ChangeNics,
    DefineGuest,
    DropDisks,
    DropSaved,
    FetchImage,
    Forget,
    LimitPackets,
    MakeDisk,
    OpenMetadata,
    PowerOff,
    PressButton,
    Record,
    Refuse,
    RemoveGuest,
    RemoveRemains,
    Resume,
    Save,
    Settle,
    StandStill,
    StartPaused,
    Unstick,
    next_step,
)
from nacre.compute.domain.guests import Power, Reboot
from tests.agent.control_plane import NETWORK_ID, new_nic, new_spec

NOW = 1000.0
SPEC = new_spec(generation=5, boots=2)
OFF_SPEC = msgspec.structs.replace(SPEC, power=Power.OFF)
HARD_SPEC = msgspec.structs.replace(SPEC, reboot=Reboot.HARD)
PAUSED_SPEC = msgspec.structs.replace(SPEC, power=Power.PAUSED)
SUSPENDED_SPEC = msgspec.structs.replace(SPEC, power=Power.SUSPENDED)
REBUILT_SPEC = msgspec.structs.replace(SPEC, disk=5, reboot=Reboot.REBUILD)
REBUILT_OFF_SPEC = msgspec.structs.replace(REBUILT_SPEC, power=Power.OFF)
GROWN_SPEC = msgspec.structs.replace(SPEC, disk=5, kept_disk=1, reboot=Reboot.RESIZE)
REVERTED_SPEC = msgspec.structs.replace(SPEC, reboot=Reboot.REVERT)
GONE_SPEC = msgspec.structs.replace(SPEC, present=False)
NETWORK = metadata_networks(SPEC)[0]
PORT_ID = SPEC.nics[0].port_id
NICS = frozenset({PluggedNic(PORT_ID, SPEC.nics[0].mac)})
NEW_NIC = new_nic(12)
MORE_SPEC = msgspec.structs.replace(SPEC, nics=(*SPEC.nics, NEW_NIC))
OTHER_SPEC = msgspec.structs.replace(SPEC, nics=(NEW_NIC,))
BARE_SPEC = msgspec.structs.replace(SPEC, nics=())
OTHER_MAC = frozenset({PluggedNic(PORT_ID, "fa:16:3e:00:00:99")})

BARE = Surroundings(now=NOW, has_image=False, ports_ready=frozenset(), networks_open=frozenset())
WITH_IMAGE = msgspec.structs.replace(BARE, has_image=True)
OPEN = msgspec.structs.replace(WITH_IMAGE, networks_open=frozenset({NETWORK_ID}))
READY = msgspec.structs.replace(OPEN, ports_ready=frozenset({PORT_ID}))

CURRENT = GuestRecord(boots=2, generation=5)
OLD = GuestRecord(boots=1, generation=4)
RESTING = GuestRecord(boots=2, generation=5, resting=True)
HELD = GuestRecord(boots=2, generation=5, held=Power.PAUSED)
OLD_HELD = GuestRecord(boots=1, generation=4, held=Power.PAUSED)
ASLEEP = GuestRecord(boots=2, generation=5, held=Power.SUSPENDED)
OLD_ASLEEP = GuestRecord(boots=1, generation=4, held=Power.SUSPENDED)
ON_NEW = msgspec.structs.replace(CURRENT, disk=5)
BOTH = frozenset({1, 5})
PRESSED = GuestRecord(boots=2, generation=5, asked_off_at=NOW - 10)
PRESSED_LONG_AGO = GuestRecord(boots=2, generation=5, asked_off_at=NOW - SHUTDOWN_LIMIT_S)
PRESSED_IN_THE_FUTURE = GuestRecord(boots=2, generation=5, asked_off_at=NOW + 3600)


def seen(run=Run.OFF, record=None, **fields):
    nics = frozenset() if run is Run.OFF else NICS
    make = None if run is Run.OFF else Make(1, 128, record.disk if record and run is not Run.PAUSED else 1)
    known = {"make": make, "disks": frozenset({1}), "defined": True, "record": record, "nics": nics} | fields
    return GuestSeen(guest_id=SPEC.guest_id, run=run, **known)


NOTHING = GuestSeen(guest_id=SPEC.guest_id)
ONLY_DISK = seen(defined=False)

CASES = {
    "the image comes first": (SPEC, NOTHING, BARE, FetchImage()),
    "then the disk": (SPEC, NOTHING, WITH_IMAGE, MakeDisk()),
    "a disk that was lost is not made again": (
        SPEC,
        seen(record=CURRENT, disks=frozenset()),
        READY,
        Refuse("its disk is missing on the host"),
    ),
    "metadata answers before the guest starts": (SPEC, ONLY_DISK, WITH_IMAGE, OpenMetadata(NETWORK)),
    "then the guest gets a process": (SPEC, ONLY_DISK, OPEN, StartPaused()),
    "a guest without interfaces needs no network": (
        msgspec.structs.replace(SPEC, nics=()),
        ONLY_DISK,
        WITH_IMAGE,
        StartPaused(),
    ),
    "a paused guest waits for its ports": (
        SPEC,
        seen(Run.PAUSED),
        OPEN,
        Await(1.0, f"the switch has not yet realised port {PORT_ID}"),
    ),
    "a paused guest waits for its metadata": (SPEC, seen(Run.PAUSED), WITH_IMAGE, OpenMetadata(NETWORK)),
    "a paused guest waits for its limits": (
        SPEC,
        seen(Run.PAUSED),
        msgspec.structs.replace(OPEN, mislimited=frozenset({PORT_ID})),
        LimitPackets(SPEC.nics[0]),
    ),
    "a running guest is limited anew": (
        SPEC,
        seen(Run.RUNNING, CURRENT),
        msgspec.structs.replace(READY, mislimited=frozenset({PORT_ID})),
        LimitPackets(SPEC.nics[0]),
    ),
    "what is not plugged is not limited": (
        SPEC,
        seen(Run.OFF, RESTING),
        msgspec.structs.replace(READY, mislimited=frozenset({PORT_ID})),
        Settle(),
    ),
    "it is let go when all is there": (SPEC, seen(Run.PAUSED), READY, Resume(CURRENT)),
    "letting go answers every reboot asked": (SPEC, seen(Run.PAUSED, OLD), READY, Resume(CURRENT)),
    "a running guest settles": (SPEC, seen(Run.RUNNING, CURRENT), READY, Settle()),
    "also while its port is away": (SPEC, seen(Run.RUNNING, CURRENT), OPEN, Settle()),
    "its metadata is opened again": (
        SPEC,
        seen(Run.RUNNING, CURRENT),
        WITH_IMAGE,
        OpenMetadata(NETWORK),
    ),
    "a lost record is written again": (SPEC, seen(Run.RUNNING), READY, Record(CURRENT)),
    "a soft reboot presses the button": (
        SPEC,
        seen(Run.RUNNING, OLD),
        READY,
        PressButton(GuestRecord(boots=1, generation=4, asked_off_at=NOW)),
    ),
    "and waits": (
        SPEC,
        seen(Run.RUNNING, msgspec.structs.replace(PRESSED, boots=1)),
        READY,
        Await(SHUTDOWN_LIMIT_S - 10, "the guest is shutting down"),
    ),
    "but not for ever": (
        SPEC,
        seen(Run.RUNNING, msgspec.structs.replace(PRESSED_LONG_AGO, boots=1)),
        READY,
        PowerOff(),
    ),
    "nor when the clock was set back": (
        SPEC,
        seen(Run.RUNNING, msgspec.structs.replace(PRESSED_IN_THE_FUTURE, boots=1)),
        READY,
        PowerOff(),
    ),
    "then it starts again though it ended by itself": (
        SPEC,
        seen(record=msgspec.structs.replace(PRESSED, boots=1), ended_itself=True),
        READY,
        StartPaused(),
    ),
    "a hard reboot switches off at once": (HARD_SPEC, seen(Run.RUNNING, OLD), READY, PowerOff()),
    "and starts again": (HARD_SPEC, seen(record=OLD), READY, StartPaused()),
    "a guest that ended by itself is written down": (
        SPEC,
        seen(record=CURRENT, ended_itself=True),
        READY,
        Record(RESTING),
    ),
    "under the newest wish that it has met": (
        SPEC,
        seen(record=GuestRecord(boots=2, generation=3), ended_itself=True),
        READY,
        Record(RESTING),
    ),
    "and rests": (SPEC, seen(record=RESTING, ended_itself=True), READY, Settle()),
    "also without its network": (SPEC, seen(record=RESTING), WITH_IMAGE, Settle()),
    "until the wish moves on": (
        SPEC,
        seen(record=GuestRecord(boots=2, generation=4, resting=True), ended_itself=True),
        READY,
        StartPaused(),
    ),
    "or a boot is asked": (
        SPEC,
        seen(record=GuestRecord(boots=1, generation=5, resting=True)),
        READY,
        StartPaused(),
    ),
    "a guest its host took down starts again": (SPEC, seen(record=CURRENT), READY, StartPaused()),
    "so does one whose stop was taken back": (
        SPEC,
        seen(record=PRESSED, ended_itself=True),
        READY,
        StartPaused(),
    ),
    "a stop taken back is waited out": (
        SPEC,
        seen(Run.RUNNING, PRESSED),
        READY,
        Await(SHUTDOWN_LIMIT_S - 10, "the guest was asked to shut down; it is started again if it does"),
    ),
    "and then forgotten": (SPEC, seen(Run.RUNNING, PRESSED_LONG_AGO), READY, Record(CURRENT)),
    "a guest wished off is defined": (OFF_SPEC, ONLY_DISK, BARE, DefineGuest()),
    "and settles, off": (OFF_SPEC, seen(), BARE, Settle()),
    "a stop presses the button": (
        OFF_SPEC,
        seen(Run.RUNNING, CURRENT),
        READY,
        PressButton(GuestRecord(boots=2, generation=5, asked_off_at=NOW)),
    ),
    "a stop is not waited for for ever": (OFF_SPEC, seen(Run.RUNNING, PRESSED_LONG_AGO), READY, PowerOff()),
    "what never ran needs no asking": (OFF_SPEC, seen(Run.PAUSED), READY, PowerOff()),
    "nor what cannot run": (OFF_SPEC, seen(Run.STUCK, CURRENT), READY, PowerOff()),
    "a stuck guest is let go": (SPEC, seen(Run.STUCK, CURRENT), READY, Unstick()),
    "unless it is to boot anyway": (SPEC, seen(Run.STUCK, OLD), READY, PowerOff()),
    "a pause stops the processors": (PAUSED_SPEC, seen(Run.RUNNING, CURRENT), READY, StandStill()),
    "then it is written down, lest it passes for a start": (
        PAUSED_SPEC,
        seen(Run.PAUSED, CURRENT),
        READY,
        Record(HELD),
    ),
    "and the guest stands": (PAUSED_SPEC, seen(Run.PAUSED, HELD), READY, Settle()),
    "until it is let go": (SPEC, seen(Run.PAUSED, HELD), READY, Resume(CURRENT)),
    "which waits for its ports": (
        SPEC,
        seen(Run.PAUSED, HELD),
        OPEN,
        Await(1.0, f"the switch has not yet realised port {PORT_ID}"),
    ),
    "or it is to boot": (HARD_SPEC, seen(Run.PAUSED, OLD_HELD), READY, PowerOff()),
    "and is held no more": (HARD_SPEC, seen(record=OLD_HELD), READY, Record(OLD)),
    "a paused guest is stopped at once": (OFF_SPEC, seen(Run.PAUSED, HELD), READY, PowerOff()),
    "a paused guest its host took down is held no more": (PAUSED_SPEC, seen(record=HELD), READY, Record(CURRENT)),
    "and stays off": (PAUSED_SPEC, seen(record=CURRENT), READY, Settle()),
    "a stuck guest is let go before it is paused": (PAUSED_SPEC, seen(Run.STUCK, CURRENT), READY, Unstick()),
    "and before it is suspended": (SUSPENDED_SPEC, seen(Run.STUCK, CURRENT), READY, Unstick()),
    "a suspension saves the memory": (SUSPENDED_SPEC, seen(Run.RUNNING, CURRENT), READY, Save()),
    "also where libvirt stopped it half-way": (SUSPENDED_SPEC, seen(Run.PAUSED, CURRENT), READY, Save()),
    "then the suspension is written down": (SUSPENDED_SPEC, seen(record=CURRENT, saved=True), READY, Record(ASLEEP)),
    "and the guest sleeps": (SUSPENDED_SPEC, seen(record=ASLEEP, saved=True), READY, Settle()),
    "what ended before it was saved stays off": (SUSPENDED_SPEC, seen(record=CURRENT), READY, Settle()),
    "its network is opened before it wakes": (SPEC, seen(record=ASLEEP, saved=True), BARE, OpenMetadata(NETWORK)),
    "then its memory is read": (SPEC, seen(record=ASLEEP, saved=True), READY, StartPaused()),
    "then its ports are awaited": (
        SPEC,
        seen(Run.PAUSED, ASLEEP),
        OPEN,
        Await(1.0, f"the switch has not yet realised port {PORT_ID}"),
    ),
    "then it goes on": (SPEC, seen(Run.PAUSED, ASLEEP), READY, Resume(CURRENT)),
    "a reboot drops the memory": (HARD_SPEC, seen(record=OLD_ASLEEP, saved=True), READY, DropSaved()),
    "then forgets the sleep": (HARD_SPEC, seen(record=OLD_ASLEEP), READY, Record(OLD)),
    "so does a stop": (OFF_SPEC, seen(record=ASLEEP, saved=True), READY, DropSaved()),
    "memory lost with the host's power is not waited for": (SPEC, seen(record=ASLEEP), READY, Record(CURRENT)),
    "an interface that is new is plugged into a running guest": (
        MORE_SPEC, seen(Run.RUNNING, CURRENT), READY, ChangeNics((), (NEW_NIC,)),
    ),
    "one that is not wished any more is taken from it": (
        BARE_SPEC, seen(Run.RUNNING, CURRENT), READY, ChangeNics((PORT_ID,), ()),
    ),
    "and neither waits for the other": (
        OTHER_SPEC, seen(Run.RUNNING, CURRENT), READY, ChangeNics((PORT_ID,), (NEW_NIC,)),
    ),
    "an interface of another MAC goes before it comes": (
        SPEC, seen(Run.RUNNING, CURRENT, nics=OTHER_MAC), READY, ChangeNics((PORT_ID,), ()),
    ),
    "metadata answers before an interface is plugged": (
        MORE_SPEC, seen(Run.RUNNING, CURRENT), WITH_IMAGE, OpenMetadata(NETWORK),
    ),
    "a guest is let go before it gets more interfaces": (
        MORE_SPEC, seen(Run.PAUSED), READY, Resume(CURRENT),
    ),
    "and does not wait for those that it will lose": (BARE_SPEC, seen(Run.PAUSED), OPEN, Resume(CURRENT)),
    "interfaces are no reason to wake one that stands still": (
        msgspec.structs.replace(MORE_SPEC, power=Power.PAUSED), seen(Run.PAUSED, HELD), READY, Settle(),
    ),
    "nor to keep one that is to boot": (
        msgspec.structs.replace(HARD_SPEC, nics=()), seen(Run.RUNNING, OLD), READY, PowerOff(),
    ),
    "a rebuild fetches its image while the guest runs": (
        REBUILT_SPEC,
        seen(Run.RUNNING, OLD),
        BARE,
        FetchImage(),
    ),
    "then switches the guest off": (REBUILT_SPEC, seen(Run.RUNNING, OLD), READY, PowerOff()),
    "also one that stands still": (REBUILT_SPEC, seen(Run.PAUSED, OLD_HELD), READY, PowerOff()),
    "and drops memory that knew another disk": (
        REBUILT_SPEC,
        seen(record=OLD_ASLEEP, saved=True),
        READY,
        DropSaved(),
    ),
    "then lays the new disk beside the old": (REBUILT_SPEC, seen(record=OLD), READY, MakeDisk()),
    "which then goes": (REBUILT_SPEC, seen(record=OLD, disks=BOTH), READY, DropDisks(frozenset({1}))),
    "and the guest starts though it had ended by itself": (
        REBUILT_SPEC,
        seen(record=CURRENT, disks=frozenset({5}), ended_itself=True),
        READY,
        StartPaused(),
    ),
    "a process that was made with the old disk is made anew": (
        REBUILT_SPEC,
        seen(Run.PAUSED, OLD, disks=BOTH),
        READY,
        PowerOff(),
    ),
    "so is one that was made with another size": (
        msgspec.structs.replace(SPEC, vcpus=2, reboot=Reboot.RESIZE),
        seen(Run.PAUSED, OLD),
        READY,
        PowerOff(),
    ),
    "from the new disk": (
        REBUILT_SPEC,
        seen(Run.PAUSED, OLD, disks=frozenset({5}), make=Make(1, 128, 5)),
        READY,
        Resume(ON_NEW),
    ),
    "if it was off it stays off, with the new disk": (
        REBUILT_OFF_SPEC,
        seen(record=OLD, disks=frozenset({5})),
        READY,
        Record(msgspec.structs.replace(OLD, disk=5)),
    ),
    "a rebuilt disk that was lost is not laid again": (
        REBUILT_SPEC,
        seen(record=ON_NEW, disks=frozenset()),
        READY,
        Refuse("its disk is missing on the host"),
    ),
    "a running guest whose disk lost its name runs on": (
        SPEC,
        seen(Run.RUNNING, CURRENT, disks=frozenset()),
        READY,
        Settle(),
    ),
    "a larger disk needs no image, and the guest is asked to end": (
        GROWN_SPEC,
        seen(Run.RUNNING, OLD),
        BARE,
        PressButton(GuestRecord(boots=1, generation=4, asked_off_at=NOW)),
    ),
    "then the disk is copied": (GROWN_SPEC, seen(record=OLD), BARE, MakeDisk()),
    "what is kept stays": (GROWN_SPEC, seen(Run.RUNNING, ON_NEW, disks=BOTH), READY, Settle()),
    "without it there is nothing to copy": (
        GROWN_SPEC,
        seen(record=CURRENT, disks=frozenset()),
        READY,
        Refuse("its disk is missing on the host"),
    ),
    "a confirmed one keeps nothing": (
        msgspec.structs.replace(GROWN_SPEC, kept_disk=0),
        seen(Run.RUNNING, ON_NEW, disks=BOTH),
        READY,
        DropDisks(frozenset({1})),
    ),
    "a reverted one leaves its disk first": (
        REVERTED_SPEC,
        seen(Run.RUNNING, ON_NEW, disks=BOTH),
        READY,
        PressButton(msgspec.structs.replace(ON_NEW, asked_off_at=NOW)),
    ),
    "then loses it": (REVERTED_SPEC, seen(record=ON_NEW, disks=BOTH), READY, DropDisks(frozenset({5}))),
    "the old one is not laid anew where it was lost": (
        REVERTED_SPEC,
        seen(record=ON_NEW, disks=frozenset({5})),
        READY,
        Refuse("its disk is missing on the host"),
    ),
    "and starts from the old one": (REVERTED_SPEC, seen(record=ON_NEW), READY, StartPaused()),
    "leaving, the process goes first": (GONE_SPEC, seen(Run.RUNNING, CURRENT), READY, RemoveGuest()),
    "then its disk": (GONE_SPEC, ONLY_DISK, READY, RemoveRemains()),
    "then whatever else is left": (GONE_SPEC, GuestSeen(guest_id=SPEC.guest_id, remains=True), READY, RemoveRemains()),
    "then the name": (GONE_SPEC, NOTHING, READY, Forget()),
    "nobody's guest leaves in the same way": (None, seen(Run.PAUSED), BARE, RemoveGuest()),
    "to the end": (None, NOTHING, BARE, Forget()),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "guest", "around", "step"), CASES.values(), ids=CASES.keys())
def test_the_next_step_is(spec, guest, around, step):
    assert next_step(spec, guest, around) == step
