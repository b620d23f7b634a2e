"""The five things an agent drives on its host, each as a Protocol; `fake.py` has all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import msgspec

from nacre.agent.domain.sight import GuestRecord, GuestSeen, MetadataNetwork
from nacre.compute.domain.guests import GuestImage, GuestNic, GuestSpec, OutsideAddress
from nacre.kernel.errors import Conflict, Invalid, Unavailable
from nacre.kernel.ids import NetworkId, PortId, ServerId
from nacre.network.contract import ChassisFacts

Changed = Callable[[ServerId | None], None]
"""Told that something about a guest changed, or about any of them (None). Called in any thread; never blocks."""


class GuestCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a hypervisor can do, as data."""

    hypervisor_type: str
    hypervisor_version: int
    soft_power: bool = True
    disk_formats: frozenset[str] = frozenset({"raw", "qcow2"})


@dataclass(eq=False)
class EngineAway(Unavailable):
    """An engine of this host does not answer."""

    code: ClassVar[str] = "agent.engine_away"
    engine: str
    reason: str

    def __str__(self) -> str:
        return f"{self.engine} does not answer: {self.reason}"


@dataclass(eq=False)
class EngineRefused(Conflict):
    """An engine of this host answered, and would not do it."""

    code: ClassVar[str] = "agent.engine_refused"
    engine: str
    reason: str

    def __str__(self) -> str:
        return f"{self.engine}: {self.reason}"


@dataclass(eq=False)
class Underway(Unavailable):
    """What was asked is being done, here or for somebody else; ask again in `recheck_s`."""

    code: ClassVar[str] = "agent.underway"
    because: str
    recheck_s: float

    def __str__(self) -> str:
        return self.because


@dataclass(eq=False)
class CannotHost(Invalid):
    """The guest as it is wished cannot be on this host, now or later."""

    code: ClassVar[str] = "agent.cannot_host"
    reason: str

    def __str__(self) -> str:
        return self.reason


class GuestDriver(Protocol):
    """A hypervisor and the disks of its guests.

    Every method may be repeated, also after a crash in its middle: making what exists and removing what is
    absent succeed. One guest's calls come one at a time, those of several at once. Raises EngineAway,
    EngineRefused, CannotHost, or Underway when it takes longer than a call should.
    """

    @property
    def capabilities(self) -> GuestCapabilities:
        """Frozen values; asks nobody."""
        ...

    def observe(self) -> Mapping[ServerId, GuestSeen]:
        """Every guest of this cloud of which anything is on this host. Cheap: it is called every few seconds."""
        ...

    def observe_guest(self, guest_id: ServerId) -> GuestSeen:
        """One guest; one of which nothing is here is seen as absent."""
        ...

    def ensure_disk(self, spec: GuestSpec) -> None:
        """The root disk `spec.disk`: a copy of the one that is kept, grown to its size; else laid over the base image.

        What it is made from is here and complete, and the guest is off. It is whole or not at all.
        """
        ...

    def ensure_defined(self, spec: GuestSpec) -> None:
        """The hypervisor knows the guest as `spec` says; it stays off."""
        ...

    def ensure_paused(self, spec: GuestSpec) -> None:
        """The guest, off until now, has a process and plugged ports, as `spec` says. Nothing of it runs.

        One that is saved gets its memory back, and its devices as they were.
        """
        ...

    def ensure_running(self, guest_id: ServerId) -> None:
        """A paused or stuck guest runs."""
        ...

    def ensure_still(self, guest_id: ServerId) -> None:
        """A running guest is paused: its processors stand still, its process and ports stay."""
        ...

    def ensure_saved(self, guest_id: ServerId) -> None:
        """The guest has no process and no plugged port; the next `ensure_paused` goes on from its memory.

        One without a process stays as it is.
        """
        ...

    def remove_saved(self, guest_id: ServerId) -> None:
        """The next start of the guest, which is off, is a boot."""
        ...

    def ensure_plugged(self, guest_id: ServerId, nic: GuestNic) -> None:
        """A guest that has a process has the interface, too, until that ends. EngineRefused: not in this process."""
        ...

    def ask_unplug(self, guest_id: ServerId, port_id: PortId) -> None:
        """A guest that has a process is asked to let go of an interface. It may take long, or not listen.

        It does so at the latest when it boots. Who watches is told.
        """
        ...

    def press_power_button(self, guest_id: ServerId) -> None:
        """A running guest is asked to shut down. It may take long, or not listen."""
        ...

    def ensure_off(self, guest_id: ServerId) -> None:
        """The guest has no process and no plugged port. Its definition and disk stay."""
        ...

    def keep_record(self, guest_id: ServerId, record: GuestRecord) -> None:
        """`record` outlives this agent and its host's power; the old one or the new one, never half of it."""
        ...

    def remove_guest(self, guest_id: ServerId) -> None:
        """The hypervisor does not know the guest any more. A guest this cloud did not make is never touched."""
        ...

    def remove_disks(self, guest_id: ServerId, disks: Collection[int]) -> None:
        """Those of its root disks are gone."""
        ...

    def remove_remains(self, guest_id: ServerId) -> None:
        """Disks, record, console log: nothing is kept of the guest."""
        ...

    def console_tail(self, guest_id: ServerId, *, lines: int) -> bytes:
        """The last `lines` of what the guest wrote to its console (0: all that is kept), at most a mebibyte."""
        ...

    def watch(self, changed: Changed) -> None:
        """Call `changed` when a guest starts, ends or halts. Calls may be lost, and are repeated by nobody."""
        ...

    def complaint(self) -> str:
        """What is wrong with the hypervisor, in a sentence; empty when it is well."""
        ...


class SwitchDriver(Protocol):
    """The host's switch, as far as guests stand on it."""

    def ready_among(self, ports: Collection[PortId]) -> frozenset[PortId]:
        """Those of `ports` that are plugged here and whose flows are installed. Cheap: asks nobody."""
        ...

    def remove_port(self, port_id: PortId) -> None:
        """Nothing passes any more by the interface that a guest of this host has for a port."""
        ...

    def keeps_limits(self, nic: GuestNic) -> bool:
        """Whether the packets of a plugged interface are limited just as it says. Cheap: asks nobody."""
        ...

    def limit_packets(self, guest_id: ServerId, nic: GuestNic) -> None:
        """The packets of a plugged interface of a guest are limited just as it says, or not at all.

        A guest that runs may lose the packets of some hundredths of a second with the first limit, or the last.
        """
        ...

    def remove_strays(self, alive: Collection[ServerId]) -> None:
        """Take from the switch what guests left behind that are not `alive`, or have no interface any more."""
        ...

    def announce(self, addresses: Sequence[OutsideAddress]) -> None:
        """Tell the wires that these addresses are reached through this host, once; never fails.

        An address whose outlet is not on this host, or not yet, is passed over.
        """
        ...

    def watch(self, changed: Callable[[Collection[PortId]], None]) -> None:
        """Call `changed` with the ports that became ready or unready, or that are limited otherwise than before."""
        ...

    def complaint(self) -> str:
        """What is wrong with the switch, in a sentence; empty when it is well."""
        ...


class ChassisDriver(Protocol):
    """The host's own part in networks: its bridges, and its ways to the other hosts."""

    def survey(self) -> bool:
        """Make what is missing, and look how everything is; whether all is well. Takes a second where it is not."""
        ...

    def facts(self) -> ChassisFacts | None:
        """What the last look has shown; None before the first. Cheap: asks nobody."""
        ...


class ImageDriver(Protocol):
    """Base images on this host, named by their content."""

    def has(self, image: GuestImage) -> bool:
        """Whether it is here, whole."""
        ...

    def fetch(self, image: GuestImage, progress: Callable[[int], None]) -> None:
        """Bring it here and check it against its name; `progress` hears the bytes so far.

        Raises Underway while somebody else fetches it, CannotHost if it is not what its name says.
        """
        ...

    def sweep(self, used: Collection[str]) -> None:
        """Remove, some time after their last use, images whose sha256 is not in `used`."""
        ...


class MetadataDriver(Protocol):
    """Answers 169.254.169.254 on the networks of this host's guests."""

    def is_open(self, network: MetadataNetwork) -> bool:
        """Whether it is answered on `network`, with exactly these addresses. Cheap: asks nobody."""
        ...

    def observe(self) -> Collection[NetworkId]:
        """The networks of which anything is here, also remnants. Cheap: asked after every guest."""
        ...

    def ensure_network(self, network: MetadataNetwork) -> None:
        """It is answered on `network`, with exactly these addresses."""
        ...

    def remove_network(self, network_id: NetworkId) -> None:
        """Nothing of it is left here."""
        ...


@dataclass(frozen=True)
class HostDrivers:
    """One host's hands."""

    guests: GuestDriver
    switch: SwitchDriver
    images: ImageDriver
    metadata: MetadataDriver
    chassis: ChassisDriver
