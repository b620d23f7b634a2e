"""Ports, through the API."""

from __future__ import annotations

import pytest

from nacre.kernel.database import statements_so_far
from nacre.kernel.events import Actor
from nacre.network.domain.addresses import eui64_address, ip_text, parse_cidr
from nacre.network.store import addresses, ports
from nacre.network.store.tables import PORT_ADDRESS
from tests.services.network.conftest import problem


def ips(port):
    return [fixed["ip_address"] for fixed in port["fixed_ips"]]


def test_a_port_gets_the_lowest_free_address_and_the_default_group(demo):
    net, subnet = demo.make_network(enable_dhcp=False)

    first, second = (demo.make("port", network_id=net["id"]) for _ in range(2))
    demo.remove("port", first)
    third = demo.make("port", network_id=net["id"])

    assert (ips(first), ips(second), ips(third)) == (["10.0.0.2"], ["10.0.0.3"], ["10.0.0.2"])
    assert first["fixed_ips"][0]["subnet_id"] == subnet["id"]
    (group,) = demo.find("/security-groups?name=default")
    assert first["security_groups"] == [group["id"]]
    assert demo.show("port", second) == second


def test_many_ports_are_made_by_a_handful_of_statements(cloud, demo):
    net, _ = demo.make_network()
    demo.make("port", network_id=net["id"])  # The default group is there from now on.
    asked = [{"network_id": net["id"], "name": f"p{n}"} for n in range(50)]

    reply = demo.post("/ports", json={"ports": asked})

    made = reply.json["ports"]
    assert [each["name"] for each in made] == [f"p{n}" for n in range(50)]
    assert len({each["mac_address"] for each in made}) == 50
    assert [ips(each) for each in made] == [[f"10.0.0.{n}"] for n in range(4, 54)]


def test_all_ports_of_a_request_are_made_or_none(demo):
    net, _ = demo.make_network("10.0.0.0/29")  # Five addresses, one of which is the metadata service's.

    reply = demo.post("/ports", json={"ports": [{"network_id": net["id"]}] * 6})

    assert problem(reply) == (409, "IpAddressGenerationFailure")
    assert len(demo.find("/ports")) == 1


def test_addresses_can_be_chosen_by_subnet_or_one_by_one(demo):
    net, subnet = demo.make_network()
    other = demo.make("subnet", network_id=net["id"], ip_version=4, cidr="10.0.1.0/24")

    port = demo.make(
        "port",
        network_id=net["id"],
        fixed_ips=[
            {"subnet_id": other["id"]},
            {"ip_address": "10.0.0.77"},
            {"subnet_id": subnet["id"], "ip_address": "10.0.0.78"},
        ],
    )

    assert ips(port) == ["10.0.1.3", "10.0.0.77", "10.0.0.78"]


def test_an_address_that_cannot_be_given_is_refused(demo):
    net, subnet = demo.make_network()
    _, foreign = demo.make_network()
    demo.make("port", network_id=net["id"], fixed_ips=[{"ip_address": "10.0.0.9"}])

    def refused(*asked):
        return demo.refused("port", network_id=net["id"], fixed_ips=list(asked))

    assert refused({"ip_address": "10.0.0.9"}) == (409, "IpAddressAlreadyAllocated")
    assert refused({"ip_address": "10.0.9.9"}) == (400, "InvalidIpForNetwork")
    assert refused({"ip_address": "10.0.0.255"}) == (400, "InvalidIpForNetwork")
    assert refused({"subnet_id": subnet["id"], "ip_address": "10.1.0.1"}) == (400, "InvalidIpForSubnet")
    assert refused({"subnet_id": foreign["id"]}) == (400, "InvalidInput")
    assert refused({}) == (400, "InvalidInput")
    assert refused({"ip_address": "10.0.0.10"}, {"ip_address": "10.0.0.10"})[0] == 409
    assert len(demo.find(f"/ports?network_id={net['id']}")) == 2


def test_ipv6_addresses_follow_from_the_mac_where_hosts_make_them(demo):
    net, _ = demo.make_network()
    before = demo.make("port", network_id=net["id"])
    demo.make(
        "subnet",
        network_id=net["id"],
        ip_version=6,
        cidr="fd00:5::/64",
        ipv6_ra_mode="slaac",
        ipv6_address_mode="slaac",
    )

    after = demo.make("port", network_id=net["id"])

    for port in (demo.show("port", before), after):
        expected = eui64_address(parse_cidr("fd00:5::/64"), port["mac_address"])
        assert ips(port)[-1] == expected
        assert len(ips(port)) == 2


def test_stateful_ipv6_addresses_are_given_like_others(demo):
    net = demo.make("network")
    said = {"ip_version": 6, "cidr": "fd00::/48", "ipv6_address_mode": "dhcpv6-stateful"}
    demo.make("subnet", network_id=net["id"], **said)

    assert ips(demo.make("port", network_id=net["id"])) == ["fd00::2"]
    chosen = [{"ip_address": "fd00::ffff:ffff:ffff:ffff"}]
    assert ips(demo.make("port", network_id=net["id"], fixed_ips=chosen)) == ["fd00::ffff:ffff:ffff:ffff"]


def test_a_port_on_a_network_without_subnets_has_no_address(demo):
    assert demo.make("port", network_id=demo.make("network")["id"])["fixed_ips"] == []


def test_a_port_keeps_the_addresses_that_fit_what_it_is_asked_to_have(demo):
    net, subnet = demo.make_network()
    other = demo.make("subnet", network_id=net["id"], ip_version=4, cidr="10.0.1.0/24")
    port = demo.make("port", network_id=net["id"])

    both = demo.changed("port", port, fixed_ips=[{"subnet_id": subnet["id"]}, {"subnet_id": other["id"]}])
    moved = demo.changed("port", port, fixed_ips=[{"subnet_id": other["id"]}])
    none = demo.changed("port", port, fixed_ips=[])

    assert ips(both) == [*ips(port), "10.0.1.3"]
    assert ips(moved) == ["10.0.1.3"]
    assert ips(none) == []


def test_a_mac_is_once_on_a_network(demo):
    net, _ = demo.make_network()
    said = {"network_id": net["id"], "mac_address": "FA-16-3E-00-00-01"}

    assert demo.make("port", **said)["mac_address"] == "fa:16:3e:00:00:01"
    assert demo.refused("port", **said) == (409, "MacAddressInUse")
    other = demo.make("port", network_id=net["id"])
    assert problem(demo.change("port", other, mac_address="fa:16:3e:00:00:01")) == (409, "MacAddressInUse")


def test_on_a_shared_network_guests_choose_nothing_that_disturbs(demo, admin):
    net = admin.make("network", shared=True)
    admin.make("subnet", network_id=net["id"], ip_version=4, cidr="10.0.0.0/24")
    pair = [{"ip_address": "10.0.0.99"}]

    assert demo.make("port", network_id=net["id"])["fixed_ips"]
    for said in (
        {"mac_address": "fa:16:3e:00:00:01"},
        {"port_security_enabled": False},
        {"allowed_address_pairs": pair},
        {"fixed_ips": [{"ip_address": "10.0.0.50"}]},
        {"device_owner": "network:router_interface"},
        {"binding:host_id": "somewhere"},
    ):
        assert demo.refused("port", network_id=net["id"], **said) == (403, "PolicyNotAuthorized")


def test_an_external_network_takes_no_ports_of_projects(cloud, demo):
    outside, _ = cloud.outside()

    assert demo.refused("port", network_id=outside["id"]) == (403, "PolicyNotAuthorized")


def test_the_owner_of_a_network_sees_the_ports_of_guests_on_it(demo, admin, stranger):
    net = admin.make("network", shared=True, project_id="demo")
    port = stranger.make("port", network_id=net["id"])

    assert demo.show("port", port)["id"] == port["id"]
    assert problem(demo.change("port", port, name="x")) == (403, "PolicyNotAuthorized")
    assert demo.remove("port", port).status == 204
    hidden = demo.make("port", network_id=net["id"])
    assert problem(stranger.get(f"/ports/{hidden['id']}")) == (404, "PortNotFound")


def test_groups_are_own_ones_and_go_with_port_security(demo, stranger):
    net, _ = demo.make_network()
    mine, theirs = demo.make("security_group", name="web"), stranger.make("security_group", name="web")

    port = demo.make("port", network_id=net["id"], security_groups=[mine["id"]])
    assert port["security_groups"] == [mine["id"]]
    assert demo.refused("port", network_id=net["id"], security_groups=[theirs["id"]])[0] == 404
    assert demo.changed("port", port, security_groups=[])["security_groups"] == []
    open_port = demo.make("port", network_id=net["id"], port_security_enabled=False)
    assert open_port["security_groups"] == []
    assert problem(demo.change("port", open_port, security_groups=[mine["id"]])) == (
        409,
        "PortSecurityPortHasSecurityGroup",
    )
    pair = [{"ip_address": "10.0.0.99"}]
    assert problem(demo.change("port", open_port, allowed_address_pairs=pair)) == (
        409,
        "AddressPairAndPortSecurityRequired",
    )
    assert problem(demo.change("port", port, security_groups=[mine["id"]] * 2)) == (400, "HTTPBadRequest")


def test_an_allowed_pair_without_a_mac_means_the_ports_own(demo):
    net, _ = demo.make_network()

    port = demo.make("port", network_id=net["id"], allowed_address_pairs=[{"ip_address": "10.0.0.99"}])

    pair = {"ip_address": "10.0.0.99", "mac_address": port["mac_address"]}
    assert port["allowed_address_pairs"] == [pair]


@pytest.mark.parametrize(
    "said",
    [
        {"mac_address": "not a mac"},
        {"fixed_ips": "10.0.0.5"},
        {"fixed_ips": [{"ip": "10.0.0.5"}]},
        {"admin_state_up": "perhaps"},
        {"name": "x" * 256},
        {"name": None},
        {"security_groups": ["not an id"]},
        {"status": "ACTIVE"},
        {"binding:vnic_type": "direct"},
        {"device_id": 7},
        {"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:01"}]},
    ],
)
def test_what_a_port_cannot_be_is_refused(demo, said):
    net, _ = demo.make_network(enable_dhcp=False)

    status, _ = demo.refused("port", network_id=net["id"], **said)

    assert status == 400
    assert demo.find("/ports") == []


def test_ports_are_found_by_addresses_and_groups(demo):
    net, subnet = demo.make_network()
    group = demo.make("security_group", name="web")
    one = demo.make("port", network_id=net["id"], security_groups=[group["id"]])
    demo.make("port", network_id=net["id"])

    def found(query):
        return [each["id"] for each in demo.find(f"/ports?{query}")]

    assert found(f"fixed_ips=ip_address%3D{ips(one)[0]}") == [one["id"]]
    assert found(f"security_groups={group['id']}") == [one["id"]]
    assert len(found(f"fixed_ips=subnet_id%3D{subnet['id']}")) == 3
    assert found("fixed_ips=ip_address%3Dnonsense") == []


# -- finding free addresses ----------------------------------------------------------------------------------------


def fill(cloud, demo, used):
    """A port that has all these addresses of a subnet of its own; the subnet's id."""
    net, subnet = demo.make_network("10.0.0.0/16", enable_dhcp=False)
    port = demo.make("port", network_id=net["id"], fixed_ips=[])
    with cloud.database.write(Actor("test")) as tx:
        tx.execute_many(
            PORT_ADDRESS.insert(),
            [
                {
                    "subnet_id": subnet["id"],
                    "ip": ip_text(4, 0x0A000000 + n),
                    "port_id": port["id"],
                    "place": n,
                }
                for n in used
            ],
        )
    return subnet["id"]


@pytest.mark.parametrize(
    "used",
    [
        range(0),
        range(2, 3),
        range(2, 258),
        range(2, 259),
        range(2, 5000),
        [n for n in range(2, 3000) if n not in (1500, 2000)],
        [*range(2, 700), *range(701, 4000)],
    ],
    ids=["none", "one", "a window", "a window and one", "many", "two gaps", "a gap"],
)
def test_the_lowest_free_address_is_found_however_the_used_ones_lie(cloud, demo, used):
    subnet_id = fill(cloud, demo, used)
    expected = sorted(set(range(2, 6000)) - set(used))[:3]

    with cloud.database.read() as db:
        pool = ((0x0A000002, 0x0A00FFFE),)
        found = addresses.lowest_free(db, subnet_id, 4, pool, count=3)

    assert found == [ip_text(4, 0x0A000000 + n) for n in expected]


def test_a_full_pool_is_told_without_reading_it(cloud, demo):
    subnet_id = fill(cloud, demo, range(2, 8002))

    with cloud.database.read() as db:
        before = statements_so_far()
        found = addresses.lowest_free(db, subnet_id, 4, ((0x0A000002, 0x0A001F41),), count=1)
        cost = statements_so_far() - before

    assert found == []
    assert cost < 20


# -- status --------------------------------------------------------------------------------------------------------


def test_a_port_bound_by_the_operator_is_active_when_its_host_has_it(cloud, demo, admin):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    assert port["status"] == "DOWN"

    bound = admin.changed("port", port, **{"binding:host_id": "host-1"})
    cloud.settle()

    assert bound["binding:vif_type"] == "ovs"
    assert demo.show("port", port)["status"] == "ACTIVE"
    with cloud.database.read() as db:
        assert ports.load(db, port["id"]).binding_host_id == "host-1"


def test_a_port_is_made_with_tags(demo):
    net, _ = demo.make_network()

    tagged = demo.make("port", network_id=net["id"], tags=["red", "blue", "red"])
    demo.make("port", network_id=net["id"])

    assert tagged["tags"] == ["red", "blue"]
    assert [port["id"] for port in demo.find("/ports?tags=red,blue")] == [tagged["id"]]
    assert demo.refused("port", network_id=net["id"], tags=[""]) == (400, "HTTPBadRequest")
    assert problem(demo.change("port", tagged, tags=["green"])) == (400, "HTTPBadRequest")


def test_a_port_gets_another_mac_whichever(demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])

    after = demo.changed("port", port, mac_address=None)

    assert after["mac_address"] not in ("", port["mac_address"])
    assert demo.show("port", port)["mac_address"] == after["mac_address"]


def test_whoever_watches_the_wires_says_what_becomes_of_a_port(demo, admin):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])

    assert port["data_plane_status"] is None
    assert problem(demo.change("port", port, data_plane_status="DOWN"))[0] == 403
    assert problem(admin.change("port", port, data_plane_status="LIMPING")) == (400, "HTTPBadRequest")
    admin.changed("port", port, data_plane_status="DOWN")
    assert demo.show("port", port)["data_plane_status"] == "DOWN"
    assert admin.changed("port", port, data_plane_status=None)["data_plane_status"] is None


def test_allowed_pairs_come_and_go_without_the_others_being_named(demo, stranger):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"], allowed_address_pairs=[{"ip_address": "10.0.0.90"}])

    def edit(verb, *ips, by=demo):
        body = {"port": {"allowed_address_pairs": [{"ip_address": ip} for ip in ips]}}
        return by.put(f"/ports/{port['id']}/{verb}_allowed_address_pairs", json=body)

    added = edit("add", "10.0.0.90", "10.0.0.91").json["port"]
    taken = edit("remove", "10.0.0.90", "10.0.0.92").json["port"]

    def pairs(view):
        return [(each["ip_address"], each["mac_address"]) for each in view["allowed_address_pairs"]]

    mac = port["mac_address"]
    assert pairs(added) == [("10.0.0.90", mac), ("10.0.0.91", mac)]
    assert pairs(taken) == [("10.0.0.91", mac)]
    assert problem(edit("add", *(f"10.1.0.{n}" for n in range(200)))) == (400, "HTTPBadRequest")
    assert edit("add", "10.0.0.93", by=stranger).status == 404
    assert demo.put(f"/ports/{port['id']}/add_allowed_address_pairs", json={"port": {}}).status == 400
    assert demo.show("port", port) == taken
