"""Security groups and rules, through the API."""

from __future__ import annotations

import pytest

from tests.services.network.conftest import problem


def rules_of(demo, group, **wanted):
    rules = demo.show("security_group", group)["security_group_rules"]
    return [rule for rule in rules if all(rule[name] == value for name, value in wanted.items())]


def test_every_project_has_a_default_group_from_the_first_look(demo, stranger):
    (mine,) = demo.find("/security-groups")
    (theirs,) = stranger.find("/security-groups")

    assert mine["name"] == theirs["name"] == "default"
    assert mine["id"] != theirs["id"]
    assert len(rules_of(demo, mine, direction="egress")) == 2
    assert len(rules_of(demo, mine, direction="ingress", remote_group_id=mine["id"])) == 2
    assert [each["id"] for each in demo.find("/security-groups")] == [mine["id"]]


def test_the_default_group_is_one_and_stays(demo):
    (default,) = demo.find("/security-groups")

    assert demo.refused("security_group", name="default") == (409, "SecurityGroupDefaultAlreadyExists")
    assert problem(demo.remove("security_group", default)) == (409, "SecurityGroupCannotRemoveDefault")
    assert problem(demo.change("security_group", default, name="x"))[0] == 409
    assert demo.changed("security_group", default, description="ours")["description"] == "ours"


def test_a_new_group_lets_everything_out_and_nothing_in(demo):
    group = demo.make("security_group", name="web", description="d")

    assert [rule["direction"] for rule in group["security_group_rules"]] == ["egress", "egress"]
    assert {rule["ethertype"] for rule in group["security_group_rules"]} == {"IPv4", "IPv6"}


def test_a_group_in_use_stays(demo):
    net, _ = demo.make_network()
    group = demo.make("security_group", name="web")
    port = demo.make("port", network_id=net["id"], security_groups=[group["id"]])
    assert problem(demo.remove("security_group", group)) == (409, "SecurityGroupInUse")

    demo.remove("port", port)

    assert demo.remove("security_group", group).status == 204


def test_rules_that_let_in_a_groups_members_go_with_it(cloud, demo):
    one, other = demo.make("security_group", name="web"), demo.make("security_group", name="db")
    for group, remote in ((one, other), (other, one), (other, other)):
        rule = {"security_group_id": group["id"], "remote_group_id": remote["id"]}
        demo.make("security_group_rule", direction="ingress", **rule)

    assert demo.remove("security_group", one).status == 204
    cloud.settle()

    left = demo.show("security_group", other)["security_group_rules"]
    assert [rule["remote_group_id"] for rule in left if rule["direction"] == "ingress"] == [other["id"]]
    assert cloud.audit() == []
    assert demo.remove("security_group", other).status == 204


def test_a_rule_is_once_in_a_group_however_it_is_spelled(demo):
    group = demo.make("security_group", name="web")
    said = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    first = demo.make("security_group_rule", **said, remote_ip_prefix="0.0.0.0/0")

    assert demo.refused("security_group_rule", **said) == (409, "SecurityGroupRuleExists")
    assert demo.refused("security_group_rule", **said | {"protocol": "6"}) == (409, "SecurityGroupRuleExists")
    assert demo.make("security_group_rule", **said, port_range_min=80, port_range_max=80)
    assert len(rules_of(demo, group, protocol="tcp")) == 2
    assert first["normalized_cidr"] == "0.0.0.0/0"


@pytest.mark.parametrize(
    "said",
    [
        {"direction": "sideways"},
        {"ethertype": "bad"},
        {"protocol": "bad_protocol_name"},
        {"protocol": 256},
        {"port_range_min": 80, "port_range_max": 80},
        {"protocol": "tcp", "port_range_min": -16, "port_range_max": 80},
        {"protocol": "tcp", "port_range_min": 80, "port_range_max": 79},
        {"protocol": "tcp", "port_range_min": 80, "port_range_max": 65536},
        {"protocol": "icmp", "port_range_min": 256},
        {"remote_ip_prefix": "192.168.1./24"},
        {"remote_ip_prefix": "fd00::/8"},
        {"protocol": "tcp", "port_range_min": True},
        {"remote_address_group_id": "no id"},
    ],
)
def test_what_a_rule_cannot_mean_is_refused(demo, said):
    group = demo.make("security_group", name="web")

    usual = {"security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4"}
    status, _ = demo.refused("security_group_rule", **usual | said)

    assert status == 400
    assert rules_of(demo, group, direction="ingress") == []


def test_rules_name_groups_that_their_maker_has(demo, stranger):
    mine, theirs = demo.make("security_group", name="a"), stranger.make("security_group", name="b")

    def refused(**said):
        return demo.refused("security_group_rule", direction="ingress", **said)

    assert refused(security_group_id=theirs["id"]) == (404, "SecurityGroupNotFound")
    assert refused(security_group_id=mine["id"], remote_group_id=theirs["id"])[0] == 404
    assert refused(security_group_id=mine["id"], remote_group_id="bad_group_id")[0] == 404


def test_strangers_see_neither_groups_nor_rules(demo, stranger):
    group = demo.make("security_group", name="web")
    rule = group["security_group_rules"][0]

    assert problem(stranger.get(f"/security-groups/{group['id']}")) == (404, "SecurityGroupNotFound")
    assert problem(stranger.get(f"/security-group-rules/{rule['id']}"))[0] == 404
    assert problem(stranger.remove("security_group_rule", rule)) == (404, "SecurityGroupRuleNotFound")


def test_rules_reach_the_switches_and_leave_them(cloud, demo):
    group = demo.make("security_group", name="web")
    said = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    rule = demo.make("security_group_rule", **said, port_range_min=22, port_range_max=22)
    cloud.settle()
    owner = f"security_group/{group['id']}"

    def matches():
        return [str(row.columns["match"]) for row in cloud.driver.rows_of(owner) if row.table == "ACL"]

    assert any("tcp.dst == 22" in match for match in matches())
    demo.remove("security_group_rule", rule)
    cloud.settle()
    assert not any("tcp.dst == 22" in match for match in matches())
    assert cloud.audit() == []


def test_a_change_of_rules_counts_the_group_up(demo):
    group = demo.make("security_group", name="web")

    demo.make("security_group_rule", security_group_id=group["id"], direction="ingress")

    assert demo.show("security_group", group)["revision_number"] == group["revision_number"] + 1


def test_a_group_needs_room_for_the_rules_that_it_begins_with(demo, admin):
    admin.put("/quotas/demo", json={"quota": {"security_group_rule": 5}})
    demo.find("/security-groups")

    assert demo.refused("security_group", name="web") == (409, "OverQuota")
    assert len(demo.find("/security-groups")) == 1


def test_groups_are_made_together_however_the_body_names_them(demo):
    bodies = [{"name": "a"}, {"security_group": {"name": "b"}}]

    reply = demo.post("/security-groups", json={"security_groups": bodies})

    assert [each["name"] for each in reply.json["security_groups"]] == ["a", "b"]


def test_the_operator_finds_the_default_group_of_a_project_that_never_looked(admin):
    (found,) = admin.find("/security-groups?project_id=new&name=default")

    assert found["project_id"] == "new"


@pytest.mark.parametrize("protocol", ["41", 43, "44", 58, "59", 60, "ipv6-route"])
def test_protocols_of_ipv6_are_refused_over_ipv4(demo, protocol):
    group = demo.make("security_group", name="web")
    said = {"security_group_id": group["id"], "direction": "ingress", "protocol": protocol}

    conflict = (400, "SecurityGroupEthertypeConflictWithProtocol")
    assert demo.refused("security_group_rule", **said, ethertype="IPv4") == conflict
    assert demo.make("security_group_rule", **said, ethertype="IPv6")
