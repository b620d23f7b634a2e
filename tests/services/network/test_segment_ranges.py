"""From where the numbers of networks are taken, and what may be said of their wires."""

from __future__ import annotations

import pytest

from nacre.kernel.config import BadConfiguration, SegmentSettings
from nacre.kernel.database import statements_so_far
from nacre.kernel.events import Actor
from nacre.network.changes import segment_ranges as changes
from nacre.network.configured import default_ranges, self_service_types
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.segments import SegmentRange, common_intervals, own_intervals
from nacre.network.store.segments import of_networks
from nacre.network.store.tables import NETWORK, NETWORK_SEGMENT
from tests.services.network.conftest import problem
from tests.services.network.test_at_once import at_once

ON_BOTH_DATABASES = True
KIND, WIRE, NUMBER = "provider:network_type", "provider:physical_network", "provider:segmentation_id"


def wire_of(admin, net):
    shown = admin.show("network", net)
    return shown[KIND], shown[WIRE], shown[NUMBER]


def make_range(admin, **said):
    usual = {"name": "r", "network_type": "vxlan", "minimum": 100, "maximum": 102}
    return admin.make("network_segment_range", **usual | said)


def shown_range(admin, made):
    return admin.show("network_segment_range", made)


# -- whose numbers -----------------------------------------------------------------------------------------


def test_networks_get_the_lowest_free_numbers_of_the_default_range(demo, admin):
    nets = [demo.make("network") for _ in range(3)]
    assert [wire_of(admin, net) for net in nets] == [("geneve", None, number) for number in (1, 2, 3)]

    demo.remove("network", nets[1])

    assert wire_of(admin, demo.make("network"))[2] == 2
    together = demo.post("/networks", json={"networks": [{"name": "a"}, {"name": "b"}]}).json["networks"]
    assert [wire_of(admin, net)[2] for net in together] == [4, 5]
    assert not [name for name in demo.show("network", nets[0]) if name.startswith("provider:")]


def test_a_project_with_a_range_of_its_own_gets_its_networks_from_it(demo, stranger, admin):
    made = make_range(admin, shared=False, project_id="demo")
    assert (made["shared"], made["project_id"], made["default"]) == (False, "demo", False)

    nets = [demo.make("network") for _ in range(4)]

    wires = [wire_of(admin, net) for net in nets]
    assert wires == [("vxlan", None, number) for number in (100, 101, 102)] + [("geneve", None, 1)]
    assert wire_of(admin, stranger.make("network")) == ("geneve", None, 2)
    whole = shown_range(admin, made)
    assert (whole["used"], whole["available"]) == ({"100": "demo", "101": "demo", "102": "demo"}, [])


def test_what_is_kept_for_one_project_no_other_gets(stranger, admin):
    make_range(admin, network_type="geneve", minimum=1, maximum=5, shared=False, project_id="demo")

    assert wire_of(admin, stranger.make("network")) == ("geneve", None, 6)


def test_a_number_that_nobody_named_is_taken_from_the_ranges_of_its_wire(admin):
    vlan = {KIND: "vlan", WIRE: "rack1"}
    assert admin.refused("network", **vlan) == (400, "InvalidInput")
    make_range(admin, network_type="vlan", physical_network="rack1", minimum=20, maximum=21)

    nets = [admin.make("network", **vlan) for _ in range(2)]

    assert [wire_of(admin, net) for net in nets] == [("vlan", "rack1", number) for number in (20, 21)]
    assert admin.refused("network", **vlan) == (409, "NoNetworkAvailable")
    assert wire_of(admin, admin.make("network", **vlan, **{NUMBER: 22}))[2] == 22
    assert admin.refused("network", **vlan | {WIRE: "rack2"}) == (400, "InvalidInput")
    flat = admin.make("network", **{KIND: "flat", WIRE: "rack9"})
    said = {"network_id": flat["id"], "network_type": "vlan", "physical_network": "rack1"}
    assert admin.refused("segment", **said) == (409, "NoNetworkAvailable")
    admin.remove("network", nets[0])
    assert admin.make("segment", **said)["segmentation_id"] == 20


def test_many_at_once_get_a_number_each(cloud, admin):
    replies = at_once(lambda n: cloud.client().post("/networks", json={"network": {"name": f"n{n}"}}), 12)

    assert {reply.status for reply in replies} == {201}
    numbers = [wire_of(admin, reply.json["network"])[2] for reply in replies]
    assert sorted(numbers) == list(range(1, 13))


def test_a_number_costs_the_same_however_many_there_are(cloud, demo, admin):
    admin.put("/quotas/demo", json={"quota": {"network": -1}})

    def statements_for_one():
        before = statements_so_far()
        net = demo.make("network")
        cost = statements_so_far() - before
        return net, cost

    _, few = statements_for_one()
    assert demo.post("/networks", json={"networks": [{}] * 600}).status == 201
    last, many = statements_for_one()

    assert many == few
    assert wire_of(admin, last)[2] == 602


# -- ranges ------------------------------------------------------------------------------------------------


def test_a_range_is_not_taken_from_under_the_networks_that_have_its_numbers(demo, admin):
    made = make_range(admin, shared=False, project_id="demo")
    net, last = demo.make("network"), demo.make("network")

    assert problem(admin.remove("network_segment_range", made)) == (
        409,
        "NetworkSegmentRangeReferencedByProject",
    )
    smaller = admin.change("network_segment_range", made, minimum=101)
    assert problem(smaller) == (409, "NetworkSegmentRangeReferencedByProject")
    assert admin.changed("network_segment_range", made, minimum=50, maximum=101, name="n")["minimum"] == 50
    demo.remove("network", net)
    demo.remove("network", last)
    assert admin.remove("network_segment_range", made).status == 204
    assert admin.find(f"/network-segment-ranges?id={made['id']}") == []


@pytest.mark.parametrize(
    "said",
    [
        {"minimum": 0},
        {"minimum": 103},
        {"maximum": 1 << 24},
        {"network_type": "flat"},
        {"network_type": "gre"},
        {"physical_network": "rack1"},
        {"network_type": "vlan"},
        {"network_type": "vlan", "physical_network": "rack1", "maximum": 4095},
        {"default": True},
    ],
)
def test_what_a_range_cannot_be_is_refused(admin, said):
    usual = {"network_type": "vxlan", "minimum": 100, "maximum": 102}
    assert admin.refused("network_segment_range", **usual | said)[0] == 400
    assert len(admin.find("/network-segment-ranges")) == 2


def test_a_number_is_in_one_range_besides_the_default_ones(admin):
    made = make_range(admin)
    twice = {"network_type": "vxlan", "minimum": 102, "maximum": 105}
    assert admin.refused("network_segment_range", **twice) == (409, "NetworkSegmentRangeOverlaps")
    other = make_range(admin, minimum=103, maximum=105)
    grown = admin.change("network_segment_range", made, maximum=103)
    assert problem(grown) == (409, "NetworkSegmentRangeOverlaps")
    assert make_range(admin, network_type="geneve")["id"] not in (made["id"], other["id"])


def test_the_default_ranges_are_those_of_the_configuration_and_stay(cloud, demo, admin):
    found = {each["network_type"]: each for each in admin.find("/network-segment-ranges?default=true")}
    assert {kind: (each["minimum"], each["maximum"]) for kind, each in found.items()} == {
        "geneve": (1, 65535),
        "vxlan": (1, 65535),
    }
    default = found["geneve"]
    assert (default["shared"], default["project_id"], len(default["available"])) == (True, None, 65535)
    for reply in (
        admin.remove("network_segment_range", default),
        admin.change("network_segment_range", default, minimum=2),
    ):
        assert problem(reply) == (400, "NetworkSegmentRangeDefaultReadOnly")
    assert problem(demo.get("/network-segment-ranges")) == (403, "PolicyNotAuthorized")

    fewer = default_ranges(SegmentSettings(geneve="1:9", vxlan="", vlan="rack1:5:6"))
    for _ in range(2):
        with cloud.database.write(Actor("test")) as tx:
            changes.ensure_defaults(tx, fewer)

    found = {each["network_type"]: each for each in admin.find("/network-segment-ranges")}
    assert found.keys() == {"geneve", "vlan"}
    assert (found["geneve"]["id"], found["geneve"]["maximum"]) == (default["id"], 9)
    assert found["vlan"]["physical_network"] == "rack1"


def test_the_tags_of_ranges_are_where_clients_look_for_them(admin):
    made = make_range(admin)
    path = f"/network_segment_ranges/{made['id']}/tags"

    assert admin.put(path, json={"tags": ["red"]}).json == {"tags": ["red"]}
    assert shown_range(admin, made)["tags"] == ["red"]
    assert [each["id"] for each in admin.find("/network_segment_ranges?tags=red")] == [made["id"]]


def test_networks_from_before_there_were_numbers_get_one(cloud, demo, admin):
    old, new = demo.make("network"), demo.make("network")
    with cloud.database.write(Actor("test")) as tx:
        tx.execute(NETWORK.update().where(NETWORK.c.id == old["id"]).values(provider_segmentation_id=None))
        tx.execute(
            NETWORK_SEGMENT.update()
            .where(NETWORK_SEGMENT.c.network_id == old["id"])
            .values(segmentation_id=None)
        )
        changes.number_older(tx)

    with cloud.database.read() as db:
        (segment,) = of_networks(db, [old["id"]])[old["id"]]
    assert segment.segmentation_id == wire_of(admin, old)[2] not in (None, wire_of(admin, new)[2])


# -- wires -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {KIND: "flat"},
        {KIND: "vlan", NUMBER: 5},
        {KIND: "vlan", WIRE: "w", NUMBER: 0},
        {KIND: "vlan", WIRE: "w", NUMBER: 4095},
        {KIND: "vlan", WIRE: "w", NUMBER: "x"},
        {KIND: "flat", WIRE: "w", NUMBER: 5},
        {KIND: "flat", WIRE: ""},
        {KIND: "flat", WIRE: "w" * 65},
        {KIND: "vxlan", WIRE: "w"},
        {KIND: "geneve", WIRE: "w", NUMBER: 5},
        {KIND: "geneve", NUMBER: 1 << 24},
        {KIND: "vxlan", NUMBER: 0},
        {KIND: "gre", NUMBER: 5},
        {KIND: "local"},
        {WIRE: "w"},
        {NUMBER: 5},
        {"segments": [{WIRE: "w"}]},
        {"segments": [{KIND: "flat", WIRE: "w"}], KIND: "flat", WIRE: "v"},
        {"segments": [{KIND: "flat", WIRE: "w"}, {KIND: "vlan", WIRE: "w", NUMBER: 5}]},
        {"segments": [{KIND: "flat", WIRE: "w"}, {KIND: "geneve"}]},
        {"segments": [{KIND: "geneve"}, {KIND: "flat", WIRE: "w"}]},
        {"segments": [{KIND: "flat", WIRE: "w"}, {KIND: "flat", WIRE: "w"}]},
    ],
)
def test_what_a_wire_cannot_be_is_refused_and_nothing_is_made(admin, said):
    assert admin.refused("network", **said)[0] in (400, 409)
    assert admin.find("/networks") == admin.find("/segments") == []


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({KIND: "flat", WIRE: "w"}, "FlatNetworkInUse"),
        ({KIND: "vlan", WIRE: "w", NUMBER: 5}, "VlanIdInUse"),
        ({KIND: "vxlan", NUMBER: 77}, "TunnelIdInUse"),
        ({KIND: "geneve", NUMBER: 77}, "TunnelIdInUse"),
    ],
)
def test_a_wire_is_one_networks_alone(admin, said, refusal):
    twice = {"networks": [said, said]}
    assert problem(admin.post("/networks", json=twice)) == (409, refusal)
    net = admin.make("network", **said)
    shown = {name: value for name, value in admin.show("network", net).items() if name in said}
    assert shown == said

    assert admin.refused("network", **said) == (409, refusal)

    admin.remove("network", net)
    admin.make("network", **said)


def test_the_same_number_is_free_on_another_wire_and_in_tunnels_of_another_type(admin):
    for said in (
        {KIND: "vlan", WIRE: "w", NUMBER: 5},
        {KIND: "vlan", WIRE: "v", NUMBER: 5},
        {KIND: "flat", WIRE: "w"},
        {KIND: "geneve", NUMBER: 5},
        {KIND: "vxlan", NUMBER: 5},
    ):
        admin.make("network", **said)


@pytest.mark.parametrize(
    ("said", "mtu"),
    [
        ({}, 1442),
        ({KIND: "geneve"}, 1442),
        ({KIND: "vxlan"}, 1442),
        ({KIND: "flat", WIRE: "w"}, 1500),
        ({KIND: "vlan", WIRE: "w", NUMBER: 5}, 1500),
    ],
)
def test_a_network_carries_what_its_wire_carries(admin, said, mtu):
    assert admin.make("network", **said)["mtu"] == mtu
    other = said | ({NUMBER: 6} if NUMBER in said else {WIRE: "v"} if WIRE in said else {})
    assert admin.refused("network", **other, mtu=mtu + 1) == (400, "InvalidInput")
    assert admin.make("network", **other, mtu=mtu - 100)["mtu"] == mtu - 100


def test_a_network_in_tunnels_of_either_type_is_a_switch_without_wires(cloud, admin):
    net = admin.make("network", **{KIND: "vxlan"})
    cloud.settle()

    rows = cloud.driver.rows_of(f"network/{net['id']}")

    assert "Logical_Switch" in {row.table for row in rows}
    assert "localnet" not in {row.columns.get("type") for row in rows}
    assert cloud.audit() == []


# -- decisions ---------------------------------------------------------------------------------------------


def a_range(minimum, maximum, project_id=""):
    return SegmentRange(
        id=f"{minimum}", network_type=NetworkType.VLAN, minimum=minimum, maximum=maximum,
        shared=not project_id, project_id=project_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ranges", "common", "own"),
    [
        ([], [], []),
        ([a_range(1, 9)], [(1, 9)], []),
        ([a_range(1, 9), a_range(5, 12)], [(1, 12)], []),
        ([a_range(1, 9), a_range(3, 4, "p")], [(1, 2), (5, 9)], [(3, 4)]),
        ([a_range(1, 9), a_range(1, 9, "p")], [], [(1, 9)]),
        ([a_range(1, 9), a_range(8, 20, "other")], [(1, 7)], []),
        ([a_range(3, 4, "p"), a_range(5, 6, "p")], [], [(3, 6)]),
    ],
)
def test_what_is_kept_for_projects_is_no_longer_for_everybody(ranges, common, own):
    assert common_intervals(ranges) == common
    assert own_intervals(ranges, "p") == own


@pytest.mark.parametrize(
    "said",
    [
        {"geneve": "9:1"},
        {"geneve": "all"},
        {"vxlan": "1:99999999"},
        {"vlan": "1:5"},
        {"vlan": "rack1:0:5"},
        {"vlan": "rack1:5:4095"},
        {"vlan": ":1:5"},
    ],
)
def test_ranges_that_cannot_be_read_are_named(said):
    with pytest.raises(BadConfiguration, match=next(iter(said))):
        default_ranges(SegmentSettings(**said))


@pytest.mark.parametrize("types", ["", "flat", "geneve,flat", "token-ring"])
def test_types_that_nobody_can_be_served_with_are_named(types):
    with pytest.raises(BadConfiguration, match="self_service_types"):
        self_service_types(SegmentSettings(self_service_types=types))
    assert self_service_types(SegmentSettings(self_service_types="vlan, geneve"))[0] is NetworkType.VLAN
