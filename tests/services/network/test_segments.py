"""Networks on several wires, and subnets bound to one of them, through the API."""

from __future__ import annotations

import pytest

from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True
VLAN = {"network_type": "vlan", "physical_network": "rack2", "segmentation_id": 7}


@pytest.fixture
def wired(admin):
    """A network on one wire."""
    return admin.make(
        "network",
        **{
            "provider:network_type": "vlan",
            "provider:physical_network": "rack1",
            "provider:segmentation_id": 7,
        },
    )


def wires_of(cloud, net):
    cloud.settle()
    rows = cloud.driver.rows_of(f"network/{net['id']}")
    return {
        (row.columns["options"]["network_name"], row.columns["tag"])
        for row in rows
        if row.columns.get("type") == "localnet"
    }


def test_every_network_has_its_first_segment(demo, admin, wired):
    plain = demo.make("network")

    (found,) = admin.find(f"/segments?network_id={wired['id']}")
    (tunnel,) = admin.find(f"/segments?network_id={plain['id']}")

    assert (found["network_type"], found["physical_network"], found["segmentation_id"]) == (
        "vlan",
        "rack1",
        7,
    )
    assert (tunnel["network_type"], tunnel["physical_network"]) == ("geneve", None)
    assert problem(demo.get("/segments")) == (403, "PolicyNotAuthorized")
    assert problem(admin.remove("segment", found)) == (409, "SegmentInUse")
    assert admin.changed("segment", found, name="first")["name"] == "first"


def test_a_network_gets_further_wires_and_loses_them(cloud, admin, wired):
    segment = admin.make("segment", network_id=wired["id"], name="second", **VLAN)
    assert wires_of(cloud, wired) == {("rack1", 7), ("rack2", 7)}
    shown = admin.show("network", wired)
    assert [each["provider:physical_network"] for each in shown["segments"]] == ["rack1", "rack2"]
    assert "provider:network_type" not in shown

    assert admin.remove("segment", segment).status == 204

    assert wires_of(cloud, wired) == {("rack1", 7)}
    assert admin.show("network", wired)["provider:physical_network"] == "rack1"
    assert cloud.audit() == []


def test_a_network_is_made_on_several_wires_at_once(cloud, admin):
    said = [{"provider:network_type": "flat", "provider:physical_network": f"rack{n}"} for n in (1, 2)]
    net = admin.make("network", segments=said)

    assert wires_of(cloud, net) == {("rack1", None), ("rack2", None)}
    assert admin.remove("network", net).status == 204
    assert admin.find("/segments") == []
    both = {"segments": said, "provider:network_type": "geneve"}
    assert admin.refused("network", **both) == (400, "InvalidInput")


def test_a_wire_belongs_to_one_network_and_a_network_is_on_it_once(demo, admin, wired):
    plain = demo.make("network")

    def refused(net, **said):
        return admin.refused("segment", network_id=net["id"], **VLAN | said)

    assert refused(wired, physical_network="rack1", segmentation_id=8) == (400, "InvalidInput")
    assert refused(plain) == (400, "InvalidInput"), "tunnels reach everybody"
    assert refused(wired, network_type="geneve", physical_network=None) == (400, "InvalidInput")
    assert refused(wired, segmentation_id=None) == (400, "InvalidInput")
    admin.make("segment", network_id=wired["id"], **VLAN)
    taken = {
        "provider:network_type": "vlan",
        "provider:physical_network": "rack2",
        "provider:segmentation_id": 7,
    }
    assert admin.refused("network", **taken) == (409, "VlanIdInUse")


def test_a_segment_stays_while_a_subnet_is_bound_to_it(admin, wired):
    second = admin.make("segment", network_id=wired["id"], **VLAN)
    said = {"network_id": wired["id"], "ip_version": 4, "segment_id": second["id"]}
    bound = admin.make("subnet", **said, cidr="10.0.1.0/24")

    assert admin.show("network", wired)["l2_adjacency"] is False
    assert problem(admin.remove("segment", second)) == (409, "SegmentInUse")

    admin.remove("subnet", bound)
    assert admin.remove("segment", second).status == 204
    assert admin.show("network", wired)["l2_adjacency"] is True
