"""Local IPs, through the API."""

from __future__ import annotations

import pytest

from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, ServerId
from nacre.network.domain.rows import owner_of
from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True


class Scene:
    """A network with a local IP and two ports on hosts of their own."""

    def __init__(self, cloud):
        self.cloud, self.demo = cloud, cloud.client()
        self.admin = cloud.client("admin", "admin")
        self.net, self.subnet = self.demo.make_network()
        self.local = self.demo.make("local_ip", network_id=self.net["id"])
        self.ports = [self.port(host) for host in ("h1", "h2")]
        self.path = f"/local_ips/{self.local['id']}/port_associations"

    def port(self, host):
        return self.admin.make(
            "port", network_id=self.net["id"], project_id="demo", **{"binding:host_id": host}
        )

    def lead(self, port, **fields):
        return self.demo.post(self.path, json={"port_association": {"fixed_port_id": port["id"]} | fields})

    def variables(self, host):
        self.cloud.settle()
        rows = self.cloud.driver.rows_of(owner_of("host", host))
        return [set(row.columns["variables"].values()) for row in rows]


@pytest.fixture
def scene(cloud):
    return Scene(cloud)


def address(port):
    return port["fixed_ips"][0]["ip_address"]


def test_a_local_ip_is_an_address_of_a_network_that_a_port_keeps(cloud, demo, admin, stranger):
    net, _ = demo.make_network()

    made = demo.make("local_ip", network_id=net["id"], name="cache", description="d")

    assert (made["name"], made["description"], made["ip_mode"]) == ("cache", "d", "translate")
    assert made["network_id"] == net["id"]
    keeper = admin.get(f"/ports/{made['local_port_id']}").json["port"]
    assert (keeper["device_owner"], keeper["device_id"]) == ("network:local_ip", made["id"])
    assert address(keeper) == made["local_ip_address"]
    assert problem(admin.remove("port", keeper)) == (409, "ServicePortInUse")
    assert demo.find("/local-ips") == demo.find("/local_ips") == [made]
    assert stranger.find("/local_ips") == []
    assert problem(stranger.remove("local_ip", made)) == (404, "LocalIPNotFound")
    assert demo.changed("local_ip", made, name="c")["name"] == "c"
    assert problem(demo.change("local_ip", made, ip_mode="passthrough"))[0] == 400
    cloud.settle()
    assert cloud.audit() == []
    assert problem(demo.remove("network", net)) == (409, "NetworkInUse")
    assert demo.remove("local_ip", made).status == 204
    assert demo.remove("network", net).status == 204
    cloud.settle()
    assert cloud.audit() == []


def test_a_port_that_is_given_keeps_the_address_and_is_free_again_afterwards(demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])

    made = demo.make("local_ip", local_port_id=port["id"], local_ip_address=address(port))

    assert (made["local_port_id"], made["network_id"]) == (port["id"], net["id"])
    assert demo.refused("local_ip", local_port_id=port["id"]) == (409, "PortInUse")
    assert demo.remove("local_ip", made).status == 204
    assert demo.show("port", port)["device_owner"] == ""
    assert demo.remove("port", port).status == 204


def test_what_can_keep_no_local_ip_is_refused(demo, stranger):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    six = demo.make("network")
    demo.make("subnet", network_id=six["id"], ip_version=6, cidr="fd00::/64")
    six_port = demo.make("port", network_id=six["id"])
    refused = demo.refused

    assert refused("local_ip") == (400, "LocalIPPortOrNetworkRequired")
    assert refused("local_ip", network_id=six["id"]) == (400, "BadRequest")
    assert refused("local_ip", local_port_id=six_port["id"]) == (400, "LocalIPNoIP")
    wrong = {"local_port_id": port["id"], "local_ip_address": "10.0.0.99"}
    assert refused("local_ip", **wrong) == (400, "LocalIPRequestedIPNotFound")
    assert refused("local_ip", network_id=net["id"], local_ip_address="192.0.2.1")[0] == 400
    assert refused("local_ip", network_id=net["id"], local_ip_address="fd00::9") == (400, "BadRequest")
    assert refused("local_ip", network_id=net["id"], ip_mode="fly")[0] == 400
    assert refused("local_ip", network_id=port["id"]) == (404, "NetworkNotFound")
    assert stranger.refused("local_ip", network_id=net["id"]) == (404, "NetworkNotFound")
    assert stranger.refused("local_ip", local_port_id=port["id"]) == (404, "PortNotFound")
    assert demo.find("/local_ips") == []


def test_each_host_is_told_of_the_port_that_is_there(scene):
    first, second = scene.ports

    made = scene.lead(first).json["port_association"]
    assert made == {
        "local_ip_id": scene.local["id"],
        "local_ip_address": scene.local["local_ip_address"],
        "fixed_port_id": first["id"],
        "fixed_ip": address(first),
        "host": "h1",
    }
    assert scene.lead(second).status == 201
    assert scene.variables("h1") == [{address(first)}]
    assert scene.variables("h2") == [{address(second)}]
    assert scene.cloud.audit() == []
    assert scene.demo.find(f"{scene.path}?host=h1") == [made]
    assert scene.demo.get(f"{scene.path}/{first['id']}").json["port_association"] == made
    assert problem(scene.demo.remove("local_ip", scene.local)) == (409, "LocalIPInUse")

    assert scene.demo.delete(f"{scene.path}/{first['id']}").status == 204
    gone = scene.demo.get(f"{scene.path}/{first['id']}")
    assert problem(gone) == (404, "LocalIPAssociationNotFound")
    assert scene.variables("h1") == [set()]
    scene.demo.remove("port", second)
    assert scene.variables("h2") == [set()]
    assert scene.demo.find(scene.path) == []
    assert scene.cloud.audit() == []


def test_a_port_takes_its_local_ips_along_to_another_host(scene):
    port = scene.ports[0]
    scene.lead(port)
    assert scene.variables("h1") == [{address(port)}]

    scene.admin.changed("port", port, **{"binding:host_id": "h3"})

    assert scene.variables("h1") == [set()]
    assert scene.variables("h3") == [{address(port)}]
    assert scene.demo.find(scene.path)[0]["host"] == "h3"


def test_the_port_of_a_server_is_led_to_from_the_host_that_the_server_gets(scene):
    port = scene.admin.make("port", network_id=scene.net["id"], project_id="demo", device_id="server")
    scene.lead(port)
    assert scene.demo.find(scene.path)[0]["host"] == ""

    with scene.cloud.database.write(Actor("test")) as tx:
        scene.cloud.networks.bind_nics(tx, ServerId("server"), HostId("h2"))

    assert scene.variables("h2") == [{address(port)}]
    assert scene.cloud.audit() == []


def test_what_passes_through_is_led_by_rules_of_the_local_ip(scene):
    local = scene.demo.make("local_ip", network_id=scene.net["id"], ip_mode="passthrough")
    scene.path = f"/local_ips/{local['id']}/port_associations"
    for port in scene.ports:
        scene.lead(port)
    scene.cloud.settle()

    rows = scene.cloud.driver.rows_of(owner_of("local_ip", local["id"]))
    rules = [row for row in rows if row.table == "Logical_Router_Policy"]
    hops = {hop for row in rules for hop in row.columns["nexthops"]}
    assert hops == {address(port) for port in scene.ports}
    assert scene.variables("h1") == [set()]
    assert scene.cloud.audit() == []


def test_what_a_local_ip_cannot_lead_to_is_refused(scene, stranger):
    demo, port = scene.demo, scene.ports[0]
    elsewhere, _ = demo.make_network("10.9.0.0/24")
    far = demo.make("port", network_id=elsewhere["id"])
    theirs, _ = stranger.make_network("10.8.0.0/24")
    foreign = stranger.make("port", network_id=theirs["id"])

    assert problem(scene.lead(far)) == (400, "BadRequest")
    assert problem(scene.lead(foreign)) == (404, "PortNotFound")
    assert problem(scene.lead(port, fixed_ip="10.0.0.99")) == (400, "LocalIPRequestedIPNotFound")
    assert problem(scene.lead(port, fixed_ip="nonsense"))[0] == 400
    asked = [{"subnet_id": scene.subnet["id"]}] * 2
    two = demo.make("port", network_id=scene.net["id"], fixed_ips=asked)
    assert problem(scene.lead(two)) == (400, "LocalIPNoRequestedIP")
    assert scene.lead(two, fixed_ip=two["fixed_ips"][1]["ip_address"]).status == 201
    assert problem(scene.lead(two, fixed_ip=two["fixed_ips"][0]["ip_address"])) == (
        409,
        "LocalIPAssociationExists",
    )
    for body in ({}, {"port_association": {}}, {"port_association": {"fixed_port_id": "x"}}):
        assert problem(demo.post(scene.path, json=body))[0] == 400
    empty = demo.put(f"{scene.path}/{two['id']}", json={"port_association": {}})
    assert empty.json["port_association"]["fixed_port_id"] == two["id"]
    assert problem(stranger.get(scene.path)) == (404, "LocalIPNotFound")
    assert len(demo.find(scene.path)) == 1


def test_a_local_ip_leads_to_an_address_only_while_the_port_has_it(scene):
    port = scene.ports[0]
    scene.lead(port)

    scene.demo.changed(
        "port", port, fixed_ips=[{"subnet_id": scene.subnet["id"], "ip_address": "10.0.0.200"}]
    )

    assert scene.demo.find(scene.path) == []
    assert scene.variables("h1") == [set()]
