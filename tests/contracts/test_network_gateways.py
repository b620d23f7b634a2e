"""What routers with several ways out do to packets, on a real OVN."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from nacre.kernel.ids import NetworkId, PortId, ProjectId, RouterId, new_id
from nacre.network.domain.addresses import new_mac
from nacre.network.domain.ndp_proxies import NdpProxy
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ovn.floating_ips import compile_floating_ip
from nacre.network.domain.ovn.ndp_proxies import compile_ndp_proxy
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.ports import DeviceOwner, FixedIp, Port
from nacre.network.domain.routers import ExternalGateway, Router, RouterInterface
from nacre.network.domain.rows import owner_of
from nacre.network.domain.subnets import Subnet
from tests.domain.network.objects import a_floating_ip, a_port, a_router
from tests.support.ovn_cloud import Cloud, a_cloud_on
from tests.support.ovn_lab import CHASSIS, NEEDS_OVN, OUTSIDE, OUTSIDE6, PHYSICAL_NETWORK, OvnLab, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

BFD_PROBE = str(Path(__file__).with_name("bfd_probe.py"))
ELSEWHERE, FAR = "172.24.5.1", "198.51.100.1"


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab
        assert lab.misread() == [], "OVN could not read a row of ours"


@pytest.fixture
def cloud(lab: OvnLab) -> Iterator[Cloud]:
    with a_cloud_on(lab, gateway_hosts=(CHASSIS,)) as cloud:
        yield cloud


def cloud_port(subnet: Subnet, address: str, port_id: PortId) -> Port:
    return a_port(id=port_id, network_id=subnet.network_id, fixed_ips=(FixedIp(subnet.id, address),))


class Scene:
    """A router with a way out to the host's own network and one to a VLAN; FAR is a machine behind both of them."""

    def __init__(self, cloud: Cloud, elsewhere: str) -> None:
        self.cloud = cloud
        self.elsewhere = elsewhere
        wires = {"provider_physical_network": PHYSICAL_NETWORK, "router_external": True}
        near = cloud.network(provider_network_type=NetworkType.FLAT, **wires)
        other = cloud.network(provider_network_type=NetworkType.VLAN, provider_segmentation_id=300, **wires)
        self.other_id: NetworkId = other.id
        outer = [
            cloud.subnet(near, cidr="172.24.4.0/24", gateway_ip=OUTSIDE, enable_dhcp=False),
            cloud.subnet(other, cidr="172.24.5.0/24", gateway_ip=ELSEWHERE, enable_dhcp=False),
        ]
        self.inner = cloud.subnet(cloud.network())
        gateways = [
            ExternalGateway(network_id=subnet.network_id, port_id=PortId(new_id())) for subnet in outer
        ]
        self.router = a_router(
            id=RouterId(new_id()), external_gateway_info=gateways[0], further_gateways=tuple(gateways[1:])
        )
        cloud.apply(owner_of("router", self.router.id), compile_router(self.router, []))
        self.leg = self._joined(self.inner, "10.0.0.1", DeviceOwner.ROUTER_INTERFACE, PortId(new_id()))
        self.doors = [
            self._joined(subnet, address, DeviceOwner.ROUTER_GATEWAY, gateway.port_id)
            for subnet, address, gateway in zip(outer, ("172.24.4.10", "172.24.5.10"), gateways, strict=True)
        ]
        self.make(self.router)

    def _joined(self, subnet: Subnet, address: str, owner: DeviceOwner, port_id: PortId) -> RouterInterface:
        port = self.cloud.join(self.router, subnet, address, owner=owner, id=port_id)
        return RouterInterface(replace(port, fixed_ips=(FixedIp(subnet.id, address),)), (subnet,))

    def make(self, router: Router) -> None:
        wish = compile_router(router, [self.leg], gateways=self.doors, doors=self.doors)
        self.cloud.apply(owner_of("router", router.id), wish)
        self.cloud.lab.settle()

    def guest(self, address: str) -> tuple[Port, str]:
        port = self.cloud.port(self.inner, address, self.cloud.group({}))
        return port, self.cloud.plug(port, addresses=[f"{address}/24"], gateway="10.0.0.1")

    def sources(self, guest: str, address: str, times: int = 1) -> set[str]:
        """As whom a guest is known at an address, asked so many times."""
        asked = (sys.executable, "-c", ASK, address, str(times))
        return set(self.cloud.lab.run(*asked, namespace=guest).split())


TELL = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", 9999))
server.setsockopt(socket.IPPROTO_IP, 8, 1)
print("listening", flush=True)
while True:
    data, told, _, (peer, port) = server.recvmsg(9, 64)
    server.sendmsg([peer.encode()], told, 0, (peer, port))
"""
"""Tells whoever asks as whom it asks, from the address that was asked (IP_PKTINFO)."""

ASK = """
import socket, sys
heard = 0
for turn in range(int(sys.argv[2]) * 5):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(0.5)
    client.sendto(b"who", (sys.argv[1], 9999))
    try:
        print(client.recv(99).decode())
        heard += 1
    except TimeoutError:
        continue
    if heard == int(sys.argv[2]):
        break
"""


@contextmanager
def running(*words: str, namespace: str) -> Iterator[None]:
    """A program in a namespace, from when it listens until the end of the block."""
    command = ["ip", "netns", "exec", namespace, sys.executable, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "listening"
            yield
        finally:
            process.kill()


@pytest.fixture(scope="module")
def elsewhere(lab: OvnLab) -> Iterator[str]:
    """A machine behind the second way out; whoever is far is there and behind the first one too."""
    namespace = lab.outsider(address=f"{ELSEWHERE}/24", vlan=300)
    for each in (lab.host, namespace):
        lab.run("ip", "route", "add", "local", "198.51.100.0/24", "dev", "lo", namespace=each)
    with running("-c", TELL, namespace=lab.host), running("-c", TELL, namespace=namespace):
        yield namespace


@pytest.fixture
def scene(cloud: Cloud, elsewhere: str) -> Scene:
    return Scene(cloud, elsewhere)


def test_what_leaves_by_a_gateway_leaves_under_its_address(scene: Scene) -> None:
    _, guest = scene.guest("10.0.0.11")

    assert scene.sources(guest, OUTSIDE) == {"172.24.4.10"}
    assert scene.sources(guest, ELSEWHERE) == {"172.24.5.10"}
    assert scene.sources(guest, FAR, times=8) == {"172.24.4.10"}, "the first leads to all the rest"


def test_default_routes_by_all_gateways_share_what_leaves(scene: Scene) -> None:
    _, guest = scene.guest("10.0.0.11")

    scene.make(replace(scene.router, enable_default_route_ecmp=True))

    # Switches share by the pair of addresses.
    seen = [scene.sources(guest, f"198.51.100.{last}") for last in range(1, 17)]
    assert set().union(*seen) == {"172.24.4.10", "172.24.5.10"}
    assert all(len(each) == 1 for each in seen)


def test_a_default_route_is_used_only_while_its_neighbour_answers(scene: Scene) -> None:
    _, guest = scene.guest("10.0.0.11")
    scene.make(replace(scene.router, enable_default_route_ecmp=True, enable_default_route_bfd=True))

    with running(BFD_PROBE, ELSEWHERE, namespace=scene.elsewhere):
        eventually(
            lambda: (
                scene.cloud.lab.nbctl("--bare", "--columns=dst_ip", "find", "BFD", "status=up") == ELSEWHERE
            ),
            "a neighbour that is watched",
        )
        scene.cloud.lab.settle()
        assert scene.sources(guest, FAR, times=8) == {"172.24.5.10"}


def test_a_floating_ip_comes_in_and_leaves_by_the_gateway_on_its_network(scene: Scene) -> None:
    port, guest = scene.guest("10.0.0.11")
    floating_ip = a_floating_ip(
        floating_network_id=scene.other_id,
        floating_ip_address="172.24.5.101",
        port_id=port.id,
        fixed_ip_address="10.0.0.11",
        router_id=scene.router.id,
    )
    for distributed in (False, True):
        router = replace(scene.router, distributed=distributed, enable_default_route_ecmp=True)
        scene.make(router)
        wish = compile_floating_ip(floating_ip, router, floating_mac=new_mac(), doors=scene.doors)
        scene.cloud.apply(owner_of("floatingip", floating_ip.id), wish)
        scene.cloud.lab.settle()

        scene.cloud.lab.run("ip", "neigh", "flush", "all", namespace=scene.elsewhere)
        scene.cloud.lab.reaches("172.24.5.101", namespace=scene.elsewhere)
        assert scene.sources(guest, FAR, times=8) == {"172.24.5.101"}
        assert scene.sources(guest, ELSEWHERE) == {"172.24.5.101"}
    _, neighbour = scene.guest("10.0.0.12")
    scene.cloud.lab.reaches("10.0.0.12", namespace=guest)
    assert scene.sources(neighbour, OUTSIDE) == {"172.24.4.10"}


@pytest.mark.parametrize("distributed", [False, True])
def test_a_router_answers_outside_for_addresses_inside(cloud: Cloud, distributed: bool) -> None:
    outside = cloud.network(
        provider_network_type=NetworkType.FLAT,
        provider_physical_network=PHYSICAL_NETWORK,
        router_external=True,
        mtu=1500,
    )
    # To the outside both are parts of the one network that it is on itself.
    outer = cloud.subnet(
        outside, ip_version=6, cidr="2001:db8:4::/80", gateway_ip=OUTSIDE6, enable_dhcp=False
    )
    inner = cloud.subnet(
        cloud.network(), ip_version=6, cidr="2001:db8:4:0:1::/80", gateway_ip="2001:db8:4:0:1::1"
    )
    gateway = ExternalGateway(network_id=outside.id, port_id=PortId(new_id()))
    router = a_router(
        id=RouterId(new_id()),
        external_gateway_info=gateway,
        distributed=distributed,
        enable_ndp_proxy=True,
    )
    leg, door = (
        RouterInterface(cloud_port(subnet, address, port_id), (subnet,))
        for subnet, address, port_id in (
            (inner, "2001:db8:4:0:1::1", PortId(new_id())),
            (outer, "2001:db8:4::10", gateway.port_id),
        )
    )
    wish = compile_router(router, [leg], gateways=[door], doors=[door])
    cloud.apply(owner_of("router", router.id), wish)
    cloud.join(router, inner, "2001:db8:4:0:1::1", owner=DeviceOwner.ROUTER_INTERFACE, id=leg.port.id)
    cloud.join(router, outer, "2001:db8:4::10", owner=DeviceOwner.ROUTER_GATEWAY, id=gateway.port_id)
    group = cloud.group({"ethertype": "IPv6"})
    guests = {}
    for last in ("11", "12"):
        address = f"2001:db8:4:0:1::{last}"
        port = cloud.port(inner, address, group)
        guests[address] = port, cloud.plug(port, addresses=[f"{address}/80"])
        cloud.lab.run(
            "ip", "-6", "route", "add", "default", "via", "2001:db8:4:0:1::1", namespace=guests[address][1]
        )
    known, hidden = guests
    assert not cloud.lab.pings(known, count=3), "nobody outside knows where it is"

    proxy = NdpProxy(
        id=new_id(),
        project_id=ProjectId("p"),
        router_id=router.id,
        port_id=guests[known][0].id,
        ip_address=known,
    )
    cloud.apply(
        owner_of("ndp_proxy", proxy.id),
        compile_ndp_proxy(proxy, router, network_id=outside.id, doors=[door], mac=new_mac()),
    )
    cloud.lab.settle()

    cloud.lab.run("ip", "-6", "neigh", "flush", "all")
    cloud.lab.reaches(known)
    cloud.lab.reaches(OUTSIDE6, namespace=guests[known][1])
    assert not cloud.lab.pings(hidden, count=3)
