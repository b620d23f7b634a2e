"""Limits of packets, from the rules of policies to what hosts are told of the interfaces of servers."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, NetworkId, PortId, ServerId
from nacre.network.contract import NICS, NicAsk, PacketLimit
from tests.services.network.conftest import caller_of, problem
from tests.services.network.test_qos import POLICIES, add, make_policy

ON_BOTH_DATABASES = True

SERVER = ServerId("00000000-0000-4000-8000-0000000000aa")
LIMITS = "packet_rate_limit_rules"
OUT = PacketLimit(is_outward=True, packets_per_s=5000, burst=500)


def run_on(cloud, *asks):
    """A server with these interfaces on a host; the ids of its ports."""
    with cloud.database.write(Actor("test")) as tx:
        nics = cloud.networks.plan_nics(tx, caller_of("demo"), asks, ())
        port_ids = cloud.networks.claim_nics(tx, nics, server_id=SERVER, caller=caller_of("demo"))
        cloud.networks.bind_nics(tx, SERVER, HostId("host-1"))
    forget_dues(cloud)
    return port_ids


def limits(cloud):
    """The limits of each interface of the server, in order."""
    with cloud.database.read() as db:
        return [nic.packet_limits for nic in cloud.networks.nics_of(db, [SERVER])[SERVER]]


def is_told(cloud):
    """Whether the server's host hears anew of its interfaces; from now on it has."""
    with cloud.database.read() as db:
        due = db.rows(sa.text("SELECT subject FROM due WHERE loop = :loop"), loop=NICS)
    forget_dues(cloud)
    return [tuple(row) for row in due] == [(SERVER,)]


def forget_dues(cloud):
    with cloud.database.write(Actor("test")) as tx:
        tx.execute(sa.text("DELETE FROM due WHERE loop = :loop"), loop=NICS)


def limited(admin, **attributes):
    """A policy that everybody may use, with one limit; and that limit."""
    policy = make_policy(admin, shared=True)
    rule = add(admin, policy, LIMITS, **{"max_kpps": 5} | attributes).json["packet_rate_limit_rule"]
    return policy, rule


def test_a_policy_limits_packets_once_for_each_direction(admin):
    policy, out = limited(admin, max_burst_kpps=2)
    into = add(admin, policy, LIMITS, max_kpps=7, direction="ingress").json["packet_rate_limit_rule"]
    rules = f"{POLICIES}/{policy['id']}/{LIMITS}"

    assert out == {"id": out["id"], "max_kpps": 5, "max_burst_kpps": 2, "direction": "egress"}
    assert {rule["type"] for rule in admin.get(f"{POLICIES}/{policy['id']}").json["policy"]["rules"]} == {
        "packet_rate_limit"
    }
    assert admin.find(f"{rules}?direction=ingress") == [into]
    assert admin.get(f"{rules}/{out['id']}").json == {"packet_rate_limit_rule": out}
    assert problem(add(admin, policy, LIMITS, max_kpps=1)) == (409, "QosRulesConflict")
    turned = admin.put(f"{rules}/{into['id']}", json={"packet_rate_limit_rule": {"direction": "egress"}})
    assert problem(turned) == (409, "QosRulesConflict")
    changed = admin.put(f"{rules}/{into['id']}", json={"packet_rate_limit_rule": {"max_kpps": 9}})
    assert changed.json == {"packet_rate_limit_rule": into | {"max_kpps": 9}}
    assert admin.delete(f"{rules}/{out['id']}").status == 204
    assert problem(admin.get(f"{rules}/{out['id']}")) == (404, "QosRuleNotFound")


@pytest.mark.parametrize(
    "said",
    [{}, {"max_kpps": -1}, {"max_kpps": 1 << 31}, {"max_kpps": 1, "direction": "any"}, {"max_kbps": 1}],
)
def test_a_limit_of_packets_that_cannot_be_meant_is_refused(admin, said):
    policy = make_policy(admin)

    assert add(admin, policy, LIMITS, **said).status == 400
    assert admin.get(f"{POLICIES}/{policy['id']}").json["policy"]["rules"] == []


def test_the_operator_learns_what_limits_of_packets_may_say(admin):
    (driver,) = admin.get("/qos/rule-types/packet_rate_limit").json["rule_type"]["drivers"]
    said = [each["parameter_name"] for each in driver["supported_parameters"]]
    assert said == ["max_kpps", "max_burst_kpps", "direction"]
    assert "qos-pps" in {each["alias"] for each in admin.find("/extensions")}


def test_hosts_hear_of_limits_when_rules_and_policies_change(cloud, admin, demo):
    net, _ = demo.make_network()
    (port_id,) = run_on(cloud, NicAsk(network_id=NetworkId(net["id"])))
    policy, rule = limited(admin)
    assert limits(cloud) == [()]
    assert not is_told(cloud), "nothing of the server is under the policy yet"

    demo.changed("port", {"id": port_id}, qos_policy_id=policy["id"])
    assert limits(cloud) == [(OUT,)]
    assert is_told(cloud)

    add(admin, policy, LIMITS, max_kpps=1, max_burst_kpps=1, direction="ingress")
    assert limits(cloud) == [(OUT, PacketLimit(is_outward=False, packets_per_s=1000, burst=1000))]
    assert is_told(cloud)

    path = f"{POLICIES}/{policy['id']}/{LIMITS}/{rule['id']}"
    admin.put(path, json={"packet_rate_limit_rule": {"max_kpps": 0}})
    assert [each.is_outward for each in limits(cloud)[0]] == [False], "a limit to no rate does not limit"
    assert is_told(cloud)

    add(admin, policy, "bandwidth_limit_rules", max_kbps=100)
    assert not is_told(cloud), "OVN keeps these"

    demo.changed("port", {"id": port_id}, qos_policy_id=None)
    assert limits(cloud) == [()]
    assert is_told(cloud)


def test_a_ports_own_policy_counts_before_that_of_its_network(cloud, admin, demo):
    net, _ = demo.make_network()
    own, _ = limited(admin)
    networks, _ = limited(admin, max_kpps=9)
    port = demo.make("port", network_id=net["id"], qos_policy_id=own["id"])
    run_on(cloud, NicAsk(port_id=PortId(port["id"])), NicAsk(network_id=NetworkId(net["id"])))
    assert limits(cloud) == [(OUT,), ()]

    demo.changed("network", net, qos_policy_id=networks["id"])

    assert [[each.packets_per_s for each in nic] for nic in limits(cloud)] == [[5000], [9000]]
    assert is_told(cloud)
    demo.changed("network", net, qos_policy_id=None)
    assert limits(cloud) == [(OUT,), ()]
    assert is_told(cloud)


def test_limits_of_subports_are_told_of_the_interface_that_carries_them(cloud, admin, demo):
    net, _ = demo.make_network()
    other, _ = demo.make_network("10.1.0.0/24")
    policy, rule = limited(admin)
    parent = demo.make("port", network_id=net["id"], qos_policy_id=policy["id"])
    below = demo.make("port", network_id=other["id"], qos_policy_id=policy["id"])
    trunk = demo.make("trunk", port_id=parent["id"])
    run_on(cloud, NicAsk(port_id=PortId(parent["id"])))
    tagged = {"port_id": below["id"], "segmentation_type": "vlan", "segmentation_id": 33}

    demo.put(f"/trunks/{trunk['id']}/add_subports", json={"sub_ports": [tagged]})
    assert {each.vlan: each.packets_per_s for each in limits(cloud)[0]} == {None: 5000, 33: 5000}
    assert is_told(cloud)

    demo.changed("port", parent, qos_policy_id=None)
    assert [each.vlan for each in limits(cloud)[0]] == [33]
    forget_dues(cloud)
    path = f"{POLICIES}/{policy['id']}/{LIMITS}/{rule['id']}"
    admin.put(path, json={"packet_rate_limit_rule": {"max_kpps": 6}})
    assert [each.packets_per_s for each in limits(cloud)[0]] == [6000]
    assert is_told(cloud)

    demo.put(f"/trunks/{trunk['id']}/remove_subports", json={"sub_ports": [{"port_id": below["id"]}]})
    assert limits(cloud) == [()]
    assert is_told(cloud)


def test_ovn_is_told_nothing_of_limits_of_packets(cloud, admin, demo):
    policy, _ = limited(admin)
    net, _ = demo.make_network()
    demo.make("port", network_id=net["id"], qos_policy_id=policy["id"])

    cloud.settle()

    assert not [row for owner in cloud.driver.observe_owners() for row in cloud.driver.rows_of(owner)
                if row.table == "QoS"]  # fmt: skip
    assert cloud.audit() == []
