"""Quality of service, through the API: policies, their rules, and who is shaped by them."""

from __future__ import annotations

import pytest

from nacre.network.domain.rows import Owner
from tests.services.network.conftest import NetworkClient, problem

POLICIES = "/qos/policies"
LIMITS = "bandwidth_limit_rules"


def make_policy(admin: NetworkClient, **attributes):
    return admin.make("policy", name="calm", **attributes)


def add(admin: NetworkClient, policy, rules: str = LIMITS, **attributes):
    return admin.post(f"{POLICIES}/{policy['id']}/{rules}", json={rules[:-1]: attributes})


def rows_of(cloud, port):
    """What shapes a port on the switch: direction, bandwidth and action."""
    cloud.settle()
    held = cloud.driver.rows_of(Owner(f"port/{port['id']}"))
    found = [row.columns for row in held if row.table == "QoS"]
    shown = [(row["direction"], row.get("bandwidth") or {}, row.get("action") or {}) for row in found]
    return sorted(shown, key=str)


def test_a_policy_holds_rules_of_each_kind_and_shows_them(admin):
    policy = make_policy(admin)

    out = add(admin, policy, max_kbps=1000, max_burst_kbps=800).json["bandwidth_limit_rule"]
    into = add(admin, policy, max_kbps=2000, direction="ingress").json["bandwidth_limit_rule"]
    mark = add(admin, policy, "dscp_marking_rules", dscp_mark=46).json["dscp_marking_rule"]

    shown = admin.get(f"{POLICIES}/{policy['id']}").json["policy"]
    assert {rule["id"]: rule["type"] for rule in shown["rules"]} == {
        out["id"]: "bandwidth_limit",
        into["id"]: "bandwidth_limit",
        mark["id"]: "dscp_marking",
    }
    assert (out["direction"], into["direction"]) == ("egress", "ingress")
    assert admin.find(f"{POLICIES}/{policy['id']}/{LIMITS}?direction=ingress") == [into]
    assert shown["revision_number"] == policy["revision_number"] + 3


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (LIMITS, {}),
        (LIMITS, {"max_kbps": -1}),
        (LIMITS, {"max_kbps": "much"}),
        (LIMITS, {"max_kbps": 1, "direction": "up"}),
        (LIMITS, {"max_kbps": 1, "dscp_mark": 8}),
        ("dscp_marking_rules", {"dscp_mark": 9}),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(admin, rules, said):
    policy = make_policy(admin)

    assert add(admin, policy, rules, **said).status == 400
    assert admin.get(f"{POLICIES}/{policy['id']}").json["policy"]["rules"] == []


def test_a_policy_says_a_thing_once_for_each_direction(admin):
    policy = make_policy(admin)
    add(admin, policy, max_kbps=1000)
    other = add(admin, policy, max_kbps=1, direction="ingress").json["bandwidth_limit_rule"]

    again = add(admin, policy, max_kbps=5)
    turned = admin.put(
        f"{POLICIES}/{policy['id']}/{LIMITS}/{other['id']}",
        json={"bandwidth_limit_rule": {"direction": "egress"}},
    )

    assert problem(again) == problem(turned) == (409, "QosRulesConflict")


def test_rules_shape_the_ports_that_have_the_policy_and_change_with_it(cloud, admin, demo):
    policy = make_policy(admin, shared=True)
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"], qos_policy_id=policy["id"])
    free = demo.make("port", network_id=net["id"])

    rule = add(admin, policy, max_kbps=1000, max_burst_kbps=800).json["bandwidth_limit_rule"]
    add(admin, policy, "dscp_marking_rules", dscp_mark=8)
    assert rows_of(cloud, port) == [
        ("from-lport", {"rate": 1000, "burst": 800}, {}),
        ("from-lport", {}, {"dscp": 8}),
    ]
    admin.put(
        f"/qos/alias-bandwidth-limit-rules/{rule['id']}",
        json={"alias_bandwidth_limit_rule": {"max_kbps": 5, "max_burst_kbps": 0}},
    )
    assert rows_of(cloud, port)[0] == ("from-lport", {"rate": 5}, {})
    admin.delete(f"{POLICIES}/{policy['id']}/{LIMITS}/{rule['id']}")

    assert rows_of(cloud, port) == [("from-lport", {}, {"dscp": 8})]
    assert rows_of(cloud, free) == []
    assert demo.changed("port", port, qos_policy_id=None)["qos_policy_id"] is None
    assert rows_of(cloud, port) == []
    assert cloud.audit() == []


def test_a_networks_policy_is_that_of_its_ports_without_one(cloud, admin, demo):
    general, special = make_policy(admin, shared=True), make_policy(admin, shared=True)
    add(admin, general, max_kbps=1000)
    add(admin, special, max_kbps=9)
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    own = demo.make("port", network_id=net["id"], qos_policy_id=special["id"])

    demo.changed("network", net, qos_policy_id=general["id"])

    assert rows_of(cloud, port) == [("from-lport", {"rate": 1000}, {})]
    assert rows_of(cloud, own) == [("from-lport", {"rate": 9}, {})]


def test_a_projects_new_networks_get_its_default_policy(admin, demo):
    policy = make_policy(admin, is_default=True, project_id="demo")

    assert demo.make("network")["qos_policy_id"] == policy["id"]
    assert demo.make("network", qos_policy_id=None)["qos_policy_id"] is None
    second = admin.post(POLICIES, json={"policy": {"name": "b", "is_default": True, "project_id": "demo"}})
    assert problem(second) == (409, "QosPolicyDefaultAlreadyExists")


def test_a_policy_is_kept_while_something_is_shaped_by_it(admin, demo):
    policy = make_policy(admin, shared=True)
    add(admin, policy, max_kbps=1000)
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"], qos_policy_id=policy["id"])

    assert problem(admin.delete(f"{POLICIES}/{policy['id']}")) == (409, "QosPolicyInUse")
    demo.remove("port", port)
    assert admin.delete(f"{POLICIES}/{policy['id']}").status == 204
    assert admin.get(f"{POLICIES}/{policy['id']}").status == 404


def test_what_the_operator_did_not_share_is_not_there_for_others(admin, demo):
    policy = make_policy(admin)
    rule = add(admin, policy, max_kbps=1000).json["bandwidth_limit_rule"]
    net, _ = demo.make_network()

    refusals = [
        demo.get(f"{POLICIES}/{policy['id']}"),
        demo.get(f"{POLICIES}/{policy['id']}/{LIMITS}"),
        demo.get(f"/qos/alias-bandwidth-limit-rules/{rule['id']}"),
        demo.post("/ports", json={"port": {"network_id": net["id"], "qos_policy_id": policy["id"]}}),
        demo.change("network", net, qos_policy_id=policy["id"]),
    ]

    assert [reply.status for reply in refusals] == [404] * len(refusals)
    assert demo.find(POLICIES) == []
    assert demo.post(POLICIES, json={"policy": {"name": "mine"}}).status == 403


def test_a_policy_is_shared_with_one_project_by_an_entry(admin, demo):
    policy = make_policy(admin)

    admin.make(
        "rbac_policy",
        object_type="qos_policy",
        object_id=policy["id"],
        action="access_as_shared",
        target_tenant="demo",
    )

    net = demo.make("network", qos_policy_id=policy["id"])
    assert [each["id"] for each in demo.find(POLICIES)] == [policy["id"]]
    assert net["qos_policy_id"] == policy["id"]
    assert demo.post(f"{POLICIES}/{policy['id']}/{LIMITS}", json={}).status == 403


def test_a_floating_ip_is_shaped_where_its_router_meets_the_outside(cloud, admin, demo):
    policy = make_policy(admin, shared=True)
    add(admin, policy, max_kbps=1000)
    add(admin, policy, max_kbps=2000, direction="ingress")
    outside, _ = cloud.outside()
    net, subnet = demo.make_network()
    router = demo.make("router", external_gateway_info={"network_id": outside["id"]})
    demo.join(router, subnet_id=subnet["id"])
    port = demo.make("port", network_id=net["id"])

    floating = demo.make(
        "floatingip",
        floating_network_id=outside["id"],
        port_id=port["id"],
        qos_policy_id=policy["id"],
    )
    cloud.settle()

    rows = [row for row in cloud.driver.rows_of(Owner(f"floatingip/{floating['id']}")) if row.table == "QoS"]
    assert sorted(row.columns["match"].partition("&& ")[2] for row in rows) == [
        f"ip4.dst == {floating['floating_ip_address']}",
        f"ip4.src == {floating['floating_ip_address']}",
    ]
    assert cloud.audit() == []


def test_who_may_not_change_a_policy_is_told_what_is_wrong_or_not_there_first(admin, demo):
    mine, foreign = make_policy(admin, project_id="demo"), make_policy(admin)
    changes = []
    for policy in (mine, foreign):
        rule = add(admin, policy, max_kbps=1).json["bandwidth_limit_rule"]
        path = f"{POLICIES}/{policy['id']}/{LIMITS}/{rule['id']}"
        changes.append(demo.change("policy", policy, description="x"))
        changes.append(demo.put(path, json={"bandwidth_limit_rule": {"max_kbps": 2}}))
        changes.append(demo.remove("policy", policy))

    assert [reply.status for reply in changes] == [403] * 3 + [404] * 3
    too_long = {"policy": {"name": "z" * 256, "shared": False}}
    assert demo.post(POLICIES, json=too_long).status == 400
    assert demo.put(f"{POLICIES}/{mine['id']}", json=too_long).status == 400
    assert demo.post(POLICIES, json={"policy": {"name": "z"}}).status == 403
    assert admin.get(f"{POLICIES}/{mine['id']}").json["policy"]["rules"][0]["max_kbps"] == 1


def test_whoever_only_reads_changes_no_policy(cloud, admin):
    mine = make_policy(admin, project_id="demo")
    reader = cloud.client("demo", "reader")

    assert reader.change("policy", mine, description="x").status == 403
    assert reader.post(POLICIES, json={"policy": {"name": "z"}}).status == 403


def test_a_policy_stays_shared_while_its_owners_network_uses_it(admin):
    policy = make_policy(admin, shared=True)
    net = admin.make("network", qos_policy_id=policy["id"])

    assert problem(admin.change("policy", policy, shared=False)) == (409, "QosPolicyInUse")
    admin.remove("network", net)
    assert admin.changed("policy", policy, shared=False)["shared"] is False


class WayOut:
    """A router with a way out, and what shapes it there."""

    def __init__(self, cloud, demo) -> None:
        self.cloud, self.demo = cloud, demo
        self.outside, _ = cloud.outside()
        self.gateway = {"network_id": self.outside["id"]}
        self.router = demo.make("router", external_gateway_info=self.gateway)

    def shaped(self):
        admin = self.cloud.client("admin", "admin")
        (port,) = admin.find(f"/ports?device_id={self.router['id']}&device_owner=network:router_gateway")
        return rows_of(self.cloud, port)

    def change(self, **info):
        changed = self.demo.changed("router", self.router, external_gateway_info=self.gateway | info)
        return changed["external_gateway_info"]["qos_policy_id"]


@pytest.fixture
def way_out(cloud, demo):
    return WayOut(cloud, demo)


def test_a_way_out_is_shaped_by_its_policy_and_its_rules(cloud, admin, demo, way_out):
    policy = make_policy(admin, shared=True)
    rule = add(admin, policy, max_kbps=1000).json["bandwidth_limit_rule"]

    assert way_out.change(qos_policy_id=policy["id"]) == policy["id"]
    assert way_out.shaped() == [("from-lport", {"rate": 1000}, {})]
    assert problem(admin.remove("policy", policy)) == (409, "QosPolicyInUse")
    path = f"{POLICIES}/{policy['id']}/{LIMITS}/{rule['id']}"
    admin.put(path, json={"bandwidth_limit_rule": {"max_kbps": 7, "direction": "ingress"}})
    assert way_out.shaped() == [("to-lport", {"rate": 7}, {})]
    assert way_out.change() == policy["id"]
    assert way_out.change(qos_policy_id=None) is None
    assert way_out.shaped() == []
    assert admin.remove("policy", policy).status == 204
    assert cloud.audit() == []


def test_a_new_router_gets_a_policy_that_its_owner_may_use(admin, demo, way_out):
    shared, hidden = make_policy(admin, shared=True), make_policy(admin)

    made = demo.make("router", external_gateway_info=way_out.gateway | {"qos_policy_id": shared["id"]})
    assert made["external_gateway_info"]["qos_policy_id"] == shared["id"]
    refused = demo.refused("router", external_gateway_info=way_out.gateway | {"qos_policy_id": hidden["id"]})
    assert refused == (404, "QosPolicyNotFound")


def test_what_leads_outside_is_shaped_by_the_external_networks_policy(cloud, admin, demo, way_out):
    policy = make_policy(admin)
    rule = add(admin, policy, max_kbps=1000).json["bandwidth_limit_rule"]
    net, subnet = demo.make_network()
    demo.join(way_out.router, subnet_id=subnet["id"])
    port = demo.make("port", network_id=net["id"])
    floating = demo.make("floatingip", floating_network_id=way_out.outside["id"], port_id=port["id"])
    cloud.settle()

    def rates():
        cloud.settle()
        rows = cloud.driver.rows_of(Owner(f"floatingip/{floating['id']}"))
        return [row.columns["bandwidth"]["rate"] for row in rows if row.table == "QoS"]

    admin.changed("network", way_out.outside, qos_policy_id=policy["id"])
    assert rates() == [1000]
    assert way_out.shaped() == [("from-lport", {"rate": 1000}, {})]
    assert rows_of(cloud, port) == []
    path = f"{POLICIES}/{policy['id']}/{LIMITS}/{rule['id']}"
    admin.put(path, json={"bandwidth_limit_rule": {"max_kbps": 5}})
    assert rates() == [5]
    shown = demo.show("floatingip", floating)
    assert (shown["qos_policy_id"], shown["qos_network_policy_id"]) == (None, policy["id"])
    admin.changed("network", way_out.outside, qos_policy_id=None)
    assert rates() == []
    assert cloud.audit() == []


def test_ports_show_the_policy_of_their_network(admin, demo):
    policy = make_policy(admin, shared=True)
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    assert port["qos_network_policy_id"] is None

    demo.changed("network", net, qos_policy_id=policy["id"])

    assert demo.show("port", port)["qos_network_policy_id"] == policy["id"]
    assert problem(demo.change("port", port, qos_network_policy_id=None)) == (400, "HTTPBadRequest")


def test_the_kinds_of_rules_are_told_with_what_they_may_say(admin, demo):
    kinds = [
        "bandwidth_limit",
        "dscp_marking",
        "minimum_bandwidth",
        "minimum_packet_rate",
        "packet_rate_limit",
    ]
    assert demo.find("/qos/rule-types?all_supported=true") == [{"type": kind} for kind in kinds]
    (driver,) = admin.get("/qos/rule-types/dscp_marking").json["rule_type"]["drivers"]
    assert driver["supported_parameters"][0]["parameter_name"] == "dscp_mark"
    assert demo.get("/qos/rule-types/dscp_marking").status == 403
    assert admin.get("/qos/rule-types/colour").status == 404


def test_whoever_may_not_use_a_policy_takes_it_from_nothing(cloud, admin, demo):
    outside, _ = cloud.outside()
    net, _ = demo.make_network()
    things = {
        "network": net,
        "port": demo.make("port", network_id=net["id"]),
        "floatingip": demo.make("floatingip", floating_network_id=outside["id"]),
    }
    limit = admin.make("policy", name="limit")
    for noun, thing in things.items():
        admin.changed(noun, thing, qos_policy_id=limit["id"])

        refused = demo.change(noun, thing, qos_policy_id=None)
        assert problem(refused) == (403, "PolicyRemoveAuthorizationError"), noun
        assert demo.changed(noun, thing, qos_policy_id=limit["id"], description="d")["description"] == "d"

    admin.changed("policy", limit, shared=True)
    for noun, thing in things.items():
        assert demo.changed(noun, thing, qos_policy_id=None)["qos_policy_id"] is None
