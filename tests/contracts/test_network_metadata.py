"""Guests of a real switch ask for their metadata, by IPv4 and by IPv6 alone; and how long hundreds of networks take."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nacre.agent.domain.sight import MetadataNetwork
from nacre.agent.drivers.fake import FakeWorld, fake_drivers
from nacre.agent.drivers.switch import OvsSwitch
from nacre.agent.keeper import Keeper
from nacre.agent.metadata.namespaces import NamespaceMetadata
from nacre.agent.metadata.server import MetadataServer
from nacre.compute.domain.guests import Address, HostWishes
from nacre.kernel.clock import SystemClock
from nacre.kernel.ids import HostId, NetworkId, PortId, ServerId, new_id
from nacre.network.domain.ports import DeviceOwner, Port
from nacre.network.domain.rows import NOTHING
from nacre.network.domain.subnets import Ipv6Mode
from nacre.network.drivers.ovn import OvnNetwork
from tests.agent.control_plane import new_nic, new_spec
from tests.support.inside import inside
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import CHASSIS, NEEDS_OVN, OvnLab, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

FETCH = """
import sys, urllib.request
print(urllib.request.urlopen(f"http://{sys.argv[1]}/openstack/latest/meta_data.json", timeout=2).read().decode())
"""
HERE = HostId(CHASSIS)


class Host:
    """The part of an agent that answers its guests, on the switch of the lab."""

    def __init__(self, lab: OvnLab) -> None:
        self.lab = lab
        self.switch = OvsSwitch(f"unix:{lab.hosts[CHASSIS].daemons.folder}/ovs.sock", bridge="br-int")
        self.switch.start()
        assert self.switch.wait_connected(10)
        # Only asked who is who: it has nothing to do with the switch.
        self.keeper = Keeper(HERE, fake_drivers(FakeWorld(SystemClock())), SystemClock())
        self.metadata = self._new()

    def _new(self) -> NamespaceMetadata:
        server = MetadataServer(self.keeper.spec_at)
        return NamespaceMetadata(
            server, name_prefix=f"{self.lab.tag}-md-", bridge="br-int", vsctl=self.switch.vsctl
        )

    def restart(self) -> None:
        self.metadata.close()
        self.metadata = self._new()

    def host(self, port: Port, service: MetadataNetwork, *, generation: int) -> ServerId:
        """A guest on a port is wished for here; it is told of as its host would."""
        nic = new_nic(
            port_id=port.id,
            network_id=port.network_id,
            mac=port.mac_address,
            addresses=tuple(Address(ip, 24) for ip in port.addresses),
        )
        spec = new_spec(guest_id=ServerId(new_id()), nics=(nic,), generation=generation)
        self.keeper.hear(HostWishes(host_id=HERE, generation=generation, complete=False, guests=(spec,)))
        inside(self.lab.host, lambda: self.metadata.ensure_network(service))
        return spec.guest_id

    def close(self) -> None:
        for network_id in self.metadata.observe():
            inside(self.lab.host, lambda: self.metadata.remove_network(network_id))  # noqa: B023
        self.metadata.close()
        self.switch.stop()


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab
        assert lab.misread() == [], "OVN could not read a row of ours"


@pytest.fixture
def cloud(lab: OvnLab) -> Iterator[Cloud]:
    driver = OvnNetwork(lab.remote)
    cloud = Cloud(lab, driver)
    yield cloud
    for owner in driver.observe_owners():
        driver.apply(owner, NOTHING)
    driver.close()


@pytest.fixture
def host(lab: OvnLab) -> Iterator[Host]:
    host = Host(lab)
    yield host
    host.close()


def uuid_told(cloud: Cloud, guest: str, where: str) -> str:
    """Who a guest is told to be; it asks until it is answered."""
    told = eventually(
        lambda: (
            cloud.lab.run(sys.executable, "-c", FETCH, where, namespace=guest, check=False).startswith("{")
            and cloud.lab.run(sys.executable, "-c", FETCH, where, namespace=guest)
        ),
        f"an answer at {where}",
    )
    uuid: str = json.loads(told)["uuid"]
    return uuid


def service_of(port: Port) -> MetadataNetwork:
    return MetadataNetwork(
        network_id=port.network_id,
        port_id=port.id,
        mac=port.mac_address,
        mtu=1442,
        addresses=tuple(Address(ip, 24) for ip in port.addresses),
    )


def test_guests_learn_who_they_are_and_again_after_the_agent_began_anew(cloud: Cloud, host: Host) -> None:
    subnet, group = cloud.subnet(cloud.network(), metadata_ip="10.0.0.2"), cloud.group()
    service = service_of(cloud.port(subnet, "10.0.0.2", device_owner=DeviceOwner.METADATA))
    ports = [cloud.port(subnet, f"10.0.0.{last}", group) for last in (11, 12)]
    guests = [cloud.plug(port, addresses=[f"{port.addresses[0]}/24"]) for port in ports]
    own = [host.host(port, service, generation=number) for number, port in enumerate(ports, 1)]
    for guest in guests:
        cloud.lab.run("ip", "route", "add", "169.254.169.254/32", "via", "10.0.0.2", namespace=guest)

    assert [uuid_told(cloud, guest, "169.254.169.254") for guest in guests] == own

    host.restart()
    inside(cloud.lab.host, lambda: host.metadata.ensure_network(service))
    assert uuid_told(cloud, guests[0], "169.254.169.254") == own[0]


def test_a_guest_on_a_network_of_ipv6_alone_learns_who_it_is(cloud: Cloud, host: Host) -> None:
    subnet = cloud.subnet(
        cloud.network(),
        ip_version=6,
        cidr="fd00:1::/64",
        gateway_ip=None,
        ipv6_ra_mode=Ipv6Mode.STATEFUL,
        ipv6_address_mode=Ipv6Mode.STATEFUL,
    )
    service = service_of(cloud.port(subnet, "", device_owner=DeviceOwner.METADATA, fixed_ips=()))
    port = cloud.port(subnet, "fd00:1::11", cloud.group())
    guest = cloud.plug(port)

    own = host.host(port, service, generation=1)

    assert uuid_told(cloud, guest, "[fe80::a9fe:a9fe%eth0]") == own


def test_a_host_opens_many_networks_quickly_and_again_more_quickly(lab: OvnLab, host: Host) -> None:
    many = [
        MetadataNetwork(
            network_id=NetworkId(new_id()),
            port_id=PortId(new_id()),
            mac=f"fa:16:3e:00:00:{number:02x}",
            mtu=1442,
            addresses=(Address("10.0.0.2", 24),),
        )
        for number in range(20)
    ]

    def open_all() -> float:
        began = time.monotonic()
        with ThreadPoolExecutor(4) as at_once:
            list(at_once.map(lambda each: inside(lab.host, lambda: host.metadata.ensure_network(each)), many))
        return time.monotonic() - began

    first_s = open_all()
    host.restart()
    again_s = open_all()

    print(f"{len(many)} networks opened in {first_s:.2f} s, and in {again_s:.2f} s by the next agent")
    assert all(host.metadata.is_open(each) for each in many)
    assert max(first_s, again_s) / len(many) < 0.5
