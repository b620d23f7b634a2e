"""What hosts are told of the floating IPs of their guests, and when."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from nacre.kernel.database import statements_so_far
from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, ServerId
from nacre.network.contract import NICS, Outlet
from nacre.network.domain.addresses import mac_for
from tests.services.network.test_servers import HOST, OTHER, SERVER, bind, claim, on, read

ON_BOTH_DATABASES = True

DUE = sa.text("SELECT subject FROM due WHERE loop = :loop")
FORGET = sa.text("DELETE FROM due WHERE loop = :loop")


class Scene:
    """Two servers on hosts behind a router, and an external network on a wire."""

    def __init__(self, cloud, demo, admin, *, distributed, **wire) -> None:
        self.cloud, self.demo = cloud, demo
        provider = {"network_type": "flat", "physical_network": "public"} | wire
        outside = {f"provider:{name}": value for name, value in provider.items()}
        self.outside = admin.make("network", **{"router:external": True} | outside)
        ask = {"network_id": self.outside["id"], "ip_version": 4, "cidr": "172.24.4.0/24"}
        admin.make("subnet", enable_dhcp=False, **ask)
        net, subnet = demo.make_network()
        way_out = {"network_id": self.outside["id"]}
        self.router = admin.make(
            "router", distributed=distributed, external_gateway_info=way_out, project_id="demo"
        )
        assert demo.join(self.router, subnet_id=subnet["id"]).status == 200
        self.ports = {}
        for server_id in (SERVER, OTHER):
            (self.ports[server_id],) = claim(cloud, [on(net)], server_id=server_id)
            bind(cloud, HOST if server_id == SERVER else HostId("host-2"), server_id)
        self.due()

    def lead(self, server_id=SERVER, **more):
        ask = {"floating_network_id": self.outside["id"], "port_id": self.ports[server_id]}
        return self.demo.make("floatingip", **ask | more)

    def told(self, server_id=SERVER):
        nics = read(self.cloud, lambda db: self.cloud.networks.nics_of(db, [server_id]))
        return [address for nic in nics[server_id] for address in nic.outside]

    def due(self) -> set[ServerId]:
        """The servers whose hosts have to hear of a change since this was asked before."""
        with self.cloud.database.write(Actor("test")) as tx:
            found = {ServerId(row[0]) for row in tx.rows(DUE, loop=NICS)}
            tx.execute(FORGET, loop=NICS)
        return found


@pytest.fixture
def scene(cloud, demo, admin):
    return Scene(cloud, demo, admin, distributed=True)


def test_where_the_guests_own_host_answers_it_is_told_under_which_mac_and_by_which_wire(scene):
    floating = scene.lead()

    (told,) = scene.told()
    fixed = scene.demo.show("port", {"id": scene.ports[SERVER]})["fixed_ips"][0]["ip_address"]
    assert (told.ip, told.fixed_ip) == (floating["floating_ip_address"], fixed)
    assert told.mac == mac_for(floating["id"])
    assert told.outlets == (Outlet(f"wire-{scene.outside['id']}"),)
    assert scene.told(OTHER) == []


def test_frames_of_an_external_vlan_are_told_with_their_tag_and_further_wires_with_theirs(cloud, demo, admin):
    scene = Scene(cloud, demo, admin, distributed=True, network_type="vlan", segmentation_id=300)
    wire = {"network_type": "vlan", "physical_network": "elsewhere", "segmentation_id": 301}
    more = admin.make("segment", network_id=scene.outside["id"], **wire)
    scene.lead()

    (told,) = scene.told()
    assert told.outlets == (
        Outlet(f"wire-{scene.outside['id']}", 300),
        Outlet(f"wire-{more['id']}", 301),
    )


def test_where_another_host_answers_there_is_nothing_to_announce(cloud, demo, admin):
    scene = Scene(cloud, demo, admin, distributed=False)
    floating = scene.lead()

    (told,) = scene.told()
    assert (told.ip, told.mac, told.outlets) == (floating["floating_ip_address"], "", ())


def test_hosts_hear_when_a_floating_ip_comes_moves_and_goes(scene):
    floating = scene.lead()
    assert scene.due() == {SERVER}
    before = scene.told()[0].revision

    scene.demo.changed("floatingip", floating, port_id=scene.ports[OTHER])
    assert scene.due() == {SERVER, OTHER}
    assert scene.told() == []

    scene.demo.changed("floatingip", floating, port_id=scene.ports[SERVER])
    assert scene.due() == {SERVER, OTHER}
    assert scene.told()[0].revision > before, "it came back, and is to be announced again"

    scene.demo.changed("floatingip", floating, port_id=None)
    assert scene.due() == {SERVER}
    scene.demo.changed("floatingip", floating, port_id=scene.ports[SERVER])
    scene.due()

    assert scene.demo.remove("floatingip", floating).status == 204
    assert scene.due() == {SERVER}
    assert scene.told() == []


def test_no_host_hears_of_what_leads_to_no_guest_or_is_said_beside(scene):
    free = scene.demo.make("port", network_id=scene.demo.find("/networks?router:external=false")[0]["id"])
    scene.lead(port_id=free["id"])
    scene.lead(port_id=None)
    floating = scene.lead()
    scene.due()

    scene.demo.changed("floatingip", floating, port_id=scene.ports[SERVER], description="mine")

    assert scene.due() == set()


def test_hosts_hear_when_a_router_lets_them_answer_themselves(cloud, demo, admin):
    scene = Scene(cloud, demo, admin, distributed=False)
    scene.lead()
    scene.due()

    admin.changed("router", scene.router, admin_state_up=False)
    admin.changed("router", scene.router, distributed=True)

    assert scene.due() == {SERVER}
    assert scene.told()[0].outlets


def test_what_hosts_are_told_costs_as_much_for_many_floating_ips_as_for_one(scene):
    scene.lead()

    def cost():
        before = statements_so_far()
        read(scene.cloud, lambda db: scene.cloud.networks.nics_of(db, [SERVER, OTHER]))
        return statements_so_far() - before

    one = cost()
    scene.lead(OTHER)

    assert cost() == one
