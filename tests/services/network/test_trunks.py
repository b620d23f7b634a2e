"""Trunks, through the API: who carries whom, under which tag, and where."""

from __future__ import annotations

import pytest

from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, PortId, ServerId
from nacre.network.contract import NicAsk
from nacre.network.domain.rows import Owner
from nacre.network.errors import PortInUse
from tests.services.network.conftest import NetworkClient, caller_of, problem

ON_BOTH_DATABASES = True


def tagged(port, tag: int = 2, **more):
    return {"port_id": port["id"], "segmentation_type": "vlan", "segmentation_id": tag, **more}


def ports_on(demo: NetworkClient, how_many: int, **network):
    net = demo.make("network", **network)
    demo.make("subnet", network_id=net["id"], ip_version=4, cidr="10.0.0.0/24")
    return [demo.make("port", network_id=net["id"]) for _ in range(how_many)]


def edit(client: NetworkClient, trunk, verb: str, *sub_ports):
    return client.put(f"/trunks/{trunk['id']}/{verb}_subports", json={"sub_ports": list(sub_ports)})


def switch_port(cloud, port):
    cloud.settle()
    rows = cloud.driver.rows_of(Owner(f"port/{port['id']}"))
    return next(row.columns for row in rows if row.table == "Logical_Switch_Port")


def test_a_trunk_carries_ports_under_their_tags_until_they_are_taken_out(cloud, demo):
    parent, one, other = ports_on(demo, 3)

    trunk = demo.make("trunk", port_id=parent["id"], sub_ports=[tagged(one, 2)])
    assert demo.show("trunk", trunk) == trunk
    assert demo.show("port", one)["device_owner"] == "trunk:subport"
    added = edit(demo, trunk, "add", tagged(other, 4)).json
    assert added["sub_ports"] == [tagged(one, 2), tagged(other, 4)]
    assert added["revision_number"] > trunk["revision_number"]
    assert demo.show("port", parent)["trunk_details"] == {
        "trunk_id": trunk["id"],
        "sub_ports": [
            tagged(one, 2, mac_address=one["mac_address"]),
            tagged(other, 4, mac_address=other["mac_address"]),
        ],
    }
    assert "trunk_details" not in demo.show("port", one)
    held = switch_port(cloud, other)
    assert (held["parent_name"], held["tag"]) == (parent["id"], 4)

    assert edit(demo, trunk, "remove", {"port_id": other["id"]}).json["sub_ports"] == [tagged(one, 2)]
    assert demo.get(f"/trunks/{trunk['id']}/get_subports").json == {"sub_ports": [tagged(one, 2)]}
    held = switch_port(cloud, other)
    assert (held.get("parent_name"), held.get("tag")) == (None, None)
    assert demo.remove("trunk", trunk).status == 204
    assert demo.show("port", one)["device_owner"] == ""
    assert switch_port(cloud, one).get("tag") is None
    assert cloud.audit() == []


def test_a_port_is_in_one_trunk_only_and_stays_while_it_is(demo):
    parent, one, other = ports_on(demo, 3)
    trunk = demo.make("trunk", port_id=parent["id"], sub_ports=[tagged(one)])

    assert demo.refused("trunk", port_id=parent["id"]) == (409, "PortInUseAsTrunkParent")
    assert demo.refused("trunk", port_id=one["id"]) == (409, "PortInUseAsSubPort")
    second = {"port_id": other["id"]}
    assert demo.refused("trunk", **second, sub_ports=[tagged(one)]) == (409, "PortInUseAsSubPort")
    assert demo.refused("trunk", **second, sub_ports=[tagged(parent)]) == (409, "PortInUseAsTrunkParent")
    assert demo.refused("trunk", **second, sub_ports=[tagged(other)]) == (409, "ParentPortInUse")
    assert problem(edit(demo, trunk, "add", tagged(other, 2))) == (409, "DuplicateSubPort")
    assert problem(demo.remove("port", parent)) == (409, "PortInUseAsTrunkParent")
    assert problem(demo.remove("port", one)) == (409, "PortInUseAsSubPort")
    assert demo.find("/trunks") == [trunk]
    assert demo.show("port", other)["device_owner"] == ""


@pytest.mark.parametrize(
    "said",
    [
        {"segmentation_type": "vlan"},
        {"segmentation_id": 3},
        {"segmentation_type": "vlan", "segmentation_id": 4095},
        {"segmentation_type": "geneve", "segmentation_id": 3},
        {"segmentation_type": "inherit"},
    ],
)
def test_a_subport_whose_tag_cannot_be_meant_is_refused(demo, said):
    parent, one = ports_on(demo, 2)
    trunk = demo.make("trunk", port_id=parent["id"])

    assert edit(demo, trunk, "add", {"port_id": one["id"], **said}).status == 400
    assert edit(demo, trunk, "add", {"segmentation_type": "vlan", "segmentation_id": 3}).status == 400
    twice = [tagged(one, 3), tagged(parent, 3)]
    assert edit(demo, trunk, "add", *twice).status == 400
    assert demo.show("trunk", trunk)["sub_ports"] == []


def test_a_subport_inherits_the_tag_of_its_own_network(cloud, admin):
    wire = {"provider:network_type": "vlan", "provider:physical_network": "public"}
    (parent,) = ports_on(admin, 1, mtu=1400)
    (one,) = ports_on(admin, 1, mtu=1400, **wire, **{"provider:segmentation_id": 77})

    inherit = {"port_id": one["id"], "segmentation_type": "inherit"}
    trunk = admin.make("trunk", port_id=parent["id"], sub_ports=[inherit])

    assert trunk["sub_ports"] == [tagged(one, 77)]
    assert switch_port(cloud, one)["tag"] == 77


def test_a_parent_carries_no_larger_packets_than_its_own(demo):
    (small,), (large,) = ports_on(demo, 1, mtu=1300), ports_on(demo, 1, mtu=1400)

    refused = demo.refused("trunk", port_id=small["id"], sub_ports=[tagged(large)])

    assert refused == (409, "SubPortMtuGreaterThanTrunkPortMtu")
    assert demo.make("trunk", port_id=large["id"], sub_ports=[tagged(small)])["sub_ports"]


def test_a_trunk_that_is_down_is_not_changed(demo):
    parent, one, other = ports_on(demo, 3)
    trunk = demo.make("trunk", port_id=parent["id"], sub_ports=[tagged(one)], admin_state_up=False)

    assert problem(edit(demo, trunk, "add", tagged(other, 3))) == (409, "TrunkDisabled")
    assert problem(edit(demo, trunk, "remove", tagged(one))) == (409, "TrunkDisabled")
    assert problem(demo.remove("trunk", trunk)) == (409, "TrunkDisabled")
    assert demo.changed("trunk", trunk, admin_state_up=True, name="up")["name"] == "up"
    assert problem(edit(demo, trunk, "remove", tagged(other))) == (404, "SubPortNotFound")
    assert demo.remove("trunk", trunk).status == 204


def test_what_others_own_is_not_there_for_a_trunk(demo, stranger):
    parent, one = ports_on(demo, 2)
    (own,) = ports_on(stranger, 1)
    trunk = demo.make("trunk", port_id=parent["id"])

    assert stranger.refused("trunk", port_id=one["id"]) == (404, "PortNotFound")
    assert stranger.refused("trunk", port_id=own["id"], sub_ports=[tagged(one)]) == (404, "PortNotFound")
    assert stranger.find("/trunks") == []
    assert problem(stranger.remove("trunk", trunk)) == (404, "TrunkNotFound")
    assert problem(edit(stranger, trunk, "add", tagged(own))) == (404, "TrunkNotFound")
    assert stranger.get(f"/trunks/{trunk['id']}/get_subports").status == 404


def test_subports_go_where_the_server_of_their_parent_goes(cloud, demo, admin):
    parent, one, late = ports_on(demo, 3)
    trunk = demo.make("trunk", port_id=parent["id"], sub_ports=[tagged(one)])
    server, host, caller = ServerId("a-server"), HostId("fake-1"), caller_of("demo")

    with cloud.database.write(Actor("test")) as tx:
        asks = [NicAsk(port_id=PortId(parent["id"]))]
        plan = cloud.networks.plan_nics(tx, caller, asks, ())
        cloud.networks.claim_nics(tx, plan, server_id=server, caller=caller)
        cloud.networks.bind_nics(tx, server, host)
        cloud.networks.report_ports(tx, host, up=[PortId(parent["id"])], down=[])
    edit(demo, trunk, "add", tagged(late, 3))
    cloud.settle()

    for port in (one, late):
        shown = admin.show("port", port)
        assert (shown["binding:host_id"], shown["status"]) == (host, "ACTIVE")
        assert "requested-chassis" not in switch_port(cloud, port)["options"]
    assert demo.show("trunk", trunk)["status"] == "ACTIVE"
    assert demo.find("/trunks?status=DOWN") == []

    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.release_nics(tx, server)
    assert admin.show("port", one)["binding:host_id"] == ""
    assert demo.show("trunk", trunk)["status"] == "DOWN"


def test_a_port_is_down_once_its_trunk_has_left_it_even_if_the_engine_has_not_heard(cloud, demo, monkeypatch):
    parent, one = ports_on(demo, 2)
    trunk = demo.make("trunk", port_id=parent["id"], sub_ports=[tagged(one)])
    monkeypatch.setattr(cloud.driver, "is_up", lambda port_id: port_id == one["id"])

    edit(demo, trunk, "remove", {"port_id": one["id"]})
    cloud.settle()

    assert demo.show("port", one)["status"] == "DOWN"


def test_a_port_made_for_a_server_outlives_it_while_it_carries_others(cloud, demo):
    (one,) = ports_on(demo, 1)
    server, caller = ServerId("a-server"), caller_of("demo")
    with cloud.database.write(Actor("test")) as tx:
        plan = cloud.networks.plan_nics(tx, caller, [NicAsk(network_id=one["network_id"])], ())
        (made,) = cloud.networks.claim_nics(tx, plan, server_id=server, caller=caller)
    trunk = demo.make("trunk", port_id=made, sub_ports=[tagged(one)])

    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.release_nics(tx, server)

    assert demo.show("port", {"id": made})["device_id"] == ""
    assert demo.show("trunk", trunk)["sub_ports"] == [tagged(one)]


def test_a_subport_is_no_servers_interface(cloud, demo):
    parent, one = ports_on(demo, 2)
    demo.make("trunk", port_id=parent["id"], sub_ports=[tagged(one)])
    caller = caller_of("demo")

    with pytest.raises(PortInUse), cloud.database.write(Actor("test")) as tx:
        plan = cloud.networks.plan_nics(tx, caller, [NicAsk(port_id=PortId(one["id"]))], ())
        cloud.networks.claim_nics(tx, plan, server_id=ServerId("a-server"), caller=caller)


def test_a_project_has_no_more_trunks_than_its_quota(demo, admin):
    net, _ = demo.make_network()
    first, second = (demo.make("port", network_id=net["id"]) for _ in range(2))
    admin.put("/quotas/demo", json={"quota": {"trunk": 1}})

    demo.make("trunk", port_id=first["id"])

    assert demo.refused("trunk", port_id=second["id"]) == (409, "OverQuota")
    assert admin.get("/quotas/demo/details").json["quota"]["trunk"] == {"limit": 1, "used": 1, "reserved": 0}
