"""Networks whose subnets are each of one segment: addresses follow from where a port is."""

from __future__ import annotations

import pytest

from nacre.kernel.database import statements_so_far
from nacre.kernel.errors import Stale
from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, NetworkId, PortId, ServerId
from nacre.network.contract import NicAsk
from tests.services.network.conftest import caller_of, problem

ON_BOTH_DATABASES = True
SERVER = ServerId("00000000-0000-4000-8000-0000000000aa")
WIRES = {"host-1": ("rack1",), "host-2": ("rack2",), "host-0": (), "host-12": ("rack1", "rack2")}


class Routed:
    """A network on two racks, with a subnet on each; and hosts in one, the other, none and both of them."""

    def __init__(self, cloud, admin, **subnet):
        racks = ("rack1", "rack2")
        wires = [{"provider:network_type": "flat", "provider:physical_network": rack} for rack in racks]
        self.cloud, self.admin = cloud, admin
        self.net = admin.make("network", segments=wires, shared=True)
        found = {
            each["physical_network"]: each for each in admin.find(f"/segments?network_id={self.net['id']}")
        }
        self.segments = [found[rack] for rack in racks]
        self.subnets = [
            self.subnet(segment, f"10.{number}.0.0/24", **subnet)
            for number, segment in enumerate(self.segments, start=1)
        ]
        self.hear(WIRES)

    def subnet(self, segment, cidr, **more):
        said = {"network_id": self.net["id"], "ip_version": 6 if ":" in cidr else 4, "cidr": cidr}
        return self.admin.make("subnet", **said, segment_id=segment["id"], **more)

    def hear(self, wires):
        with self.cloud.database.write(Actor("test")) as tx:
            self.cloud.networks.hear_wires(tx, {HostId(host): names for host, names in wires.items()})

    def port(self, **more):
        return self.admin.make("port", network_id=self.net["id"], **more)

    def refused(self, **more):
        return self.admin.refused("port", network_id=self.net["id"], **more)

    def at(self, number):
        """An ask for any address of a rack's subnet."""
        return {"subnet_id": self.subnets[number - 1]["id"]}


@pytest.fixture
def routed(cloud, admin):
    return Routed(cloud, admin)


def ips(port):
    return [fixed["ip_address"] for fixed in port["fixed_ips"]]


def test_a_port_gets_its_addresses_with_its_host(routed, admin):
    port = routed.port()
    assert (ips(port), port["ip_allocation"]) == ([], "deferred")

    bound = admin.changed("port", port, **{"binding:host_id": "host-2"})

    assert (ips(bound), bound["ip_allocation"]) == (["10.2.0.3"], "deferred")
    at_once = routed.port(**{"binding:host_id": "host-1"})
    assert (ips(at_once), at_once["ip_allocation"]) == (["10.1.0.3"], "immediate")


def test_a_port_with_addresses_goes_only_where_they_are(routed, admin):
    port = routed.port(fixed_ips=[routed.at(1)])
    assert (ips(port), port["ip_allocation"]) == (["10.1.0.3"], "immediate")

    refused = admin.change("port", port, **{"binding:host_id": "host-2"})
    assert problem(refused) == (409, "HostNotCompatibleWithFixedIps")
    assert admin.show("port", port)["binding:host_id"] == ""

    assert admin.changed("port", port, **{"binding:host_id": "host-1"})["fixed_ips"] == port["fixed_ips"]
    there = {"binding:host_id": "host-2", "fixed_ips": [routed.at(2)]}
    assert ips(admin.changed("port", port, **there)) == ["10.2.0.3"]


def test_what_no_segment_can_give_is_refused(routed):
    host = "binding:host_id"
    assert routed.refused(**{host: "host-0"}) == (409, "HostNotConnectedToAnySegment")
    assert routed.refused(**{host: "nobody"}) == (409, "HostNotConnectedToAnySegment")
    assert routed.refused(**{host: "host-12"}) == (409, "HostConnectedToMultipleSegments")
    both = [routed.at(1), routed.at(2)]
    assert routed.refused(fixed_ips=both) == (400, "FixedIpsSubnetsNotOnSameSegment")
    assert routed.refused(fixed_ips=[routed.at(1)], **{host: "host-2"}) == (400, "InvalidInput")
    elsewhere = [{"ip_address": "10.1.0.77"}]
    assert routed.refused(fixed_ips=elsewhere, **{host: "host-2"}) == (400, "InvalidIpForNetwork")
    assert routed.admin.find(f"/ports?network_id={routed.net['id']}&device_owner=") == []


def test_who_asks_for_no_address_gets_none_wherever_the_port_goes(routed, admin):
    port = routed.port(fixed_ips=[])

    bound = admin.changed("port", port, **{"binding:host_id": "host-2"})

    assert (bound["fixed_ips"], bound["ip_allocation"]) == ([], "none")
    asked = admin.changed("port", bound, fixed_ips=[routed.at(2)])
    assert (ips(asked), asked["ip_allocation"]) == (["10.2.0.3"], "immediate")


def test_addresses_of_both_versions_are_of_the_hosts_segment(routed):
    for number, segment in enumerate(routed.segments, start=1):
        modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"} if number == 2 else {}
        routed.subnet(segment, f"2001:db8:{number}::/64", **modes)

    first = routed.port(**{"binding:host_id": "host-1"})
    made_later = routed.port(**{"binding:host_id": "host-2"})

    assert [ip[:10] for ip in ips(first)] == ["10.1.0.3", "2001:db8:1"]
    assert [ip[:10] for ip in ips(made_later)] == ["10.2.0.3", "2001:db8:2"]


def test_a_host_that_changes_racks_reaches_the_other_segment(routed):
    routed.hear({"host-1": ("rack2", "public")})

    assert ips(routed.port(**{"binding:host_id": "host-1"})) == ["10.2.0.3"]


# -- servers ---------------------------------------------------------------------------------------------


def claim(routed, *asks, project="demo"):
    cloud = routed.cloud
    with cloud.database.read() as db:
        plan = cloud.networks.plan_nics(db, caller_of(project), asks, ())
    with cloud.database.write(Actor("test")) as tx:
        return cloud.networks.claim_nics(tx, plan, server_id=SERVER, caller=caller_of(project))


def on(net):
    return NicAsk(network_id=NetworkId(net["id"]))


def objections(routed):
    with routed.cloud.database.read() as db:
        return routed.cloud.networks.objections(
            db, SERVER, [HostId(host) for host in WIRES], now=routed.cloud.clock.now()
        )


def bind(routed, host):
    with routed.cloud.database.write(Actor("test")) as tx:
        routed.cloud.networks.bind_nics(tx, SERVER, HostId(host))


def test_a_server_goes_only_where_a_segment_is_and_has_addresses(routed, admin):
    (port_id,) = claim(routed, on(routed.net))
    assert objections(routed).keys() == {"host-0", "host-12"}
    admin.changed("subnet", routed.subnets[0], allocation_pools=[])

    why = objections(routed)

    assert why.keys() == {"host-0", "host-1", "host-12"}
    assert "no address is left" in why["host-1"]
    with pytest.raises(Stale):
        bind(routed, "host-1")
    assert admin.show("port", {"id": port_id})["binding:host_id"] == ""
    bind(routed, "host-2")
    assert ips(admin.show("port", {"id": port_id})) == ["10.2.0.3"]


def test_a_server_with_two_interfaces_needs_two_addresses(routed, admin):
    for number, subnet in enumerate(routed.subnets, start=1):
        pool = {"start": f"10.{number}.0.10", "end": f"10.{number}.0.1{number - 1}"}
        admin.changed("subnet", subnet, allocation_pools=[pool])
    claim(routed, on(routed.net), on(routed.net))

    assert objections(routed).keys() == {"host-0", "host-1", "host-12"}
    bind(routed, "host-2")


def test_a_server_follows_the_addresses_that_its_port_has(routed, admin):
    port = admin.make("port", network_id=routed.net["id"], project_id="demo", fixed_ips=[routed.at(2)])
    claim(routed, NicAsk(port_id=PortId(port["id"])))

    assert objections(routed).keys() == {"host-0", "host-1", "host-12"}


def test_a_server_on_plain_networks_may_be_anywhere_and_that_is_known_with_two_statements(routed, demo):
    net, _ = demo.make_network("10.9.0.0/24")
    claim(routed, on(net))

    before = statements_so_far()
    assert objections(routed) == {}
    assert statements_so_far() - before <= 2


def test_what_a_trunk_carries_gets_its_addresses_with_its_parent(routed, admin):
    parent = routed.port()
    carried = routed.port()
    tags = [{"port_id": carried["id"], "segmentation_type": "vlan", "segmentation_id": 5}]
    admin.make("trunk", port_id=parent["id"], sub_ports=tags)

    admin.changed("port", parent, **{"binding:host_id": "host-1"})

    assert {ips(admin.show("port", each))[0] for each in (parent, carried)} == {"10.1.0.3", "10.1.0.4"}


def test_what_a_trunk_carries_must_be_where_its_parent_is(routed, admin):
    parent = routed.port(**{"binding:host_id": "host-1"})
    trunk = admin.make("trunk", port_id=parent["id"])
    waiting, elsewhere = routed.port(), routed.port(fixed_ips=[routed.at(2)])

    def carry(port):
        tags = [{"port_id": port["id"], "segmentation_type": "vlan", "segmentation_id": 5}]
        return admin.put(f"/trunks/{trunk['id']}/add_subports", json={"sub_ports": tags})

    assert problem(carry(elsewhere)) == (409, "HostNotCompatibleWithFixedIps")
    assert carry(waiting).status == 200
    assert ips(admin.show("port", waiting)) == ["10.1.0.4"]


def test_a_server_follows_what_its_port_carries(routed, admin):
    parent = routed.port(project_id="demo")
    carried = routed.port(fixed_ips=[routed.at(2)])
    tags = [{"port_id": carried["id"], "segmentation_type": "vlan", "segmentation_id": 5}]
    admin.make("trunk", port_id=parent["id"], sub_ports=tags)
    claim(routed, NicAsk(port_id=PortId(parent["id"])))

    assert objections(routed).keys() == {"host-0", "host-1", "host-12"}


# -- subnets of segments ---------------------------------------------------------------------------------


def told(cloud, subnet):
    cloud.settle()
    (row,) = cloud.driver.rows_of(f"subnet/{subnet['id']}")
    return row.columns["options"]


def test_hosts_are_told_their_own_gateway_and_the_way_to_the_other_segments(cloud, routed, admin):
    first, second = routed.subnets
    ways = [{"destination": "10.2.0.0/24", "nexthop": "10.1.0.1"}]
    assert admin.show("subnet", first)["host_routes"] == ways
    assert told(cloud, first)["router"] == "10.1.0.1"
    assert "10.2.0.0/24,10.1.0.1" in told(cloud, first)["classless_static_route"]

    own = {"destination": "192.168.0.0/24", "nexthop": "10.1.0.9"}
    changed = admin.changed("subnet", first, host_routes=[*ways, own])
    assert changed["host_routes"] == [own, *ways]
    chosen = {"destination": "10.2.0.0/24", "nexthop": "10.1.0.254"}
    assert admin.changed("subnet", first, host_routes=[chosen])["host_routes"] == [chosen]
    admin.changed("subnet", first, host_routes=[], gateway_ip="10.1.0.254", allocation_pools=[])
    assert admin.show("subnet", first)["host_routes"] == [chosen]

    assert admin.remove("subnet", second).status == 204
    assert admin.show("subnet", first)["host_routes"] == []
    assert "10.2.0.0" not in told(cloud, first)["classless_static_route"]
    assert cloud.audit() == []


def test_each_subnet_has_metadata_of_its_own(cloud, routed, admin):
    (port,) = admin.find(f"/ports?network_id={routed.net['id']}&device_owner=network:distributed")

    assert sorted(ips(port)) == ["10.1.0.2", "10.2.0.2"]
    for number, subnet in enumerate(routed.subnets, start=1):
        assert f"169.254.169.254/32,10.{number}.0.2" in told(cloud, subnet)["classless_static_route"]


def test_a_subnet_is_bound_to_its_segment_once(admin, routed):
    first, second = routed.segments
    said = {"network_id": routed.net["id"], "ip_version": 4}
    refused = admin.refused("subnet", **said, cidr="10.5.0.0/24")
    assert refused == (400, "SubnetsNotAllAssociatedWithSegments")
    moved = admin.change("subnet", routed.subnets[0], segment_id=second["id"])
    assert problem(moved) == (400, "SubnetSegmentAssociationChangeNotAllowed")
    assert admin.changed("subnet", routed.subnets[0], segment_id=first["id"])["segment_id"] == first["id"]
    assert admin.refused("subnet", **said, cidr="10.5.0.0/24", segment_id=SERVER) == (404, "SegmentNotFound")
    other = admin.make("network")
    elsewhere = {"network_id": other["id"], "ip_version": 4, "cidr": "10.6.0.0/24"}
    assert admin.refused("subnet", **elsewhere, segment_id=second["id"]) == (400, "NetworkIdsDontMatch")


def test_an_older_subnet_is_bound_while_there_is_one_segment(admin, cloud):
    wire = {"provider:network_type": "flat", "provider:physical_network": "rack1"}
    net = admin.make("network", **wire)
    subnet = admin.make("subnet", network_id=net["id"], ip_version=4, cidr="10.1.0.0/24")
    (segment,) = admin.find(f"/segments?network_id={net['id']}")
    port = admin.make("port", network_id=net["id"])

    assert admin.changed("subnet", subnet, segment_id=segment["id"])["segment_id"] == segment["id"]

    assert admin.show("port", port)["fixed_ips"] == port["fixed_ips"]
    assert admin.show("network", net)["l2_adjacency"] is False
    plain = admin.make("network", segments=[wire | {"provider:physical_network": f"r{n}"} for n in (1, 2)])
    alone = admin.make("subnet", network_id=plain["id"], ip_version=4, cidr="10.1.0.0/24")
    (one, _) = admin.find(f"/segments?network_id={plain['id']}")
    refused = admin.change("subnet", alone, segment_id=one["id"])
    assert problem(refused) == (400, "NoUpdateSubnetWhenMultipleSegmentsOnNetwork")


def test_a_router_on_a_routed_network_names_its_address(admin, cloud, routed):
    admin.changed("network", routed.net, **{"router:external": True})
    way = {"network_id": routed.net["id"]}

    assert admin.refused("router", external_gateway_info=way) == (409, "IpAddressGenerationFailure")
    router = admin.make("router", external_gateway_info=way | {"external_fixed_ips": [routed.at(2)]})
    assert [each["ip_address"] for each in router["external_gateway_info"]["external_fixed_ips"]] == [
        "10.2.0.3"
    ]
