"""What packets do on a network of several segments: each host is on one, and the site's own router joins them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.kernel.ids import HostId, new_id
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ovn.networks import compile_network
from nacre.network.domain.ovn.subnets import compile_subnet
from nacre.network.domain.rows import owner_of
from nacre.network.domain.segments import Segment
from nacre.network.domain.subnets import Subnet, with_peer_routes
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import NEEDS_OVN, PHYSICAL_NETWORK

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

PROBE = str(Path(__file__).with_name("dhcp_probe.py"))
ONE, TWO = HostId("host1"), HostId("host2")
RACKS = {ONE: ("rack1", 101), TWO: ("rack2", 102)}


@pytest.fixture
def cloud(wide_cloud: Cloud) -> Iterator[Cloud]:
    """Three hosts, of which two are on a rack's physical network besides the one that all are on."""
    for host, (rack, _) in RACKS.items():
        _map(wide_cloud, host, f"{PHYSICAL_NETWORK}:br-ex,{rack}:br-ex")
    yield wide_cloud
    for host in RACKS:
        _map(wide_cloud, host, f"{PHYSICAL_NETWORK}:br-ex")


def _map(cloud: Cloud, host: str, mappings: str) -> None:
    cloud.lab.hosts[host].vsctl("set", "open", ".", f"external_ids:ovn-bridge-mappings={mappings}")


def routed(cloud: Cloud) -> list[Subnet]:
    """A network with a VLAN and a subnet in each rack, whose hosts are told as those of segments are."""
    (first, second) = RACKS.values()
    network = cloud.network(
        provider_network_type=NetworkType.VLAN,
        provider_physical_network=first[0],
        provider_segmentation_id=first[1],
    )
    further = Segment(
        id=new_id(),
        network_id=network.id,
        network_type=NetworkType.VLAN,
        physical_network=second[0],
        segmentation_id=second[1],
        place=1,
    )
    cloud.apply(owner_of("network", network.id), compile_network(network, [further]))
    subnets = [
        cloud.subnet(
            network, cidr=f"10.{number}.0.0/24", gateway_ip=f"10.{number}.0.1", segment_id=f"segment-{number}"
        )
        for number in (1, 2)
    ]
    for number, subnet in enumerate(subnets, start=1):
        wish = compile_subnet(with_peer_routes(subnet, subnets), network, metadata_ip=f"10.{number}.0.2")
        cloud.apply(owner_of("subnet", subnet.id), wish)
    return subnets


def a_router_of_the_site(cloud: Cloud) -> str:
    """Its namespace. It has a leg in the VLAN of each rack, and forwards between them."""
    inside = cloud.lab.outsider(address="10.1.0.1/24", vlan=101, host=ONE)
    leg, host = "eth1", cloud.lab.hosts[ONE]
    cloud.lab.wire(inside, "tapsite", iface=leg, mac="02:00:00:00:02:01", host=host)
    host.vsctl("add-port", "br-ex", "tapsite", "tag=102")
    cloud.lab.run("ip", "addr", "add", "10.2.0.1/24", "dev", leg, namespace=inside)
    cloud.lab.run("sysctl", "-qw", "net.ipv4.ip_forward=1", namespace=inside)
    return inside


def test_guests_of_two_segments_are_told_their_own_and_meet_by_the_sites_router(cloud: Cloud) -> None:
    subnets, open_to_all = routed(cloud), cloud.group({})
    site = a_router_of_the_site(cloud)
    guests = {}
    for number, (host, subnet) in enumerate(zip(RACKS, subnets, strict=True), start=1):
        address = f"10.{number}.0.11"
        guests[number] = cloud.plug(cloud.port(subnet, address, open_to_all, binding_host_id=host))
        said = json.loads(cloud.lab.run(sys.executable, PROBE, namespace=guests[number]))
        other = 3 - number
        own_gateway = f"0a0{number}0001"
        assert said["address"] == address
        assert said["3"] == own_gateway
        assert said["121"] == (
            f"20a9fea9fe0a0{number}0002" + f"180a0{other}00{own_gateway}" + f"00{own_gateway}"
        )
        cloud.lab.run("ip", "addr", "add", f"{address}/24", "dev", "eth0", namespace=guests[number])
        way = ("ip", "route", "add", f"10.{other}.0.0/24", "via", f"10.{number}.0.1")
        cloud.lab.run(*way, namespace=guests[number])
    neighbour = cloud.plug(
        cloud.port(subnets[0], "10.1.0.12", open_to_all, binding_host_id=ONE), addresses=["10.1.0.12/24"]
    )

    cloud.lab.reaches("10.1.0.1", namespace=guests[1])
    cloud.lab.reaches("10.2.0.1", namespace=guests[2])
    cloud.lab.reaches("10.1.0.11", namespace=neighbour)
    cloud.lab.reaches("10.2.0.11", namespace=guests[1])
    cloud.lab.reaches("10.1.0.11", namespace=guests[2])
    cloud.lab.run("ip", "link", "set", "eth1", "down", namespace=site)
    assert not cloud.lab.pings("10.2.0.11", namespace=guests[1], count=3), "no tunnel joins the racks"
