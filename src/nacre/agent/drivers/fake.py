"""A host that exists in memory: guests, switch, images and metadata, complete, and able to fail on demand.

A FakeWorld outlives the agents that drive it, as a real host does. It can be told to be slow, to refuse, to
lose its power or its memory, and to kill its agent before or after any effect.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from nacre.agent.domain.sight import GuestRecord, GuestSeen, Make, MetadataNetwork, PluggedNic, Run, make_of
from nacre.agent.drivers.base import Changed, EngineRefused, GuestCapabilities, HostDrivers, Underway
from nacre.compute.domain.guests import GuestImage, GuestNic, GuestSpec, OutsideAddress
from nacre.kernel.clock import Clock
from nacre.kernel.errors import Problem
from nacre.kernel.ids import NetworkId, PortId, ServerId
from nacre.network.contract import ChassisFacts, PacketLimit

FAKE_VERSION = 1_000_000
ANNOUNCED_KEPT = 100
"""So many announcements a host remembers, each with its moment."""

Interrupt = Callable[[str], None]
"""Called with `before EFFECT` and `after EFFECT`; what it raises is as if the agent died there."""


@dataclass(slots=True)
class FakeGuest:
    """What there is of one guest."""

    disks: set[int] = field(default_factory=set)
    defined: bool = False
    run: Run = Run.OFF
    saved: bool = False
    ended_itself: bool = False
    record: GuestRecord | None = None
    boots: int = 0
    spec: GuestSpec | None = None
    make: Make | None = None
    nics: frozenset[PluggedNic] = frozenset()
    slow_until: dict[str, float] = field(default_factory=dict)


class FakeWorld:
    """One simulated host."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.guests: dict[ServerId, FakeGuest] = {}
        self.images: set[str] = set()
        self.networks: dict[NetworkId, MetadataNetwork] = {}
        self.plugged: dict[PortId, tuple[ServerId, float]] = {}
        self.limits: dict[PortId, tuple[tuple[ServerId, float], tuple[PacketLimit, ...]]] = {}
        self.interrupt: Interrupt | None = None
        self.announced: deque[tuple[float, str]] = deque(maxlen=ANNOUNCED_KEPT)
        self.ports_take_s = 0.0
        self.complaint = ""
        self.chassis: ChassisFacts | None = None
        self.answers_power_button = True
        self.lets_go_of_nics = True
        self.refuses_nics = ""
        self._slow: dict[str, float] = {}
        self._failures: dict[str, list[Problem]] = {}
        self._watchers: list[Changed] = []

    # -- what a test may do to the host ----------------------------------------------------------------

    def be_slow(self, effect: str, seconds: float) -> None:
        """From now on `effect` (a driver method's name) takes that long."""
        self._slow[effect] = seconds

    def fail(self, effect: str, problem: Problem, *, times: int = 1) -> None:
        """The next `times` calls of `effect` raise `problem` and change nothing."""
        self._failures.setdefault(effect, []).extend([problem] * times)

    def lose_power(self) -> None:
        """Every process ends, and nobody is left who could say why."""
        self.plugged.clear()
        for guest in self.guests.values():
            guest.run, guest.ended_itself = Run.OFF, False

    def forget_definitions(self) -> None:
        """The hypervisor loses all it knew of the guests that are off; their disks stay."""
        for guest in self.guests.values():
            guest.defined = guest.run is not Run.OFF

    def end_guest(self, guest_id: ServerId, *, by_itself: bool = True) -> None:
        """The guest powers itself off, or somebody else switches it off."""
        self.switch_off(guest_id, ended_itself=by_itself)
        self.tell(guest_id)

    def jam_guest(self, guest_id: ServerId) -> None:
        """The hypervisor halts the guest because its disk failed."""
        self.guests[guest_id].run = Run.STUCK
        self.tell(guest_id)

    # -- for the drivers below -------------------------------------------------------------------------

    def guest(self, guest_id: ServerId) -> FakeGuest:
        return self.guests.setdefault(guest_id, FakeGuest())

    def switch_on(self, spec: GuestSpec) -> None:
        guest = self.guest(spec.guest_id)
        guest.run = Run.PAUSED
        if not guest.saved:
            guest.boots += 1
            guest.make = make_of(spec)
        if not guest.saved:
            guest.nics = frozenset(PluggedNic(nic.port_id, nic.mac) for nic in spec.nics)
        guest.saved = False
        for nic in guest.nics:
            self.plugged[nic.port_id] = (spec.guest_id, self.clock.now())

    def plug(self, guest_id: ServerId, nic: GuestNic) -> None:
        self.guest(guest_id).nics |= {PluggedNic(nic.port_id, nic.mac)}
        self.plugged[nic.port_id] = (guest_id, self.clock.now())

    def unplug(self, guest_id: ServerId, port_id: PortId) -> None:
        guest = self.guest(guest_id)
        guest.nics = frozenset(nic for nic in guest.nics if nic.port_id != port_id)
        self.plugged.pop(port_id, None)

    def switch_off(self, guest_id: ServerId, *, ended_itself: bool = False) -> None:
        guest = self.guests.get(guest_id)
        if guest is None or guest.run is Run.OFF:
            return
        guest.run, guest.ended_itself = Run.OFF, ended_itself
        for nic in guest.nics:
            self.plugged.pop(nic.port_id, None)

    @contextmanager
    def effect(self, name: str, guest_id: ServerId | None = None) -> Iterator[None]:
        """Around each change of the world: refusals, slowness, and the places where an agent may die."""
        if failures := self._failures.get(name):
            raise failures.pop(0)
        if name in self._slow and guest_id is not None:
            self._take_time(name, self.guest(guest_id))
        if self.interrupt:
            self.interrupt(f"before {name}")
        yield
        if self.interrupt:
            self.interrupt(f"after {name}")

    def _take_time(self, name: str, guest: FakeGuest) -> None:
        ready_at = guest.slow_until.setdefault(name, self.clock.now() + self._slow[name])
        if self.clock.now() < ready_at:
            raise Underway(f"{name} takes its time", recheck_s=ready_at - self.clock.now())
        del guest.slow_until[name]

    def watch(self, changed: Changed) -> None:
        self._watchers.append(changed)

    def tell(self, guest_id: ServerId) -> None:
        for changed in self._watchers:
            changed(guest_id)


def fake_drivers(world: FakeWorld) -> HostDrivers:
    """The hands of an agent on `world`."""
    return HostDrivers(
        guests=FakeGuests(world),
        switch=FakeSwitch(world),
        images=FakeImages(world),
        metadata=FakeMetadata(world),
        chassis=FakeChassis(world),
    )


class FakeGuests:
    """A GuestDriver whose guests are entries of a FakeWorld."""

    capabilities = GuestCapabilities(hypervisor_type="fake", hypervisor_version=FAKE_VERSION)

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def observe(self) -> Mapping[ServerId, GuestSeen]:
        return {guest_id: self.observe_guest(guest_id) for guest_id in list(self._world.guests)}

    def observe_guest(self, guest_id: ServerId) -> GuestSeen:
        guest = self._world.guests.get(guest_id)
        if guest is None:
            return GuestSeen(guest_id=guest_id)
        return GuestSeen(
            guest_id=guest_id,
            disks=frozenset(guest.disks),
            defined=guest.defined,
            run=guest.run,
            saved=guest.saved,
            ended_itself=guest.ended_itself,
            record=guest.record,
            nics=guest.nics if guest.run is not Run.OFF else frozenset(),
            make=guest.make if guest.run is not Run.OFF else None,
        )

    def ensure_disk(self, spec: GuestSpec) -> None:
        with self._world.effect("ensure_disk", spec.guest_id):
            guest = self._world.guest(spec.guest_id)
            if spec.disk in guest.disks:
                return
            assert guest.run is Run.OFF, "what runs from another disk ends first"
            if spec.kept_disk:
                assert spec.kept_disk in guest.disks, "the disk that is copied must be here"
            else:
                image = spec.image
                assert image is None or image.sha256 in self._world.images, "the base image must be here"
            guest.disks.add(spec.disk)

    def ensure_defined(self, spec: GuestSpec) -> None:
        with self._world.effect("ensure_defined", spec.guest_id):
            guest = self._world.guest(spec.guest_id)
            guest.defined, guest.spec = True, spec

    def ensure_paused(self, spec: GuestSpec) -> None:
        with self._world.effect("ensure_paused", spec.guest_id):
            guest = self._world.guest(spec.guest_id)
            assert spec.disk in guest.disks, "a guest needs its disk"
            guest.defined, guest.spec, guest.ended_itself = True, spec, False
            if guest.run is Run.OFF:
                self._world.switch_on(spec)

    def ensure_running(self, guest_id: ServerId) -> None:
        with self._world.effect("ensure_running", guest_id):
            guest = self._world.guests[guest_id]
            assert guest.run is not Run.OFF, "only a guest with a process can be let go"
            guest.run = Run.RUNNING

    def ensure_still(self, guest_id: ServerId) -> None:
        with self._world.effect("ensure_still", guest_id):
            if self._world.guests[guest_id].run is Run.RUNNING:
                self._world.guests[guest_id].run = Run.PAUSED

    def ensure_saved(self, guest_id: ServerId) -> None:
        with self._world.effect("ensure_saved", guest_id):
            guest = self._world.guest(guest_id)
            if guest.run is not Run.OFF:
                self._world.switch_off(guest_id)
                guest.saved = True

    def remove_saved(self, guest_id: ServerId) -> None:
        with self._world.effect("remove_saved", guest_id):
            self._world.guest(guest_id).saved = False

    def ensure_plugged(self, guest_id: ServerId, nic: GuestNic) -> None:
        with self._world.effect("ensure_plugged", guest_id):
            guest = self._world.guests[guest_id]
            assert guest.run is not Run.OFF, "only a guest with a process can be given an interface"
            if self._world.refuses_nics:
                raise EngineRefused("fake", self._world.refuses_nics)
            if all(nic.port_id != plugged.port_id for plugged in guest.nics):
                self._world.plug(guest_id, nic)

    def ask_unplug(self, guest_id: ServerId, port_id: PortId) -> None:
        with self._world.effect("ask_unplug", guest_id):
            if self._world.lets_go_of_nics:
                self._world.unplug(guest_id, port_id)
                self._world.tell(guest_id)

    def press_power_button(self, guest_id: ServerId) -> None:
        with self._world.effect("press_power_button", guest_id):
            if self._world.answers_power_button:
                self._world.end_guest(guest_id)

    def ensure_off(self, guest_id: ServerId) -> None:
        with self._world.effect("ensure_off", guest_id):
            self._world.switch_off(guest_id)

    def keep_record(self, guest_id: ServerId, record: GuestRecord) -> None:
        with self._world.effect("keep_record", guest_id):
            self._world.guest(guest_id).record = record

    def remove_guest(self, guest_id: ServerId) -> None:
        with self._world.effect("remove_guest", guest_id):
            self._world.switch_off(guest_id)
            if guest := self._world.guests.get(guest_id):
                guest.defined, guest.saved, guest.ended_itself = False, False, False

    def remove_disks(self, guest_id: ServerId, disks: Collection[int]) -> None:
        with self._world.effect("remove_disks", guest_id):
            self._world.guest(guest_id).disks -= set(disks)

    def remove_remains(self, guest_id: ServerId) -> None:
        with self._world.effect("remove_remains", guest_id):
            self._world.guests.pop(guest_id, None)

    def console_tail(self, guest_id: ServerId, *, lines: int) -> bytes:
        guest = self._world.guests.get(guest_id)
        if guest is None or guest.spec is None:
            return b""
        name = guest.spec.instance.hostname
        text = [
            line
            for boot in range(1, guest.boots + 1)
            for line in (f"[{boot}] fake guest {name} starts", *_BOOT_LINES, f"{name} login: ")
        ]
        return "\n".join(text[-lines:]).encode()  # The last line is a prompt, and ends nowhere.

    def watch(self, changed: Changed) -> None:
        self._world.watch(changed)

    def complaint(self) -> str:
        return self._world.complaint


_BOOT_LINES = tuple(f"[    {second}.000000] simulated: nothing happens here" for second in range(10))


class FakeSwitch:
    """A SwitchDriver that realises every plugged port, after `ports_take_s`."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def ready_among(self, ports: Collection[PortId]) -> frozenset[PortId]:
        moment = self._world.clock.now() - self._world.ports_take_s
        plugged = self._world.plugged
        return frozenset(port for port in ports if port in plugged and plugged[port][1] <= moment)

    def remove_port(self, port_id: PortId) -> None:
        with self._world.effect("remove_port"):
            self._world.plugged.pop(port_id, None)

    def keeps_limits(self, nic: GuestNic) -> bool:
        plugged, limits = self._world.limits.get(nic.port_id, (None, ()))
        return (limits if plugged is self._world.plugged.get(nic.port_id) else ()) == nic.packet_limits

    def limit_packets(self, guest_id: ServerId, nic: GuestNic) -> None:
        with self._world.effect("limit_packets", guest_id):
            plugged = self._world.plugged.get(nic.port_id)
            assert plugged, "only what is plugged can be limited"
            self._world.limits[nic.port_id] = (plugged, nic.packet_limits)
            if not nic.packet_limits:
                del self._world.limits[nic.port_id]

    def remove_strays(self, alive: Collection[ServerId]) -> None:
        for port, (guest_id, _) in list(self._world.plugged.items()):
            if guest_id not in alive:
                del self._world.plugged[port]
        for port in self._world.limits.keys() - self._world.plugged.keys():
            del self._world.limits[port]

    def announce(self, addresses: Sequence[OutsideAddress]) -> None:
        with self._world.effect("announce"):
            self._world.announced.extend((self._world.clock.now(), each.ip) for each in addresses)

    def watch(self, changed: Callable[[Collection[PortId]], None]) -> None:
        """Ports of this switch become ready by the clock alone; whoever waits looks again."""

    def complaint(self) -> str:
        return ""


class FakeImages:
    """An ImageDriver that only remembers names."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def has(self, image: GuestImage) -> bool:
        return image.sha256 in self._world.images

    def fetch(self, image: GuestImage, progress: Callable[[int], None]) -> None:
        with self._world.effect("fetch"):
            progress(image.size_bytes)
            self._world.images.add(image.sha256)

    def sweep(self, used: Collection[str]) -> None:
        self._world.images.intersection_update(used)


class FakeMetadata:
    """A MetadataDriver that only remembers which networks are open."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def is_open(self, network: MetadataNetwork) -> bool:
        return self._world.networks.get(network.network_id) == network

    def observe(self) -> Collection[NetworkId]:
        return list(self._world.networks)

    def ensure_network(self, network: MetadataNetwork) -> None:
        with self._world.effect("ensure_network"):
            self._world.networks[network.network_id] = network

    def remove_network(self, network_id: NetworkId) -> None:
        with self._world.effect("remove_network"):
            self._world.networks.pop(network_id, None)


class FakeChassis:
    """A ChassisDriver that finds what the world says."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def survey(self) -> bool:
        return self._world.chassis is None or not self._world.chassis.is_ailing

    def facts(self) -> ChassisFacts | None:
        return self._world.chassis
