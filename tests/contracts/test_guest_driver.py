"""What every GuestDriver promises, asked of the simulated one and of libvirt alike."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from nacre.agent.domain.sight import GuestRecord, GuestSeen, PluggedNic, Run
from nacre.agent.drivers.base import CannotHost, EngineAway, EngineRefused, GuestDriver
from nacre.agent.drivers.domain_xml import DomainHost, domain_name, domain_xml
from nacre.agent.drivers.fake import FakeGuests, FakeWorld
from nacre.agent.drivers.files import GuestFiles
from nacre.compute.domain.guests import GuestImage, GuestSpec, Power
from nacre.host import engines, paths
from nacre.host.images import tiny
from nacre.kernel.clock import SystemClock
from nacre.kernel.ids import ImageId, ServerId, new_id
from tests.agent.control_plane import IMAGE, new_nic, new_spec
from tests.support.real_host import RealHost, eventually, needs_engines, real_host

if TYPE_CHECKING:
    from nacre.agent.drivers.libvirt import LibvirtGuests  # Where there are no engines, there is no libvirt.

MARKER = b"TINY-BOOT-OK"
BOOT_LIMIT_S = 180.0


class Bench:
    """A driver, how to have another one on the same host, and an image that boots."""

    image: GuestImage
    marker: bytes

    def new_driver(self) -> GuestDriver:
        raise NotImplementedError

    def end_guest(self, guest_id: ServerId) -> None:
        """The guest's process dies, without anybody having asked for it."""
        raise NotImplementedError


class FakeBench(Bench):
    image, marker = IMAGE, b"starts"

    def __init__(self) -> None:
        self.world = FakeWorld(SystemClock())
        self.world.images.add(IMAGE.sha256)

    def new_driver(self) -> GuestDriver:
        return FakeGuests(self.world)

    def end_guest(self, guest_id: ServerId) -> None:
        self.world.end_guest(guest_id)


class LibvirtBench(Bench):
    marker = MARKER

    def __init__(self, host: RealHost) -> None:
        self.host = host
        self.images = host.state / "agent" / "images"
        self.image = _lay_image(tiny.ensure(host.settings), self.images)
        self.prefix = paths.namespace_prefix(host.state)

    def new_driver(self) -> LibvirtGuests:
        from nacre.agent.drivers.libvirt import LibvirtGuests

        files = GuestFiles(self.host.state / "agent" / "guests", self.images)
        domain_host = DomainHost(
            name_prefix=self.prefix,
            kvm=False,
            bridge="br-int",
            userspace_switch=engines.datapath() == "netdev",
        )
        return LibvirtGuests(
            paths.libvirt_uri(self.host.state),
            files,
            name_prefix=self.prefix,
            describe_host=lambda: domain_host,
        )

    def end_guest(self, guest_id: ServerId) -> None:
        self.signal_guest(guest_id, "KILL")

    def signal_guest(self, guest_id: ServerId, signal: str) -> None:
        self.host.run("kill", f"-{signal}", str(self.guest_pid(guest_id)))

    def guest_pid(self, guest_id: ServerId) -> int:
        name = domain_name(self.prefix, guest_id)
        return int((self.host.state / "run" / "libvirt" / "qemu" / f"{name}.pid").read_text())


def _lay_image(source: Path, images: Path) -> GuestImage:
    data = source.read_bytes()
    images.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()
    shutil.copy(source, images / digest)
    return GuestImage(
        image_id=ImageId(new_id()),
        sha256=digest,
        disk_format="qcow2",
        size_bytes=len(data),
        virtual_size_bytes=int.from_bytes(data[24:32], "big"),
    )


@pytest.fixture(scope="module")
def host() -> Iterator[RealHost]:
    with real_host() as host:
        yield host


@pytest.fixture(params=["fake", pytest.param("libvirt", marks=needs_engines)])
def bench(request: pytest.FixtureRequest) -> Bench:
    return FakeBench() if request.param == "fake" else LibvirtBench(request.getfixturevalue("host"))


@pytest.fixture
def driver(bench: Bench) -> Iterator[GuestDriver]:
    driver = bench.new_driver()
    yield driver
    for guest_id in list(driver.observe()):
        driver.remove_guest(guest_id)
        driver.remove_remains(guest_id)
    assert not driver.observe()


@pytest.fixture
def spec(bench: Bench) -> GuestSpec:
    return new_spec(image=bench.image, memory_mib=96, nics=())


def _until(
    driver: GuestDriver, guest_id: ServerId, holds: Callable[[GuestSeen], bool], what: str
) -> GuestSeen:
    return eventually(
        lambda: seen if holds(seen := driver.observe_guest(guest_id)) else None, what, within_s=BOOT_LIMIT_S
    )


def _start(driver: GuestDriver, spec: GuestSpec) -> None:
    driver.ensure_disk(spec)
    driver.ensure_paused(spec)
    driver.ensure_running(spec.guest_id)


def test_of_an_unknown_guest_nothing_is_seen(driver, spec):
    assert driver.observe_guest(spec.guest_id) == GuestSeen(guest_id=spec.guest_id)
    assert not driver.observe_guest(spec.guest_id).exists
    assert spec.guest_id not in driver.observe()


def test_a_guest_is_made_step_by_step_and_each_step_can_be_repeated(driver, spec):
    for _ in range(2):
        driver.ensure_disk(spec)
    with_disk = driver.observe_guest(spec.guest_id)
    for _ in range(2):
        driver.ensure_defined(spec)
    defined = driver.observe_guest(spec.guest_id)
    for _ in range(2):
        driver.ensure_paused(spec)
    paused = driver.observe_guest(spec.guest_id)
    for _ in range(2):
        driver.ensure_running(spec.guest_id)
    running = driver.observe_guest(spec.guest_id)

    assert (with_disk.disks, with_disk.defined) == ({1}, False)
    assert (defined.defined, defined.run) == (True, Run.OFF)
    assert (paused.run, paused.power) == (Run.PAUSED, Power.OFF)
    assert (running.run, running.power) == (Run.RUNNING, Power.ON)
    assert driver.observe()[spec.guest_id] == running


def test_a_guest_boots_changes_interfaces_answers_its_power_button_and_is_known_to_have_ended_by_itself(
    bench, driver, spec
):
    _start(driver, spec)
    nics = [new_nic(11), new_nic(12)]
    first, second = (PluggedNic(nic.port_id, nic.mac) for nic in nics)
    told: list[ServerId | None] = []

    eventually(
        lambda: bench.marker in driver.console_tail(spec.guest_id, lines=0), "it boots", within_s=BOOT_LIMIT_S
    )
    for nic in [*nics, *nics]:
        driver.ensure_plugged(spec.guest_id, nic)
    plugged = driver.observe_guest(spec.guest_id)
    same = driver.observe()[spec.guest_id]
    driver.watch(told.append)
    driver.ask_unplug(spec.guest_id, nics[0].port_id)
    left = _until(driver, spec.guest_id, lambda seen: first not in seen.nics, "it lets go of one")
    driver.ask_unplug(spec.guest_id, nics[0].port_id)
    driver.press_power_button(spec.guest_id)
    ended = _until(driver, spec.guest_id, lambda seen: seen.run is Run.OFF, "it shuts down")

    assert plugged.nics == same.nics == {first, second}
    assert left.nics == {second}
    assert spec.guest_id in told
    assert ended.ended_itself
    assert ended.defined
    assert not ended.nics


def test_the_console_is_kept_over_starts_and_read_from_its_end(bench, driver, spec):
    _start(driver, spec)
    eventually(
        lambda: bench.marker in driver.console_tail(spec.guest_id, lines=0), "it boots", within_s=BOOT_LIMIT_S
    )
    first = driver.console_tail(spec.guest_id, lines=0)
    driver.ensure_off(spec.guest_id)
    _start(driver, spec)
    eventually(
        lambda: driver.console_tail(spec.guest_id, lines=0).count(bench.marker) == 2,
        "it boots again",
        within_s=BOOT_LIMIT_S,
    )

    assert driver.console_tail(spec.guest_id, lines=0).startswith(first[:200])
    assert len(driver.console_tail(spec.guest_id, lines=3).splitlines()) == 3


def test_a_guest_that_was_switched_off_did_not_end_by_itself(driver, spec):
    _start(driver, spec)

    for _ in range(2):
        driver.ensure_off(spec.guest_id)

    seen = driver.observe_guest(spec.guest_id)
    assert (seen.run, seen.ended_itself, seen.defined, seen.disks) == (Run.OFF, False, True, {1})


def test_a_guest_whose_process_died_ended_by_itself(bench, driver, spec):
    _start(driver, spec)
    driver.observe()

    bench.end_guest(spec.guest_id)
    seen = _until(driver, spec.guest_id, lambda seen: seen.run is Run.OFF, "its end is noticed")

    assert seen.ended_itself
    driver.ensure_paused(spec)
    assert not driver.observe_guest(spec.guest_id).ended_itself


def test_a_paused_guest_stands_still_and_goes_on(bench, driver, spec):
    _start(driver, spec)

    for _ in range(2):
        driver.ensure_still(spec.guest_id)
    still = driver.observe_guest(spec.guest_id)
    driver.ensure_paused(spec)
    driver.ensure_running(spec.guest_id)

    assert (still.run, still.saved, still.power) == (Run.PAUSED, False, Power.OFF)
    driver.keep_record(spec.guest_id, GuestRecord(boots=1, generation=1, held=Power.PAUSED))
    driver.ensure_still(spec.guest_id)
    assert driver.observe_guest(spec.guest_id).power is Power.PAUSED


def test_a_saved_guest_has_no_process_and_goes_on_where_it_was(bench, driver, spec):
    _start(driver, spec)
    eventually(
        lambda: bench.marker in driver.console_tail(spec.guest_id, lines=0), "it boots", within_s=BOOT_LIMIT_S
    )

    for _ in range(2):
        driver.ensure_saved(spec.guest_id)
    saved, all_seen = driver.observe_guest(spec.guest_id), driver.observe()
    for _ in range(2):
        driver.ensure_paused(spec)
    restored = driver.observe_guest(spec.guest_id)
    driver.ensure_running(spec.guest_id)
    driver.press_power_button(spec.guest_id)
    _until(driver, spec.guest_id, lambda seen: seen.run is Run.OFF, "what runs in it hears the button")

    assert (saved.run, saved.saved, saved.ended_itself) == (Run.OFF, True, False)
    assert (saved.power, all_seen[spec.guest_id]) == (Power.SUSPENDED, saved)
    assert (restored.run, restored.saved) == (Run.PAUSED, False)
    assert driver.console_tail(spec.guest_id, lines=0).count(bench.marker) == 1, "it has booted once"


def test_a_guest_whose_memory_was_dropped_boots(bench, driver, spec):
    _start(driver, spec)
    driver.ensure_saved(spec.guest_id)

    for _ in range(2):
        driver.remove_saved(spec.guest_id)
    off = driver.observe_guest(spec.guest_id)
    _start(driver, spec)
    driver.ensure_saved(spec.guest_id)
    driver.remove_guest(spec.guest_id)

    assert (off.run, off.saved, off.defined, off.disks) == (Run.OFF, False, True, {1})
    assert not driver.observe_guest(spec.guest_id).saved, "nothing is left of a removed guest"


def test_root_disks_are_laid_beside_each_other_copied_and_removed(driver, spec):
    driver.ensure_disk(spec)
    rebuilt = msgspec.structs.replace(spec, disk=3)
    grown = msgspec.structs.replace(spec, disk=7, kept_disk=3, disk_gib=2)

    for wished in (rebuilt, grown, grown):
        driver.ensure_disk(wished)
    together = driver.observe_guest(spec.guest_id)
    for _ in range(2):
        driver.remove_disks(spec.guest_id, {1, 3})
    left = driver.observe_guest(spec.guest_id)
    _start(driver, grown)

    assert (together.disks, left.disks) == ({1, 3, 7}, {7})
    running = driver.observe()[spec.guest_id]
    assert (running.run, running.disks) == (Run.RUNNING, {7})


def test_a_record_outlives_the_driver(bench, driver, spec):
    record = GuestRecord(boots=3, generation=7, asked_off_at=12.5, resting=True, held=Power.SUSPENDED, disk=6)
    driver.keep_record(spec.guest_id, GuestRecord(boots=1, generation=1))
    driver.keep_record(spec.guest_id, record)

    assert driver.observe_guest(spec.guest_id).record == record
    assert bench.new_driver().observe_guest(spec.guest_id).record == record


def test_another_driver_on_the_same_host_sees_the_same(bench, driver, spec):
    _start(driver, spec)
    driver.keep_record(spec.guest_id, GuestRecord(boots=1, generation=1))

    assert bench.new_driver().observe() == driver.observe()


def test_nothing_is_left_of_a_removed_guest(driver, spec):
    _start(driver, spec)
    driver.keep_record(spec.guest_id, GuestRecord(boots=1, generation=1))

    for _ in range(2):
        driver.remove_guest(spec.guest_id)
    between = driver.observe_guest(spec.guest_id)
    for _ in range(2):
        driver.remove_remains(spec.guest_id)

    assert (between.defined, between.run, between.disks) == (False, Run.OFF, {1})
    assert not driver.observe_guest(spec.guest_id).exists
    assert driver.console_tail(spec.guest_id, lines=0) == b""


def test_commands_to_absent_guests_succeed_where_absence_is_what_they_ask(driver, spec):
    driver.ensure_off(spec.guest_id)
    driver.press_power_button(spec.guest_id)
    driver.remove_guest(spec.guest_id)
    driver.remove_remains(spec.guest_id)

    assert not driver.observe()


def test_the_end_of_a_guest_is_told_to_those_who_watch(bench, driver, spec):
    told: list[ServerId | None] = []
    driver.watch(told.append)
    _start(driver, spec)
    driver.observe()
    told.clear()

    bench.end_guest(spec.guest_id)

    eventually(lambda: spec.guest_id in told, "it is told")


# -- of libvirt alone ------------------------------------------------------------------------------------


@pytest.fixture
def libvirt_bench(host: RealHost) -> LibvirtBench:
    return LibvirtBench(host)


@pytest.fixture
def libvirt_driver(libvirt_bench: LibvirtBench) -> Iterator[LibvirtGuests]:
    driver = libvirt_bench.new_driver()
    yield driver
    for guest_id in list(driver.observe()):
        driver.remove_guest(guest_id)
        driver.remove_remains(guest_id)


FOREIGN = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><memballoon model='none'/></devices></domain>"""


def _engines(test):
    for mark in needs_engines:
        test = mark(test)
    return test


@_engines
def test_a_domain_of_somebody_else_is_neither_seen_nor_touched(host, libvirt_bench, libvirt_driver):
    other, forged = ServerId(new_id()), ServerId(new_id())
    names = {other: "somebody-elses", forged: domain_name(libvirt_bench.prefix, forged)}
    for guest_id, name in names.items():
        path = host.state / f"{name}.xml"
        path.write_text(FOREIGN.format(name=name, uuid=guest_id))
        host.run("virsh", "--quiet", "define", str(path))
    try:
        assert other not in libvirt_driver.observe()
        libvirt_driver.remove_guest(other)
        with pytest.raises(EngineRefused, match="not made by this cloud"):
            libvirt_driver.remove_guest(forged)

        assert set(host.run("virsh", "--quiet", "list", "--all", "--name").split()) == set(names.values())
    finally:
        for name in names.values():
            host.run("virsh", "--quiet", "undefine", name)


@_engines
def test_a_guests_interface_is_plugged_as_its_port_and_unplugged_with_it(host, libvirt_bench, libvirt_driver):
    spec = new_spec(image=libvirt_bench.image, memory_mib=96, nics=(new_nic(11), new_nic(12)))
    libvirt_driver.ensure_disk(spec)

    libvirt_driver.ensure_paused(spec)
    plugged = set(host.run("ovs-vsctl", "list-ports", "br-int").split())
    external_ids = host.run(
        "ovs-vsctl", "get", "interface", f"tap{spec.nics[0].port_id[:11]}", "external_ids"
    )
    libvirt_driver.ensure_off(spec.guest_id)
    after = set(host.run("ovs-vsctl", "list-ports", "br-int").split())

    assert plugged == {f"tap{nic.port_id[:11]}" for nic in spec.nics}
    assert f'iface-id="{spec.nics[0].port_id}"' in external_ids
    assert f'vm-id="{spec.guest_id}"' in external_ids
    assert not after


@_engines
def test_a_guest_ended_by_a_signal_did_not_end_by_itself(libvirt_bench, libvirt_driver):
    spec = new_spec(image=libvirt_bench.image, memory_mib=96, nics=())
    _start(libvirt_driver, spec)
    libvirt_driver.observe()

    libvirt_bench.signal_guest(spec.guest_id, "TERM")
    seen = _until(libvirt_driver, spec.guest_id, lambda seen: seen.run is Run.OFF, "its end is noticed")

    assert not seen.ended_itself


@_engines
def test_a_guest_that_fell_together_with_libvirtd_did_not_end_by_itself(host, libvirt_bench, libvirt_driver):
    spec = new_spec(image=libvirt_bench.image, memory_mib=96, nics=())
    _start(libvirt_driver, spec)
    libvirt_driver.observe()
    killed = host.process_of("libvirtd")

    host.run("kill", "-KILL", str(killed.pid), str(libvirt_bench.guest_pid(spec.guest_id)))
    eventually(lambda: host.process_of("libvirtd") != killed, "libvirtd runs again")

    def ended() -> GuestSeen | None:
        try:
            seen = libvirt_driver.observe_guest(spec.guest_id)
        except EngineAway:
            return None
        return seen if seen.run is Run.OFF else None

    assert not eventually(ended, "its end is noticed").ended_itself


@_engines
@pytest.mark.parametrize("kvm", [True, False])
@pytest.mark.parametrize("userspace_switch", [True, False])
@pytest.mark.parametrize("nics", [(), (new_nic(11),), (new_nic(11), new_nic(12, mtu=9000))])
def test_libvirt_accepts_every_kind_of_definition(host, libvirt_bench, kvm, userspace_switch, nics):
    spec = new_spec(nics=nics, vcpus=2, memory_mib=2048)
    domain_host = DomainHost(
        name_prefix=libvirt_bench.prefix, kvm=kvm, bridge="br-int", userspace_switch=userspace_switch
    )
    path = host.state / "definition.xml"
    path.write_text(domain_xml(spec, domain_host, disk=host.state / "disk", console_log=host.state / "log"))

    host.run("virsh", "--quiet", "define", "--validate", str(path))
    host.run("virsh", "--quiet", "undefine", spec.guest_id)


@_engines
def test_what_cannot_be_defined_is_said_at_once(libvirt_bench, libvirt_driver):
    spec = new_spec(image=libvirt_bench.image, nics=(new_nic(11, mac="ff:ff:ff:ff:ff:ff"),))
    libvirt_driver.ensure_disk(spec)

    with pytest.raises(CannotHost):
        libvirt_driver.ensure_paused(spec)
    with pytest.raises(CannotHost, match="not supported"):
        strange = msgspec.structs.replace(libvirt_bench.image, disk_format="vmdk")
        libvirt_driver.ensure_disk(new_spec(image=strange))


@_engines
def test_guests_run_on_when_libvirtd_is_killed_and_the_driver_finds_it_again(
    host, libvirt_bench, libvirt_driver
):
    spec = new_spec(image=libvirt_bench.image, memory_mib=96, nics=())
    _start(libvirt_driver, spec)
    killed = host.process_of("libvirtd")

    host.run("kill", "-KILL", str(killed.pid))
    away = 0

    def observed() -> GuestSeen | None:
        nonlocal away
        try:
            return libvirt_driver.observe_guest(spec.guest_id)
        except EngineAway:
            away += 1
            return None

    seen = eventually(observed, "libvirtd answers again")

    assert seen.run is Run.RUNNING
    assert libvirt_driver.complaint() == ""
    assert host.process_of("libvirtd") != killed
