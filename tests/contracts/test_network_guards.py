"""What guests may say and hear, on three hosts: whose addresses, which rules, how soon they are in force."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nacre.agent.drivers.switch import OvsSwitch
from nacre.kernel.ids import HostId, ProjectId, SecurityGroupId, new_id
from nacre.network.domain.address_groups import AddressGroup
from nacre.network.domain.addresses import new_mac
from nacre.network.domain.ovn.address_groups import compile_address_group
from nacre.network.domain.ovn.security_groups import compile_security_group
from nacre.network.domain.ports import AddressPair, FixedIp, Port
from nacre.network.domain.rows import owner_of
from nacre.network.domain.trunks import Carried
from tests.domain.network.objects import a_group
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import NEEDS_OVN, Host, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

FORGE, VLAN_PROBE, DNS_PROBE = (
    str(Path(__file__).with_name(f"{name}_probe.py")) for name in ("forge", "vlan", "dns")
)
ONE, TWO, THREE = HOSTS = [HostId(f"host{number}") for number in (1, 2, 3)]
SOON_S = 3.0
"""A change is in force on every host in far less (docs/performance.md); a busy machine may take as long as this."""

EVERYTHING: Sequence[dict[str, Any]] = ({}, {"ethertype": "IPv6"})


@pytest.fixture
def cloud(wide_cloud: Cloud) -> Cloud:
    return wide_cloud


@contextmanager
def running(namespace: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program in a guest that has said its first line."""
    command = ["ip", "netns", "exec", namespace, sys.executable, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        program.stdout.readline()
        try:
            yield program
        finally:
            program.kill()


def says_more(program: subprocess.Popen[str], *, within_s: float) -> bool:
    return bool(select.select([program.stdout], [], [], within_s)[0])


def told(program: subprocess.Popen[str]) -> str:
    """The next line of a program."""
    assert program.stdout is not None
    return program.stdout.readline().strip()


# Whose addresses.


@pytest.mark.parametrize(
    ("guarded", "with_ipv6", "expected"),
    [
        # OVN lets router advertisements pass before it looks at any rule.
        (True, True, "ra"),
        (True, False, ""),
        (False, True, "arp dhcp dhcp6 ipv4 ipv6 mac nd ra"),
    ],
)
def test_a_guest_says_nothing_in_the_name_of_others_unless_its_port_is_trusted(
    cloud: Cloud, guarded: bool, with_ipv6: bool, expected: str
) -> None:
    network, open_to_all = cloud.network(), cloud.group(*EVERYTHING)
    subnet = cloud.subnet(network, gateway_ip=None)
    subnet6 = cloud.subnet(network, ip_version=6, cidr="fd00:1::/64", gateway_ip=None)

    def a_guest(last: int, host: HostId, **fields: Any) -> tuple[Port, str]:
        address = f"10.0.0.{last}"
        both = (FixedIp(subnet.id, address), FixedIp(subnet6.id, f"fd00:1::{last}"))
        fixed_ips = both if with_ipv6 else both[:1]
        return cloud.guest(subnet, address, host, open_to_all, fixed_ips=fixed_ips, **fields)

    port, liar = a_guest(11, ONE, port_security_enabled=guarded)
    near, far = (a_guest(number, host)[1] for number, host in ((12, ONE), (13, TWO)))

    with running(near, FORGE, "hear") as one, running(far, FORGE, "hear") as other:
        cloud.lab.run(sys.executable, FORGE, "send", port.mac_address, "10.0.0.11", namespace=liar)
        heard = {told(one), told(other)}

    assert heard == {expected}


LED_ASTRAY = """
import socket
ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
ear.bind(("eth0", 0))
print("listening", flush=True)
elsewhere = socket.inet_pton(socket.AF_INET6, "fd00:9::1")
while ear.recv(2000)[38:54] != elsewhere:
    pass
print("heard", flush=True)
"""


@pytest.mark.parametrize("guarded", [True, False])
def test_a_guest_that_passes_for_a_router_gets_nothing_of_what_is_led_to_it(
    cloud: Cloud, guarded: bool
) -> None:
    network, open_to_all = cloud.network(), cloud.group(*EVERYTHING)
    subnet6 = cloud.subnet(network, ip_version=6, cidr="fd00:1::/64", gateway_ip=None)
    port, liar = cloud.guest(subnet6, "fd00:1::11", ONE, open_to_all, port_security_enabled=guarded)
    _, believer = cloud.guest(subnet6, "fd00:1::12", TWO, open_to_all)
    astray = ("fd00:9::1", "lladdr", port.mac_address, "dev", "eth0")
    cloud.lab.run("ip", "-6", "neigh", "replace", *astray, namespace=believer)
    cloud.lab.run("ip", "-6", "route", "add", "fd00:9::/64", "dev", "eth0", namespace=believer)

    with running(liar, "-c", LED_ASTRAY) as ear:
        cloud.lab.reaches("fd00:1::11", namespace=believer)
        cloud.lab.pings("fd00:9::1", namespace=believer, count=3)
        assert says_more(ear, within_s=0.5) is not guarded


def sends_as(cloud: Cloud, guest: str, source: str, to: str) -> bool:
    return cloud.lab.succeeds("ping", "-c4", "-i0.1", "-W0.3", "-I", source, to, namespace=guest)


def test_allowed_pairs_add_addresses_of_both_kinds_and_other_macs(cloud: Cloud) -> None:
    network, open_to_all = cloud.network(), cloud.group(*EVERYTHING)
    subnet = cloud.subnet(network, gateway_ip=None)
    port, guest = cloud.guest(subnet, "10.0.0.11", ONE, open_to_all)
    _, other = cloud.guest(subnet, "10.0.0.12", TWO, open_to_all)
    for each, last in ((guest, "50"), (other, "51")):
        for address in (f"10.0.0.{last}/24", f"fd00:5::{last}/64"):
            cloud.lab.run("ip", "addr", "add", address, "dev", "eth0", namespace=each)
    cloud.lab.run("ip", "addr", "add", "fd00:9::50/64", "dev", "eth0", namespace=guest)
    eventually(
        lambda: "tentative" not in cloud.lab.run("ip", "addr", "show", "dev", "eth0", namespace=guest),
        "addresses that are the guest's",
    )
    assert not sends_as(cloud, guest, "10.0.0.50", "10.0.0.12")

    own, foreign = port.mac_address, new_mac()
    pairs = (AddressPair("10.0.0.48/29", own), AddressPair("fd00:5::/64", own))
    cloud.put(replace(port, allowed_address_pairs=(*pairs, AddressPair("10.0.0.11/32", foreign))))
    cloud.lab.settle()

    assert sends_as(cloud, guest, "10.0.0.50", "10.0.0.12")
    assert not sends_as(cloud, guest, "10.0.0.50", "10.0.0.51"), "the other guest has no such pair"
    cloud.lab.run("ip", "link", "set", "eth0", "address", foreign, namespace=guest)
    assert sends_as(cloud, guest, "10.0.0.11", "10.0.0.12")
    assert not sends_as(cloud, guest, "10.0.0.50", "10.0.0.12"), "that pair is for the other MAC"


def test_an_address_that_two_guests_may_use_moves_between_hosts(cloud: Cloud) -> None:
    subnet, open_to_all = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group(*EVERYTHING)
    _, asking = cloud.guest(subnet, "10.0.0.10", THREE, open_to_all)
    shared = "10.0.0.100"
    macs: dict[str, str] = {}
    for address, host in (("10.0.0.11", ONE), ("10.0.0.12", TWO)):
        mac = new_mac()
        pair = (AddressPair(shared, mac),)
        own = {"mac_address": mac, "allowed_address_pairs": pair}
        macs[cloud.guest(subnet, address, host, open_to_all, **own)[1]] = mac

    for holder, former in (macs, reversed(macs)):
        cloud.lab.run("ip", "addr", "flush", "dev", "eth0", "to", shared, namespace=former)
        cloud.lab.run("ip", "addr", "add", f"{shared}/24", "dev", "eth0", namespace=holder)
        cloud.lab.run(sys.executable, FORGE, "announce", macs[holder], shared, namespace=holder)
        cloud.lab.reaches(shared, namespace=asking)


# Which rules.


def test_projects_on_a_shared_network_meet_only_their_own(cloud: Cloud) -> None:
    network = cloud.network()
    subnet = cloud.subnet(network, gateway_ip=None)

    def a_project(first: int) -> list[str]:
        """Two guests on two hosts, in a group that lets in its own members, as default groups do."""
        members = a_group(id=SecurityGroupId(new_id()))
        own = {"remote_group_id": members.id}
        cloud.group(own, own | {"ethertype": "IPv6"}, group=members)
        return [
            cloud.guest(subnet, f"10.0.0.{first + place}", host, members)[1]
            for place, host in enumerate((ONE, TWO))
        ]

    (ours, _), (theirs, _) = a_project(11), a_project(21)

    cloud.lab.reaches("10.0.0.12", namespace=ours)
    cloud.lab.reaches("10.0.0.22", namespace=theirs)
    for stranger in ("10.0.0.21", "10.0.0.22"):
        assert not sends_as(cloud, ours, "10.0.0.11", stranger)


def seconds_until(conditions: Sequence[Callable[[], bool]], what: str) -> float:
    """From now until each has been true; all are asked at once, again and again."""
    began = time.monotonic()
    with ThreadPoolExecutor(len(conditions)) as pool:
        for done in [pool.submit(eventually, each, what) for each in conditions]:
            done.result()
    return time.monotonic() - began


@pytest.mark.parametrize("what", ["rule", "member", "address"])
def test_a_change_of_who_may_come_in_is_in_force_on_every_host_at_once(cloud: Cloud, what: str) -> None:
    network = cloud.network()
    subnet, closed, friends = cloud.subnet(network, gateway_ip=None), cloud.group(), cloud.group()
    port, asking = cloud.guest(subnet, "10.0.0.10", ONE)
    listed = AddressGroup(id=new_id(), project_id=ProjectId("p"), addresses=("10.0.0.200/32",))

    def put_addresses(*addresses: str) -> None:
        wish = compile_address_group(replace(listed, addresses=addresses))
        cloud.apply(owner_of("address_group", listed.id), wish)

    put_addresses()
    rules: dict[str, list[dict[str, Any]]] = {
        "rule": [],
        "member": [{"remote_group_id": friends.id}],
        "address": [{"remote_address_group_id": listed.id}],
    }
    open_it: dict[str, Callable[[], object]] = {
        "rule": lambda: cloud.group({"protocol": "icmp"}, group=closed),
        "member": lambda: cloud.put(replace(port, security_groups=(friends.id,))),
        "address": lambda: put_addresses("10.0.0.8/29"),
    }
    close_it: dict[str, Callable[[], object]] = {
        "rule": lambda: cloud.group(group=closed),
        "member": lambda: cloud.put(replace(port, security_groups=(closed.id,))),
        "address": put_addresses,
    }
    cloud.group(*rules[what], group=closed)
    cloud.put(replace(port, security_groups=(closed.id,)))
    addresses = [f"10.0.0.{11 + number}" for number in range(len(HOSTS))]
    for address, host in zip(addresses, HOSTS, strict=True):
        cloud.guest(subnet, address, host, closed)

    def is_answered(address: str) -> bool:
        return cloud.lab.succeeds("ping", "-c1", "-W0.1", address, namespace=asking)

    assert not any(map(is_answered, addresses))
    open_it[what]()
    opened_s = seconds_until([lambda a=a: is_answered(a) for a in addresses], "an answer")
    close_it[what]()
    closed_s = seconds_until([lambda a=a: not is_answered(a) for a in addresses], "silence")

    assert not any(map(is_answered, addresses))
    print(f"{what}: open on every host after {opened_s:.2f} s, closed after {closed_s:.2f} s")
    assert opened_s < SOON_S
    assert closed_s < SOON_S


TALK = """
import socket, sys, time
talk = socket.create_connection((sys.argv[1], 5000), 5)
talk.settimeout(float(sys.argv[2]))
print("connected", flush=True)
for line in sys.stdin:
    talk.sendall(line.encode())
    try:
        print(talk.recv(99).decode().strip(), flush=True)
    except TimeoutError:
        print("silence", flush=True)
"""
ECHO = """
import socket
server = socket.create_server(("0.0.0.0", 5000))
print("listening", flush=True)
client, _ = server.accept()
while said := client.recv(99):
    client.sendall(said)
"""


def test_an_open_connection_goes_on_without_a_rule_for_answers_and_ends_with_its_rule(cloud: Cloud) -> None:
    subnet, closed = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group()
    server_group = cloud.group({"protocol": "tcp", "port_range_min": 5000, "port_range_max": 5000})
    _, client = cloud.guest(subnet, "10.0.0.11", ONE, closed)
    _, server = cloud.guest(subnet, "10.0.0.12", TWO, server_group)

    with running(server, "-c", ECHO):
        command = ["ip", "netns", "exec", client, sys.executable, "-c", TALK, "10.0.0.12", "1"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as talk:
            assert talk.stdin is not None
            assert told(talk) == "connected"

            def says(words: str) -> str:
                print(words, file=talk.stdin, flush=True)
                return told(talk)

            assert says("hello") == "hello"
            cloud.group(group=server_group)
            cloud.lab.settle()
            assert says("anybody there") == "silence"
            talk.kill()


FLOOD = """
import socket, sys, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("sending", flush=True)
while True:
    for address in sys.argv[1:]:
        try:
            udp.sendto(b"early", (address, 5000))
        except OSError:
            pass  # The way there is not up yet.
    time.sleep(0.001)
"""
HEARD = """
import socket
ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
ear.bind(("eth0", 0))
print("listening", flush=True)
while not ear.recv(2000).endswith(b"early"):
    pass
print("heard", flush=True)
"""


@pytest.mark.parametrize("is_allowed", [False, True])
def test_rules_are_in_force_before_the_first_packet(cloud: Cloud, is_allowed: bool) -> None:
    """A new guest floods and is flooded from its first moment on: not one packet passes that no rule allows."""
    subnet, open_to_all = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group(*EVERYTHING)
    mute = a_group(id=SecurityGroupId(new_id()))
    cloud.apply(owner_of("security_group", mute.id), compile_security_group(mute, []))
    neighbour, known = cloud.guest(subnet, "10.0.0.11", ONE, open_to_all)
    group = open_to_all if is_allowed else mute
    port = cloud.port(subnet, "10.0.0.12", group, binding_host_id=TWO)

    def knows(guest: str, other: Port) -> None:
        whose = (other.addresses[0], "lladdr", other.mac_address)
        cloud.lab.run("ip", "neigh", "replace", *whose, "dev", "eth0", namespace=guest)

    knows(known, port)

    with running(known, "-c", FLOOD, "10.0.0.12"), running(known, "-c", HEARD) as there:
        new = cloud.lab.stand_by(port, addresses=["10.0.0.12/24"])
        knows(new, neighbour)
        with running(new, "-c", FLOOD, "10.0.0.11"), running(new, "-c", HEARD) as here:
            cloud.lab.connect(port)
            eventually(lambda: cloud.driver.is_up(port.id), "a port that is up")
            cloud.lab.settle()
            heard = [says_more(each, within_s=5 if is_allowed else 0.5) for each in (there, here)]

    assert heard == [is_allowed, is_allowed]


def test_a_port_is_up_once_its_own_host_has_its_flows_and_not_before(cloud: Cloud) -> None:
    """Plugged is not enough, nor is being plugged elsewhere; what makes servers start says the same."""
    subnet, open_to_all = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group(*EVERYTHING)
    host = cloud.lab.hosts[ONE]
    _, neighbour = cloud.guest(subnet, "10.0.0.10", ONE, open_to_all)
    with watched_switch(host) as switch:
        with host.daemons.paused("controller"):
            early = cloud.port(subnet, "10.0.0.11", open_to_all, binding_host_id=ONE)
            cloud.lab.plug(early, addresses=["10.0.0.11/24"])
            astray = cloud.port(subnet, "10.0.0.12", open_to_all, binding_host_id=ONE)
            cloud.lab.plug(replace(astray, binding_host_id=TWO))
            cloud.guest(subnet, "10.0.0.13", TWO, open_to_all, settle=False)

            assert not cloud.driver.is_up(early.id)
            assert not switch.ready_among([early.id])

        eventually(lambda: cloud.driver.is_up(early.id), "a port that is up")
        eventually(lambda: switch.ready_among([early.id]), "a port that may be used")
        assert cloud.lab.pings("10.0.0.11", namespace=neighbour), "the first packet arrives"
        assert not cloud.driver.is_up(astray.id)


@contextmanager
def watched_switch(host: Host) -> Iterator[OvsSwitch]:
    """A host's switch as its agent sees it."""
    switch = OvsSwitch(f"unix:{host.daemons.folder}/ovs.sock", bridge="br-int")
    switch.start()
    try:
        yield switch
    finally:
        switch.stop()


# What else crosses hosts.


def test_a_trunk_carries_another_network_to_other_hosts(cloud: Cloud) -> None:
    open_to_all = cloud.group(*EVERYTHING)
    near = cloud.subnet(cloud.network(), gateway_ip=None)
    far = cloud.subnet(cloud.network(), cidr="10.1.0.0/24", gateway_ip=None)
    parent, guest = cloud.guest(near, "10.0.0.11", ONE, open_to_all)
    neighbour, _ = cloud.guest(far, "10.1.0.12", TWO, open_to_all)
    subport = cloud.port(far, "10.1.0.11", open_to_all, binding_host_id=ONE)
    cloud.put(subport, carried=Carried(parent.id, 7))
    eventually(lambda: cloud.driver.is_up(subport.id), "a subport that is where its parent is")
    cloud.lab.settle()

    ends = (subport.mac_address, "10.1.0.11", neighbour.mac_address, "10.1.0.12")
    assert cloud.lab.run(sys.executable, VLAN_PROBE, "7", *ends, namespace=guest) == "answered"

    with watched_switch(cloud.lab.hosts[ONE]) as switch:
        cloud.put(subport)
        eventually(lambda: not cloud.driver.is_up(subport.id), "a subport that is nowhere")
        cloud.lab.settle()
        eventually(lambda: switch.ready_among([parent.id]), "its parent stays where it is")


def test_names_are_known_on_every_host_for_both_kinds_of_addresses(cloud: Cloud) -> None:
    network, open_to_all = cloud.network(dns_domain="net.test."), cloud.group(*EVERYTHING)
    subnet = cloud.subnet(network, gateway_ip=None)
    subnet6 = cloud.subnet(network, ip_version=6, cidr="fd00:7::/64", gateway_ip=None)
    both = (FixedIp(subnet.id, "10.0.0.12"), FixedIp(subnet6.id, "fd00:7::12"))
    cloud.port(subnet, "10.0.0.12", open_to_all, binding_host_id=ONE, fixed_ips=both, dns_name="web")
    cloud.guest(subnet, "10.0.0.53", TWO, open_to_all)
    _, guest = cloud.guest(subnet, "10.0.0.11", THREE, open_to_all)

    asked = [
        cloud.lab.run(sys.executable, DNS_PROBE, "10.0.0.53", "web.net.test", kind, namespace=guest)
        for kind in ("A", "AAAA")
    ]

    assert asked == ["10.0.0.12", "fd00:7::12"]
