"""What the compiled rows do to packets, on a real OVN: who reaches whom, and who is told what."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nacre.kernel.ids import (
    PortId,
    ProjectId,
    RouterId,
    SecurityGroupId,
    SubnetId,
    new_id,
)
from nacre.network.domain.address_groups import AddressGroup
from nacre.network.domain.addresses import eui64_address, new_mac, parse_cidr
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ovn.address_groups import compile_address_group
from nacre.network.domain.ovn.floating_ips import compile_floating_ip
from nacre.network.domain.ovn.networks import compile_network
from nacre.network.domain.ovn.port_forwardings import compile_forwardings
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.port_forwardings import PortForwarding, PortRange
from nacre.network.domain.ports import AddressPair, DeviceOwner, FixedIp
from nacre.network.domain.qos import WAYS as QOS_WAYS
from nacre.network.domain.qos import Direction as QosDirection
from nacre.network.domain.qos import QosRule, RuleKind
from nacre.network.domain.routers import ExternalGateway, Router, RouterInterface
from nacre.network.domain.rows import NOTHING, owner_of
from nacre.network.domain.security_groups import Direction
from nacre.network.domain.segments import Segment
from nacre.network.domain.subnets import HostRoute, Ipv6Mode, Subnet
from nacre.network.domain.trunks import Carried
from nacre.network.drivers.ovn import OvnNetwork
from tests.domain.network.objects import a_floating_ip, a_group, a_port, a_router
from tests.support.ovn_cloud import READ, Cloud
from tests.support.ovn_lab import NEEDS_OVN, OUTSIDE, PHYSICAL_NETWORK, OvnLab, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

PROBE = str(Path(__file__).with_name("dhcp_probe.py"))
DNS_PROBE = str(Path(__file__).with_name("dns_probe.py"))
VLAN_PROBE = str(Path(__file__).with_name("vlan_probe.py"))


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab
        assert lab.misread() == [], "OVN could not read a row of ours"
        assert "|ERR|" not in lab.log("controller") + lab.log("northd")


@pytest.fixture
def cloud(lab: OvnLab) -> Iterator[Cloud]:
    driver = OvnNetwork(lab.remote)
    cloud = Cloud(lab, driver)
    yield cloud
    assert driver.audit(cloud.wishes) == (), "OVN's own daemons changed a row of ours"
    for owner in driver.observe_owners():
        driver.apply(owner, NOTHING)
    assert driver.observe_owners() == set()
    driver.close()


def test_rules_decide_who_reaches_a_guest(cloud: Cloud) -> None:
    network = cloud.network()
    subnet, closed = cloud.subnet(network), cloud.group()
    one, other = cloud.port(subnet, "10.0.0.11", closed), cloud.port(subnet, "10.0.0.12", closed)
    guest = cloud.plug(one, addresses=["10.0.0.11/24"])
    cloud.plug(other, addresses=["10.0.0.12/24"])

    assert not cloud.lab.pings("10.0.0.12", namespace=guest, count=3)

    cloud.group({"protocol": "icmp", "port_range_min": 8}, group=closed)
    cloud.lab.settle()
    cloud.lab.reaches("10.0.0.12", namespace=guest)

    cloud.group({"remote_group_id": closed.id, "protocol": "icmp"}, group=closed)
    cloud.lab.settle()
    cloud.lab.reaches("10.0.0.12", namespace=guest)

    cloud.group({"remote_ip_prefix": "10.0.0.99/32"}, group=closed)
    cloud.lab.settle()
    assert not cloud.lab.pings("10.0.0.12", namespace=guest, count=3)


def test_a_guest_without_any_rule_still_gets_its_address(cloud: Cloud) -> None:
    network = cloud.network(dns_domain="cloud.test.")
    subnet = cloud.subnet(
        network,
        metadata_ip="10.0.0.2",
        dns_nameservers=("9.9.9.9", "8.8.8.8"),
        host_routes=(HostRoute("192.168.5.0/24", "10.0.0.7"),),
    )
    guest = cloud.plug(cloud.port(subnet, "10.0.0.11"))

    said = json.loads(cloud.lab.run(sys.executable, PROBE, namespace=guest))

    assert said["address"] == "10.0.0.11"
    assert said["3"] == "0a000001"
    assert said["6"] == "09090909" + "08080808"
    assert int(said["26"], 16) == 1442
    assert int(said["51"], 16) == 43200
    assert said["121"] == "20a9fea9fe0a000002" + "18c0a8050a000007" + "000a000001"


def test_networks_with_equal_addresses_do_not_meet(cloud: Cloud) -> None:
    guests = []
    for _ in range(2):
        subnet, open_to_all = cloud.subnet(cloud.network()), cloud.group({})
        one, other = (
            cloud.port(subnet, "10.0.0.11", open_to_all),
            cloud.port(subnet, "10.0.0.12", open_to_all),
        )
        guests.append((cloud.plug(one, addresses=["10.0.0.11/24"]), other))
    cloud.plug(guests[0][1], addresses=["10.0.0.12/24"])

    cloud.lab.reaches("10.0.0.12", namespace=guests[0][0])
    assert not cloud.lab.pings("10.0.0.12", namespace=guests[1][0], count=3)


def test_nobody_sends_from_an_address_that_is_not_its_own(cloud: Cloud) -> None:
    subnet, open_to_all = cloud.subnet(cloud.network()), cloud.group({})
    one, other = cloud.port(subnet, "10.0.0.11", open_to_all), cloud.port(subnet, "10.0.0.12", open_to_all)
    guest = cloud.plug(one, addresses=["10.0.0.11/24", "10.0.0.50/24"])
    cloud.plug(other, addresses=["10.0.0.12/24"])

    def reaches_as(source: str) -> bool:
        return cloud.lab.succeeds("ping", "-c3", "-i0.2", "-W1", "-I", source, "10.0.0.12", namespace=guest)

    assert reaches_as("10.0.0.11")
    assert not reaches_as("10.0.0.50")

    cloud.put(replace(one, allowed_address_pairs=(AddressPair("10.0.0.50", one.mac_address),)))
    cloud.lab.settle()
    assert reaches_as("10.0.0.50")


def test_a_port_that_is_down_is_silent(cloud: Cloud) -> None:
    subnet, open_to_all = cloud.subnet(cloud.network()), cloud.group({})
    one, other = cloud.port(subnet, "10.0.0.11", open_to_all), cloud.port(subnet, "10.0.0.12", open_to_all)
    guest = cloud.plug(one, addresses=["10.0.0.11/24"])
    cloud.plug(other, addresses=["10.0.0.12/24"])
    cloud.lab.reaches("10.0.0.12", namespace=guest)

    cloud.put(replace(other, admin_state_up=False))
    cloud.lab.settle()

    assert not cloud.lab.pings("10.0.0.12", namespace=guest, count=3)


def test_the_metadata_address_answers_on_a_network_without_a_router(cloud: Cloud) -> None:
    subnet = cloud.subnet(cloud.network(), metadata_ip="10.0.0.2")
    service = cloud.port(subnet, "10.0.0.2", device_owner=DeviceOwner.METADATA)
    cloud.lab.plug(service, addresses=["10.0.0.2/24", "169.254.169.254/32"])
    guest = cloud.plug(cloud.port(subnet, "10.0.0.11", cloud.group()), addresses=["10.0.0.11/24"])

    cloud.lab.run("ip", "route", "add", "169.254.169.254/32", "via", "10.0.0.2", namespace=guest)

    cloud.lab.reaches("169.254.169.254", namespace=guest)


def a_routed_cloud(cloud: Cloud, **gateway: Any) -> tuple[Router, Subnet]:
    """A router between a private subnet and the flat network of the host's br-ex."""
    outside = cloud.network(
        provider_network_type=NetworkType.FLAT,
        provider_physical_network=PHYSICAL_NETWORK,
        router_external=True,
        mtu=1500,
    )
    outer = cloud.subnet(outside, cidr="172.24.4.0/24", gateway_ip=OUTSIDE, enable_dhcp=False)
    inner = cloud.subnet(cloud.network())
    gateway_port_id = PortId(new_id())
    info = ExternalGateway(network_id=outside.id, port_id=gateway_port_id, **gateway)
    router = a_router(id=RouterId(new_id()), external_gateway_info=info)
    joined = a_port(device_owner=DeviceOwner.ROUTER_INTERFACE, fixed_ips=(FixedIp(inner.id, "10.0.0.1"),))
    way_out = a_port(device_owner=DeviceOwner.ROUTER_GATEWAY, fixed_ips=(FixedIp(outer.id, "172.24.4.10"),))
    cloud.apply(
        owner_of("router", router.id),
        compile_router(
            router, [RouterInterface(joined, (inner,))], gateways=[RouterInterface(way_out, (outer,))]
        ),
    )
    cloud.join(router, inner, "10.0.0.1", owner=DeviceOwner.ROUTER_INTERFACE)
    cloud.join(router, outer, "172.24.4.10", owner=DeviceOwner.ROUTER_GATEWAY, id=gateway_port_id)
    return router, inner


def test_guests_leave_by_the_router_and_floating_ips_lead_in(cloud: Cloud) -> None:
    router, inner = a_routed_cloud(cloud)
    group = cloud.group({"protocol": "icmp"})
    hidden, known = cloud.port(inner, "10.0.0.11", group), cloud.port(inner, "10.0.0.12", group)
    guest = cloud.plug(hidden, addresses=["10.0.0.11/24"], gateway="10.0.0.1")
    reachable = cloud.plug(known, addresses=["10.0.0.12/24"], gateway="10.0.0.1")

    cloud.lab.reaches(OUTSIDE, namespace=guest)
    assert cloud.seen_as(guest, OUTSIDE) == "172.24.4.10"

    floating_ip = a_floating_ip(port_id=known.id, fixed_ip_address="10.0.0.12", router_id=router.id)
    owner = owner_of("floatingip", floating_ip.id)
    cloud.apply(owner, compile_floating_ip(floating_ip, router, floating_mac=new_mac()))
    cloud.lab.settle()
    cloud.lab.reaches("172.24.4.101")
    assert cloud.seen_as(reachable, OUTSIDE) == "172.24.4.101"

    moved = replace(floating_ip, port_id=hidden.id, fixed_ip_address="10.0.0.11")
    cloud.apply(owner, compile_floating_ip(moved, router, floating_mac=new_mac()))
    cloud.lab.settle()
    cloud.lab.reaches("172.24.4.101")
    assert cloud.seen_as(guest, OUTSIDE) == "172.24.4.101"


ANSWER_TCP = """
import socket, sys
server = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("listening", flush=True)
server.settimeout(20)
client, _ = server.accept()
client.sendall(sys.argv[2].encode())
"""


def test_ports_of_a_floating_ip_lead_to_different_guests(cloud: Cloud) -> None:
    router, inner = a_routed_cloud(cloud)
    group = cloud.group({"protocol": "tcp"})
    ports = [cloud.port(inner, f"10.0.0.{number}", group) for number in (11, 12)]
    guests = [cloud.plug(port, addresses=[f"{port.addresses[0]}/24"], gateway="10.0.0.1") for port in ports]
    floating_ip = a_floating_ip(router_id=router.id)

    forwardings = [
        PortForwarding(
            id=new_id(),
            floating_ip_id=floating_ip.id,
            internal_port_id=port.id,
            internal_ip_address=port.addresses[0],
            protocol="tcp",
            external_ports=PortRange(outside, outside),
            internal_ports=PortRange(80, 80),
        )
        for port, outside in zip(ports, (8011, 8012), strict=True)
    ]
    cloud.apply(owner_of("floatingip", floating_ip.id), compile_forwardings(floating_ip, forwardings))
    cloud.lab.settle()

    heard = []
    for guest, outside in zip(guests, ("8011", "8012"), strict=True):
        answer = ["ip", "netns", "exec", guest, sys.executable, "-c", ANSWER_TCP, "80", guest]
        with subprocess.Popen(answer, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            server.stdout.readline()
            heard.append(cloud.lab.run(sys.executable, "-c", READ, floating_ip.floating_ip_address, outside))
    assert heard == guests


def test_a_floating_ip_whose_ports_are_forwarded_is_limited_in_both_directions(cloud: Cloud) -> None:
    router, inner = a_routed_cloud(cloud)
    port = cloud.port(inner, "10.0.0.11", cloud.group({"protocol": "udp"}, {"protocol": "icmp"}))
    guest = cloud.plug(port, addresses=["10.0.0.11/24"], gateway="10.0.0.1")
    gateway = router.external_gateway_info
    assert gateway is not None
    floating_ip = a_floating_ip(router_id=router.id, floating_network_id=gateway.network_id)
    forwarding = PortForwarding(
        id=new_id(),
        floating_ip_id=floating_ip.id,
        internal_port_id=port.id,
        internal_ip_address="10.0.0.11",
        protocol="udp",
        external_ports=PortRange(5000, 5000),
        internal_ports=PortRange(5000, 5000),
    )
    door = RouterInterface(a_port(id=gateway.port_id, network_id=gateway.network_id), ())

    def shape(*limits: QosRule) -> tuple[int, int]:
        wish = compile_forwardings(floating_ip, [forwarding], doors=[door], qos_rules=limits)
        cloud.apply(owner_of("floatingip", floating_ip.id), wish)
        cloud.lab.settle()
        cloud.lab.reaches(OUTSIDE, namespace=guest)
        address = floating_ip.floating_ip_address
        asked = ["ip", "netns", "exec", guest, sys.executable, "-c", PUMP]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as pump:
            assert pump.stdout is not None
            pump.stdout.readline()
            answered = int(cloud.lab.run(sys.executable, "-c", ASK, address))
            pump.wait(timeout=30)
        _, heard, _ = flood(cloud, to=cloud.lab.host, at=guest, address=address, seconds=0.5)
        return heard, answered

    free = shape()
    limits = [
        QosRule(
            id=new_id(),
            policy_id="",
            kind=RuleKind.BANDWIDTH_LIMIT,
            direction=way,
            max_kbps=1000,
            max_burst_kbps=100,
        )
        for way in QOS_WAYS
    ]
    limited = shape(*limits)

    assert min(free) > 250, "without a limit most of them arrive"
    assert max(limited) < 150


def test_a_distributed_floating_ip_answers_under_a_mac_of_its_own(cloud: Cloud) -> None:
    router, inner = a_routed_cloud(cloud)
    router = replace(router, distributed=True)
    port = cloud.port(inner, "10.0.0.11", cloud.group({"protocol": "icmp"}))
    cloud.plug(port, addresses=["10.0.0.11/24"], gateway="10.0.0.1")
    floating_ip = a_floating_ip(port_id=port.id, fixed_ip_address="10.0.0.11", router_id=router.id)
    mac = new_mac()

    wish = compile_floating_ip(floating_ip, router, floating_mac=mac)
    cloud.apply(owner_of("floatingip", floating_ip.id), wish)
    cloud.lab.settle()

    cloud.lab.reaches("172.24.4.101")
    assert mac in cloud.lab.run("ip", "neigh", "show", "172.24.4.101")


def test_without_source_nat_guests_keep_their_addresses_outside(cloud: Cloud) -> None:
    _, inner = a_routed_cloud(cloud, enable_snat=False)
    port = cloud.port(inner, "10.0.0.11", cloud.group())
    guest = cloud.plug(port, addresses=["10.0.0.11/24"], gateway="10.0.0.1")
    cloud.lab.run("ip", "route", "add", "10.0.0.0/24", "via", "172.24.4.10")

    cloud.lab.reaches(OUTSIDE, namespace=guest)

    assert cloud.seen_as(guest, OUTSIDE) == "10.0.0.11"
    cloud.lab.run("ip", "route", "del", "10.0.0.0/24")


def test_a_vlan_network_reaches_its_wire_under_its_tag(cloud: Cloud) -> None:
    network = cloud.network(
        provider_network_type=NetworkType.VLAN,
        provider_physical_network=PHYSICAL_NETWORK,
        provider_segmentation_id=100,
    )
    port = cloud.port(cloud.subnet(network), "10.0.0.11", cloud.group())
    guest = cloud.plug(port, addresses=["10.0.0.11/24"])
    cloud.lab.outsider(address="10.0.0.201/24", vlan=100)
    cloud.lab.outsider(address="10.0.0.202/24", vlan=200)

    cloud.lab.reaches("10.0.0.201", namespace=guest)
    assert not cloud.lab.pings("10.0.0.202", namespace=guest, count=3)


def test_a_network_on_several_wires_uses_the_one_that_its_host_is_on(cloud: Cloud) -> None:
    elsewhere = {"provider_network_type": NetworkType.VLAN, "provider_physical_network": "other-rack"}
    network = cloud.network(**elsewhere, provider_segmentation_id=100)
    here = Segment(
        id=new_id(),
        network_id=network.id,
        network_type=NetworkType.VLAN,
        physical_network=PHYSICAL_NETWORK,
        segmentation_id=200,
        place=1,
    )
    cloud.apply(owner_of("network", network.id), compile_network(network, [here]))
    port = cloud.port(cloud.subnet(network), "10.0.0.11", cloud.group())
    guest = cloud.plug(port, addresses=["10.0.0.11/24"])
    cloud.lab.outsider(address="10.0.0.201/24", vlan=100)
    cloud.lab.outsider(address="10.0.0.202/24", vlan=200)

    cloud.lab.reaches("10.0.0.202", namespace=guest)
    assert not cloud.lab.pings("10.0.0.201", namespace=guest, count=3)


@pytest.mark.parametrize("mode", [Ipv6Mode.SLAAC, Ipv6Mode.STATELESS])
def test_guests_make_their_ipv6_address_from_what_the_router_says(cloud: Cloud, mode: Ipv6Mode) -> None:
    network, router = cloud.network(), a_router(id=RouterId(new_id()))
    subnet = cloud.subnet(
        network,
        ip_version=6,
        cidr="fd00:1::/64",
        gateway_ip="fd00:1::1",
        ipv6_ra_mode=mode,
        ipv6_address_mode=mode,
        dns_nameservers=("fd00:1::53",),
    )
    cloud.apply(owner_of("router", router.id), compile_router(router, []))
    cloud.join(router, subnet, "fd00:1::1", owner=DeviceOwner.ROUTER_INTERFACE)
    mac = new_mac()
    expected = eui64_address(parse_cidr(subnet.cidr), mac)
    port = cloud.port(subnet, expected, cloud.group(), mac_address=mac)

    guest = cloud.plug(port)

    eventually(
        lambda: expected in cloud.lab.run("ip", "-6", "addr", "show", "dev", "eth0", namespace=guest),
        f"the address {expected}",
    )
    cloud.lab.reaches("fd00:1::1", namespace=guest)


def test_ovn_accepts_stateful_dhcpv6_options(cloud: Cloud) -> None:
    subnet = cloud.subnet(
        cloud.network(),
        ip_version=6,
        cidr="fd00:2::/64",
        gateway_ip="fd00:2::1",
        ipv6_ra_mode=Ipv6Mode.STATEFUL,
        ipv6_address_mode=Ipv6Mode.STATEFUL,
        dns_nameservers=("fd00:2::53",),
    )

    cloud.plug(cloud.port(subnet, "fd00:2::11", cloud.group()))

    assert cloud.lab.misread() == []


EVERY_RULE = [
    {"protocol": "tcp", "port_range_min": 1, "port_range_max": 65535},
    {"protocol": "udp", "port_range_min": 53, "port_range_max": 53},
    {"protocol": "sctp", "port_range_min": 1000, "port_range_max": 2000, "ethertype": "IPv6"},
    {"protocol": "icmp", "port_range_min": 3, "port_range_max": 4},
    {"protocol": "ipv6-icmp", "port_range_min": 128, "ethertype": "IPv6"},
    {"protocol": "ipv6-icmp", "ethertype": "IPv6", "remote_ip_prefix": "2001:db8::7/32"},
    {"protocol": "gre"},
    {"protocol": "112"},
    {"protocol": "1", "ethertype": "IPv6"},
    {"protocol": "58"},
    {"remote_ip_prefix": "0.0.0.0/0"},
    {"remote_ip_prefix": "10.1.2.3/8", "direction": Direction.EGRESS},
]


@pytest.mark.parametrize("stateful", [True, False])
def test_ovn_reads_every_kind_of_rule(cloud: Cloud, stateful: bool) -> None:
    group = cloud.group(*EVERY_RULE, group=a_group(id=SecurityGroupId(new_id()), stateful=stateful))
    subnet = cloud.subnet(cloud.network())

    cloud.plug(cloud.port(subnet, "10.0.0.11", group))

    assert cloud.lab.misread() == []


SEND = """
import socket, sys, time
to, seconds = (sys.argv[1], 5000), float(sys.argv[2])
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end, sent = time.monotonic() + seconds, 0
while time.monotonic() < end:
    udp.sendto(bytes(1000), to)
    sent += 1
    time.sleep(0.0005)
print(sent)
"""
HEAR = """
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
udp.bind(("0.0.0.0", 5000))
print("listening", flush=True)
heard, marks = 0, set()
udp.settimeout(30)
while True:
    try:
        _, beside, _, _ = udp.recvmsg(2000, 100)
    except TimeoutError:
        break
    heard += 1
    marks |= {data[0] >> 2 for _, kind, data in beside}
    udp.settimeout(1)
print(heard, sorted(marks))
"""


PUMP = """
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 5000))
udp.settimeout(30)
print("listening", flush=True)
_, who = udp.recvfrom(2000)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    udp.sendto(bytes(1000), who)
    time.sleep(0.0005)
"""
ASK = """
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(1)
heard, asked = 0, 0
while heard or asked < 10:
    if not heard:
        udp.sendto(b"?", (sys.argv[1], 5000))
        asked += 1
    try:
        udp.recv(2000)
    except TimeoutError:
        if heard:
            break
        continue
    heard += 1
print(heard)
"""


def flood(cloud: Cloud, *, to: str, at: str, address: str, seconds: float = 1.0) -> tuple[int, int, str]:
    """How many packets of 1,000 bytes were sent and heard, and the DSCP marks they were heard with."""
    enter = ["ip", "netns", "exec", at, sys.executable, "-c", HEAR]
    with subprocess.Popen(enter, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        sent = cloud.lab.run(sys.executable, "-c", SEND, address, str(seconds), namespace=to)
        heard, _, marks = listener.stdout.readline().partition(" ")
    return int(sent), int(heard), marks.strip()


def test_a_ports_packets_are_limited_in_both_directions_and_marked(cloud: Cloud) -> None:
    net = cloud.network()
    subnet = cloud.subnet(net)
    group = cloud.group({"protocol": "udp"}, {"protocol": "icmp"})
    limited, other = cloud.port(subnet, "10.0.0.11", group), cloud.port(subnet, "10.0.0.12", group)
    near = cloud.plug(limited, addresses=["10.0.0.11/24"])
    far = cloud.plug(other, addresses=["10.0.0.12/24"])
    cloud.lab.reaches("10.0.0.12", namespace=near)
    before = flood(cloud, to=near, at=far, address="10.0.0.12")

    def rule(kind: RuleKind, direction: QosDirection = QosDirection.EGRESS, **fields: int) -> QosRule:
        return QosRule(id=new_id(), policy_id="", kind=kind, direction=direction, **fields)

    limit = RuleKind.BANDWIDTH_LIMIT
    cloud.put(
        limited,
        qos_rules=[
            rule(limit, max_kbps=1000, max_burst_kbps=100),
            rule(limit, QosDirection.INGRESS, max_kbps=2000, max_burst_kbps=200),
            rule(RuleKind.DSCP_MARKING, dscp_mark=46),
        ],
    )
    cloud.lab.settle()
    sent_out, heard_out, marks_out = flood(cloud, to=near, at=far, address="10.0.0.12")
    sent_in, heard_in, marks_in = flood(cloud, to=far, at=near, address="10.0.0.11")

    # 1,000 kbit/s are 125 packets of 1,000 bytes in a second; a burst may come before.
    assert before[1] > 500, "without a limit most of them arrive"
    assert before[2] == "[0]"
    assert heard_out < 250 < sent_out
    assert heard_out < heard_in < 500 < sent_in
    assert (marks_out, marks_in) == ("[46]", "[0]")


def test_what_leaves_by_a_router_is_limited_by_the_policy_of_its_way_out(cloud: Cloud) -> None:
    router, inner = a_routed_cloud(cloud)
    gateway = router.external_gateway_info
    assert gateway is not None
    (outer,) = (subnet for subnet in cloud.subnets.values() if subnet.network_id == gateway.network_id)
    guest = cloud.plug(
        cloud.port(inner, "10.0.0.11", cloud.group()), addresses=["10.0.0.11/24"], gateway="10.0.0.1"
    )
    cloud.lab.reaches(OUTSIDE, namespace=guest)
    before = flood(cloud, to=guest, at=cloud.lab.host, address=OUTSIDE)

    limit = QosRule(
        id=new_id(), policy_id="", kind=RuleKind.BANDWIDTH_LIMIT, max_kbps=1000, max_burst_kbps=100
    )
    way_out = DeviceOwner.ROUTER_GATEWAY
    cloud.join(router, outer, "172.24.4.10", owner=way_out, id=gateway.port_id, qos_rules=[limit])
    cloud.lab.settle()
    cloud.lab.reaches(OUTSIDE, namespace=guest)
    sent, heard, _ = flood(cloud, to=guest, at=cloud.lab.host, address=OUTSIDE)

    assert before[1] > 500, "without a limit most of them arrive"
    assert heard < 250 < sent


def test_a_router_keeps_address_scopes_apart(cloud: Cloud) -> None:
    inner, other = (
        cloud.subnet(cloud.network()),
        cloud.subnet(cloud.network(), cidr="10.1.0.0/24", gateway_ip="10.1.0.1"),
    )
    router, open_to_all = a_router(id=RouterId(new_id())), cloud.group({})
    legs = [
        RouterInterface(a_port(fixed_ips=(FixedIp(subnet.id, str(subnet.gateway_ip)),)), (subnet,))
        for subnet in (inner, other)
    ]

    def scoped(scopes: dict[SubnetId, str]) -> None:
        wish = compile_router(router, legs, scopes=scopes)
        cloud.apply(owner_of("router", router.id), wish)
        cloud.lab.settle()

    scoped({inner.id: "one", other.id: "one"})
    cloud.join(router, inner, "10.0.0.1", owner=DeviceOwner.ROUTER_INTERFACE)
    cloud.join(router, other, "10.1.0.1", owner=DeviceOwner.ROUTER_INTERFACE)
    guest = cloud.plug(
        cloud.port(inner, "10.0.0.11", open_to_all), addresses=["10.0.0.11/24"], gateway="10.0.0.1"
    )
    cloud.plug(cloud.port(other, "10.1.0.12", open_to_all), addresses=["10.1.0.12/24"], gateway="10.1.0.1")
    cloud.lab.reaches("10.1.0.12", namespace=guest)

    scoped({inner.id: "one"})

    assert not cloud.lab.pings("10.1.0.12", namespace=guest, count=3)
    assert cloud.lab.pings("10.0.0.1", namespace=guest, count=3)


def test_a_thousand_rules_follow_a_group_of_addresses_by_one_row(cloud: Cloud, monkeypatch: Any) -> None:
    addresses = tuple(f"10.{64 + n // 250}.{n % 250}.0/24" for n in range(1000))
    group = AddressGroup(id=new_id(), project_id=ProjectId("p"), addresses=addresses)
    owner = owner_of("address_group", group.id)
    cloud.apply(owner, compile_address_group(group))
    rules = [
        {"remote_address_group_id": group.id, "protocol": "tcp", "port_range_min": n, "port_range_max": n}
        for n in range(1, 1001)
    ]
    cloud.group(*rules)
    closed = cloud.group({"remote_address_group_id": group.id, "protocol": "icmp"})
    subnet = cloud.subnet(cloud.network())
    one, other = cloud.port(subnet, "10.0.0.11", closed), cloud.port(subnet, "10.0.0.12", closed)
    guest = cloud.plug(one, addresses=["10.0.0.11/24"])
    cloud.plug(other, addresses=["10.0.0.12/24"])
    assert not cloud.lab.pings("10.0.0.12", namespace=guest, count=3)

    said: list[Any] = []
    transact = cloud.driver._transact
    monkeypatch.setattr(cloud.driver, "_transact", lambda ops: said.extend(ops) or transact(ops))
    cloud.apply(owner, compile_address_group(replace(group, addresses=(*addresses, "10.0.0.11/32"))))

    assert [(each["op"], each["table"]) for each in said] == [("update", "Address_Set")]
    cloud.lab.reaches("10.0.0.12", namespace=guest)


def test_a_group_without_memory_lets_in_only_what_its_rules_say(cloud: Cloud) -> None:
    stateless = cloud.group(group=a_group(id=SecurityGroupId(new_id()), stateful=False))
    subnet, open_to_all = cloud.subnet(cloud.network(), metadata_ip="10.0.0.2"), cloud.group({})
    guest = cloud.plug(cloud.port(subnet, "10.0.0.11", stateless))
    cloud.plug(cloud.port(subnet, "10.0.0.12", open_to_all), addresses=["10.0.0.12/24"])

    said = json.loads(cloud.lab.run(sys.executable, PROBE, namespace=guest))
    assert said["address"] == "10.0.0.11", "DHCP answers whatever the rules say"
    assert said["6"] == "0a000002", "somebody to ask for the names of the network"
    cloud.lab.run("ip", "addr", "add", "10.0.0.11/24", "dev", "eth0", namespace=guest)
    assert not cloud.lab.pings("10.0.0.12", namespace=guest, count=3), "nobody remembers who asked"

    cloud.group({"protocol": "icmp"}, group=a_group(id=stateless.id, stateful=False))
    cloud.lab.settle()
    cloud.lab.reaches("10.0.0.12", namespace=guest)


def test_a_trunk_carries_the_frames_of_other_networks_under_a_tag(cloud: Cloud) -> None:
    open_to_all = cloud.group({})
    near = cloud.subnet(cloud.network())
    far = cloud.subnet(cloud.network(), cidr="10.1.0.0/24", gateway_ip="10.1.0.1")
    parent = cloud.port(near, "10.0.0.11", open_to_all)
    subport = cloud.port(far, "10.1.0.11", open_to_all)
    neighbour = cloud.port(far, "10.1.0.12", open_to_all)
    cloud.put(subport, carried=Carried(parent.id, 7))
    guest = cloud.plug(parent, addresses=["10.0.0.11/24"])
    cloud.plug(neighbour, addresses=["10.1.0.12/24"])

    eventually(lambda: cloud.driver.is_up(subport.id), "a subport that is where its parent is")

    def is_answered(tag: int) -> bool:
        ends = (subport.mac_address, "10.1.0.11", neighbour.mac_address, "10.1.0.12")
        return cloud.lab.run(sys.executable, VLAN_PROBE, str(tag), *ends, namespace=guest) == "answered"

    cloud.lab.settle()
    assert is_answered(7)
    assert not is_answered(8)
    cloud.put(subport)
    cloud.lab.settle()
    assert not is_answered(7)


def test_guests_find_each_other_by_name_whomever_they_ask(cloud: Cloud) -> None:
    subnet, open_to_all = cloud.subnet(cloud.network(dns_domain="net.test.")), cloud.group({})
    cloud.port(subnet, "10.0.0.12", open_to_all, dns_name="Web")
    guest = cloud.plug(cloud.port(subnet, "10.0.0.11", open_to_all), addresses=["10.0.0.11/24"])
    cloud.plug(cloud.port(subnet, "10.0.0.53", open_to_all), addresses=["10.0.0.53/24"])

    def asked(name: str) -> str:
        return cloud.lab.run(sys.executable, DNS_PROBE, "10.0.0.53", name, namespace=guest)

    assert asked("web.net.test") == "10.0.0.12"
    assert asked("web") == "10.0.0.12"
    assert asked("web.novalocal") == "10.0.0.12", "where DHCP has guests look for names"
    assert asked("other.net.test") == "silent"
