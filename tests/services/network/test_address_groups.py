"""Address groups, the rules that name them, and the template that new security groups begin with."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from nacre.kernel.due import DUE
from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True


def edit(client, group, operation, *addresses):
    body = {"address_group": {"addresses": list(addresses)}}
    return client.put(f"/address-groups/{group['id']}/{operation}", json=body)


def test_addresses_come_and_go_by_operations_of_their_own(demo, stranger):
    group = demo.make("address_group", name="a", addresses=["10.0.0.7/24", "fd00::1/64"])
    assert group["addresses"] == ["10.0.0.0/24", "fd00::/64"]

    added = edit(demo, group, "add_addresses", "192.0.2.7").json["address_group"]
    assert added["addresses"] == ["10.0.0.0/24", "192.0.2.7/32", "fd00::/64"]
    assert added["revision_number"] == group["revision_number"] + 1
    assert problem(edit(demo, group, "add_addresses", "10.0.0.0/24")) == (400, "AddressesAlreadyExist")
    assert problem(edit(demo, group, "remove_addresses", "10.0.0.0/25")) == (404, "AddressesNotFound")
    assert problem(edit(stranger, group, "add_addresses", "10.1.0.0/24")) == (404, "AddressGroupNotFound")
    left = edit(demo, group, "remove_addresses", "fd00::/64", "192.0.2.7/32").json["address_group"]
    assert left["addresses"] == demo.show("address_group", group)["addresses"] == ["10.0.0.0/24"]


@pytest.mark.parametrize(
    "addresses", [["10.0.0.7"], ["bad"], "10.0.0.0/8", [7], ["10.0.0.0/8", "10.0.0.0/8"]]
)
def test_what_no_group_can_hold_is_refused(demo, addresses):
    assert demo.refused("address_group", name="a", addresses=addresses)[0] == 400
    assert demo.find("/address-groups") == []


def test_a_rule_names_a_group_and_keeps_it(demo, stranger):
    group, addresses = demo.make("security_group", name="g"), demo.make("address_group", name="a")
    said = {
        "security_group_id": group["id"],
        "direction": "ingress",
        "remote_address_group_id": addresses["id"],
    }
    rule = demo.make("security_group_rule", **said)

    assert rule["remote_address_group_id"] == addresses["id"]
    assert demo.refused("security_group_rule", **said) == (409, "SecurityGroupRuleExists")
    assert demo.make("security_group_rule", **said | {"ethertype": "IPv6"})
    both = said | {"remote_ip_prefix": "10.0.0.0/8"}
    assert demo.refused("security_group_rule", **both) == (400, "SecurityGroupMultipleRemoteEntites")
    assert problem(demo.remove("address_group", addresses)) == (409, "AddressGroupInUse")
    theirs = stranger.make("address_group", name="b")
    foreign = said | {"remote_address_group_id": theirs["id"]}
    assert demo.refused("security_group_rule", **foreign) == (404, "AddressGroupNotFound")


def test_a_change_of_a_group_touches_its_own_row_however_many_rules_name_it(cloud, demo):
    addresses = demo.make("address_group", name="a", addresses=[f"10.0.{n}.0/24" for n in range(200)])
    groups = [demo.make("security_group", name=f"g{n}") for n in range(5)]
    for group in groups:
        said = {"security_group_id": group["id"], "direction": "ingress"}
        demo.make("security_group_rule", **said, remote_address_group_id=addresses["id"])
    cloud.settle()
    rules = [cloud.driver.rows_of(f"security_group/{group['id']}") for group in groups]

    edit(demo, addresses, "add_addresses", "192.0.2.0/24")
    owed = {(name, key) for name, key in due_of(cloud) if name != "full-pass"}
    cloud.settle()

    assert owed == {("network:address_groups", addresses["id"])}
    assert rules == [cloud.driver.rows_of(f"security_group/{group['id']}") for group in groups]
    four, _six = cloud.driver.rows_of(f"address_group/{addresses['id']}")
    assert "192.0.2.0/24" in four.columns["addresses"] or "192.0.2.0/24" in _six.columns["addresses"]
    assert cloud.audit() == []


def due_of(cloud):
    with cloud.database.read() as db:
        return [(row[0], row[1]) for row in db.rows(sa.select(DUE.c.loop, DUE.c.subject))]


# -- the template ----------------------------------------------------------------------------------------------


def test_new_groups_begin_with_the_rules_of_the_template(demo, admin, stranger):
    template = admin.find("/default-security-group-rules")
    assert len(template) == 4
    for rule in template:
        if rule["direction"] == "egress" and rule["ethertype"] == "IPv6":
            admin.remove("default_security_group_rule", rule)
    said = {"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    made = admin.make(
        "default_security_group_rule", **said, used_in_default_sg=True, used_in_non_default_sg=False
    )
    admin.make("default_security_group_rule", direction="ingress", remote_group_id="PARENT")

    group = demo.make("security_group", name="web")
    (default,) = stranger.find("/security-groups")

    shape = {(rule["direction"], rule["remote_group_id"]) for rule in group["security_group_rules"]}
    assert shape == {("egress", None), ("ingress", group["id"])}
    assert len(group["security_group_rules"]) == 2
    assert sum(rule["port_range_min"] == 22 for rule in default["security_group_rules"]) == 1
    assert stranger.show("default_security_group_rule", made) == made


def test_the_template_is_the_operators_and_has_no_rule_twice(demo, admin):
    said = {"direction": "ingress", "protocol": "tcp", "port_range_min": 80, "port_range_max": 80}
    assert demo.refused("default_security_group_rule", **said) == (403, "PolicyNotAuthorized")
    admin.make("default_security_group_rule", **said, used_in_default_sg=True)

    twice = (409, "DefaultSecurityGroupRuleExists")
    assert admin.refused("default_security_group_rule", **said) == twice
    only = {"used_in_default_sg": True, "used_in_non_default_sg": False}
    assert admin.refused("default_security_group_rule", **said, **only) == twice
    assert admin.refused("default_security_group_rule", **said | {"port_range_max": 79})[0] == 400
    assert admin.refused("default_security_group_rule", direction="ingress", remote_group_id="none")[0] == 404
    assert problem(admin.put("/default-security-group-rules/x", json={})) == (405, "HTTPMethodNotAllowed")


# -- groups that remember no connections -------------------------------------------------------------------


def test_a_group_keeps_its_kind_while_ports_are_in_it(demo):
    net, _ = demo.make_network()
    plain, stateless = (
        demo.make("security_group", name="a"),
        demo.make("security_group", name="b", stateful=False),
    )
    mixed = [plain["id"], stateless["id"]]
    assert demo.refused("port", network_id=net["id"], security_groups=mixed) == (409, "SecurityGroupConflict")
    port = demo.make("port", network_id=net["id"], security_groups=[stateless["id"]])

    assert problem(demo.change("port", port, security_groups=mixed)) == (409, "SecurityGroupConflict")
    assert problem(demo.change("security_group", stateless, stateful=True)) == (409, "SecurityGroupInUse")
    assert demo.changed("security_group", plain, stateful=False)["stateful"] is False
