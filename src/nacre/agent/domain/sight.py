"""What can be seen of a guest on its host, and the little that is written down beside its disk."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nacre.compute.domain.guests import Address, GuestFacts, GuestImage, GuestSpec, MetadataPort, Power
from nacre.kernel.ids import NetworkId, PortId, ServerId


class Run(StrEnum):
    """What the hypervisor does with a guest."""

    OFF = "off"
    PAUSED = "paused"  # Its process exists and its processors stand still.
    RUNNING = "running"
    STUCK = "stuck"  # Halted by the hypervisor because its disk failed.


class GuestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the host remembers of a guest: written whole, atomically, before the effect it speaks of.

    `boots` is the count of asked-for starts that the guest has seen. `generation` is that of the newest spec
    the guest was brought to. `asked_off_at` is when we last pressed its power button, 0 if we did not since
    it was started: an end after that is ours. `resting` is set when the guest ended by itself, and holds
    until the wish moves beyond `generation` and `boots`. `held` is PAUSED or SUSPENDED from when its owner's
    wish for that was fulfilled until the guest is let go, and OFF else: a guest that is about to be started
    stands still as well. `disk` is the number of the root disk that the guest was brought to.
    """

    boots: int
    generation: int
    asked_off_at: float = 0.0
    resting: bool = False
    held: Power = Power.OFF
    disk: int = 1


class PluggedNic(msgspec.Struct, frozen=True, order=True):
    """An interface that a guest has in its process now, whatever is wished."""

    port_id: PortId
    mac: str


class Make(msgspec.Struct, frozen=True):
    """What a guest's process was made with, and keeps until it ends, whatever is wished."""

    vcpus: int
    memory_mib: int
    disk: int


def make_of(spec: GuestSpec) -> Make:
    """What a process of the guest as it is wished is made with."""
    return Make(spec.vcpus, spec.memory_mib, spec.disk)


class GuestSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one guest.

    `disks` are the numbers of the root disks that are whole; `make` is that of its process, if it has one.
    `remains` means that anything of it is left beside disks and definition. `saved` means that its next start
    goes on from memory that was kept, and is no boot. `ended_itself` is true only on positive evidence, while
    it is off: the hypervisor saw the guest power itself off, or its process die while the hypervisor itself
    stood. A host that lost power, or a cloud that was taken down, leaves no such evidence.
    """

    guest_id: ServerId
    disks: frozenset[int] = frozenset()
    defined: bool = False
    run: Run = Run.OFF
    saved: bool = False
    ended_itself: bool = False
    record: GuestRecord | None = None
    remains: bool = False
    nics: frozenset[PluggedNic] = frozenset()
    make: Make | None = None

    @property
    def exists(self) -> bool:
        """Whether anything of the guest is on this host."""
        return bool(self.disks) or self.defined or self.remains or self.record is not None

    @property
    def held(self) -> Power:
        """How its owner holds it: paused, suspended, or not at all (off)."""
        return self.record.held if self.record else Power.OFF

    @property
    def power(self) -> Power:
        """A guest that was not yet let go is to its owner what it was before: off, or suspended."""
        match self.run:
            case Run.RUNNING | Run.STUCK:
                return Power.ON
            case Run.PAUSED:
                return self.held
            case Run.OFF:
                return Power.SUSPENDED if self.saved else Power.OFF


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What else the next step of one guest depends on.

    `has_image`: its base image is complete on this host (true if it needs none). `ports_ready` are its own
    ports whose flows are installed; `mislimited` those whose packets are limited otherwise than is wished;
    `networks_open` its networks whose metadata answers here.
    """

    now: float
    has_image: bool
    ports_ready: frozenset[PortId]
    networks_open: frozenset[NetworkId]
    mislimited: frozenset[PortId] = frozenset()


class MetadataNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """What answering 169.254.169.254 on one network of this host takes."""

    network_id: NetworkId
    port_id: PortId
    mac: str
    mtu: int
    addresses: tuple[Address, ...]


def metadata_network(network_id: NetworkId, port: MetadataPort, *, mtu: int) -> MetadataNetwork:
    """The same, from what a guest's interface says of its network."""
    return MetadataNetwork(
        network_id=network_id, port_id=port.port_id, mac=port.mac, mtu=mtu, addresses=port.addresses
    )


def metadata_networks(spec: GuestSpec) -> tuple[MetadataNetwork, ...]:
    """The networks of a guest on which metadata has to answer before it starts."""
    return tuple(
        metadata_network(nic.network_id, nic.metadata, mtu=nic.mtu) for nic in spec.nics if nic.metadata
    )


def places_of(spec: GuestSpec) -> list[tuple[NetworkId, str]]:
    """The addresses from which a guest asks, each with its network: its own, and the one it makes of its MAC."""
    own = [(nic.network_id, address.ip) for nic in spec.nics for address in nic.addresses]
    return own + [(nic.network_id, nic.link_local) for nic in spec.nics]


def facts_of(
    spec: GuestSpec,
    seen: GuestSeen,
    around: Surroundings,
    *,
    settled: bool,
    fault: str = "",
    waiting: str = "",
) -> GuestFacts:
    """What to tell of a guest.

    `observed_generation` is that of the spec only when the guest has been brought to it (`settled`) or cannot
    be (`fault`); on the way there it stays at the one the guest was brought to before, or 0.
    """
    answered = settled or bool(fault)
    record = seen.record
    laid = spec.disk if spec.disk in seen.disks else 0
    return GuestFacts(
        guest_id=seen.guest_id,
        observed_generation=spec.generation if answered else (record.generation if record else 0),
        exists=seen.exists,
        power=seen.power,
        boots=record.boots if record else 0,
        ports_up=tuple(sorted(around.ports_ready)),
        fault=fault,
        waiting=waiting,
        disk=record.disk if record else laid,
    )


def image_sha256(image: GuestImage | None) -> str:
    """The content name of a guest's base, empty if it has none."""
    return image.sha256 if image else ""
