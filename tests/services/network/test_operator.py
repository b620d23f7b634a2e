"""What the operator sees and offers: agents, what addresses are left, flavors, and networks for those who want any."""

from __future__ import annotations

import pytest

from nacre.kernel.events import Actor
from nacre.network.domain.agents import ALIVE_S
from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True


def hear(cloud, *hosts):
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.hear_hosts(tx, hosts)


def test_agents_are_alive_as_long_as_their_host_is_heard(cloud, admin, demo):
    hear(cloud, "host-1", "host-2")
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.ensure_gateway_host(tx, "host-1")
    cloud.clock.advance(ALIVE_S)
    hear(cloud, "host-2")

    found = {(each["host"], each["agent_type"]): each["alive"] for each in admin.find("/agents")}

    assert found == {
        ("host-1", "OVN Controller Gateway agent"): False,
        ("host-1", "OVN Metadata agent"): False,
        ("host-2", "OVN Controller agent"): True,
        ("host-2", "OVN Metadata agent"): True,
    }
    assert {each["host"] for each in admin.find("/agents?alive=True")} == {"host-2"}
    assert len(admin.find("/agents?agent_type=OVN Controller agent")) == 1
    assert len(admin.find("/agents?binary=ovn-controller&host=host-2")) == 1
    assert demo.find("/agents") == []


def test_agents_are_described_and_forgotten_once_dead(cloud, admin, demo):
    hear(cloud, "host-1")
    agent = admin.find("/agents")[0]

    assert admin.changed("agent", agent, description="ours", admin_state_up=True)["description"] == "ours"
    assert problem(admin.change("agent", agent, admin_state_up=False)) == (400, "InvalidInput")
    assert problem(admin.remove("agent", agent)) == (409, "AgentAlive")
    assert problem(demo.get(f"/agents/{agent['id']}")) == (404, "AgentNotFound")
    assert problem(demo.change("agent", agent, description="x")) == (403, "PolicyNotAuthorized")
    cloud.clock.advance(ALIVE_S)
    assert admin.remove("agent", agent).status == 204
    assert problem(admin.get(f"/agents/{agent['id']}"))[0] == 404


def test_the_addresses_of_networks_are_counted(demo, admin):
    net, subnet = demo.make_network("10.0.0.0/24", enable_dhcp=False)
    pools = [{"start": "fd00::10", "end": "fd00::1f"}]
    said = {"network_id": net["id"], "ip_version": 6, "cidr": "fd00::/64", "enable_dhcp": False}
    demo.make("subnet", **said, allocation_pools=pools)
    demo.make("port", network_id=net["id"])

    (found,) = admin.find(f"/network-ip-availabilities?network_id={net['id']}")
    (four,) = admin.find(f"/network-ip-availabilities?network_name={net['name']}&ip_version=4")

    assert (found["total_ips"], found["used_ips"]) == (253 + 16, 2)
    assert (four["total_ips"], four["used_ips"]) == (253, 1)
    (only,) = four["subnet_ip_availability"]
    assert (only["subnet_id"], only["cidr"]) == (subnet["id"], "10.0.0.0/24")
    assert admin.get(f"/network-ip-availabilities/{net['id']}").json["network_ip_availability"] == found
    assert problem(demo.get(f"/network-ip-availabilities/{net['id']}"))[0] == 404
    assert demo.find("/network-ip-availabilities") == []
    assert problem(admin.get("/network-ip-availabilities?ip_version=5"))[0] == 400


# -- flavors --------------------------------------------------------------------------------------------------


@pytest.fixture
def profile(admin):
    return admin.make("service_profile", driver="some", metainfo="{}")


def test_routers_are_of_flavors_that_stay_while_they_are(demo, admin, profile):
    flavor = admin.make("flavor", name="f", service_type="L3_ROUTER_NAT", service_profiles=[profile["id"]])
    router = demo.make("router", flavor_id=flavor["id"])

    assert router["flavor_id"] == flavor["id"]
    assert problem(admin.remove("flavor", flavor)) == (409, "FlavorInUse")
    assert admin.refused("router", flavor_id=flavor["id"], distributed=True) == (400, "BadRequest")
    assert demo.refused("router", flavor_id=profile["id"]) == (404, "FlavorNotFound")
    admin.changed("flavor", flavor, enabled=False)
    assert demo.refused("router", flavor_id=flavor["id"]) == (409, "FlavorDisabled")
    demo.remove("router", router)
    assert admin.remove("flavor", flavor).status == 204


def test_flavors_stand_for_profiles(demo, admin, profile):
    flavor = admin.make("flavor", name="f", service_type="L3_ROUTER_NAT")
    path, ask = f"/flavors/{flavor['id']}/service_profiles", {"service_profile": {"id": profile["id"]}}

    assert admin.post(path, json=ask).json == ask
    assert problem(admin.post(path, json=ask)) == (409, "FlavorServiceProfileBindingExists")
    assert demo.show("flavor", flavor)["service_profiles"] == [profile["id"]]
    assert problem(admin.remove("service_profile", profile)) == (409, "ServiceProfileInUse")
    assert problem(admin.change("service_profile", profile, driver="x"))[0] == 409
    assert admin.changed("service_profile", profile, description="x")["description"] == "x"
    assert admin.delete(f"{path}/{profile['id']}").status == 204
    assert problem(admin.delete(f"{path}/{profile['id']}")) == (404, "FlavorServiceProfileBindingNotFound")
    assert admin.remove("service_profile", profile).status == 204


def test_flavors_are_the_operators_and_mean_something(demo, admin, profile):
    assert demo.refused("flavor", service_type="L3_ROUTER_NAT") == (403, "PolicyNotAuthorized")
    assert admin.refused("flavor", service_type="TEA") == (400, "InvalidServiceType")
    assert admin.refused("service_profile", description="empty") == (400, "ServiceProfileEmpty")
    assert problem(demo.get("/service_profiles")) == (403, "PolicyNotAuthorized")
    assert problem(demo.get(f"/service_profiles/{profile['id']}")) == (403, "PolicyNotAuthorized")


# -- a network for those who want any -------------------------------------------------------------------------


@pytest.fixture
def ground(cloud, admin):
    net, _ = cloud.outside()
    admin.changed("network", net, is_default=True)
    admin.make(
        "subnetpool", name="4", prefixes=["10.8.0.0/16"], default_prefixlen=24, shared=True, is_default=True
    )
    admin.make(
        "subnetpool", name="6", prefixes=["fd00::/48"], default_prefixlen=64, shared=True, is_default=True
    )


def test_a_network_is_made_for_those_who_ask_for_any(cloud, demo, ground):
    check = demo.get("/auto-allocated-topology/None?fields=dry-run").json["auto_allocated_topology"]
    assert check == {"id": "dry-run=pass", "project_id": "demo", "tenant_id": "demo"}
    assert demo.find("/routers") == []

    made = demo.get("/auto-allocated-topology/demo").json["auto_allocated_topology"]
    again = demo.get("/auto-allocated-topology/null").json["auto_allocated_topology"]

    assert made == again
    assert [each["name"] for each in demo.find("/routers")] == ["auto_allocated_router"]
    assert sorted(each["cidr"] for each in demo.find("/subnets?router:external=false")) == [
        "10.8.0.0/24",
        "fd00::/64",
    ]
    cloud.settle()
    assert cloud.audit() == []
    port = demo.make("port", network_id=made["id"])
    assert problem(demo.delete("/auto-allocated-topology/demo")) == (409, "AutoAllocationFailure")
    assert len(demo.find("/routers")) == 1, "all or nothing"
    demo.remove("port", port)
    assert demo.delete("/auto-allocated-topology/demo").status == 204
    assert demo.find("/routers") == []
    assert problem(demo.delete("/auto-allocated-topology/demo")) == (404, "AutoAllocatedTopologyNotFound")


def test_without_ground_no_network_is_made(demo, stranger):
    assert problem(demo.get("/auto-allocated-topology/demo?fields=dry-run")) == (409, "AutoAllocationFailure")
    assert problem(demo.get("/auto-allocated-topology/demo")) == (409, "AutoAllocationFailure")
    assert problem(stranger.get("/auto-allocated-topology/demo")) == (403, "PolicyNotAuthorized")
    assert demo.find("/networks") == []
