"""What the compiled rows do to packets between three hosts: wires, gateways and floating IPs that move."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from nacre.kernel.ids import HostId, PortId, RouterId, new_id
from nacre.network.domain.addresses import eui64_address, new_mac, parse_cidr
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ovn.floating_ips import compile_floating_ip
from nacre.network.domain.ovn.port_forwardings import compile_forwardings
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.port_forwardings import PortForwarding, PortRange
from nacre.network.domain.ports import DeviceOwner, FixedIp
from nacre.network.domain.routers import ExternalGateway, Router, RouterInterface
from nacre.network.domain.rows import owner_of
from nacre.network.domain.subnets import Ipv6Mode, Subnet
from tests.domain.network.objects import a_floating_ip, a_port, a_router
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import NEEDS_OVN, OUTSIDE, OUTSIDE6, PHYSICAL_NETWORK, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

PROBE6 = str(Path(__file__).with_name("dhcp6_probe.py"))
ONE, TWO, THREE = (HostId(f"host{number}") for number in (1, 2, 3))


@pytest.fixture
def cloud(wide_cloud: Cloud) -> Cloud:
    return wide_cloud


def test_guests_meet_on_a_host_and_across_hosts_and_only_on_their_network(cloud: Cloud) -> None:
    subnet, open_to_all = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group({})
    _, first = cloud.guest(subnet, "10.0.0.11", ONE, open_to_all)
    cloud.guest(subnet, "10.0.0.12", ONE, open_to_all)
    cloud.guest(subnet, "10.0.0.13", TWO, open_to_all)
    twin, other = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group({})
    _, stranger = cloud.guest(twin, "10.0.0.11", TWO, other)
    cloud.guest(twin, "10.0.0.14", THREE, other)

    cloud.lab.reaches("10.0.0.12", namespace=first)
    cloud.lab.reaches("10.0.0.13", namespace=first)
    cloud.lab.reaches("10.0.0.14", namespace=stranger)
    assert not cloud.lab.pings("10.0.0.14", namespace=first, count=3)
    assert not cloud.lab.pings("10.0.0.13", namespace=stranger, count=3)


def test_a_network_has_several_subnets(cloud: Cloud) -> None:
    network, open_to_all, router = cloud.network(), cloud.group({}), a_router(id=RouterId(new_id()))
    subnets = [
        cloud.subnet(network, cidr=f"10.{number}.0.0/24", gateway_ip=f"10.{number}.0.1") for number in (1, 2)
    ]
    cloud.apply(owner_of("router", router.id), compile_router(router, []))
    for subnet in subnets:
        cloud.join(router, subnet, str(subnet.gateway_ip), owner=DeviceOwner.ROUTER_INTERFACE)
    _, guest = cloud.guest(subnets[0], "10.1.0.11", ONE, open_to_all)
    cloud.guest(subnets[0], "10.1.0.12", TWO, open_to_all)
    cloud.guest(subnets[1], "10.2.0.12", TWO, open_to_all)

    cloud.lab.reaches("10.1.0.12", namespace=guest)
    cloud.lab.reaches("10.2.0.12", namespace=guest)


@pytest.mark.parametrize("mode", [Ipv6Mode.SLAAC, Ipv6Mode.STATEFUL])
def test_guests_on_two_hosts_get_ipv6_addresses_and_meet(cloud: Cloud, mode: Ipv6Mode) -> None:
    network, router, group = (
        cloud.network(),
        a_router(id=RouterId(new_id())),
        cloud.group({"ethertype": "IPv6"}),
    )
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
    guests = {}
    for host, last in ((ONE, "11"), (TWO, "12")):
        mac = new_mac()
        address = eui64_address(parse_cidr(subnet.cidr), mac) if mode is Ipv6Mode.SLAAC else f"fd00:1::{last}"
        port = cloud.port(subnet, address, group, mac_address=mac, binding_host_id=host)
        guests[address] = cloud.plug(port)

    for address, guest in guests.items():
        if mode is Ipv6Mode.STATEFUL:
            said = json.loads(cloud.lab.run(sys.executable, PROBE6, namespace=guest))
            assert said == {"address": address, "dns": "fd00:1::53"}
            cloud.lab.run("ip", "addr", "add", f"{address}/64", "dev", "eth0", "nodad", namespace=guest)
        has_it = ("ip", "-6", "addr", "show", "dev", "eth0", "-tentative")
        eventually(lambda: address in cloud.lab.run(*has_it, namespace=guest), f"the address {address}")  # noqa: B023
    first, second = guests
    cloud.lab.reaches(second, namespace=guests[first])
    cloud.lab.reaches("fd00:1::1", namespace=guests[second])


@pytest.mark.parametrize("vlan", [None, 100])
def test_a_provider_network_is_one_wire_for_all_hosts(cloud: Cloud, vlan: int | None) -> None:
    network = cloud.network(
        provider_network_type=NetworkType.VLAN if vlan else NetworkType.FLAT,
        provider_physical_network=PHYSICAL_NETWORK,
        provider_segmentation_id=vlan,
    )
    subnet, group = (
        cloud.subnet(network, cidr="172.24.4.0/24", gateway_ip=None),
        cloud.group({"protocol": "icmp"}),
    )
    _, guest = cloud.guest(subnet, "172.24.4.11", ONE, group)
    cloud.guest(subnet, "172.24.4.12", TWO, group)
    cloud.lab.reaches("172.24.4.12", namespace=guest)

    if vlan is None:
        cloud.lab.reaches(OUTSIDE, namespace=guest)
        return
    cloud.lab.outsider(address="172.24.4.201/24", vlan=vlan, host=THREE)
    cloud.lab.outsider(address="172.24.4.202/24", vlan=vlan + 1, host=THREE)
    cloud.lab.reaches("172.24.4.201", namespace=guest)
    assert not cloud.lab.pings("172.24.4.202", namespace=guest, count=3)
    assert not cloud.lab.pings(OUTSIDE, namespace=guest, count=3)


def a_way_out(cloud: Cloud) -> tuple[Router, Subnet, Subnet]:
    """A router between a network with IPv4 and IPv6 and the flat network outside."""
    outside = cloud.network(
        provider_network_type=NetworkType.FLAT,
        provider_physical_network=PHYSICAL_NETWORK,
        router_external=True,
        mtu=1500,
    )
    outer = cloud.subnet(outside, cidr="172.24.4.0/24", gateway_ip=OUTSIDE, enable_dhcp=False)
    outer6 = cloud.subnet(
        outside, ip_version=6, cidr="2001:db8:4::/64", gateway_ip=OUTSIDE6, enable_dhcp=False
    )
    network = cloud.network()
    inner = cloud.subnet(network)
    inner6 = cloud.subnet(network, ip_version=6, cidr="2001:db8:7::/64", gateway_ip="2001:db8:7::1")
    gateway = PortId(new_id())
    router = a_router(
        id=RouterId(new_id()), external_gateway_info=ExternalGateway(network_id=outside.id, port_id=gateway)
    )
    there = (FixedIp(outer.id, "172.24.4.10"), FixedIp(outer6.id, "2001:db8:4::10"))
    legs = [
        RouterInterface(a_port(fixed_ips=(FixedIp(inner.id, "10.0.0.1"),)), (inner,)),
        RouterInterface(a_port(fixed_ips=(FixedIp(inner6.id, "2001:db8:7::1"),)), (inner6,)),
    ]
    way_out = RouterInterface(
        a_port(device_owner=DeviceOwner.ROUTER_GATEWAY, fixed_ips=there), (outer, outer6)
    )
    cloud.apply(owner_of("router", router.id), compile_router(router, legs, gateways=[way_out]))
    cloud.join(router, inner, "10.0.0.1", owner=DeviceOwner.ROUTER_INTERFACE)
    cloud.join(router, inner6, "2001:db8:7::1", owner=DeviceOwner.ROUTER_INTERFACE)
    cloud.join(router, outer, "172.24.4.10", owner=DeviceOwner.ROUTER_GATEWAY, id=gateway, also=there[1:])
    return router, inner, inner6


def seconds_until_answered(cloud: Cloud, address: str, *, namespace: str = "", within_s: float) -> float:
    """From now to the first echo reply, asked for ten times a second."""
    began = time.monotonic()
    command = ["ip", "netns", "exec", namespace or cloud.lab.outside, "ping", "-c1", "-W0.1", address]
    eventually(
        lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0,
        f"an answer of {address}",
        within_s=within_s,
    )
    return time.monotonic() - began


def test_a_floating_ip_moves_at_once_to_a_server_on_another_host(cloud: Cloud) -> None:
    router, inner, _ = a_way_out(cloud)
    group = cloud.group({"protocol": "icmp"})
    ports, guests = zip(
        *(cloud.guest(inner, f"10.0.0.{11 + n}", host, group) for n, host in enumerate((ONE, TWO))),
        strict=True,
    )
    floating_ip = a_floating_ip(router_id=router.id)
    owner = owner_of("floatingip", floating_ip.id)
    for guest in guests:
        # A guest tells that it is meant by letting nobody else answer: the other one's link is down.
        cloud.lab.run("ip", "link", "set", "eth0", "down", namespace=guest)

    for port, guest, address in zip(ports, guests, ("10.0.0.11", "10.0.0.12"), strict=True):
        cloud.lab.run("ip", "link", "set", "eth0", "up", namespace=guest)
        cloud.lab.run("ip", "route", "replace", "default", "via", "10.0.0.1", namespace=guest)
        cloud.lab.reaches("10.0.0.1", namespace=guest)
        placed = replace(floating_ip, port_id=port.id, fixed_ip_address=address)
        began = time.monotonic()
        cloud.apply(owner, compile_floating_ip(placed, router, floating_mac=new_mac()))
        seconds_until_answered(cloud, "172.24.4.101", within_s=10)
        took_s = time.monotonic() - began
        print(f"the floating IP answered from {port.binding_host_id} after {took_s:.2f} s")
        assert took_s < 5
        cloud.lab.run("ip", "link", "set", "eth0", "down", namespace=guest)


ANSWER = """
import socket, sys
protocol, name = sys.argv[1], sys.argv[2].encode()
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 80))
server.settimeout(15)
if protocol == "tcp":
    server.listen()
print("listening", flush=True)
if protocol == "tcp":
    server.accept()[0].sendall(name)
else:
    server.sendto(name, server.recvfrom(99)[1])
"""
ASK = """
import socket, sys
protocol, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
asking = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
asking.settimeout(10 if protocol == "tcp" else 0.5)
asking.connect((address, port))
for _ in range(1 if protocol == "tcp" else 20):
    if protocol == "udp":
        asking.send(b"who")
    try:
        sys.exit(print(asking.recv(99).decode()))
    except OSError as error:
        said = error
sys.exit(str(said))
"""


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_ports_of_a_floating_ip_lead_to_guests_on_different_hosts(cloud: Cloud, protocol: str) -> None:
    router, inner, _ = a_way_out(cloud)
    group = cloud.group({"protocol": protocol})
    made = [cloud.guest(inner, f"10.0.0.{11 + n}", host, group) for n, host in enumerate((ONE, TWO))]
    floating_ip = a_floating_ip(router_id=router.id)
    forwardings = [
        PortForwarding(
            id=new_id(),
            floating_ip_id=floating_ip.id,
            internal_port_id=port.id,
            internal_ip_address=port.addresses[0],
            protocol=protocol,
            external_ports=PortRange(8011 + n, 8011 + n),
            internal_ports=PortRange(80, 80),
        )
        for n, (port, _) in enumerate(made)
    ]
    cloud.apply(owner_of("floatingip", floating_ip.id), compile_forwardings(floating_ip, forwardings))
    cloud.lab.settle()

    heard = []
    for n, (_, guest) in enumerate(made):
        cloud.lab.reaches(OUTSIDE, namespace=guest)
        answer = ["ip", "netns", "exec", guest, sys.executable, "-c", ANSWER, protocol, guest]
        with subprocess.Popen(answer, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            server.stdout.readline()
            there = (protocol, floating_ip.floating_ip_address, str(8011 + n))
            heard.append(cloud.lab.run(sys.executable, "-c", ASK, *there))
    assert heard == [guest for _, guest in made]


def test_the_gateway_moves_when_its_host_dies(cloud: Cloud) -> None:
    _, inner, inner6 = a_way_out(cloud)
    group = cloud.group({}, {"ethertype": "IPv6"})
    port = cloud.port(
        inner,
        "10.0.0.11",
        group,
        binding_host_id=ONE,
        fixed_ips=(FixedIp(inner.id, "10.0.0.11"), FixedIp(inner6.id, "2001:db8:7::11")),
    )
    guest = cloud.plug(port, addresses=["10.0.0.11/24", "2001:db8:7::11/64"], gateway="10.0.0.1")
    cloud.lab.run("ip", "-6", "route", "add", "default", "via", "2001:db8:7::1", namespace=guest)
    cloud.lab.run("ip", "-6", "route", "replace", "2001:db8:7::/64", "via", "2001:db8:4::10")
    cloud.lab.reaches(OUTSIDE, namespace=guest)
    cloud.lab.reaches(OUTSIDE6, namespace=guest)
    eventually(lambda: gateway_host(cloud) == THREE, "the gateway on the first of its hosts")

    cloud.lab.hosts[THREE].daemons.kill("controller")
    cloud.lab.hosts[THREE].daemons.kill("vswitchd")
    took_s = seconds_until_answered(cloud, OUTSIDE, namespace=guest, within_s=30)
    print(f"another host carried the gateway after {took_s:.2f} s")
    assert took_s < 15
    assert gateway_host(cloud) == TWO
    cloud.lab.reaches(OUTSIDE6, namespace=guest)

    for daemon in ("vswitchd", "controller"):
        cloud.lab.hosts[THREE].daemons.revive(daemon)
    eventually(lambda: gateway_host(cloud) == THREE, "the gateway back on the first of its hosts")
    cloud.lab.reaches(OUTSIDE, namespace=guest)


def gateway_host(cloud: Cloud) -> str:
    """The host that carries the gateway, by what the southbound database says."""
    found = cloud.lab.sbctl("--bare", "--columns=chassis", "find", "Port_Binding", "type=chassisredirect")
    return cloud.lab.sbctl("--bare", "--columns=name", "list", "Chassis", found) if found else ""
