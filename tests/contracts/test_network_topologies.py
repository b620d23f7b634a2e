"""The five ways in which clouds are wired, on three hosts: who reaches whom in each, by IPv4 and by IPv6."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from nacre.kernel.ids import FloatingIpId, HostId, PortId, RouterId, new_id
from nacre.network.domain.addresses import new_mac
from nacre.network.domain.networks import Network, NetworkType
from nacre.network.domain.ovn.floating_ips import compile_floating_ip
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.ports import DeviceOwner, FixedIp, Port
from nacre.network.domain.routers import ExternalGateway, Router, RouterInterface
from nacre.network.domain.rows import owner_of
from nacre.network.domain.security_groups import SecurityGroup
from nacre.network.domain.subnets import Subnet
from tests.domain.network.objects import a_floating_ip, a_port, a_router
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import NEEDS_OVN, OUTSIDE, OUTSIDE6, PHYSICAL_NETWORK

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

ONE, TWO, THREE = (HostId(f"host{number}") for number in (1, 2, 3))
PRIVATE, OTHER, SHARED = 11, 12, 13
"""Ranges of addresses of the cloud."""


@dataclass(frozen=True)
class Site:
    """A cloud that speaks one version of IP, and an outside with a world behind it."""

    cloud: Cloud
    version: int
    everybody: SecurityGroup

    @property
    def router_outside(self) -> str:
        return OUTSIDE if self.version == 4 else OUTSIDE6

    @property
    def world(self) -> str:
        """A machine behind the router outside."""
        return "203.0.113.1" if self.version == 4 else "2001:db8:ffff::1"

    def cidr(self, number: int) -> str:
        return f"10.{number}.0.0/24" if self.version == 4 else f"fd00:{number}::/64"

    @property
    def cidr_outside(self) -> str:
        return "172.24.4.0/24" if self.version == 4 else "2001:db8:4::/64"

    def network_outside(self, *, gateway: str | None = None) -> Subnet:
        """The flat network that the world is on."""
        network = self.cloud.network(
            provider_network_type=NetworkType.FLAT,
            provider_physical_network=PHYSICAL_NETWORK,
            router_external=True,
            mtu=1500,
        )
        return self.subnet(network, self.cidr_outside, gateway=gateway or self.router_outside)

    def private(self, number: int) -> Subnet:
        """A network of the cloud alone, with a gateway where somebody may put a router."""
        cidr = self.cidr(number)
        return self.subnet(self.cloud.network(), cidr, gateway=address(cidr, 1))

    def subnet(self, network: Network, cidr: str, *, gateway: str) -> Subnet:
        return self.cloud.subnet(network, ip_version=self.version, cidr=cidr, gateway_ip=gateway)

    def guest(self, subnet: Subnet, last: int, host: HostId) -> str:
        return self.guest_with_port(subnet, last, host)[1]

    def guest_with_port(self, subnet: Subnet, last: int, host: HostId) -> tuple[Port, str]:
        return self.cloud.guest(subnet, address(subnet.cidr, last), host, self.everybody)

    def second_nic(self, guest: str, subnet: Subnet, last: int, host: HostId) -> None:
        here = address(subnet.cidr, last)
        port = self.cloud.port(subnet, here, self.everybody, binding_host_id=host)
        where = f"{here}/{subnet.cidr.partition('/')[2]}"
        self.cloud.plug(port, addresses=[where], iface="eth1", guest=guest)

    def router(self, outside: Subnet, last: int, *inside: Subnet) -> Router:
        """A router with this address outside. The world sends IPv6 back by it; IPv4 is translated."""
        gateway, there = PortId(new_id()), address(outside.cidr, last)
        info = ExternalGateway(network_id=outside.network_id, port_id=gateway)
        router = a_router(id=RouterId(new_id()), external_gateway_info=info)
        legs = [
            RouterInterface(a_port(fixed_ips=(FixedIp(each.id, str(each.gateway_ip)),)), (each,))
            for each in inside
        ]
        way_out = RouterInterface(
            a_port(device_owner=DeviceOwner.ROUTER_GATEWAY, fixed_ips=(FixedIp(outside.id, there),)),
            (outside,),
        )
        self.cloud.apply(owner_of("router", router.id), compile_router(router, legs, gateways=[way_out]))
        for each in inside:
            self.cloud.join(router, each, str(each.gateway_ip), owner=DeviceOwner.ROUTER_INTERFACE)
            if self.version == 6:
                self.cloud.lab.run("ip", "-6", "route", "replace", each.cidr, "via", there)
        self.cloud.join(router, outside, there, owner=DeviceOwner.ROUTER_GATEWAY, id=gateway)
        return router

    def floating_ip(self, router: Router, last: int, port: Port) -> str:
        """An address outside that leads to a port."""
        found = a_floating_ip(
            id=FloatingIpId(new_id()),
            floating_ip_address=address(self.cidr_outside, last),
            router_id=router.id,
            port_id=port.id,
            fixed_ip_address=port.addresses[0],
        )
        wish = compile_floating_ip(found, router, floating_mac=new_mac())
        self.cloud.apply(owner_of("floatingip", found.id), wish)
        return found.floating_ip_address

    def reaches(self, guest: str, there: str) -> None:
        self.cloud.lab.reaches(there, namespace=guest)

    def is_reached(self, there: str) -> None:
        """From the world."""
        self.cloud.lab.reaches(there)

    def is_cut_off(self, guest: str, there: str) -> bool:
        return not self.cloud.lab.succeeds("ping", "-c3", "-i0.1", "-W0.3", there, namespace=guest)

    def seen_as(self, guest: str) -> str:
        """The address under which a guest's connection arrives in the world."""
        return self.cloud.seen_as(guest, self.world)


def address(cidr: str, last: int) -> str:
    return str(ipaddress.ip_network(cidr)[last])


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def site(wide_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Site]:
    everybody = wide_cloud.group({}, {"ethertype": "IPv6"})
    site = Site(wide_cloud, request.param, everybody)
    where = (site.world, "dev", "lo")
    wide_cloud.lab.run("ip", "addr", "add", *where)
    # Routers of different tests have the same addresses.
    wide_cloud.lab.run("ip", "neigh", "flush", "dev", "eth0")
    yield site
    wide_cloud.lab.run("ip", "addr", "del", *where)


def test_a_single_flat_network(site: Site) -> None:
    """Everybody's guests are on the wire of the site, whose own router is their gateway."""
    flat = site.network_outside()
    one, other = site.guest(flat, 11, ONE), site.guest(flat, 12, TWO)

    site.reaches(one, address(flat.cidr, 12))
    site.reaches(other, site.world)
    site.is_reached(address(flat.cidr, 11))
    assert site.seen_as(one) == address(flat.cidr, 11)


def test_several_flat_networks(site: Site) -> None:
    """Guests choose among the wires of the site, or take several; wires do not meet in the cloud."""
    flat = site.network_outside()
    wire = site.cloud.network(
        provider_network_type=NetworkType.VLAN,
        provider_physical_network=PHYSICAL_NETWORK,
        provider_segmentation_id=100,
        mtu=1500,
    )
    cidr = site.cidr(OTHER)
    tagged = site.subnet(wire, cidr, gateway=address(cidr, 201))
    machine = f"{address(cidr, 201)}/{cidr.partition('/')[2]}"
    site.cloud.lab.outsider(address=machine, vlan=100, host=THREE)
    here, there, both = site.guest(flat, 11, ONE), site.guest(tagged, 12, TWO), site.guest(flat, 13, THREE)
    site.second_nic(both, tagged, 13, THREE)

    site.reaches(here, site.world)
    site.reaches(there, address(cidr, 201))
    site.reaches(both, site.world)
    site.reaches(both, address(cidr, 12))
    site.reaches(both, address(flat.cidr, 11))
    assert site.is_cut_off(here, address(cidr, 12))
    assert site.is_cut_off(there, address(flat.cidr, 11))


def test_flat_and_private_networks_mixed(site: Site) -> None:
    """A guest on the site's wire serves the world, and is helped by others that only it reaches."""
    flat, private = site.network_outside(), site.private(PRIVATE)
    front, back = site.guest(flat, 11, ONE), site.guest(private, 12, TWO)
    site.second_nic(front, private, 11, ONE)

    site.is_reached(address(flat.cidr, 11))
    site.reaches(front, address(private.cidr, 12))
    site.reaches(back, address(private.cidr, 11))
    assert site.is_cut_off(back, address(flat.cidr, 11))
    assert site.is_cut_off(back, site.world)


def test_a_providers_router_with_private_networks(site: Site) -> None:
    """Projects have networks of their own behind one router, which only the operator sees."""
    outside, ours, theirs = site.network_outside(), site.private(PRIVATE), site.private(OTHER)
    router = site.router(outside, 10, ours, theirs)
    port, one = site.guest_with_port(ours, 11, ONE)
    other = site.guest(theirs, 12, TWO)

    for guest in (one, other):
        site.reaches(guest, site.world)
    site.reaches(one, address(theirs.cidr, 12))
    if site.version == 6:
        site.is_reached(address(ours.cidr, 11))
        assert site.seen_as(one) == address(ours.cidr, 11)
        return
    assert {site.seen_as(one), site.seen_as(other)} == {address(outside.cidr, 10)}
    known_as = site.floating_ip(router, 101, port)
    site.is_reached(known_as)
    site.reaches(other, known_as)
    assert site.seen_as(one) == known_as


def test_a_router_for_each_tenant(site: Site) -> None:
    """Projects have routers of their own, and by IPv4 even the same addresses behind them."""
    outside = site.network_outside()
    ours, theirs = site.private(PRIVATE), site.private(PRIVATE if site.version == 4 else OTHER)
    our_router, their_router = site.router(outside, 10, ours), site.router(outside, 20, theirs)
    our_port, one = site.guest_with_port(ours, 11, ONE)
    their_port, other = site.guest_with_port(theirs, 11, TWO)
    site.guest(theirs, 12, THREE)

    for guest in (one, other):
        site.reaches(guest, site.world)
    site.reaches(other, address(theirs.cidr, 12))
    assert site.is_cut_off(one, address(theirs.cidr, 12)), "nobody has a way into a network of others"
    if site.version == 6:
        assert {site.seen_as(one), site.seen_as(other)} == {address(ours.cidr, 11), address(theirs.cidr, 11)}
        return
    assert (site.seen_as(one), site.seen_as(other)) == (address(outside.cidr, 10), address(outside.cidr, 20))
    known_as = [
        site.floating_ip(our_router, 101, our_port),
        site.floating_ip(their_router, 102, their_port),
    ]
    for each in known_as:
        site.is_reached(each)
    assert [site.seen_as(one), site.seen_as(other)] == known_as
    site.reaches(one, known_as[1])
