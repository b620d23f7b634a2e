"""The agent as a process, on real engines: guests with ports on OVN and metadata, and what survives what."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nacre.compute.domain.guests import (
    Address,
    GuestFacts,
    GuestImage,
    GuestNic,
    GuestSpec,
    InstanceData,
    MetadataPort,
    Power,
    Reboot,
)
from nacre.host import namespaces, paths
from nacre.host.images import tiny
from nacre.kernel.ids import ImageId, NetworkId, PortId, new_id
from nacre.network.contract import PacketLimit
from tests.agent.control_plane import ControlPlane, new_nic, new_spec
from tests.agent.control_plane_http import TOKEN, served
from tests.support.real_host import RealHost, eventually, needs_engines, real_host

pytestmark = [*needs_engines, pytest.mark.slow]

BOOT_LIMIT_S = 180.0


class Cloud:
    """A control plane in memory, one host with real engines, and its agent."""

    def __init__(self, host: RealHost, control: ControlPlane, image: GuestImage) -> None:
        self.host, self.control, self.image = host, control, image
        self.host_id = paths.local_host_id()
        self.agent: subprocess.Popen[bytes] | None = None
        self.network_id = NetworkId(new_id())
        self.metadata = MetadataPort(
            port_id=PortId(new_id()),
            mac="fa:16:3e:00:00:02",
            addresses=(Address(ip="10.0.0.2", prefix_length=24),),
        )

    # -- OVN, as the network service would have it -----------------------------------------------------

    def make_network(self) -> None:
        switch, port = self.network_id, self.metadata.port_id
        self.host.run("ovn-nbctl", "ls-add", switch)
        self.host.run("ovn-nbctl", "lsp-add", switch, port)
        self.host.run("ovn-nbctl", "lsp-set-type", port, "localport")
        self.host.run("ovn-nbctl", "lsp-set-addresses", port, f"{self.metadata.mac} 10.0.0.2")
        options = (
            "server_id=10.0.0.1 server_mac=fa:16:3e:00:00:01 lease_time=86400 router=10.0.0.1 mtu=1442 "
            "classless_static_route={169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.1}"
        )
        self.dhcp = self.host.run("ovn-nbctl", "create", "dhcp_options", "cidr=10.0.0.0/24")
        self.host.run("ovn-nbctl", "dhcp-options-set-options", self.dhcp, *options.split())

    def new_nic(self, number: int) -> GuestNic:
        nic = new_nic(number, network_id=self.network_id, metadata=self.metadata)
        address = f"{nic.mac} 10.0.0.{number}"
        self.host.run("ovn-nbctl", "lsp-add", self.network_id, nic.port_id)
        self.host.run("ovn-nbctl", "lsp-set-addresses", nic.port_id, address)
        self.host.run("ovn-nbctl", "lsp-set-dhcpv4-options", nic.port_id, self.dhcp)
        return nic

    def new_guest(self, number: int, **fields: object) -> GuestSpec:
        nic = self.new_nic(number)
        instance = InstanceData(hostname=f"pearl{number}", name=f"pearl{number}", availability_zone="nova")
        return new_spec(image=self.image, memory_mib=96, nics=(nic,), instance=instance, **fields)

    # -- the agent -------------------------------------------------------------------------------------

    def start_agent(self) -> None:
        self.agent = self.host.start_agent()

    def end_agent(self, by: signal.Signals = signal.SIGTERM) -> int:
        assert self.agent is not None
        self.agent.send_signal(by)
        status = self.agent.wait(timeout=20)
        self.agent = None
        return status

    def wish(self, spec: GuestSpec, **changes: object) -> GuestSpec:
        return self.control.wish(spec, on=self.host_id, **changes)

    def settled(self, spec: GuestSpec, *, within_s: float = 60.0) -> GuestFacts:
        """The facts of the guest, once it has been brought to `spec`."""

        def found() -> GuestFacts | None:
            facts = self.control.facts.get(spec.guest_id)
            done = facts and facts.observed_generation == spec.generation and not facts.waiting
            return facts if done else None

        try:
            return eventually(found, f"guest settles at generation {spec.generation}", within_s=within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.control.facts.get(spec.guest_id)}") from error

    def console(self, spec: GuestSpec) -> str:
        log = self.host.state / "agent" / "guests" / spec.guest_id / "console.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def booted(self, spec: GuestSpec, *, times: int = 1) -> str:
        """The guest's last word on having booted, when it has done so often."""

        def marks() -> list[str]:
            found = re.findall(r"TINY-BOOT-OK .*(?=\n)", self.console(spec))
            return found if len(found) >= times else []

        return eventually(marks, "the guest boots", within_s=BOOT_LIMIT_S)[-1]

    def meters(self, spec: GuestSpec) -> str:
        """What the packets of the guest's interface are counted by."""
        bridge = f"lim{spec.nics[0].port_id[:11]}"
        try:
            return self.host.run("ovs-ofctl", "-O", "OpenFlow15", "dump-meters", bridge)
        except AssertionError:
            return ""  # The switch restarts.

    def in_state(self, state: str) -> list[str]:
        """The guests that libvirt knows to be paused, or running."""
        return self.host.run("virsh", "--quiet", "list", f"--state-{state}", "--name").split()

    def leavings(self) -> dict[str, object]:
        """What there is on the host of any guest."""
        guests = self.host.state / "agent" / "guests"
        ports = self.host.run("ovs-vsctl", "list-ports", "br-int").split()
        return {
            "domains": self.host.run("virsh", "--quiet", "list", "--all", "--name").split(),
            "ports": [port for port in ports if port.startswith(("tap", "met", "li"))],
            "links": [link for link in self.host.links() if link.startswith(("tap", "met", "lim"))],
            "directories": os.listdir(guests) if guests.exists() else [],
            "namespaces": namespaces.named(paths.namespace_prefix(self.host.state)),
        }


@pytest.fixture(scope="module")
def host() -> Iterator[RealHost]:
    with real_host() as host:
        yield host


@pytest.fixture
def cloud(host: RealHost) -> Iterator[Cloud]:
    data = tiny.ensure(host.settings).read_bytes()
    image = GuestImage(
        image_id=ImageId(new_id()),
        sha256=hashlib.sha256(data).hexdigest(),
        disk_format="qcow2",
        size_bytes=len(data),
        virtual_size_bytes=int.from_bytes(data[24:32], "big"),
    )
    control = ControlPlane()
    paths.agent_token(host.state).write_text(TOKEN)
    with served(control, paths.api_socket(host.state), image=data):
        cloud = Cloud(host, control, image)
        cloud.make_network()
        cloud.start_agent()
        try:
            yield cloud
            _clean(cloud)
        finally:
            if cloud.agent:
                cloud.end_agent()


def _clean(cloud: Cloud) -> None:
    """Remove every guest that is left, and see that nothing of any is left."""
    if cloud.agent is None:
        cloud.start_agent()
    for _, spec in list(cloud.control.specs.get(cloud.host_id, {}).values()):
        if spec.present:
            cloud.wish(spec, present=False)
    eventually(lambda: not any(cloud.leavings().values()), f"nothing is left {cloud.leavings()}", within_s=60)
    cloud.host.run("ovn-nbctl", "ls-del", cloud.network_id)
    cloud.host.run("ovn-nbctl", "dhcp-options-del", cloud.dhcp)


def test_a_guest_comes_from_nothing_learns_who_it_is_changes_its_interfaces_and_leaves_nothing(cloud):
    spec, more = cloud.wish(cloud.new_guest(11)), cloud.new_nic(12)

    facts = cloud.settled(spec)
    mark = cloud.booted(spec)
    with_both = cloud.wish(spec, nics=(*spec.nics, more))
    cloud.settled(with_both)
    eventually(lambda: len(cloud.control.facts[spec.guest_id].ports_up) == 2, "the new port comes up")
    eventually(lambda: "TINY-HOTPLUG nic" in cloud.console(spec), "the guest sees the interface")
    with_one = cloud.wish(spec, nics=(more,))
    changed = cloud.settled(with_one)
    left = cloud.host.run("ovs-vsctl", "list-ports", "br-int").split()
    cloud.wish(spec, present=False)
    gone = eventually(lambda: not cloud.control.facts[spec.guest_id].exists, "it is reported gone")

    assert facts.power is Power.ON
    assert facts.ports_up == (spec.nics[0].port_id,)
    assert "source=metadata" in mark
    assert "host=pearl11" in mark
    assert f"uuid={spec.guest_id}" in mark
    assert "ip=10.0.0.11" in mark
    assert changed.ports_up == (more.port_id,)
    assert [port for port in left if port.startswith("tap")] == [f"tap{more.port_id[:11]}"]
    assert gone
    eventually(lambda: not any(cloud.leavings().values()), "nothing is left")


def test_a_guest_stands_still_until_the_flows_of_its_port_are_on_the_switch(cloud):
    guest = cloud.new_guest(12)
    (port_id,) = (nic.port_id for nic in guest.nics)
    cloud.host.run("ovn-nbctl", "lsp-del", port_id)

    spec = cloud.wish(guest)
    eventually(
        lambda: (facts := cloud.control.facts.get(spec.guest_id)) and port_id in facts.waiting,
        "the guest waits for its port",
    )
    plugged = cloud.host.run("ovs-vsctl", "list-ports", "br-int").split()
    early = cloud.leavings()["domains"], cloud.in_state("paused"), cloud.control.facts[spec.guest_id]
    cloud.host.run("ovn-nbctl", "lsp-add", cloud.network_id, port_id)
    facts = cloud.settled(spec)

    assert any(name.startswith("tap") for name in plugged)
    assert early[0] == early[1] != []
    assert (early[2].power, early[2].ports_up) == (Power.OFF, ())
    assert (facts.power, facts.ports_up) == (Power.ON, (port_id,))
    assert cloud.in_state("running") == early[0]


def test_a_guest_is_rebooted_stopped_and_started(cloud):
    spec = cloud.wish(cloud.new_guest(11))
    cloud.booted(spec)

    spec = cloud.wish(spec, boots=2, reboot=Reboot.SOFT)
    cloud.booted(spec, times=2)
    soft = cloud.settled(spec)
    softly = "TINY-POWER-BUTTON" in cloud.console(spec)
    spec = cloud.wish(spec, boots=3, reboot=Reboot.HARD)
    cloud.booted(spec, times=3)
    hard = cloud.settled(spec)
    stopped = cloud.wish(spec, power=Power.OFF)
    off = cloud.settled(stopped)
    started = cloud.wish(spec, power=Power.ON)
    on = cloud.settled(started)

    assert softly
    assert (soft.boots, hard.boots) == (2, 3)
    assert (off.power, on.power) == (Power.OFF, Power.ON)


def test_a_guest_is_held_goes_on_with_its_ports_and_is_rebuilt(cloud):
    spec = cloud.wish(cloud.new_guest(11))
    cloud.booted(spec)
    cloud.settled(spec)

    held = [cloud.settled(cloud.wish(spec, power=Power.PAUSED)), cloud.settled(cloud.wish(spec))]
    asleep = cloud.settled(cloud.wish(spec, power=Power.SUSPENDED))
    cloud.end_agent(signal.SIGKILL)
    cloud.start_agent()
    awake = cloud.settled(cloud.wish(spec))
    boots = cloud.console(spec).count("TINY-BOOT-OK ")
    rebuilt = cloud.settled(cloud.wish(spec, disk=9, boots=2, reboot=Reboot.REBUILD))

    port = (spec.nics[0].port_id,)
    assert [(each.power, each.ports_up) for each in held] == [(Power.PAUSED, port), (Power.ON, port)]
    assert (asleep.power, asleep.ports_up) == (Power.SUSPENDED, ())
    assert (awake.power, awake.ports_up, boots) == (Power.ON, port, 1)
    assert (rebuilt.power, rebuilt.disk, rebuilt.ports_up) == (Power.ON, 9, port)
    assert [each.name for each in (cloud.host.state / "agent" / "guests" / spec.guest_id).glob("disk*")] == [
        "disk-9.qcow2"
    ]


def test_metadata_answers_and_packets_are_limited_again_after_the_agent_or_the_switch_was_killed(cloud):
    limits = (PacketLimit(is_outward=True, packets_per_s=5000, burst=500),)
    guest = cloud.new_guest(11)
    spec = cloud.wish(guest, nics=(msgspec.structs.replace(guest.nics[0], packet_limits=limits),))
    cloud.booted(spec)
    assert "rate=5000 burst_size=500" in cloud.meters(spec)

    cloud.end_agent(signal.SIGKILL)
    cloud.host.run("kill", "-KILL", str(cloud.host.process_of("vswitchd").pid))
    cloud.start_agent()
    cloud.host.process_of("vswitchd")
    eventually(lambda: cloud.settled(spec).ports_up, "its port is realised again")
    eventually(lambda: "rate=5000" in cloud.meters(spec), "the agent that begins sees to the limit")
    cloud.host.run("kill", "-KILL", str(cloud.host.process_of("vswitchd").pid))
    cloud.host.process_of("vswitchd")
    eventually(lambda: "rate=5000" in cloud.meters(spec), "the agent that stands sees to it", within_s=5)
    spec = cloud.wish(spec, boots=2, reboot=Reboot.HARD)

    assert "source=metadata" in cloud.booted(spec, times=2)
    assert "rate=5000" in cloud.meters(spec)


HOLD_TAP = """
import fcntl, os, struct, sys, threading
IFF_TAP, IFF_NO_PI, TUNSETIFF = 0x0002, 0x1000, 0x400454CA
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", sys.argv[1].encode(), IFF_TAP | IFF_NO_PI))
print("there", flush=True)
threading.Event().wait()
"""


def test_ports_of_guests_that_died_while_libvirt_plugged_them_leave_the_switch(cloud):
    stranger = ("--", "set", "interface", "{name}", f"external_ids:vm-id={new_id()}")
    enter = ["nsenter", f"--net=/run/netns/{cloud.host.settings.netns}"]
    with subprocess.Popen(
        [*enter, sys.executable, "-c", HOLD_TAP, "tap-opened"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for name in ("tap-opened", "tap-never-there"):
            words = [word.format(name=name) for word in stranger]
            cloud.host.run("ovs-vsctl", "--no-wait", "add-port", "br-int", name, *words)
        eventually(
            lambda: cloud.host.run("ovs-vsctl", "get", "interface", "tap-opened", "ofport").isdigit(),
            "the switch has opened it",
        )
        before = cloud.leavings()["ports"]
        holder.kill()

    assert set(before) == {"tap-opened", "tap-never-there"}
    eventually(lambda: not cloud.leavings()["ports"], "both are taken from the switch", within_s=60.0)


def test_an_agent_that_ends_leaves_guests_running(cloud):
    spec = cloud.wish(cloud.new_guest(11))
    cloud.settled(spec)

    assert cloud.end_agent() == 0

    assert "running" in cloud.host.run("virsh", "--quiet", "list")
    cloud.start_agent()
    cloud.settled(spec)


def test_guests_are_started_again_when_the_engines_went_down_and_came_up(cloud):
    spec = cloud.wish(cloud.new_guest(11))
    cloud.booted(spec)

    cloud.end_agent()
    cloud.host.run("virsh", "--quiet", "shutdown", spec.guest_id)
    eventually(lambda: "running" not in cloud.host.run("virsh", "--quiet", "list"), "it is off")
    cloud.host.run("kill", "-KILL", str(cloud.host.process_of("libvirtd").pid))
    cloud.host.process_of("libvirtd")
    cloud.start_agent()

    cloud.booted(spec, times=2)


def test_a_guest_that_powers_itself_off_stays_off(cloud):
    user_data = "IyEvYmluL3NoCnBvd2Vyb2ZmCg=="  # A script: poweroff
    spec = cloud.new_guest(11)
    instance = msgspec.structs.replace(spec.instance, user_data_base64=user_data)
    spec = cloud.wish(spec, instance=instance)

    facts = eventually(
        lambda: facts if (facts := cloud.settled(spec)).power is Power.OFF else None,
        "it powers itself off",
        within_s=BOOT_LIMIT_S,
    )

    assert (facts.observed_generation, facts.fault) == (spec.generation, "")
    cloud.end_agent()
    cloud.start_agent()
    cloud.control.facts.clear()
    assert cloud.settled(spec).power is Power.OFF


def test_the_console_can_be_asked_for(cloud):
    spec = cloud.wish(cloud.new_guest(11))
    cloud.booted(spec)

    question_id = cloud.control.ask_console(spec.guest_id, lines=5, on=cloud.host_id)

    answer = eventually(lambda: cloud.control.answers.get(question_id), "the answer")
    assert len(answer.splitlines()) == 5


def test_interfaces_that_dead_guests_left_on_the_switch_are_taken_away_and_no_others(cloud):
    dead, living = new_id(), new_id()
    for name, guest_id in (("tapdead", dead), ("taplives", living)):
        ids = f"external_ids:vm-id={guest_id}"
        if name == "taplives":
            cloud.host.run("ip", "tuntap", "add", name, "mode", "tap")
        cloud.host.run(
            "ovs-vsctl", "--no-wait", "add-port", "br-int", name, "--", "set", "interface", name, ids
        )
    try:
        eventually(
            lambda: "tapdead" not in cloud.host.run("ovs-vsctl", "list-ports", "br-int").split(), "it goes"
        )

        assert "taplives" in cloud.host.run("ovs-vsctl", "list-ports", "br-int").split()
    finally:
        cloud.host.run("ovs-vsctl", "--if-exists", "del-port", "taplives")
        cloud.host.run("ip", "link", "del", "taplives")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_killed_and_whenever_guests_come_and_go_as_wished(cloud, seed):
    chance = random.Random(seed)
    guests = {number: cloud.new_guest(number) for number in range(21, 25)}
    wished = {number: cloud.wish(spec) for number, spec in guests.items()}
    for _ in range(8):
        _let_time_pass(chance.uniform(0.0, 1.5))
        match chance.choice(["agent", "agent", "libvirtd", "control plane"]):
            case "agent":
                cloud.end_agent(signal.SIGKILL)
                cloud.start_agent()
            case "libvirtd":
                cloud.host.run("kill", "-KILL", str(cloud.host.process_of("libvirtd").pid))
            case "control plane":
                cloud.control.away = True
                _let_time_pass(chance.uniform(0.0, 1.0))
                cloud.control.away = False
        number = chance.choice(list(guests))
        change = chance.choice([{"present": False}, {"present": True}, {"boots": wished[number].boots + 1}])
        wished[number] = cloud.wish(wished[number], reboot=Reboot.HARD, **change)

    for spec in wished.values():
        facts = cloud.settled(spec, within_s=120)
        assert facts.fault == ""
        assert facts.exists is spec.present
        assert facts.power is (Power.ON if spec.present else Power.OFF)
    present = [spec for spec in wished.values() if spec.present]
    left = cloud.leavings()
    assert sorted(left["directories"]) == sorted(spec.guest_id for spec in present)
    assert len(left["domains"]) == len(present)
    assert len([port for port in left["ports"] if port.startswith("tap")]) == len(present)


def test_an_agent_at_rest_costs_next_to_nothing(cloud):
    spec = cloud.wish(cloud.new_guest(11))
    cloud.settled(spec)
    assert cloud.agent is not None
    stat = Path(f"/proc/{cloud.agent.pid}/stat")

    def spent_s() -> float:
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    _let_time_pass(3.0)
    before = spent_s()
    _let_time_pass(10.0)

    assert (spent_s() - before) / 10.0 < 0.01
    resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{cloud.agent.pid}/status").read_text())
    print(f"{100 * (spent_s() - before) / 10.0:.2f} % of a core, {int(resident[1]) // 1024} MiB")


def _let_time_pass(seconds: float) -> None:
    """What is measured here is the passing of time itself."""
    subprocess.run(["sleep", str(seconds)], check=True)
