"""Port forwardings of floating IPs, through the API."""

from __future__ import annotations

import pytest

from nacre.network.domain.rows import Owner
from tests.services.network.conftest import NetworkClient, problem


class Scene:
    """A port behind a router, and a floating IP outside that leads nowhere yet."""

    def __init__(self, cloud, demo: NetworkClient) -> None:
        self.cloud, self.demo = cloud, demo
        self.outside, _ = cloud.outside()
        self.net, self.subnet = demo.make_network()
        self.router = demo.make("router", external_gateway_info={"network_id": self.outside["id"]})
        demo.join(self.router, subnet_id=self.subnet["id"])
        self.port = demo.make("port", network_id=self.net["id"])
        self.floating = demo.make("floatingip", floating_network_id=self.outside["id"])
        self.path = f"/floatingips/{self.floating['id']}/port_forwardings"

    def forward(self, **said):
        usual = {
            "protocol": "tcp",
            "internal_port_id": self.port["id"],
            "internal_port": 80,
            "external_port": 8080,
        }
        body = {name: value for name, value in (usual | said).items() if value is not None}
        return self.demo.post(self.path, json={"port_forwarding": body})

    def entries(self):
        """What the router forwards, by protocol."""
        self.cloud.settle()
        rows = self.cloud.driver.rows_of(Owner(f"floatingip/{self.floating['id']}"))
        return {row.columns["protocol"]: row.columns["vips"] for row in rows if row.table == "Load_Balancer"}

    def rates(self):
        """What is let through to and from the address, by direction."""
        self.cloud.settle()
        rows = self.cloud.driver.rows_of(Owner(f"floatingip/{self.floating['id']}"))
        return {row.columns["direction"]: row.columns["bandwidth"] for row in rows if row.table == "QoS"}


@pytest.fixture
def scene(cloud, demo) -> Scene:
    return Scene(cloud, demo)


def test_ports_of_a_floating_ip_lead_to_ports_inside(scene):
    made = scene.forward(description="web").json["port_forwarding"]
    udp = scene.forward(
        protocol="udp",
        internal_port=None,
        external_port=None,
        internal_port_range="53:54",
        external_port_range="5300:5301",
    ).json["port_forwarding"]

    address = scene.floating["floating_ip_address"]
    inside = scene.port["fixed_ips"][0]["ip_address"]
    assert (made["internal_ip_address"], made["external_port_range"]) == (inside, "8080:8080")
    assert (udp["external_port"], udp["external_port_range"]) == (None, "5300:5301")
    assert scene.entries() == {
        "tcp": {f"{address}:8080": f"{inside}:80"},
        "udp": {f"{address}:5300": f"{inside}:53", f"{address}:5301": f"{inside}:54"},
    }
    shown = scene.demo.show("floatingip", scene.floating)
    assert (shown["status"], shown["router_id"], shown["port_id"]) == ("ACTIVE", scene.router["id"], None)
    assert [each["protocol"] for each in shown["port_forwardings"]] == ["tcp", "udp"]
    assert scene.demo.find(f"{scene.path}?protocol=udp") == [udp]
    assert scene.cloud.audit() == []


def test_a_forwarding_is_changed_and_taken_back(scene):
    made = scene.forward().json["port_forwarding"]
    body = {"port_forwarding": {"external_port": 9090, "description": "moved"}}

    changed = scene.demo.put(f"{scene.path}/{made['id']}", json=body).json["port_forwarding"]

    assert changed == made | {
        "external_port": 9090,
        "external_port_range": "9090:9090",
        "description": "moved",
    }
    assert list(scene.entries()["tcp"]) == [f"{scene.floating['floating_ip_address']}:9090"]
    assert scene.demo.delete(f"{scene.path}/{made['id']}").status == 204
    assert scene.entries() == {}
    shown = scene.demo.show("floatingip", scene.floating)
    assert (shown["status"], shown["router_id"], shown["port_forwardings"]) == ("DOWN", None, [])


@pytest.mark.parametrize(
    "said",
    [
        {"protocol": "icmp"},
        {"external_port": 0},
        {"external_port": 65536},
        {"external_port": None},
        {"internal_port_id": None},
        {"internal_ip_address": "10.0.0.99"},
        {"internal_ip_address": "fd00::1"},
        {"external_port": None, "external_port_range": "9:8"},
        {"external_port": None, "external_port_range": "1:2:3"},
        {"external_port_range": "8080:8080"},
        {"external_port": None, "external_port_range": "1000:1003", "internal_port": None,
         "internal_port_range": "1:2"},
        {"external_port": None, "external_port_range": "1000:2000"},
        {"colour": "red"},
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(scene, said):
    assert scene.forward(**said).status == 400
    assert scene.demo.find(scene.path) == []


def test_a_port_outside_leads_to_one_place(scene):
    scene.forward()
    other = scene.demo.make("port", network_id=scene.net["id"])

    taken = scene.forward(internal_port_id=other["id"], internal_port=81)
    within = scene.forward(
        internal_port_id=other["id"], internal_port=81, external_port=None, external_port_range="8000:8100"
    )
    same_inside = scene.forward(external_port=8081)

    assert problem(taken) == problem(within) == problem(same_inside) == (400, "BadRequest")
    assert scene.forward(protocol="udp").status == 201


def test_a_floating_ip_leads_to_a_port_as_a_whole_or_by_forwardings(scene):
    scene.forward()
    whole = scene.demo.change("floatingip", scene.floating, port_id=scene.port["id"])
    second = scene.demo.refused(
        "floatingip", floating_network_id=scene.outside["id"], port_id=scene.port["id"]
    )
    unchanged = scene.demo.changed("floatingip", scene.floating, port_id=None)
    other = scene.demo.make("port", network_id=scene.net["id"])
    bound = scene.demo.make("floatingip", floating_network_id=scene.outside["id"], port_id=other["id"])

    assert problem(whole) == second == (409, "FloatingIpInUse")
    assert unchanged["router_id"] == scene.router["id"]
    path = f"/floatingips/{bound['id']}/port_forwardings"
    said = {"protocol": "tcp", "internal_port_id": scene.port["id"], "internal_port": 1, "external_port": 1}
    assert problem(scene.demo.post(path, json={"port_forwarding": said})) == (409, "FloatingIpInUse")
    bound_inside = scene.forward(internal_port_id=other["id"], external_port=1)
    assert problem(bound_inside) == (409, "PortHasBindedFloatingIP")


def test_forwardings_go_with_their_port_and_its_address_and_hold_their_floating_ip(scene):
    scene.forward()
    scene.forward(protocol="udp")
    other = scene.demo.make("port", network_id=scene.net["id"])
    scene.forward(internal_port_id=other["id"], external_port=22)

    scene.demo.changed("port", other, fixed_ips=[{"ip_address": "10.0.0.77"}])
    scene.demo.remove("port", scene.port)

    assert scene.demo.find(scene.path) == []
    assert scene.entries() == {}
    scene.forward(internal_port_id=other["id"], external_port=22)
    assert problem(scene.demo.remove("floatingip", scene.floating)) == (409, "FloatingIpInUse")
    scene.demo.remove("port", other)
    assert scene.demo.remove("floatingip", scene.floating).status == 204
    scene.cloud.settle()
    assert scene.cloud.audit() == []


def test_a_floating_ip_shows_where_its_ports_lead(scene):
    single = scene.forward().json["port_forwarding"]
    ranged = scene.forward(
        protocol="udp",
        internal_port=None,
        external_port=None,
        internal_port_range="53:54",
        external_port_range="5300:5301",
    ).json["port_forwarding"]

    common = ("id", "protocol", "internal_port_id", "internal_ip_address")
    assert scene.demo.show("floatingip", scene.floating)["port_forwardings"] == [
        {name: single[name] for name in (*common, "internal_port", "external_port")},
        {name: ranged[name] for name in (*common, "internal_port_range", "external_port_range")},
    ]


def test_a_router_stays_joined_while_it_forwards(scene):
    scene.forward()

    leaving = scene.demo.leave(scene.router, subnet_id=scene.subnet["id"])
    without = scene.demo.change("router", scene.router, external_gateway_info=None)

    assert problem(leaving) == (409, "RouterInterfaceInUseByFloatingIP")
    assert problem(without) == (409, "RouterExternalGatewayInUseByFloatingIp")


def test_a_port_without_a_way_out_cannot_be_reached(scene):
    net, _ = scene.demo.make_network("10.9.0.0/24")
    apart = scene.demo.make("port", network_id=net["id"])

    assert problem(scene.forward(internal_port_id=apart["id"])) == (
        404,
        "ExternalGatewayForFloatingIPNotFound",
    )


def test_strangers_neither_see_nor_make_forwardings(scene, stranger):
    made = scene.forward().json["port_forwarding"]
    said = {"protocol": "udp", "internal_port_id": scene.port["id"], "internal_port": 1, "external_port": 1}

    answers = [
        stranger.get(scene.path),
        stranger.get(f"{scene.path}/{made['id']}"),
        stranger.post(scene.path, json={"port_forwarding": said}),
        stranger.delete(f"{scene.path}/{made['id']}"),
    ]

    assert [reply.status for reply in answers] == [404] * len(answers)


def test_a_floating_ip_is_shaped_by_its_policy_also_where_only_its_ports_lead_somewhere(scene, admin, demo):
    policy = admin.make("policy", name="calm", shared=True)
    rules = f"/qos/policies/{policy['id']}/bandwidth_limit_rules"
    admin.post(rules, json={"bandwidth_limit_rule": {"max_kbps": 1000}})
    forwarding = scene.forward().json["port_forwarding"]
    assert scene.rates() == {}

    demo.changed("floatingip", scene.floating, qos_policy_id=policy["id"])
    assert scene.rates() == {"from-lport": {"rate": 1000}}
    admin.post(rules, json={"bandwidth_limit_rule": {"max_kbps": 7, "direction": "ingress"}})
    assert scene.rates() == {"from-lport": {"rate": 1000}, "to-lport": {"rate": 7}}
    assert demo.delete(f"{scene.path}/{forwarding['id']}").status == 204

    assert scene.rates() == {}
    assert scene.cloud.audit() == []
