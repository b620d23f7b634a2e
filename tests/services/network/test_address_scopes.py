"""Address scopes and the subnet pools in them, through the API."""

from __future__ import annotations

import pytest

from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True


def pool_of(client, *prefixes, **said):
    return client.make(
        "subnetpool", **{"name": "p", "prefixes": list(prefixes), "default_prefixlen": 24} | said
    )


def cut(client, pool, **said):
    """A subnet of the pool on a network of its own."""
    net = client.make("network")
    usual = {"network_id": net["id"], "ip_version": pool["ip_version"], "subnetpool_id": pool["id"]}
    return client.make("subnet", **usual | said)


def edit(client, pool, operation, *prefixes):
    return client.put(f"/subnetpools/{pool['id']}/{operation}", json={"prefixes": list(prefixes)})


def test_no_address_is_in_two_pools_of_a_scope(demo):
    scope = demo.make("address_scope", name="s", ip_version=4)
    one = pool_of(demo, "10.0.0.0/16", "10.4.0.0/16", address_scope_id=scope["id"])
    other = pool_of(demo, "10.2.0.0/16", address_scope_id=scope["id"])

    taken = {"name": "q", "prefixes": ["10.4.7.0/24"], "address_scope_id": scope["id"]}
    assert demo.refused("subnetpool", **taken) == (409, "AddressScopePrefixConflict")
    wider = ["10.0.0.0/14", "10.4.0.0/16"]
    assert problem(demo.change("subnetpool", one, prefixes=wider)) == (409, "AddressScopePrefixConflict")
    assert problem(edit(demo, other, "add_prefixes", "10.0.9.0/24"))[0] == 409
    assert demo.show("subnetpool", one)["prefixes"] == ["10.0.0.0/16", "10.4.0.0/16"]
    assert pool_of(demo, "10.4.7.0/24")["address_scope_id"] is None, "outside of the scope all is free"
    assert problem(demo.remove("address_scope", scope)) == (409, "AddressScopeInUse")


def test_a_pool_is_in_scopes_of_its_own_ip_version_that_its_owner_may_use(demo, admin, stranger):
    six = demo.make("address_scope", name="s", ip_version=6)
    theirs = stranger.make("address_scope", name="s", ip_version=4)
    pool = pool_of(demo, "10.0.0.0/16")

    def moved(scope):
        return problem(demo.change("subnetpool", pool, address_scope_id=scope["id"]))

    assert moved(six) == (400, "IllegalSubnetPoolIpVersionAssociationToAddressScope")
    assert moved(theirs) == (404, "AddressScopeNotFound")
    public = admin.make("address_scope", name="p", ip_version=4, shared=True)
    demo.changed("subnetpool", pool, address_scope_id=public["id"])
    assert problem(demo.change("subnetpool", pool, name="x")) == (400, "IllegalSubnetPoolUpdate")
    assert admin.changed("subnetpool", pool, name="x")["name"] == "x"
    assert problem(admin.change("address_scope", public, shared=False)) == (400, "AddressScopeUpdateError")
    assert demo.refused("address_scope", name="s", ip_version=4, shared=True) == (403, "PolicyNotAuthorized")
    assert demo.refused("address_scope", name="s")[0] == 400


def test_networks_show_the_scopes_of_their_subnets_and_stay_in_them(demo):
    scope, other = (demo.make("address_scope", name=name, ip_version=4) for name in "ab")
    one = pool_of(demo, "10.0.0.0/16", address_scope_id=scope["id"])
    two = pool_of(demo, "10.1.0.0/16", address_scope_id=scope["id"])
    elsewhere = pool_of(demo, "10.2.0.0/16", address_scope_id=other["id"])
    net = demo.make("network")
    said = {"network_id": net["id"], "ip_version": 4}
    demo.make("subnet", **said, subnetpool_id=one["id"])
    demo.make("subnet", **said, subnetpool_id=two["id"])

    shown = demo.show("network", net)
    assert (shown["ipv4_address_scope"], shown["ipv6_address_scope"]) == (scope["id"], None)
    refused = (400, "NetworkSubnetPoolAffinityError")
    assert demo.refused("subnet", **said, subnetpool_id=elsewhere["id"]) == refused
    assert demo.refused("subnet", **said, cidr="10.3.0.0/24") == refused
    assert problem(demo.change("subnetpool", two, address_scope_id=None)) == refused


def test_without_scopes_the_subnets_of_a_network_come_from_one_pool(demo):
    one, other = pool_of(demo, "10.0.0.0/16"), pool_of(demo, "10.1.0.0/16")
    net, _ = demo.make_network("10.7.0.0/24")
    said = {"network_id": net["id"], "ip_version": 4}
    assert demo.refused("subnet", **said, subnetpool_id=one["id"]) == (400, "NetworkSubnetPoolAffinityError")

    subnet = cut(demo, one)

    said["network_id"] = subnet["network_id"]
    assert demo.make("subnet", **said, subnetpool_id=one["id"])["cidr"] != subnet["cidr"]
    assert demo.refused("subnet", **said, subnetpool_id=other["id"])[0] == 400


def test_a_router_does_not_translate_within_a_scope_and_keeps_scopes_apart(cloud, demo, admin):
    scope = admin.make("address_scope", name="s", ip_version=4, shared=True)
    outside = admin.make("network", **{"router:external": True})
    public = pool_of(admin, "172.24.0.0/16", address_scope_id=scope["id"])
    admin.make(
        "subnet", network_id=outside["id"], ip_version=4, subnetpool_id=public["id"], enable_dhcp=False
    )
    pool = pool_of(demo, "10.0.0.0/16")
    router = demo.make("router", external_gateway_info={"network_id": outside["id"]})
    inside, apart = cut(demo, pool), cut(demo, pool_of(demo, "10.1.0.0/16"))
    for subnet in (inside, apart):
        demo.join(router, subnet_id=subnet["id"])

    def rows(table, column):
        cloud.settle()
        held = cloud.driver.rows_of(f"router/{router['id']}")
        return {str(row.columns[column]) for row in held if row.table == table}

    assert rows("NAT", "logical_ip") == {inside["cidr"], apart["cidr"]}
    assert rows("Logical_Router_Policy", "match") == set()
    demo.changed("subnetpool", pool, address_scope_id=scope["id"])
    assert rows("NAT", "logical_ip") == {apart["cidr"]}
    assert len(rows("Logical_Router_Policy", "match")) == 2
    assert cloud.audit() == []


# -- pools --------------------------------------------------------------------------------------------------


def test_prefixes_are_added_and_taken_by_operations_of_their_own(demo):
    pool = pool_of(demo, "10.0.0.0/16")
    assert edit(demo, pool, "add_prefixes", "10.1.0.0/16", "10.9.0.0/24").json == {
        "prefixes": ["10.0.0.0/15", "10.9.0.0/24"]
    }
    subnet = cut(demo, pool, cidr="10.0.7.0/24")

    assert problem(edit(demo, pool, "remove_prefixes", "10.0.0.0/16")) == (
        400,
        "IllegalSubnetPoolPrefixUpdate",
    )
    assert edit(demo, pool, "remove_prefixes", "10.1.0.0/16").json["prefixes"] == [
        "10.0.0.0/16",
        "10.9.0.0/24",
    ]
    demo.remove("subnet", subnet)
    assert edit(demo, pool, "remove_prefixes", "10.0.0.0/17").json["prefixes"] == [
        "10.0.128.0/17",
        "10.9.0.0/24",
    ]
    assert problem(edit(demo, pool, "remove_prefixes", "10.0.0.0/8"))[0] == 400, "it keeps one"
    assert problem(demo.change("subnetpool", pool, prefixes=["10.9.0.0/24"])) == (
        400,
        "IllegalSubnetPoolPrefixUpdate",
    )


@pytest.mark.parametrize(
    "body", [{}, {"prefixes": []}, {"prefixes": ["x"]}, {"prefixes": ["fd00::/64"]}, {"x": 1}]
)
def test_prefixes_that_cannot_be_meant_change_nothing(demo, stranger, body):
    pool = pool_of(demo, "10.0.0.0/16")

    for operation in ("add_prefixes", "remove_prefixes", "onboard_network_subnets"):
        assert problem(demo.put(f"/subnetpools/{pool['id']}/{operation}", json=body))[0] == 400
    assert problem(edit(stranger, pool, "add_prefixes", "10.1.0.0/16")) == (404, "SubnetPoolNotFound")
    assert demo.show("subnetpool", pool) == pool


def test_a_pool_gives_each_project_as_much_as_its_quota(demo, admin):
    pool = pool_of(demo, "10.0.0.0/16", default_quota=512)
    cut(demo, pool)
    cut(demo, pool)
    net = demo.make("network")
    said = {"network_id": net["id"], "ip_version": 4, "subnetpool_id": pool["id"]}

    assert demo.refused("subnet", **said) == (409, "SubnetPoolQuotaExceeded")
    assert admin.make("subnet", **said)["cidr"] == "10.0.2.0/24", "that of another project"
    six = pool_of(demo, "fd00::/48", default_quota=1, default_prefixlen=64, min_prefixlen=64)
    cut(demo, six)
    assert demo.refused("subnet", **said | {"ip_version": 6, "subnetpool_id": six["id"]})[0] == 409


def test_the_subnets_of_a_network_become_part_of_a_pool(demo):
    pool = pool_of(demo, "10.0.0.0/16")
    net, subnet = demo.make_network("192.168.7.0/24")

    def onboard(network_id):
        return demo.put(f"/subnetpools/{pool['id']}/onboard_network_subnets", json={"network_id": network_id})

    assert onboard(net["id"]).json == {"subnets": [{"id": subnet["id"], "cidr": "192.168.7.0/24"}]}

    assert demo.show("subnet", subnet)["subnetpool_id"] == pool["id"]
    assert demo.show("subnetpool", pool)["prefixes"] == ["10.0.0.0/16", "192.168.7.0/24"]
    assert problem(onboard(net["id"])) == (400, "InvalidInput")
    inside, _ = demo.make_network("10.0.9.0/24")
    assert problem(onboard(inside["id"]))[0] == 400, "the pool gives these away itself"
    assert problem(onboard("none")) == (404, "NetworkNotFound")


def test_there_is_one_default_pool_for_each_ip_version(demo, admin):
    pool_of(admin, "10.0.0.0/16", is_default=True, shared=True)
    assert problem(
        admin.post("/subnetpools", json={"subnetpool": {"prefixes": ["10.1.0.0/16"], "is_default": True}})
    ) == (
        400,
        "InvalidInput",
    )
    net = demo.make("network")

    subnet = demo.make("subnet", network_id=net["id"], ip_version=4, use_default_subnetpool=True)

    assert subnet["cidr"] == "10.0.0.0/24"
