"""Limits of packets on a host's switch: what every SwitchDriver promises, and what they do to packets on a real one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from nacre.agent.drivers.base import SwitchDriver
from nacre.agent.drivers.fake import FakeSwitch, FakeWorld
from nacre.agent.drivers.switch import OvsSwitch
from nacre.compute.domain.guests import GuestNic
from nacre.kernel.clock import VirtualClock
from nacre.kernel.ids import PortId, ServerId
from nacre.network.contract import PacketLimit
from nacre.network.domain.ports import Port
from nacre.network.domain.rows import NOTHING
from nacre.network.domain.trunks import Carried
from nacre.network.drivers.ovn import OvnNetwork
from tests.agent.control_plane import new_nic
from tests.contracts.flood_probe import PACKETS
from tests.contracts.test_network_engines import PAUSE_S, Pinging
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import CHASSIS, NEEDS_OVN, OvnLab, eventually

FLOOD = str(Path(__file__).with_name("flood_probe.py"))
GUEST = ServerId("00000000-0000-4000-8000-0000000000aa")
OUT = PacketLimit(is_outward=True, packets_per_s=1000, burst=100)
INTO = PacketLimit(is_outward=False, packets_per_s=2000, burst=200)
engines = pytest.mark.engines


class FakeBench:
    """A switch in memory, and a guest's interface on it."""

    def __init__(self) -> None:
        self.world = FakeWorld(VirtualClock())
        self.switch: SwitchDriver = FakeSwitch(self.world)
        self.nic = new_nic()

    def plug(self) -> None:
        self.world.guest(GUEST)
        self.world.plug(GUEST, self.nic)

    def unplug(self) -> None:
        self.world.unplug(GUEST, self.nic.port_id)

    def is_clean(self) -> bool:
        return not self.world.limits

    def close(self) -> None:
        """Nothing is left of it anyway."""


class OvsBench:
    """The switch of a lab, and a guest's interface on it."""

    def __init__(self, lab: OvnLab) -> None:
        self.lab = lab
        self.cloud = Cloud(lab, OvnNetwork(lab.remote))
        self.real = OvsSwitch(f"unix:{lab.hosts[CHASSIS].daemons.folder}/ovs.sock", bridge="br-int")
        self.switch: SwitchDriver = self.real
        self.moved: set[PortId] = set()
        self.real.watch(self.moved.update)
        self.real.start()
        assert self.real.wait_connected(10)
        self.open_to_all = self.cloud.group({})
        self.subnet = self.cloud.subnet(self.cloud.network())
        self.port = self.cloud.port(self.subnet, "10.0.0.11", self.open_to_all)
        self.guest = lab.stand_by(self.port, addresses=["10.0.0.11/24"])
        self.nic = self.nic_of(self.port)

    def nic_of(self, port: Port) -> GuestNic:
        return new_nic(port_id=port.id, mac=port.mac_address)

    def plug(self) -> None:
        self.lab.connect(self.port)

    def unplug(self) -> None:
        """As libvirt does, which names no bridge."""
        self.lab.vsctl("del-port", f"tap{self.port.id[:11]}")

    def neighbour(self) -> tuple[Port, str]:
        port = self.cloud.port(self.subnet, "10.0.0.12", self.open_to_all)
        return port, self.cloud.plug(port, addresses=["10.0.0.12/24"])

    def limit(self, *limits: PacketLimit) -> GuestNic:
        nic = replace(self.nic, packet_limits=limits)
        self.switch.limit_packets(GUEST, nic)
        return nic

    def is_clean(self) -> bool:
        bridges = set(self.lab.vsctl("list-br").split())
        return bridges == {"br-int", "br-ex"} and "type: patch" not in self.lab.vsctl("show")

    def close(self) -> None:
        self.real.stop()
        for port in self.lab.vsctl("list-ports", "br-int").split():
            self.lab.vsctl("del-port", port)
        for bridge in set(self.lab.vsctl("list-br").split()) - {"br-int", "br-ex"}:
            self.lab.vsctl("del-br", bridge)
        for owner in self.cloud.driver.observe_owners():
            self.cloud.driver.apply(owner, NOTHING)
        self.cloud.driver.close()


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab


@pytest.fixture
def ovs(lab: OvnLab) -> Iterator[OvsBench]:
    bench = OvsBench(lab)
    yield bench
    bench.close()


@pytest.fixture(params=["fake", pytest.param("ovs", marks=[engines, NEEDS_OVN])])
def bench(request: pytest.FixtureRequest) -> FakeBench | OvsBench:
    return FakeBench() if request.param == "fake" else request.getfixturevalue("ovs")


# What every driver promises.


def test_an_interface_is_limited_as_it_was_said_last(bench):
    nic, limited = bench.nic, replace(bench.nic, packet_limits=(OUT, INTO))
    bench.plug()
    eventually(lambda: bench.switch.ready_among([nic.port_id]), "a port that may be used")
    assert bench.switch.keeps_limits(nic)
    assert not bench.switch.keeps_limits(limited)

    for wish in (limited, limited, replace(nic, packet_limits=(INTO,)), nic, nic):
        bench.switch.limit_packets(GUEST, wish)
        assert bench.switch.keeps_limits(wish)
        eventually(lambda: bench.switch.ready_among([nic.port_id]), "a port that may be used")

    assert not bench.switch.keeps_limits(limited)
    bench.switch.remove_strays([GUEST])
    assert bench.is_clean()


def test_a_guest_that_is_plugged_anew_is_limited_anew(bench):
    limited = replace(bench.nic, packet_limits=(OUT,))
    bench.plug()
    bench.switch.limit_packets(GUEST, limited)

    bench.unplug()
    eventually(lambda: not bench.switch.ready_among([limited.port_id]), "a port that is gone")
    assert not bench.switch.keeps_limits(limited)
    bench.plug()
    assert not bench.switch.keeps_limits(limited)
    bench.switch.limit_packets(GUEST, limited)

    assert bench.switch.keeps_limits(limited)
    eventually(lambda: bench.switch.ready_among([limited.port_id]), "a port that may be used")


def test_nothing_is_left_of_the_limits_of_a_guest_that_is_gone(bench):
    bench.plug()
    bench.switch.limit_packets(GUEST, replace(bench.nic, packet_limits=(OUT,)))
    bench.unplug()
    eventually(lambda: not bench.switch.ready_among([bench.nic.port_id]), "a port that is gone")

    for _ in range(2):  # What has just begun to exist is left alone.
        bench.switch.remove_strays([GUEST])

    assert bench.is_clean()


# What a real one does to packets.


End = tuple[str, str, str]
"""A guest with its MAC and address."""


def limit_between(lab: OvnLab, one: End, other: End, *, tag: int) -> int | None:
    """The packets a second that get from one guest to another, as a limit of these tests; 0: something else."""
    (guest, *ends), (there, *others) = one, other
    command = ["ip", "netns", "exec", there, sys.executable, FLOOD, "count"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as counter:
        assert counter.stdout is not None
        assert counter.stdout.readline() == "ready\n"
        took_s = float(lab.run(sys.executable, FLOOD, "send", *ends, *others, str(tag), namespace=guest))
        came = int(counter.stdout.readline())
    if came > 0.95 * PACKETS:
        return None
    for limit in (OUT, INTO):
        usual = limit.packets_per_s * took_s + limit.burst
        if 0.8 * usual < came < 1.1 * usual:
            return limit.packets_per_s
    return 0


def passes(lab: OvnLab, one: End, other: End, limit: PacketLimit | None, *, tag: int = 0) -> None:
    """Fails unless as many packets as a limit says, or all, get from one guest to another: busy machines lose some."""
    rate = limit.packets_per_s if limit else None
    eventually(lambda: limit_between(lab, one, other, tag=tag) == rate, f"{rate} packets a second")


@engines
@NEEDS_OVN
def test_packets_are_limited_each_way_and_not_the_other(ovs):
    ovs.plug()
    port, there = ovs.neighbour()
    one = (ovs.guest, ovs.port.mac_address, "10.0.0.11")
    other = (there, port.mac_address, "10.0.0.12")
    passes(ovs.lab, one, other, None)

    with Pinging(ovs.guest, "10.0.0.12") as moved_in:
        ovs.limit(OUT)
    passes(ovs.lab, one, other, OUT)
    passes(ovs.lab, other, one, None)

    with Pinging(ovs.guest, "10.0.0.12") as changed:
        ovs.limit(replace(INTO, is_outward=True), replace(OUT, is_outward=False))
    passes(ovs.lab, one, other, INTO)
    passes(ovs.lab, other, one, OUT)

    with Pinging(ovs.guest, "10.0.0.12") as moved_out:
        ovs.limit()
    passes(ovs.lab, one, other, None)
    assert ovs.is_clean()
    assert changed.lost == 0, "only rates have changed"
    print(f"lost by moving: {moved_in.lost * PAUSE_S:.2f} s in, {moved_out.lost * PAUSE_S:.2f} s out")
    assert moved_in.lost + moved_out.lost < 10, "a guest that moves is away for a moment only"


@engines
@NEEDS_OVN
def test_limits_hold_again_after_the_switch_was_killed_and_packets_pass_meanwhile(ovs):
    ovs.plug()
    port, there = ovs.neighbour()
    one = (ovs.guest, ovs.port.mac_address, "10.0.0.11")
    other = (there, port.mac_address, "10.0.0.12")
    limited = ovs.limit(OUT)
    passes(ovs.lab, one, other, OUT)
    ovs.moved.clear()

    daemons = ovs.lab.hosts[CHASSIS].daemons
    daemons.kill("vswitchd")
    daemons.revive("vswitchd")
    eventually(lambda: not ovs.switch.keeps_limits(limited), "a switch that has forgotten")
    assert ovs.port.id in ovs.moved, "whoever watches is told"
    ovs.lab.reaches("10.0.0.12", namespace=ovs.guest)
    passes(ovs.lab, one, other, None)

    ovs.limit(OUT)
    passes(ovs.lab, one, other, OUT)


@engines
@NEEDS_OVN
def test_a_subport_has_a_limit_of_its_own(ovs):
    far = ovs.cloud.subnet(ovs.cloud.network(), cidr="10.1.0.0/24", gateway_ip=None)
    subport = ovs.cloud.port(far, "10.1.0.11", ovs.open_to_all)
    distant = ovs.cloud.port(far, "10.1.0.12", ovs.open_to_all)
    ovs.cloud.put(subport, carried=Carried(ovs.port.id, 7))
    ovs.plug()
    there = ovs.cloud.plug(distant, addresses=["10.1.0.12/24"])
    below = (ovs.guest, subport.mac_address, "10.1.0.11")
    remote = (there, distant.mac_address, "10.1.0.12")
    eventually(lambda: ovs.cloud.driver.is_up(subport.id), "a subport that is where its parent is")

    ovs.limit(OUT, replace(INTO, is_outward=True, vlan=7), replace(OUT, is_outward=False, vlan=7))
    eventually(lambda: ovs.cloud.driver.is_up(subport.id), "a subport that is where its parent is")
    ovs.lab.settle()

    passes(ovs.lab, below, remote, INTO, tag=7)
    passes(ovs.lab, remote, below, OUT)
    ovs.limit(OUT)
    # What has no limit of its own is counted with the rest.
    passes(ovs.lab, below, remote, OUT, tag=7)
