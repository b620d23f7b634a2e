"""Networks and subnets, through the API."""

from __future__ import annotations

import pytest

from nacre.network.domain.rows import Owner
from tests.services.network.conftest import problem


def test_a_network_shows_what_was_said_and_who_owns_it(demo):
    made = demo.make("network", name="blue", description="for tests", admin_state_up=False)

    shown = demo.show("network", made)

    assert shown == made
    assert (shown["name"], shown["description"], shown["admin_state_up"]) == ("blue", "for tests", False)
    assert shown["project_id"] == shown["tenant_id"] == "demo"
    assert shown["status"] == "ACTIVE"
    assert shown["mtu"] == 1442


def test_several_networks_are_made_at_once_or_none(demo):
    reply = demo.post("/networks", json={"networks": [{"name": "a"}, {"name": "b"}]})
    assert [each["name"] for each in reply.json["networks"]] == ["a", "b"]

    refused = demo.post("/networks", json={"networks": [{"name": "c"}, {"name": 7}]})

    assert problem(refused) == (400, "HTTPBadRequest")
    assert len(demo.find("/networks")) == 2


def test_wires_and_sharing_are_the_operators_to_say_and_to_see(demo, admin):
    for name, value in [("shared", True), ("router:external", True), ("provider:network_type", "flat")]:
        assert demo.refused("network", **{name: value}) == (403, "PolicyNotAuthorized")

    mine = demo.make("network")

    assert not [name for name in mine if name.startswith("provider:")]
    assert admin.show("network", mine)["provider:network_type"] == "geneve"
    (found,) = demo.find("/networks?provider:network_type=geneve")
    assert found == mine


def test_a_wire_carries_one_flat_network_and_each_vlan_once(cloud, admin):
    cloud.outside()
    flat = {"provider:network_type": "flat", "provider:physical_network": "public"}
    vlan = flat | {"provider:network_type": "vlan", "provider:segmentation_id": 7}

    assert admin.refused("network", **flat) == (409, "FlatNetworkInUse")
    admin.make("network", **vlan)
    assert admin.refused("network", **vlan) == (409, "VlanIdInUse")


@pytest.mark.parametrize(
    "said",
    [
        {"provider:network_type": "flat"},
        {"provider:network_type": "vlan", "provider:physical_network": "public"},
        {"provider:physical_network": "public"},
        {"provider:network_type": "token-ring"},
        {"provider:network_type": "vlan", "provider:physical_network": "p", "provider:segmentation_id": 4095},
        {"mtu": 9000},
        {"mtu": -1},
        {"availability_zone_hints": ["mars"]},
        {"qinq": True},
        {"qinq": True, "vlan_transparent": True, "provider:network_type": "vlan"}
        | {"provider:physical_network": "p", "provider:segmentation_id": 7},
        {"vlan_transparent": "perhaps"},
    ],
)
def test_what_a_network_cannot_be_is_refused(admin, said):
    status, _ = admin.refused("network", **said)

    assert status == 400
    assert admin.find("/networks") == []


def test_tags_of_guests_pass_where_that_was_asked_for(admin):
    vlan = {"provider:network_type": "vlan", "provider:physical_network": "public"}
    plain = admin.make("network")
    transparent = admin.make("network", vlan_transparent=True)
    double = admin.make("network", qinq=True, **vlan, **{"provider:segmentation_id": 7})

    shown = [(each["vlan_transparent"], each["qinq"]) for each in (plain, transparent, double)]
    assert shown == [(False, False), (True, False), (False, True)]
    assert admin.find("/networks?qinq=true") == [double]
    assert admin.find("/networks?vlan_transparent=true") == [transparent]
    assert problem(admin.change("network", plain, qinq=True))[0] == 400


def test_strangers_see_shared_and_external_networks_and_nothing_else(cloud, demo, admin, stranger):
    mine, subnet = demo.make_network()
    shared = admin.make("network", shared=True)
    outside, outside_subnet = cloud.outside()

    assert {each["id"] for each in stranger.find("/networks")} == {shared["id"], outside["id"]}
    assert problem(stranger.get(f"/networks/{mine['id']}")) == (404, "NetworkNotFound")
    assert [each["id"] for each in stranger.find("/subnets")] == [outside_subnet["id"]]
    assert stranger.show("subnet", outside_subnet)["router:external"] is True
    assert problem(stranger.get(f"/subnets/{subnet['id']}")) == (404, "SubnetNotFound")
    assert problem(stranger.change("subnet", outside_subnet, name="x")) == (403, "PolicyNotAuthorized")
    assert problem(stranger.change("network", mine, name="x")) == (404, "NetworkNotFound")
    assert problem(stranger.change("network", shared, name="x")) == (403, "PolicyNotAuthorized")
    assert problem(stranger.remove("network", shared)) == (403, "PolicyNotAuthorized")


def test_a_reader_sees_and_changes_nothing(cloud, demo):
    reader = cloud.client("demo", "reader")
    mine = demo.make("network")

    assert reader.show("network", mine) == mine
    assert reader.refused("network") == (403, "PolicyNotAuthorized")
    assert problem(reader.remove("network", mine)) == (403, "PolicyNotAuthorized")


def test_only_the_operator_makes_things_for_other_projects(demo, admin):
    assert demo.refused("network", project_id="other") == (400, "HTTPBadRequest")
    assert admin.make("network", tenant_id="demo")["project_id"] == "demo"


def test_a_network_goes_with_its_subnets_and_not_with_its_ports(cloud, demo):
    net, subnet = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    assert problem(demo.remove("network", net)) == (409, "NetworkInUse")

    demo.remove("port", port)
    assert demo.remove("network", net).status == 204

    assert problem(demo.get(f"/subnets/{subnet['id']}")) == (404, "SubnetNotFound")
    assert demo.find("/ports") == []
    cloud.settle()
    assert cloud.audit() == []


def test_changes_count_up_and_a_stale_caller_is_refused(demo):
    made = demo.make("network", name="a")
    path = f"/networks/{made['id']}"
    seen = f"revision_number={made['revision_number']}"

    first = demo.put(path, json={"network": {"name": "b"}}, headers={"If-Match": seen})
    second = demo.put(path, json={"network": {"name": "c"}}, headers={"If-Match": seen})

    assert first.json["network"]["revision_number"] == made["revision_number"] + 1
    assert problem(second) == (412, "RevisionNumberConstraintFailed")
    assert problem(demo.delete(path, headers={"If-Match": seen}))[0] == 412
    assert demo.show("network", made)["name"] == "b"


# -- subnets -------------------------------------------------------------------------------------------------


def test_a_subnet_gets_a_gateway_and_pools_around_it(demo):
    net = demo.make("network")

    subnet = demo.make("subnet", network_id=net["id"], ip_version=4, cidr="10.1.0.7/24")

    assert subnet["cidr"] == "10.1.0.0/24"
    assert subnet["gateway_ip"] == "10.1.0.1"
    assert subnet["allocation_pools"] == [{"start": "10.1.0.2", "end": "10.1.0.254"}]
    assert subnet["enable_dhcp"] is True
    assert demo.show("network", net)["subnets"] == [subnet["id"]]


def test_no_gateway_means_every_address_is_for_ports(demo):
    _, subnet = demo.make_network(gateway_ip=None)

    assert subnet["gateway_ip"] is None
    assert subnet["allocation_pools"] == [{"start": "10.0.0.1", "end": "10.0.0.254"}]


@pytest.mark.parametrize(
    "said",
    [
        {"cidr": "10.0.0.0/33"},
        {"cidr": "fd00::/64"},
        {"cidr": None},
        {"cidr": "10.0.0.0/24", "ip_version": 5},
        {"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.255"},
        {"cidr": "10.0.0.0/24", "gateway_ip": "fd00::1"},
        {"cidr": "10.0.0.0/24", "dns_nameservers": ["not an address"]},
        {"cidr": "10.0.0.0/24", "dns_nameservers": ["10.0.0.9", "10.0.0.9"]},
        {"cidr": "10.0.0.0/24", "host_routes": [{"destination": "10.9.0.0/16"}]},
        {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.1.2", "end": "10.0.1.9"}]},
        {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.2"}]},
        {"cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"},
        {"ip_version": 6, "cidr": "fd00::/72", "ipv6_address_mode": "slaac"},
        {
            "ip_version": 6,
            "cidr": "fd00::/64",
            "ipv6_address_mode": "slaac",
            "ipv6_ra_mode": "dhcpv6-stateful",
        },
        {"ip_version": 6, "cidr": "fd00::/64", "ipv6_address_mode": "slaac", "enable_dhcp": False},
        {"cidr": "10.0.0.0/24", "surprise": 1},
        {"cidr": "0.0.0.0/0"},
        {"cidr": "10.0.0.0/31"},
        {"cidr": "10.0.0.0/32"},
        {"cidr": "224.0.0.0/24"},
        {"cidr": "127.0.0.0/8"},
        {"ip_version": 6, "cidr": "fd00::/127"},
        {"cidr": "10.0.0.0/24", "dns_nameservers": ["fd00::53"]},
        {"cidr": "10.0.0.0/24", "dns_nameservers": ["0.0.0.0"]},
        {"cidr": "10.0.0.0/24", "dns_nameservers": [f"10.0.0.{last}" for last in range(2, 8)]},
        {"cidr": "10.0.0.0/24", "host_routes": [{"destination": "fd00::/64", "nexthop": "10.0.0.9"}]},
        {"cidr": "10.0.0.0/24", "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "fd00::9"}]},
        {"cidr": "10.0.0.0/24", "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.300"}]},
        {"cidr": "10.0.0.0/24", "service_types": "compute:nova"},
        {"cidr": "10.0.0.0/24", "service_types": ["compute:nova", "compute:nova"]},
        {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.2"}]},
        {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "fd00::2", "end": "fd00::9"}]},
        {"ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "dhcp"},
        {"ip_version": 6, "cidr": "fd00::/80", "ipv6_ra_mode": "dhcpv6-stateless"},
        {"cidr": "10.0.0.0/24", "id": "00000000-0000-4000-8000-000000000000"},
    ],
)
def test_what_a_subnet_cannot_be_is_refused(demo, said):
    net = demo.make("network")

    status, _ = demo.refused("subnet", **{"network_id": net["id"], "ip_version": 4} | said)

    assert status == 400
    assert demo.find("/subnets") == []


def test_networks_of_one_or_two_addresses_are_for_those_who_need_no_dhcp(demo):
    net = demo.make("network")

    for cidr in ("10.0.0.4/31", "10.0.0.6/32"):
        said = {"cidr": cidr, "ip_version": 4, "enable_dhcp": False, "gateway_ip": None}
        subnet = demo.make("subnet", network_id=net["id"], **said)
        assert demo.change("subnet", subnet, enable_dhcp=True).status == 400
        assert demo.make("port", network_id=net["id"], fixed_ips=[{"subnet_id": subnet["id"]}])


def test_what_a_subnet_cannot_become_is_refused_and_it_stays_as_it_was(demo):
    _, subnet = demo.make_network()
    before = demo.show("subnet", subnet)

    for said in (
        {"dns_nameservers": ["fd00::53"]},
        {"host_routes": [{"destination": "fd00::/64", "nexthop": "10.0.0.9"}]},
        {"gateway_ip": "10.0.0.0"},
        {"allocation_pools": [{"start": "10.0.1.2", "end": "10.0.1.9"}]},
        {"cidr": "10.0.0.0/25"},
        {"ip_version": 6},
        {"ipv6_ra_mode": "slaac"},
    ):
        assert demo.change("subnet", subnet, **said).status == 400, said

    assert demo.show("subnet", subnet) == before


def test_subnets_kept_for_some_ports_serve_those_first_and_nobody_else(demo):
    net = demo.make("network")
    said = {"network_id": net["id"], "ip_version": 4}
    demo.make("subnet", **said, cidr="10.1.0.0/24", service_types=["compute:nova"], gateway_ip=None)
    only = {"device_owner": "compute:nova"}

    assert demo.refused("port", network_id=net["id"]) == (409, "IpAddressGenerationFailureNoMatchingSubnet")
    assert demo.make("port", network_id=net["id"], **only)["fixed_ips"][0]["ip_address"][:5] == "10.1."

    demo.make("subnet", **said, cidr="10.2.0.0/30", enable_dhcp=False)
    assert demo.make("port", network_id=net["id"])["fixed_ips"][0]["ip_address"][:5] == "10.2."
    full = demo.refused("port", network_id=net["id"])
    assert full == (409, "IpAddressGenerationFailure")
    assert demo.make("port", network_id=net["id"], **only)["fixed_ips"][0]["ip_address"][:5] == "10.1."


def test_pools_must_leave_the_gateway_and_each_other_alone(demo):
    net = demo.make("network")
    usual = {"network_id": net["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
    around = [{"start": "10.0.0.1", "end": "10.0.0.9"}]
    twice = [{"start": "10.0.0.10", "end": "10.0.0.20"}, {"start": "10.0.0.20", "end": "10.0.0.30"}]

    conflict = (409, "GatewayConflictWithAllocationPools")
    assert demo.refused("subnet", **usual, allocation_pools=around) == conflict
    assert demo.refused("subnet", **usual, allocation_pools=twice) == (409, "OverlappingAllocationPools")


def test_subnets_of_one_network_never_overlap_and_those_of_two_may(demo):
    net, _ = demo.make_network()

    said = {"ip_version": 4, "cidr": "10.0.0.128/25"}
    assert demo.refused("subnet", network_id=net["id"], **said) == (400, "InvalidInput")
    assert demo.make("subnet", network_id=demo.make("network")["id"], **said)


def test_only_the_owner_of_a_network_cuts_it_into_subnets(demo, admin, stranger):
    shared = admin.make("network", shared=True)

    said = {"ip_version": 4, "cidr": "10.0.0.0/24"}
    assert stranger.refused("subnet", network_id=shared["id"], **said) == (404, "NetworkNotFound")
    assert (
        demo.refused("subnet", network_id=demo.make("port", network_id=shared["id"])["id"], **said)[0] == 404
    )


def test_the_gateway_of_a_router_cannot_be_moved_away(demo):
    _, subnet = demo.make_network(allocation_pools=[{"start": "10.0.0.50", "end": "10.0.0.60"}])
    router = demo.make("router")
    demo.join(router, subnet_id=subnet["id"])

    assert problem(demo.change("subnet", subnet, gateway_ip="10.0.0.2")) == (409, "GatewayIpInUse")

    demo.leave(router, subnet_id=subnet["id"])
    assert demo.changed("subnet", subnet, gateway_ip="10.0.0.2")["gateway_ip"] == "10.0.0.2"


def test_a_subnet_with_addresses_in_use_stays(demo):
    net, subnet = demo.make_network()
    port = demo.make("port", network_id=net["id"])

    assert problem(demo.remove("subnet", subnet)) == (409, "SubnetInUse")

    demo.remove("port", port)
    assert demo.remove("subnet", subnet).status == 204
    assert demo.find("/ports") == []


# -- the metadata port -------------------------------------------------------------------------------------------


def test_a_network_has_a_metadata_port_while_it_has_dhcp(cloud, demo):
    net, subnet = demo.make_network()

    def metadata():
        return demo.find(f"/ports?network_id={net['id']}&device_owner=network:distributed")

    (port,) = metadata()
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.2"}]

    second = demo.make("subnet", network_id=net["id"], ip_version=4, cidr="10.0.1.0/24")
    assert [fixed["subnet_id"] for fixed in metadata()[0]["fixed_ips"]] == [subnet["id"], second["id"]]

    demo.changed("subnet", subnet, enable_dhcp=False)
    assert [fixed["subnet_id"] for fixed in metadata()[0]["fixed_ips"]] == [second["id"]]

    demo.remove("subnet", second)
    assert metadata() == []
    cloud.settle()
    assert cloud.audit() == []


def test_a_network_of_ipv6_alone_has_a_metadata_port_without_addresses(cloud, demo):
    net, subnet = demo.make_network("fd00::/64", ip_version=6)

    (port,) = demo.find(f"/ports?network_id={net['id']}&device_owner=network:distributed")
    assert port["fixed_ips"] == []
    cloud.settle()
    rows = cloud.driver.rows_of(Owner(f"port/{port['id']}"))
    assert [row.columns["type"] for row in rows if row.table == "Logical_Switch_Port"] == ["localport"]

    demo.remove("subnet", subnet)
    assert demo.find(f"/ports?network_id={net['id']}") == []


# -- subnet pools ------------------------------------------------------------------------------------------------


def test_subnets_are_cut_from_a_pool_until_it_is_empty(demo):
    net = demo.make("network")
    pool = demo.make("subnetpool", name="p", prefixes=["10.8.0.0/24"], default_prefixlen=25)

    cidrs = [
        demo.make("subnet", network_id=net["id"], ip_version=4, subnetpool_id=pool["id"])["cidr"]
        for _ in range(2)
    ]

    assert cidrs == ["10.8.0.0/25", "10.8.0.128/25"]
    more = demo.refused("subnet", network_id=net["id"], ip_version=4, subnetpool_id=pool["id"])
    assert more == (409, "SubnetAllocationError")
    assert problem(demo.remove("subnetpool", pool)) == (409, "SubnetPoolInUse")


def test_a_pool_of_another_project_is_not_there(demo, stranger):
    pool = demo.make("subnetpool", name="p", prefixes=["10.8.0.0/24"])
    net = stranger.make("network")

    said = {"network_id": net["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    assert stranger.refused("subnet", **said) == (404, "SubnetPoolNotFound")


def test_a_network_is_wide_enough_for_its_subnets(demo):
    small = demo.make("network", mtu=1279)
    said = {"network_id": small["id"], "ip_version": 6, "cidr": "fd00::/64"}
    assert demo.refused("subnet", **said) == (409, "NetworkMTUSubnetConflict")
    demo.make("subnet", network_id=small["id"], ip_version=4, cidr="10.0.0.0/24")

    assert problem(demo.change("network", small, mtu=67)) == (409, "NetworkMTUSubnetConflict")
    assert demo.changed("network", small, mtu=68)["mtu"] == 68


def test_what_stands_on_a_network_counts_it_up(demo):
    net = demo.make("network")
    subnet = demo.make("subnet", network_id=net["id"], ip_version=4, cidr="10.0.0.0/24")
    with_subnet = demo.show("network", net)["revision_number"]
    demo.remove("subnet", subnet)

    assert net["revision_number"] < with_subnet < demo.show("network", net)["revision_number"]
    stale = {"If-Match": "revision_number=-1"}
    reply = demo.put(f"/networks/{net['id']}", json={"network": {"name": "x"}}, headers=stale)
    assert problem(reply) == (412, "RevisionNumberConstraintFailed")


def test_a_subnet_tells_whether_it_is_outside(cloud, demo, admin):
    _, outside = cloud.outside()
    _, inside = demo.make_network()

    assert (outside["router:external"], inside["router:external"]) == (True, False)
    assert [each["id"] for each in admin.find("/subnets?router:external=true")] == [outside["id"]]
    assert [each["id"] for each in admin.find("/subnets?router:external=false")] == [inside["id"]]
