"""What routers do to packets between three hosts, centralised and distributed."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.kernel.ids import HostId, PortId, RouterId, new_id
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.ports import DeviceOwner, FixedIp
from nacre.network.domain.routers import ExternalGateway, RouterInterface
from nacre.network.domain.rows import owner_of
from nacre.network.domain.subnets import Subnet
from tests.domain.network.objects import a_port, a_router
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import NEEDS_OVN, OUTSIDE, OUTSIDE6, PHYSICAL_NETWORK

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

ONE, TWO = HostId("host1"), HostId("host2")


class Site:
    """A router of one kind between the flat network outside and two private ones, of IPv4 and IPv6."""

    def __init__(
        self, cloud: Cloud, *, distributed: bool, enable_snat: bool = True, wired: bool = False
    ) -> None:
        """`wired`: the private networks are VLANs, on which a router is at one place only."""
        self.cloud = cloud
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
        gateway = ExternalGateway(network_id=outside.id, port_id=PortId(new_id()), enable_snat=enable_snat)
        self.router = a_router(id=RouterId(new_id()), distributed=distributed, external_gateway_info=gateway)
        self.inner: list[Subnet] = []
        self.inner6: list[Subnet] = []
        legs = []
        for number in (1, 2):
            network = cloud.network(**_vlan(600 + number) if wired else {})
            subnet = cloud.subnet(network, cidr=f"10.{number}.0.0/24", gateway_ip=f"10.{number}.0.1")
            prefix = f"2001:db8:{number}0:"
            subnet6 = cloud.subnet(network, ip_version=6, cidr=f"{prefix}:/64", gateway_ip=f"{prefix}:1")
            self.inner.append(subnet)
            self.inner6.append(subnet6)
            legs += [_leg(subnet), _leg(subnet6)]
        there = (FixedIp(outer.id, "172.24.4.10"), FixedIp(outer6.id, "2001:db8:4::10"))
        self.door = RouterInterface(
            a_port(id=gateway.port_id, network_id=outside.id, fixed_ips=there), (outer, outer6)
        )
        wish = compile_router(self.router, legs, gateways=[self.door], doors=[self.door])
        cloud.apply(owner_of("router", self.router.id), wish)
        for subnet in (*self.inner, *self.inner6):
            owner = DeviceOwner.ROUTER_INTERFACE
            cloud.join(self.router, subnet, str(subnet.gateway_ip), owner=owner)
        # Others have had the same addresses before.
        cloud.lab.run("ip", "neigh", "flush", "all")
        way_out = DeviceOwner.ROUTER_GATEWAY
        cloud.join(self.router, outer, "172.24.4.10", owner=way_out, id=gateway.port_id, also=there[1:])

    def guest(self, place: int, last: int, host: HostId) -> tuple[PortId, str, str]:
        """A guest with both kinds of addresses on one of the networks: its port, its namespace, its address."""
        subnet, subnet6 = self.inner[place], self.inner6[place]
        address, address6 = (f"10.{place + 1}.0.{last}", f"2001:db8:{place + 1}0::{last}")
        port = self.cloud.port(
            subnet,
            address,
            self.cloud.group({}, {"ethertype": "IPv6"}),
            binding_host_id=host,
            fixed_ips=(FixedIp(subnet.id, address), FixedIp(subnet6.id, address6)),
        )
        addresses = [f"{address}/24", f"{address6}/64"]
        guest = self.cloud.plug(port, addresses=addresses, gateway=str(subnet.gateway_ip))
        self.cloud.lab.run(
            "ip", "-6", "route", "add", "default", "via", str(subnet6.gateway_ip), namespace=guest
        )
        return port.id, guest, address


def _vlan(number: int) -> dict[str, Any]:
    return {
        "provider_network_type": NetworkType.VLAN,
        "provider_physical_network": PHYSICAL_NETWORK,
        "provider_segmentation_id": number,
    }


def _leg(subnet: Subnet) -> RouterInterface:
    port = a_port(network_id=subnet.network_id, fixed_ips=(FixedIp(subnet.id, str(subnet.gateway_ip)),))
    return RouterInterface(port, (subnet,))


@pytest.mark.parametrize(
    ("distributed", "enable_snat", "wired"),
    [(True, True, False), (True, False, False), (False, True, True), (False, False, True)],
)
def test_routers_of_both_kinds_join_networks_across_hosts_and_lead_outside(
    wide_cloud: Cloud, distributed: bool, enable_snat: bool, wired: bool
) -> None:
    cloud = wide_cloud
    site = Site(cloud, distributed=distributed, enable_snat=enable_snat, wired=wired)
    _, here, _ = site.guest(0, 11, ONE)
    _, there, _ = site.guest(1, 12, TWO)
    lab = cloud.lab
    lab.run("ip", "route", "replace", "10.1.0.0/24", "via", "172.24.4.10")
    lab.run("ip", "-6", "route", "replace", "2001:db8:10::/64", "via", "2001:db8:4::10")
    try:
        lab.reaches("10.2.0.12", namespace=here)
        lab.reaches("2001:db8:20::12", namespace=here)
        lab.reaches("10.1.0.11", namespace=there)
        lab.reaches(OUTSIDE, namespace=here)
        lab.reaches(OUTSIDE6, namespace=here)
        assert cloud.seen_as(here, OUTSIDE) == ("172.24.4.10" if enable_snat else "10.1.0.11")
        assert cloud.seen_as(here, OUTSIDE6) == "2001:db8:10::11", "IPv6 is never hidden"
    finally:
        lab.run("ip", "route", "del", "10.1.0.0/24")
        lab.run("ip", "-6", "route", "del", "2001:db8:10::/64")
