"""From a request to a packet: what the API is asked of routers and local IPs, its loops bring about on a real OVN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, PortId
from nacre.network.drivers.ovn import OvnNetwork
from tests.domain.network.objects import a_port
from tests.services.network.conftest import NetworkClient, NetworkCloud
from tests.support.ovn_lab import CHASSIS, NEEDS_OVN, OUTSIDE, OUTSIDE6, PHYSICAL_NETWORK, OvnLab, eventually
from tests.support.stores import lay_sqlite

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab
        assert lab.misread() == [], "OVN could not read a row of ours"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return lay_sqlite(tmp_path / "store.db")


class World:
    """A cloud, its operator and a user, whose guests are plugged in for real."""

    def __init__(self, lab: OvnLab, cloud: NetworkCloud) -> None:
        self.lab = lab
        self.cloud = cloud
        self.admin: NetworkClient = cloud.client("admin", "admin")
        self.demo: NetworkClient = cloud.client()
        with cloud.database.write(Actor("test")) as tx:
            cloud.networks.ensure_gateway_host(tx, HostId(CHASSIS))

    def outside(self, *subnets: Mapping[str, Any], vlan: int | None = None) -> dict[str, Any]:
        wire = {"provider:network_type": "vlan", "provider:segmentation_id": vlan}
        net = self.admin.make(
            "network",
            **{"router:external": True, "provider:physical_network": PHYSICAL_NETWORK}
            | (wire if vlan else {"provider:network_type": "flat"}),
        )
        for subnet in subnets:
            self.admin.make("subnet", network_id=net["id"], enable_dhcp=False, **subnet)
        return net

    def guest(self, net: Mapping[str, Any], **fields: Any) -> tuple[dict[str, Any], str]:
        """A port of the user, and the guest on it with all of its addresses."""
        made = self.demo.make("port", network_id=net["id"], **fields)
        made = self.admin.changed("port", made, **{"binding:host_id": CHASSIS})
        self.cloud.settle()
        port = a_port(id=PortId(made["id"]), mac_address=made["mac_address"], binding_host_id=HostId(CHASSIS))
        addresses, gateways = [], []
        for fixed in made["fixed_ips"]:
            subnet = self.admin.get(f"/subnets/{fixed['subnet_id']}").json["subnet"]
            addresses.append(f"{fixed['ip_address']}/{subnet['cidr'].partition('/')[2]}")
            gateways.append(subnet["gateway_ip"])
        guest = self.lab.plug(port, addresses=addresses)
        for gateway in gateways:
            family = "-6" if ":" in gateway else "-4"
            self.lab.run("ip", family, "route", "add", "default", "via", gateway, namespace=guest)
        eventually(lambda: self.cloud.driver.is_up(port.id), "a port that is up")
        return made, guest

    def settle(self) -> None:
        self.cloud.settle()
        self.lab.settle()
        # Hosts alone tell what they are besides; here nobody speaks for them.
        assert [said for said in self.cloud.audit() if not said.startswith("chassis/")] == []


@pytest.fixture
def world(lab: OvnLab, tmp_path: Path, database: Database, clock: VirtualClock) -> Iterator[World]:
    driver = OvnNetwork(lab.remote)
    cloud = NetworkCloud(tmp_path, database, clock, driver=driver)
    yield World(lab, cloud)
    cloud.http.close()
    driver.close()


def test_what_is_asked_of_routers_and_local_ips_is_so_for_packets(world: World) -> None:
    demo, admin, lab = world.demo, world.admin, world.lab
    scope = admin.make("address_scope", ip_version=6, shared=True)
    pool = admin.make(
        "subnetpool",
        address_scope_id=scope["id"],
        prefixes=["2001:db8:4::/64"],
        default_prefixlen=80,
        shared=True,
    )
    near = world.outside(
        {"ip_version": 4, "cidr": "172.24.4.0/24", "gateway_ip": OUTSIDE},
        {"ip_version": 6, "cidr": "2001:db8:4::/80", "gateway_ip": OUTSIDE6, "subnetpool_id": pool["id"]},
    )
    far = world.outside({"ip_version": 4, "cidr": "172.24.5.0/24", "gateway_ip": "172.24.5.1"}, vlan=300)
    elsewhere = lab.outsider(address="172.24.5.1/24", vlan=300)
    net = demo.make("network")
    (group,) = demo.find("/security-groups?name=default")
    for ethertype in ("IPv4", "IPv6"):
        said = {"security_group_id": group["id"], "direction": "ingress", "ethertype": ethertype}
        demo.make("security_group_rule", **said)
    inner = {"network_id": net["id"]}
    subnets = [
        demo.make("subnet", ip_version=4, cidr="10.0.0.0/24", **inner),
        demo.make("subnet", ip_version=6, cidr="2001:db8:4:0:1::/80", subnetpool_id=pool["id"], **inner),
    ]
    router = demo.make("router", external_gateway_info={"network_id": near["id"]}, enable_ndp_proxy=True)
    for subnet in subnets:
        demo.join(router, subnet_id=subnet["id"])
    port, guest = world.guest(net)
    _, other = world.guest(net)

    more = {"router": {"external_gateways": [{"network_id": far["id"]}]}}
    assert demo.put(f"/routers/{router['id']}/add_external_gateways", json=more).status == 200
    asked = {"port_id": port["id"], "fixed_ip_address": port["fixed_ips"][0]["ip_address"]}
    floating = demo.make("floatingip", floating_network_id=far["id"], **asked)
    proxy = demo.make("ndp_proxy", router_id=router["id"], port_id=port["id"])
    local = demo.make("local_ip", **inner)
    lead = {"fixed_port_id": port["id"]}
    reply = demo.post(f"/local_ips/{local['id']}/port_associations", json={"port_association": lead})
    assert reply.status == 201
    world.settle()

    lab.reaches(OUTSIDE, namespace=other)
    lab.reaches(floating["floating_ip_address"], namespace=elsewhere)
    lab.reaches(proxy["ip_address"])
    lab.reaches(OUTSIDE6, namespace=guest)
    lab.reaches(local["local_ip_address"], namespace=other)

    demo.delete(f"/local_ips/{local['id']}/port_associations/{port['id']}")
    demo.changed("router", router, enable_ndp_proxy=False)
    demo.changed("floatingip", floating, port_id=None)
    world.settle()
    lab.run("ip", "neigh", "flush", "all")
    assert not lab.pings(proxy["ip_address"], count=2)
    assert not lab.pings(floating["floating_ip_address"], namespace=elsewhere, count=2)
    assert not lab.pings(local["local_ip_address"], namespace=other, count=2)
