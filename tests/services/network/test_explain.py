"""What hinders a delete: whoever does what is told, in the order in which it is told, can delete it."""

from __future__ import annotations

import pytest

from nacre.kernel.errors import Bad, NotFound
from nacre.kernel.events import Actor
from nacre.kernel.ids import NetworkId, ServerId
from nacre.network.contract import NicAsk
from nacre.network.explain import NOUNS
from tests.services.network.conftest import caller_of, problem

ON_BOTH_DATABASES = True

SERVER = ServerId("00000000-0000-4000-8000-0000000000aa")


class Operator:
    """Reads what is told, and types it."""

    def __init__(self, cloud, admin) -> None:
        self.cloud, self.admin = cloud, admin

    def told(self, noun, name_or_id):
        with self.cloud.database.read() as db:
            return self.cloud.networks.explain_delete(db, noun, name_or_id)

    def clears(self, noun, name_or_id):
        """Do all that is told, each command after those before it, and then delete the object itself."""
        told = self.told(noun, name_or_id)
        for step in told["steps"]:
            reply = self._type(step["do"].split())
            assert reply is None or reply.status in (200, 204), (step, reply)
        assert self._type(told["then"].split()).status == 204
        return [step["do"] for step in told["steps"]]

    def _type(self, words):
        """The commands of `openstack` as the calls that they make."""
        admin = self.admin
        match words[1:]:
            case ["server", "delete", server]:
                with self.cloud.database.write(Actor("test")) as tx:
                    self.cloud.networks.release_nics(tx, ServerId(server))
                return None
            case ["router", "remove", "port", router, port]:
                return admin.put(f"/routers/{router}/remove_router_interface", json={"port_id": port})
            case ["router", "unset", "--external-gateway", router]:
                return admin.put(f"/routers/{router}", json={"router": {"external_gateway_info": None}})
            case ["router", "remove", "route", "--route", spelled, router]:
                destination, gateway = (part.partition("=")[2] for part in spelled.split(","))
                routes = [{"destination": destination, "nexthop": gateway}]
                return admin.put(f"/routers/{router}/remove_extraroutes", json={"router": {"routes": routes}})
            case ["floating", "ip", "unset", "--port", floating_ip]:
                return admin.put(f"/floatingips/{floating_ip}", json={"floatingip": {"port_id": None}})
            case ["floating", "ip", "port", "forwarding", "delete", floating_ip, forwarding]:
                return admin.delete(f"/floatingips/{floating_ip}/port_forwardings/{forwarding}")
            case ["network", "trunk", "unset", "--subport", port, trunk]:
                ports = {"sub_ports": [{"port_id": port}]}
                return admin.put(f"/trunks/{trunk}/remove_subports", json=ports)
            case ["network", "trunk", "set", "--enable", trunk]:
                return admin.put(f"/trunks/{trunk}", json={"trunk": {"admin_state_up": True}})
            case ["port", "unset", "--security-group", group, port]:
                held = admin.get(f"/ports/{port}").json["port"]["security_groups"]
                left = {"security_groups": [each for each in held if each != group]}
                return admin.put(f"/ports/{port}", json={"port": left})
            case ["subnet", "pool", "set", "--no-address-scope", pool]:
                return admin.put(f"/subnetpools/{pool}", json={"subnetpool": {"address_scope_id": None}})
            case ["network", "set", "--no-default", network]:
                return admin.put(f"/networks/{network}", json={"network": {"is_default": False}})
            case ["network", "set", "--no-qos-policy", network]:
                return admin.put(f"/networks/{network}", json={"network": {"qos_policy_id": None}})
            case [("port" | "floating") as kind, "unset", "--qos-policy", object_id]:
                return admin.put(f"/{kind}s/{object_id}", json={kind: {"qos_policy_id": None}})
            case ["network", "flavor", "remove", "profile", flavor, profile]:
                return admin.delete(f"/flavors/{flavor}/service_profiles/{profile}")
            case [*noun, "delete", object_id]:
                return admin.delete(f"{PATHS[' '.join(noun)]}/{object_id}")
        raise AssertionError(f"nobody types {words}")


PATHS = {
    "network": "/networks",
    "subnet": "/subnets",
    "port": "/ports",
    "router": "/routers",
    "floating ip": "/floatingips",
    "security group": "/security-groups",
    "security group rule": "/security-group-rules",
    "default security group rule": "/default-security-group-rules",
    "address group": "/address-groups",
    "address scope": "/address-scopes",
    "subnet pool": "/subnetpools",
    "network qos policy": "/qos/policies",
    "network segment": "/segments",
    "network segment range": "/network-segment-ranges",
    "network trunk": "/trunks",
    "network flavor": "/flavors",
    "network flavor profile": "/service_profiles",
    "network rbac": "/rbac-policies",
    "network meter": "/metering/metering-labels",
}


@pytest.fixture
def operator(cloud, admin):
    return Operator(cloud, admin)


class Scene:
    """A network in full use: a router with a way out, floating IPs of both kinds, a trunk, a route and a server."""

    def __init__(self, cloud, demo) -> None:
        self.outside, _ = cloud.outside()
        self.net, self.subnet = demo.make_network()
        self.router = demo.make("router", external_gateway_info={"network_id": self.outside["id"]})
        demo.join(self.router, subnet_id=self.subnet["id"])
        route = {"destination": "10.9.0.0/24", "nexthop": "10.0.0.99"}
        demo.changed("router", self.router, routes=[route])
        self.port, self.parent, self.child = (demo.make("port", network_id=self.net["id"]) for _ in range(3))
        below = [{"port_id": self.child["id"], "segmentation_type": "vlan", "segmentation_id": 7}]
        self.trunk = demo.make("trunk", port_id=self.parent["id"], sub_ports=below)
        demo.changed("trunk", self.trunk, admin_state_up=False)
        self.leading, self.forwarding = (
            demo.make("floatingip", floating_network_id=self.outside["id"]) for _ in range(2)
        )
        demo.changed("floatingip", self.leading, port_id=self.port["id"])
        said = {
            "protocol": "tcp",
            "internal_port_id": self.parent["id"],
            "internal_port": 80,
            "external_port": 80,
        }
        said["internal_ip_address"] = self.parent["fixed_ips"][0]["ip_address"]
        path = f"/floatingips/{self.forwarding['id']}/port_forwardings"
        assert demo.post(path, json={"port_forwarding": said}).status == 201
        with cloud.database.write(Actor("test")) as tx:
            asks = [NicAsk(network_id=NetworkId(self.net["id"]))] * 2
            plan = cloud.networks.plan_nics(tx, caller_of("demo"), asks, ())
            cloud.networks.claim_nics(tx, plan, server_id=SERVER, caller=caller_of("demo"))


@pytest.fixture
def scene(cloud, demo):
    return Scene(cloud, demo)


@pytest.mark.parametrize("noun", ["network", "subnet", "router", "outside", "trunk", "port"])
def test_after_all_that_is_told_in_the_order_in_which_it_is_told_it_can_be_deleted(scene, operator, noun):
    objects = {
        "network": scene.net,
        "subnet": scene.subnet,
        "router": scene.router,
        "outside": scene.outside,
        "trunk": scene.trunk,
        "port": scene.parent,
    }
    kind = "network" if noun == "outside" else noun

    done = operator.clears(kind, objects[noun]["id"])

    assert done, "there was something in its way"
    assert len(done) == len(set(done)), "nothing is told twice"


def test_what_hinders_is_named_with_what_the_delete_would_say(scene, operator, admin):
    told = operator.told("router", scene.router["id"])

    assert told["hindered"]
    assert problem(admin.remove("router", scene.router)) == (409, "RouterInUse")
    leg = told["steps"][-1]
    assert leg["refusal"] == admin.remove("router", scene.router).json["NeutronError"]["message"]
    assert f"router {scene.router['id']}" in leg["clears"]
    assert any("forward" in step["clears"] for step in told["steps"][:-1]), "what hinders it comes before"


def test_a_server_is_told_once_however_many_ports_it_has(scene, operator):
    commands = [step["do"] for step in operator.told("network", scene.net["id"])["steps"]]

    assert commands.count(f"openstack server delete {SERVER}") == 1


def test_what_nothing_hinders_is_told_to_be_free(operator, demo):
    net, subnet = demo.make_network()

    for noun, made in (("network", net), ("subnet", subnet)):
        told = operator.told(noun, made["id"])
        assert (told["hindered"], told["steps"]) == (False, [])
        assert told["then"] == f"openstack {noun} delete {made['id']}"
    assert operator.clears("network", net["id"]) == []


def test_an_ipv6_subnet_whose_hosts_made_their_addresses_is_free(operator, demo):
    mode = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    net, subnet = demo.make_network("fd00::/64", ip_version=6, **mode)
    demo.make("port", network_id=net["id"])

    assert operator.clears("subnet", subnet["id"]) == []


def test_groups_are_explained_by_their_ports_and_the_rules_that_name_them(operator, demo, admin):
    net, _ = demo.make_network()
    group, other = demo.make("security_group", name="g"), demo.make("security_group", name="o")
    demo.make("port", network_id=net["id"], security_groups=[group["id"]])
    demo.make(
        "security_group_rule", security_group_id=other["id"], direction="ingress", remote_group_id=group["id"]
    )
    admin.make("default_security_group_rule", direction="ingress", remote_group_id=group["id"])
    addresses = demo.make("address_group", name="a", addresses=["10.1.0.0/16"])
    rule = {"security_group_id": other["id"], "direction": "ingress"}
    demo.make("security_group_rule", **rule, remote_address_group_id=addresses["id"])

    assert len(operator.clears("security-group", "g")) == 2
    assert len(operator.clears("address-group", "a")) == 1


def test_pools_scopes_and_policies_are_explained(operator, admin):
    scope = admin.make("address_scope", name="s", ip_version=4)
    pool = admin.make("subnetpool", name="p", prefixes=["10.4.0.0/16"], address_scope_id=scope["id"])
    net = admin.make("network")
    admin.make("subnet", network_id=net["id"], ip_version=4, subnetpool_id=pool["id"], prefixlen=24)
    policy = admin.make("policy", name="q")
    admin.changed("network", net, qos_policy_id=policy["id"])

    assert len(operator.clears("address-scope", "s")) == 1
    assert len(operator.clears("subnet-pool", "p")) == 1
    assert len(operator.clears("qos-policy", "q")) == 1


def test_a_range_of_numbers_is_explained_by_the_networks_that_have_them(operator, admin, demo):
    said = {"name": "r", "network_type": "vxlan", "minimum": 5, "maximum": 9}
    admin.make("network_segment_range", **said, shared=False, project_id="demo")
    net, _ = demo.make_network()
    demo.make("port", network_id=net["id"])

    assert len(operator.clears("segment-range", "r")) == 2


def test_an_entry_is_explained_by_what_only_it_lets_projects_use(scene, operator, demo, admin, stranger):
    def entry(object_type, made, action="access_as_shared"):
        said = {"object_type": object_type, "object_id": made["id"], "action": action}
        return demo.make("rbac_policy", **said, target_tenant="stranger")["id"]

    pool = demo.make("subnetpool", name="p", prefixes=["10.8.0.0/16"], default_prefixlen=24)
    scope = demo.make("address_scope", name="s", ip_version=4)
    addresses = demo.make("address_group", name="a", addresses=["10.0.0.0/8"])
    group = demo.make("security_group", name="g")
    entries = {
        "network": entry("network", scene.net),
        "subnetpool": entry("subnetpool", pool),
        "address_scope": entry("address_scope", scope),
        "address_group": entry("address_group", addresses),
        "security_group": entry("security_group", group),
    }
    port = stranger.make("port", network_id=scene.net["id"], security_groups=[group["id"]])
    router = stranger.make("router", external_gateway_info={"network_id": scene.outside["id"]})
    stranger.join(router, port_id=stranger.make("port", network_id=scene.net["id"])["id"])
    stranger.make("floatingip", floating_network_id=scene.outside["id"], port_id=port["id"])
    inner = stranger.make("network")
    stranger.make("subnet", network_id=inner["id"], ip_version=4, subnetpool_id=pool["id"])
    stranger.make("subnetpool", name="q", prefixes=["10.9.0.0/16"], address_scope_id=scope["id"])
    own = stranger.make("security_group", name="own")
    for remote in ({"remote_address_group_id": addresses["id"]}, {"remote_group_id": group["id"]}):
        stranger.make("security_group_rule", security_group_id=own["id"], direction="ingress", **remote)

    told = {kind: len(operator.clears("rbac-policy", entries[kind])) for kind in reversed(entries)}

    assert told == {
        "security_group": 2,
        "address_group": 1,
        "address_scope": 1,
        "subnetpool": 1,
        "network": 2,
    }
    assert demo.show("port", scene.port), "what is the owner's own is in nobody's way"


def test_an_entry_for_a_way_out_is_explained_by_who_goes_out_there(operator, admin, stranger):
    net = admin.make("network")
    admin.make("subnet", network_id=net["id"], ip_version=4, cidr="172.24.5.0/24", enable_dhcp=False)
    said = {"object_type": "network", "object_id": net["id"], "action": "access_as_external"}
    admin.make("rbac_policy", **said, target_tenant="admin")
    entry = admin.make("rbac_policy", **said, target_tenant="stranger")
    assert operator.told("rbac-policy", entry["id"])["steps"] == []
    stranger.make("router", external_gateway_info={"network_id": net["id"]})
    stranger.make("floatingip", floating_network_id=net["id"])

    told = operator.told("rbac-policy", entry["id"])
    refusal = admin.remove("rbac_policy", entry).json["NeutronError"]["message"]
    assert {step["refusal"] for step in told["steps"]} == {refusal}
    assert len(operator.clears("rbac-policy", entry["id"])) == 2


def test_the_entry_that_makes_a_network_the_default_way_out_is_explained_by_that(operator, admin):
    net = admin.make("network", **{"router:external": True, "is_default": True})
    (entry,) = admin.find(f"/rbac-policies?object_id={net['id']}")

    assert operator.clears("rbac-policy", entry["id"]) == [f"openstack network set --no-default {net['id']}"]


def test_a_label_goes_with_its_rules(operator, admin):
    label = admin.make("metering_label", name="out")
    rule = {"metering_label_id": label["id"], "remote_ip_prefix": "10.0.0.0/24"}
    admin.make("metering_label_rule", **rule)

    assert operator.clears("metering-label", "out") == []


def test_a_name_that_several_bear_is_refused_and_one_that_nobody_bears_is_not_there(operator, demo):
    for _ in range(2):
        demo.make("network", name="twin")

    with pytest.raises(Bad, match="Several are called twin"):
        operator.told("network", "twin")
    with pytest.raises(Bad, match="cannot be explained"):
        operator.told("weather", "x")
    for noun in NOUNS:
        with pytest.raises(NotFound):
            operator.told(noun, "nothing is called so")
