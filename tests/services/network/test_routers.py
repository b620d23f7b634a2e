"""Routers and floating IPs, through the API."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from nacre.kernel.events import Actor
from nacre.network.store.tables import GATEWAY_HOST
from tests.services.network.conftest import problem


@pytest.fixture
def outside(cloud):
    return cloud.outside()[0]


@pytest.fixture
def joined(demo, outside):
    """A router with a gateway, a network behind it, and a port there."""
    net, subnet = demo.make_network()
    router = demo.make("router", external_gateway_info={"network_id": outside["id"]})
    assert demo.join(router, subnet_id=subnet["id"]).status == 200
    return router, subnet, demo.make("port", network_id=net["id"])


def test_a_router_shows_its_way_out(demo, outside):
    router = demo.make("router", name="r", external_gateway_info={"network_id": outside["id"]})

    gateway = router["external_gateway_info"]
    assert gateway["network_id"] == outside["id"]
    assert gateway["enable_snat"] is True
    assert [fixed["ip_address"] for fixed in gateway["external_fixed_ips"]] == ["172.24.4.2"]
    assert demo.show("router", router) == router
    assert demo.changed("router", router, external_gateway_info={})["external_gateway_info"] is None


def test_a_way_out_leads_to_an_external_network(demo):
    net, _ = demo.make_network()
    router = demo.make("router")

    def set_gateway(network_id):
        return problem(demo.change("router", router, external_gateway_info={"network_id": network_id}))

    assert set_gateway(net["id"]) == (400, "BadRequest")
    assert set_gateway(router["id"]) == (404, "NetworkNotFound")
    assert demo.refused("router", external_gateway_info={"network_id": net["id"]}) == (400, "BadRequest")
    assert len(demo.find("/routers")) == 1


def test_source_nat_and_outside_addresses_are_the_operators(demo, admin, outside):
    for more in ({"enable_snat": False}, {"external_fixed_ips": [{"ip_address": "172.24.4.9"}]}):
        info = {"network_id": outside["id"], **more}
        assert demo.refused("router", external_gateway_info=info) == (403, "PolicyNotAuthorized")

    info = {
        "network_id": outside["id"],
        "enable_snat": False,
        "external_fixed_ips": [{"ip_address": "172.24.4.9"}],
    }
    made = admin.make("router", external_gateway_info=info)["external_gateway_info"]
    assert made["enable_snat"] is False
    assert made["external_fixed_ips"][0]["ip_address"] == "172.24.4.9"


def test_a_router_joins_a_subnet_under_its_gateways_address(cloud, demo):
    net, subnet = demo.make_network()
    router = demo.make("router")

    reply = demo.join(router, subnet_id=subnet["id"])

    leg = demo.get(f"/ports/{reply.json['port_id']}").json["port"]
    assert leg["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.1"}]
    assert (leg["device_id"], leg["device_owner"]) == (router["id"], "network:router_interface")
    assert reply.json["network_id"] == net["id"]
    assert problem(demo.remove("port", leg)) == (409, "ServicePortInUse")
    assert problem(demo.remove("router", router)) == (409, "RouterInUse")
    cloud.settle()
    assert demo.show("port", leg)["status"] == "ACTIVE"

    assert demo.leave(router, subnet_id=subnet["id"]).status == 200
    assert demo.find("/ports?device_owner=network:router_interface") == []
    assert demo.remove("router", router).status == 204
    cloud.settle()
    assert cloud.audit() == []


def test_a_router_joins_by_a_port_that_nothing_uses(demo):
    net, _ = demo.make_network()
    router, other = demo.make("router"), demo.make("router")
    port = demo.make("port", network_id=net["id"])

    assert demo.join(router, port_id=port["id"]).json["port_id"] == port["id"]
    assert problem(demo.join(other, port_id=port["id"])) == (409, "PortInUse")
    assert problem(demo.leave(other, port_id=port["id"])) == (404, "RouterInterfaceNotFound")
    assert demo.leave(router, port_id=port["id"]).status == 200
    assert problem(demo.get(f"/ports/{port['id']}")) == (404, "PortNotFound")


def test_what_a_router_cannot_join_is_refused(demo, stranger):
    _, subnet = demo.make_network()
    _, same_block = demo.make_network()
    _, without_gateway = demo.make_network("10.7.0.0/24", gateway_ip=None)
    _, foreign = stranger.make_network("10.9.0.0/24")
    router = demo.make("router")
    demo.join(router, subnet_id=subnet["id"])

    assert problem(demo.join(router, subnet_id=subnet["id"])) == (400, "BadRequest")
    assert problem(demo.join(router, subnet_id=same_block["id"])) == (400, "BadRequest")
    assert problem(demo.join(router, subnet_id=without_gateway["id"])) == (400, "BadRequest")
    assert problem(demo.join(router, subnet_id=foreign["id"])) == (404, "SubnetNotFound")
    assert problem(demo.join(router)) == (400, "BadRequest")
    assert problem(demo.join(router, subnet_id="nonsense")) == (400, "HTTPBadRequest")
    assert len(demo.find(f"/ports?device_id={router['id']}")) == 1


def test_ipv6_subnets_of_one_network_share_a_leg(demo):
    net = demo.make("network")
    subnets = [
        demo.make("subnet", network_id=net["id"], ip_version=6, cidr=f"fd00:{n}::/64") for n in range(2)
    ]
    router = demo.make("router")

    first, second = (demo.join(router, subnet_id=subnet["id"]).json["port_id"] for subnet in subnets)

    assert first == second
    assert demo.leave(router, subnet_id=subnets[0]["id"]).status == 200
    (leg,) = demo.find(f"/ports?device_id={router['id']}")
    assert [fixed["ip_address"] for fixed in leg["fixed_ips"]] == ["fd00:1::1"]


def test_routes_lead_to_neighbours_only(demo):
    _, subnet = demo.make_network()
    router = demo.make("router")
    demo.join(router, subnet_id=subnet["id"])
    good = [{"destination": "10.99.0.0/16", "nexthop": "10.0.0.9"}]

    assert demo.changed("router", router, routes=good)["routes"] == good
    far = [{"destination": "10.99.0.0/16", "nexthop": "10.5.0.9"}]
    itself = [{"destination": "10.99.0.0/16", "nexthop": "10.0.0.1"}]
    assert problem(demo.change("router", router, routes=far)) == (400, "InvalidRoutes")
    assert problem(demo.change("router", router, routes=itself)) == (400, "InvalidRoutes")
    assert problem(demo.leave(router, subnet_id=subnet["id"])) == (409, "RouterInterfaceInUseByRoute")
    path = f"/routers/{router['id']}/remove_extraroutes"
    assert demo.put(path, json={"router": {"routes": good}}).json["router"]["routes"] == []
    assert demo.leave(router, subnet_id=subnet["id"]).status == 200


def chained(demo, *transits):
    """Two routers for each of the transit networks that they share; the addresses of both on the first."""
    one, other = demo.make("router"), demo.make("router")
    addresses = []
    for cidr in transits:
        net, _ = demo.make_network(cidr)
        for router in (one, other):
            port = demo.make("port", network_id=net["id"])
            demo.join(router, port_id=port["id"])
            addresses.append(port["fixed_ips"][0]["ip_address"])
    return one, other, addresses


def routed(destination, nexthop):
    return [{"destination": destination, "nexthop": nexthop}]


@pytest.mark.parametrize(
    ("there", "back"),
    [("10.99.0.0/16", "10.99.0.0/16"), ("0.0.0.0/0", "0.0.0.0/0"), ("10.99.0.0/16", "10.98.0.0/15")],
)
def test_routes_that_lead_round_in_a_circle_are_refused(demo, there, back):
    one, other, (near, far) = chained(demo, "192.0.2.0/24")
    assert demo.change("router", one, routes=routed(there, far)).status == 200

    refused = demo.change("router", other, routes=routed(back, near))

    assert problem(refused) == (400, "InvalidRoutes")
    path = f"/routers/{other['id']}/add_extraroutes"
    added = demo.put(path, json={"router": {"routes": routed(back, near)}})
    assert problem(added) == (400, "InvalidRoutes")
    assert demo.show("router", other)["routes"] == []


def test_a_circle_of_three_routers_is_refused(demo):
    routers = [demo.make("router") for _ in range(3)]
    hops = []
    for number in range(3):
        net, _ = demo.make_network(f"192.0.{number}.0/24")
        ports = [demo.make("port", network_id=net["id"]) for _ in range(2)]
        demo.join(routers[number], port_id=ports[0]["id"])
        demo.join(routers[(number + 1) % 3], port_id=ports[1]["id"])
        hops.append(ports[1]["fixed_ips"][0]["ip_address"])

    replies = [
        demo.change("router", router, routes=routed("10.99.0.0/16", hop))
        for router, hop in zip(routers, hops, strict=True)
    ]

    assert [reply.status for reply in replies] == [200, 200, 400]


def test_routes_to_each_other_that_arrive_are_no_circle(demo):
    one, other, (near, far) = chained(demo, "192.0.2.0/24")
    _, inner = demo.make_network("10.99.1.0/24")
    demo.join(other, subnet_id=inner["id"])

    assert demo.change("router", other, routes=routed("0.0.0.0/0", near)).status == 200
    # Of what is sent there, a part at least is behind the other router.
    for destination in ("10.99.1.0/24", "10.99.0.0/16", "10.99.1.7/32"):
        assert demo.change("router", one, routes=routed(destination, far)).status == 200


@pytest.mark.parametrize(
    "routes",
    [
        "nonsense",
        [{}],
        [{"destination": "10.99.0.0/16"}],
        [{"destination": "10.99.0.0/33", "nexthop": "10.0.0.9"}],
        [{"destination": "10.99.0.0/16", "nexthop": "10.0.0.256"}],
        [{"destination": "10.99.0.0/16", "nexthop": "10.0.0.9", "metric": 1}],
        [{"destination": "10.99.0.0/16", "nexthop": "10.0.0.9"}] * 2,
        [{"destination": "fd00::/64", "nexthop": "10.0.0.9"}],
        [{"destination": None, "nexthop": "10.0.0.9"}],
        [["10.99.0.0/16", "10.0.0.9"]],
        [{"destination": f"10.99.{n}.0/24", "nexthop": "10.0.0.9"} for n in range(60)],
    ],
)
def test_routes_that_make_no_sense_change_nothing(demo, routes):
    _, subnet = demo.make_network()
    router = demo.make("router")
    demo.join(router, subnet_id=subnet["id"])
    before = demo.show("router", router)

    for path in (f"/routers/{router['id']}", f"/routers/{router['id']}/add_extraroutes"):
        status, kind = problem(demo.put(path, json={"router": {"routes": routes}}))
        assert (status, kind in ("HTTPBadRequest", "InvalidRoutes", "InvalidInput")) == (400, True)
    assert demo.show("router", router) == before


def test_a_router_changes_its_kind_while_it_is_down(demo, admin, outside):
    router = admin.make("router")
    assert (router["distributed"], router["ha"]) == (False, True)

    for kind in ({"distributed": True}, {"ha": False}):
        assert problem(admin.change("router", router, **kind)) == (400, "BadRequest")
        changed = admin.changed("router", router, admin_state_up=False, **kind)
        assert changed | kind == changed
        admin.changed("router", router, admin_state_up=True)
    assert admin.changed("router", router, ha=None)["ha"] is False
    assert demo.refused("router", ha=True) == (403, "PolicyNotAuthorized")
    assert "ha" not in demo.make("router")


def test_the_way_out_of_a_router_that_is_not_ha_is_on_one_host(cloud, admin, outside):
    def carriers(**kind):
        router = admin.make("router", external_gateway_info={"network_id": outside["id"]}, **kind)
        (port,) = admin.find(f"/ports?device_id={router['id']}")
        cloud.settle()
        rows = cloud.driver.rows_of(f"port/{port['id']}")
        return sum(row.table == "Gateway_Chassis" for row in rows)

    with cloud.database.write(Actor("test")) as tx:
        for host in ("h1", "h2"):
            tx.execute(sa.insert(GATEWAY_HOST), host_id=host, since=0.0)
    assert (carriers(), carriers(ha=False)) == (2, 1)


# -- floating IPs ------------------------------------------------------------------------------------------------


def test_a_floating_ip_leads_to_a_port_and_back_to_nowhere(cloud, demo, outside, joined):
    router, _, port = joined

    floating = demo.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])

    assert floating["status"] == "ACTIVE"
    assert floating["router_id"] == router["id"]
    assert floating["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert floating["port_details"]["mac_address"] == port["mac_address"]
    cloud.settle()
    assert cloud.driver.rows_of(f"floatingip/{floating['id']}")

    after = demo.changed("floatingip", floating, port_id=None)
    assert (after["port_id"], after["router_id"], after["fixed_ip_address"], after["status"]) == (
        None, None, None, "DOWN",
    )  # fmt: skip
    cloud.settle()
    assert not cloud.driver.rows_of(f"floatingip/{floating['id']}")
    assert demo.remove("floatingip", floating).status == 204
    assert cloud.audit() == []


def test_floating_ips_are_had_from_the_subnets_of_external_networks(cloud, demo, admin):
    outside, subnet = cloud.outside()
    admin.make("subnet", network_id=outside["id"], ip_version=6, cidr="fd01::/64")
    demo.make_network()

    (pool,) = demo.find("/floatingip-pools")

    assert (pool["subnet_id"], pool["network_id"], pool["cidr"]) == (
        subnet["id"],
        outside["id"],
        "172.24.4.0/24",
    )
    assert demo.find(f"/floatingip-pools?network_id={outside['id']}") == [pool]
    assert demo.find("/floatingip-pools?cidr=10.0.0.0/24") == []
    said = {"floating_network_id": pool["network_id"], "subnet_id": pool["subnet_id"]}
    assert demo.make("floatingip", **said)["floating_ip_address"].startswith("172.24.4.")
    entries = admin.find(f"/rbac-policies?object_id={outside['id']}")
    assert demo.remove("floatingip", demo.find("/floatingips")[0]).status == 204
    assert [admin.remove("rbac_policy", entry).status for entry in entries] == [204]
    assert demo.find("/floatingip-pools") == admin.find("/floatingip-pools") == []


@pytest.mark.parametrize(
    "path",
    [
        "/vpn/vpnservices",
        "/bgpvpn/bgpvpns",
        "/taas/tap_flows",
    ],
)
def test_what_is_left_out_says_so_by_name(demo, path):
    answers = [demo.get(path), demo.post(path, json={}), demo.delete(f"{path}/some")]

    assert [problem(reply) for reply in answers] == [(501, "LeftOut")] * 3


def test_a_change_of_a_floating_ip_that_says_nothing_lets_it_lead_nowhere(demo, outside, joined):
    _, _, port = joined
    floating = demo.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])

    assert demo.changed("floatingip", floating, description="kept")["port_id"] == port["id"]
    assert demo.changed("floatingip", floating)["port_id"] is None
    assert demo.changed("floatingip", floating)["port_id"] is None


def test_who_owns_the_network_is_told_that_a_port_on_it_is_anothers(demo, admin, stranger, outside, joined):
    _, _, port = joined
    theirs = admin.make("port", network_id=port["network_id"], project_id="stranger")
    floating = demo.make("floatingip", floating_network_id=outside["id"])

    assert problem(demo.change("floatingip", floating, port_id=theirs["id"])) == (400, "BadRequest")


def test_a_floating_ip_needs_a_router_between(demo, outside):
    net, subnet = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    router = demo.make("router")
    demo.join(router, subnet_id=subnet["id"])

    refused = demo.refused("floatingip", floating_network_id=outside["id"], port_id=port["id"])

    assert refused == (404, "ExternalGatewayForFloatingIPNotFound")
    assert demo.find("/floatingips") == []


def test_a_fixed_address_has_one_floating_ip_of_a_network(demo, outside, joined):
    _, _, port = joined
    demo.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])

    again = demo.refused("floatingip", floating_network_id=outside["id"], port_id=port["id"])

    assert again == (409, "FloatingIPPortAlreadyAssociated")


def test_of_several_addresses_one_must_be_named(demo, outside, joined):
    _, subnet, port = joined
    more = [{"subnet_id": subnet["id"]}, {"subnet_id": subnet["id"]}]
    port = demo.changed("port", port, fixed_ips=more)
    chosen = port["fixed_ips"][1]["ip_address"]
    said = {"floating_network_id": outside["id"], "port_id": port["id"]}

    assert demo.refused("floatingip", **said) == (400, "BadRequest")
    assert demo.refused("floatingip", **said, fixed_ip_address="10.0.0.200") == (400, "BadRequest")
    assert demo.make("floatingip", **said, fixed_ip_address=chosen)["fixed_ip_address"] == chosen


def test_a_floating_ip_outlives_its_port_and_the_address_it_led_to(demo, outside, joined):
    _, _, port = joined
    floating = demo.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])

    demo.remove("port", port)

    assert demo.show("floatingip", floating)["port_id"] is None


def test_what_floating_ips_lead_through_stays(demo, outside, joined):
    router, subnet, port = joined
    demo.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])

    left = demo.leave(router, subnet_id=subnet["id"])
    cleared = demo.change("router", router, external_gateway_info={})

    assert problem(left) == (409, "RouterInterfaceInUseByFloatingIP")
    assert problem(cleared) == (409, "RouterExternalGatewayInUseByFloatingIp")
    assert demo.show("router", router)["external_gateway_info"]


def test_addresses_of_floating_ips_are_the_clouds_to_choose(demo, admin, outside):
    said = {"floating_network_id": outside["id"], "floating_ip_address": "172.24.4.77"}

    assert demo.refused("floatingip", **said) == (403, "PolicyNotAuthorized")
    assert admin.make("floatingip", **said)["floating_ip_address"] == "172.24.4.77"
    assert admin.refused("floatingip", **said) == (409, "IpAddressAlreadyAllocated")


def test_strangers_ports_and_inner_networks_take_no_floating_ip(demo, stranger, outside, joined):
    _, _, port = joined
    inner = demo.make("network")

    said = {"floating_network_id": outside["id"], "port_id": port["id"]}
    assert stranger.refused("floatingip", **said) == (404, "PortNotFound")
    assert demo.refused("floatingip", floating_network_id=inner["id"]) == (400, "BadRequest")
    assert stranger.refused("floatingip", floating_network_id=inner["id"]) == (404, "NetworkNotFound")


def test_the_ports_that_keep_outside_addresses_are_not_shown_to_projects(demo, admin, outside, joined):
    demo.make("floatingip", floating_network_id=outside["id"])

    assert demo.find(f"/ports?network_id={outside['id']}") == []
    owners = {each["device_owner"] for each in admin.find(f"/ports?network_id={outside['id']}")}
    assert owners == {"network:floatingip", "network:router_gateway"}
    assert problem(admin.delete(f"/networks/{outside['id']}")) == (409, "NetworkInUse")


def test_an_external_network_goes_with_the_floating_ips_that_lead_nowhere(cloud, demo, admin, outside):
    demo.make("floatingip", floating_network_id=outside["id"])

    assert admin.remove("network", outside).status == 204

    assert demo.find("/floatingips") == []
    cloud.settle()
    assert cloud.audit() == []


# -- several ways out ----------------------------------------------------------------------------------------------


def with_gateways(client, verb, router, *gateways):
    path = f"/routers/{router['id']}/{verb}_external_gateways"
    return client.put(path, json={"router": {"external_gateways": list(gateways)}})


@pytest.fixture
def other_outside(cloud):
    """A second external network."""
    admin = cloud.client("admin", "admin")
    net = admin.make("network", **{"router:external": True})
    admin.make(
        "subnet",
        network_id=net["id"],
        ip_version=4,
        cidr="172.24.5.0/24",
        gateway_ip="172.24.5.1",
        enable_dhcp=False,
    )
    return net


def addresses(gateways):
    return [[fixed["ip_address"] for fixed in each["external_fixed_ips"]] for each in gateways]


def test_a_router_has_several_ways_out_of_which_the_first_is_shown_alone_as_well(
    cloud, demo, admin, outside, other_outside
):
    router = demo.make("router")
    assert router["external_gateways"] == []

    here, there = {"network_id": outside["id"]}, {"network_id": other_outside["id"], "enable_snat": False}
    reply = with_gateways(admin, "add", router, here, there, here)

    made = reply.json["router"]
    assert addresses(made["external_gateways"]) == [["172.24.4.2"], ["172.24.5.2"], ["172.24.4.3"]]
    assert [each["enable_snat"] for each in made["external_gateways"]] == [True, False, True]
    assert made["external_gateway_info"] == made["external_gateways"][0]
    assert demo.show("router", router)["external_gateways"] == made["external_gateways"]
    cloud.settle()
    assert cloud.audit() == []

    removed = with_gateways(demo, "remove", router, made["external_gateways"][0]).json["router"]
    assert addresses(removed["external_gateways"]) == [["172.24.5.2"], ["172.24.4.3"]]
    assert removed["external_gateway_info"]["network_id"] == other_outside["id"]
    cleared = demo.changed("router", router, external_gateway_info={})
    assert addresses(cleared["external_gateways"]) == [["172.24.4.3"]]
    assert demo.remove("router", router).status == 204
    assert admin.find("/ports?device_owner=network:router_gateway") == []
    cloud.settle()
    assert cloud.audit() == []


def test_a_way_out_has_several_addresses(cloud, demo, admin, outside):
    def said(*ips):
        return {"network_id": outside["id"], "external_fixed_ips": [{"ip_address": ip} for ip in ips]}

    router = admin.make("router", project_id="demo", external_gateway_info=said("172.24.4.8", "172.24.4.9"))
    _, subnet = demo.make_network()
    demo.join(router, subnet_id=subnet["id"])
    cloud.settle()

    (port,) = admin.find("/ports?device_owner=network:router_gateway")
    end = next(
        row for row in cloud.driver.rows_of(f"port/{port['id']}") if row.table == "Logical_Router_Port"
    )
    assert end.columns["networks"] == {"172.24.4.8/24", "172.24.4.9/24"}
    rows = cloud.driver.rows_of(f"router/{router['id']}")
    assert [row.columns["external_ip"] for row in rows if row.table == "NAT"] == ["172.24.4.8"]
    assert sum(row.table == "Logical_Router_Static_Route" for row in rows) == 1
    changed = admin.changed("router", router, external_gateway_info=said("172.24.4.9", "172.24.4.10"))
    assert addresses(changed["external_gateways"]) == [["172.24.4.9", "172.24.4.10"]]
    cloud.settle()
    assert cloud.audit() == []


def test_a_router_goes_with_all_its_ways_out(cloud, demo, admin, outside, other_outside):
    router = demo.make("router")
    with_gateways(demo, "add", router, {"network_id": outside["id"]}, {"network_id": other_outside["id"]})

    assert demo.remove("router", router).status == 204

    assert admin.find("/ports?device_owner=network:router_gateway") == []
    cloud.settle()
    assert cloud.audit() == []


def test_ways_out_are_replaced_together_and_those_that_stay_keep_their_addresses(
    demo, admin, outside, other_outside
):
    here, there = {"network_id": outside["id"]}, {"network_id": other_outside["id"]}
    router = demo.make("router", external_gateway_info=here)
    before = with_gateways(admin, "add", router, there, here).json["router"]["external_gateways"]

    chosen = {"network_id": outside["id"], "external_fixed_ips": [{"ip_address": "172.24.4.77"}]}
    after = with_gateways(admin, "update", router, before[1], chosen, before[0]).json["router"]

    assert addresses(after["external_gateways"]) == [["172.24.5.2"], ["172.24.4.77"], ["172.24.4.2"]]
    assert len(admin.find(f"/ports?device_id={router['id']}")) == 3
    # An address that one gives up may be taken by another at once.
    swapped = {"network_id": outside["id"], "external_fixed_ips": [{"ip_address": "172.24.4.2"}]}
    after = with_gateways(admin, "update", router, swapped).json["router"]
    assert addresses(after["external_gateways"]) == [["172.24.4.2"]]
    assert with_gateways(admin, "update", router).json["router"]["external_gateway_info"] is None


def test_ways_out_that_are_not_meant_clearly_change_nothing(demo, admin, stranger, outside, other_outside):
    here = {"network_id": outside["id"]}
    router = demo.make("router")
    assert problem(with_gateways(demo, "remove", router, here)) == (409, "UnableToRemoveGateways")
    with_gateways(demo, "add", router, here, here)
    before = demo.show("router", router)

    assert problem(with_gateways(demo, "remove", router, here)) == (409, "UnableToMatchGateways")
    assert problem(with_gateways(admin, "update", router, here)) == (409, "UnableToMatchGateways")
    elsewhere = {"network_id": other_outside["id"]}
    assert problem(with_gateways(demo, "remove", router, elsewhere)) == (409, "UnableToMatchGateways")
    assert problem(with_gateways(demo, "add", router, here | {"enable_snat": False}))[0] == 403
    assert problem(with_gateways(stranger, "add", router, here)) == (404, "RouterNotFound")
    assert problem(with_gateways(demo, "add", router, {"network_id": router["id"]})) == (
        404,
        "NetworkNotFound",
    )
    for body in (
        {},
        {"router": None},
        {"router": {"external_gateways": {}}},
        {"router": {"external_gateways": [{}]}},
    ):
        reply = demo.put(f"/routers/{router['id']}/add_external_gateways", json=body)
        assert problem(reply) == (400, "HTTPBadRequest")
    too_many = with_gateways(demo, "add", router, *[here] * 15)
    assert problem(too_many) == (400, "BadRequest")
    assert demo.show("router", router) == before


def test_networks_with_equal_addresses_are_not_ways_out_of_one_router(cloud, demo, admin, outside):
    twin = admin.make("network", **{"router:external": True})
    admin.make("subnet", network_id=twin["id"], ip_version=4, cidr="172.24.4.0/25", enable_dhcp=False)
    router = demo.make("router", external_gateway_info={"network_id": outside["id"]})

    assert problem(with_gateways(demo, "add", router, {"network_id": twin["id"]})) == (400, "BadRequest")
    assert len(demo.show("router", router)["external_gateways"]) == 1


def test_a_way_out_that_a_floating_ip_needs_stays(cloud, demo, other_outside, joined):
    router, _, port = joined
    there = {"network_id": other_outside["id"]}
    with_gateways(demo, "add", router, there, there)
    floating = demo.make("floatingip", floating_network_id=other_outside["id"], port_id=port["id"])
    assert floating["router_id"] == router["id"]
    cloud.settle()
    assert cloud.audit() == []

    gateways = demo.show("router", router)["external_gateways"]
    assert with_gateways(demo, "remove", router, gateways[0]).status == 200, "it leads elsewhere"
    assert with_gateways(demo, "remove", router, gateways[1]).status == 200, "there is another"
    last = with_gateways(demo, "remove", router, gateways[2])
    assert problem(last) == (409, "RouterExternalGatewayInUseByFloatingIp")
    assert problem(demo.change("router", router, external_gateway_info={}))[0] == 409
    assert addresses(demo.show("router", router)["external_gateways"]) == [["172.24.5.3"]]


def test_ports_are_forwarded_by_routers_with_one_way_out_only(demo, outside, other_outside, joined):
    router, _, port = joined
    floating = demo.make("floatingip", floating_network_id=outside["id"])
    path = f"/floatingips/{floating['id']}/port_forwardings"
    ask = {"protocol": "tcp", "internal_port_id": port["id"], "internal_port": 80, "external_port": 80}
    there = {"network_id": other_outside["id"]}
    assert demo.post(path, json={"port_forwarding": ask}).status == 201

    assert problem(with_gateways(demo, "add", router, there)) == (409, "SeveralGatewaysAndForwardings")

    demo.delete(f"{path}/{demo.find(path)[0]['id']}")
    assert with_gateways(demo, "add", router, there).status == 200
    refused = demo.post(path, json={"port_forwarding": ask})
    assert problem(refused) == (409, "SeveralGatewaysAndForwardings")
    assert demo.find(path) == []


def test_default_routes_by_several_ways_out_are_the_operators_to_choose(demo, admin):
    router = demo.make("router")
    assert (router["enable_default_route_ecmp"], router["enable_default_route_bfd"]) == (False, False)

    for name in ("enable_default_route_ecmp", "enable_default_route_bfd"):
        assert demo.refused("router", **{name: True}) == (403, "PolicyNotAuthorized")
        assert admin.changed("router", router, **{name: True})[name] is True
        assert demo.show("router", router)[name] is True


# -- doors that are no gateways ------------------------------------------------------------------------------------


def test_a_floating_ip_comes_in_by_a_leg_on_its_network(cloud, demo, admin):
    net = admin.make("network", **{"router:external": True, "project_id": "demo"})
    outer = admin.make(
        "subnet",
        network_id=net["id"],
        project_id="demo",
        ip_version=4,
        cidr="192.0.2.0/24",
        gateway_ip="192.0.2.1",
    )
    inner_net, inner = demo.make_network()
    router = demo.make("router")
    for subnet in (inner, outer):
        assert demo.join(router, subnet_id=subnet["id"]).status == 200
    port = demo.make("port", network_id=inner_net["id"])

    floating = demo.make("floatingip", floating_network_id=net["id"], port_id=port["id"])

    assert floating["router_id"] == router["id"]
    cloud.settle()
    assert cloud.audit() == []
    in_use = demo.leave(router, subnet_id=outer["id"])
    assert problem(in_use) == (409, "RouterInterfaceInUseAsGatewayByFloatingIP")
    assert problem(demo.leave(router, subnet_id=inner["id"])) == (409, "RouterInterfaceInUseByFloatingIP")
    demo.changed("floatingip", floating, port_id=None)
    for subnet in (inner, outer):
        assert demo.leave(router, subnet_id=subnet["id"]).status == 200


def test_a_leg_is_a_door_as_soon_as_its_network_is_external(cloud, demo, admin):
    net, subnet = demo.make_network()
    router = demo.make("router")
    leg_id = demo.join(router, subnet_id=subnet["id"]).json["port_id"]
    cloud.driver.chassis.add("h1")
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.ensure_gateway_host(tx, "h1")

    def is_carried_by_a_host():
        cloud.settle()
        return any(row.table == "Gateway_Chassis" for row in cloud.driver.rows_of(f"port/{leg_id}"))

    assert not is_carried_by_a_host()
    admin.changed("network", net, **{"router:external": True})
    assert is_carried_by_a_host()
    admin.changed("network", net, **{"router:external": False})
    assert not is_carried_by_a_host()
    assert cloud.audit() == []


def test_a_floating_ip_may_come_in_by_a_router_that_others_are_behind(
    cloud, demo, stranger, outside, other_outside
):
    inner_net, inner = demo.make_network()
    transit_net, _ = demo.make_network("10.1.0.0/24")
    near = demo.make("router")
    far = demo.make("router", external_gateway_info={"network_id": outside["id"]})
    demo.join(near, subnet_id=inner["id"])
    for router in (near, far):
        demo.join(router, port_id=demo.make("port", network_id=transit_net["id"])["id"])
    port = demo.make("port", network_id=inner_net["id"])
    said = {"floating_network_id": outside["id"], "port_id": port["id"]}

    assert demo.refused("floatingip", **said) == (404, "ExternalGatewayForFloatingIPNotFound")
    assert demo.refused("floatingip", **said, router_id=near["id"]) == (409, "RouterNotOnFloatingNetwork")
    elsewhere = said | {"floating_network_id": other_outside["id"]}
    assert demo.refused("floatingip", **elsewhere, router_id=far["id"]) == (409, "RouterNotOnFloatingNetwork")
    foreign = stranger.make("router", external_gateway_info={"network_id": outside["id"]})
    assert demo.refused("floatingip", **said, router_id=foreign["id"]) == (404, "RouterNotFound")
    alone = {"floating_network_id": outside["id"], "router_id": far["id"]}
    assert demo.refused("floatingip", **alone) == (400, "BadRequest")
    assert demo.find("/floatingips") == []

    floating = demo.make("floatingip", **said, router_id=far["id"])
    assert (floating["router_id"], floating["status"]) == (far["id"], "ACTIVE")
    cloud.settle()
    assert cloud.audit() == []
    assert problem(demo.change("floatingip", floating, router_id=near["id"]))[0] == 409
    assert problem(demo.change("router", far, external_gateway_info={}))[0] == 409
    assert demo.changed("floatingip", floating, port_id=None)["router_id"] is None
