"""Security group rules: which are good, how they are spelled, which are the same."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.kernel.errors import Problem
from nacre.network.domain.security_groups import (
    PARENT,
    DefaultRule,
    Direction,
    checked_rule,
    rule_meaning,
    usual_rules,
)
from nacre.network.errors import (
    SecurityGroupEthertypeConflictWithProtocol,
    SecurityGroupInvalidIcmpValue,
    SecurityGroupInvalidPortRange,
    SecurityGroupInvalidPortValue,
    SecurityGroupInvalidProtocolForPort,
    SecurityGroupMissingIcmpType,
    SecurityGroupMultipleRemoteEntites,
    SecurityGroupProtocolRequiredWithPorts,
    SecurityGroupRuleInvalidEtherType,
    SecurityGroupRuleInvalidPrefix,
    SecurityGroupRuleInvalidProtocol,
    SecurityGroupRuleParameterConflict,
)
from tests.domain.network.objects import GROUP, OTHER_GROUP, a_group, a_rule


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"protocol": "TCP"}, {"protocol": "tcp"}),
        ({"protocol": "any"}, {"protocol": None}),
        ({"protocol": "6"}, {"protocol": "6"}),
        ({"protocol": "icmp", "ethertype": "ipv6"}, {"protocol": "ipv6-icmp", "ethertype": "IPv6"}),
        ({"remote_ip_prefix": "192.0.2.7"}, {"remote_ip_prefix": "192.0.2.7/32"}),
        ({"remote_ip_prefix": "10.1.2.3/8"}, {"remote_ip_prefix": "10.1.2.3/8"}),
        ({"protocol": "icmp", "port_range_min": 0}, {"port_range_min": 0, "port_range_max": None}),
    ],
)
def test_a_good_rule_gets_its_usual_spelling(given: dict[str, Any], kept: dict[str, Any]) -> None:
    rule = checked_rule(a_rule(**given))

    assert {field: getattr(rule, field) for field in kept} == kept


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"ethertype": "IPX"}, SecurityGroupRuleInvalidEtherType),
        ({"protocol": "tcpp"}, SecurityGroupRuleInvalidProtocol),
        ({"protocol": "256"}, SecurityGroupRuleInvalidProtocol),
        ({"protocol": "-1"}, SecurityGroupRuleInvalidProtocol),
        ({"protocol": "²"}, SecurityGroupRuleInvalidProtocol),
        ({"protocol": "ipv6-icmp"}, SecurityGroupEthertypeConflictWithProtocol),
        ({"port_range_min": 1, "port_range_max": 2}, SecurityGroupProtocolRequiredWithPorts),
        ({"protocol": "gre", "port_range_min": 1, "port_range_max": 2}, SecurityGroupInvalidProtocolForPort),
        ({"protocol": "tcp", "port_range_min": 9, "port_range_max": 2}, SecurityGroupInvalidPortRange),
        ({"protocol": "tcp", "port_range_min": 9}, SecurityGroupInvalidPortRange),
        ({"protocol": "udp", "port_range_min": 0, "port_range_max": 2}, SecurityGroupInvalidPortValue),
        ({"protocol": "udp", "port_range_min": 1, "port_range_max": 65536}, SecurityGroupInvalidPortValue),
        ({"protocol": "icmp", "port_range_max": 2}, SecurityGroupMissingIcmpType),
        ({"protocol": "icmp", "port_range_min": 256}, SecurityGroupInvalidIcmpValue),
        ({"protocol": "1", "port_range_min": 3, "port_range_max": 256}, SecurityGroupInvalidIcmpValue),
        ({"remote_ip_prefix": "10.0.0.0/33"}, SecurityGroupRuleInvalidPrefix),
        ({"remote_ip_prefix": "fd00::/8"}, SecurityGroupRuleParameterConflict),
        (
            {"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": OTHER_GROUP},
            SecurityGroupMultipleRemoteEntites,
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(fields: dict[str, Any], problem: type[Problem]) -> None:
    with pytest.raises(problem):
        checked_rule(a_rule(**fields))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"protocol": "tcp"}, {"protocol": "6"}, True),
        ({"remote_ip_prefix": "0.0.0.0/0"}, {}, True),
        ({"remote_ip_prefix": "10.1.2.3/8"}, {"remote_ip_prefix": "10.0.0.0/8"}, True),
        ({"description": "a"}, {"description": "b"}, True),
        ({}, {"ethertype": "IPv6"}, False),
        ({}, {"direction": Direction.EGRESS}, False),
        ({"remote_group_id": OTHER_GROUP}, {}, False),
        ({"protocol": "tcp"}, {"protocol": "tcp", "port_range_min": 1, "port_range_max": 2}, False),
    ],
)
def test_rules_are_the_same_by_what_they_let_through(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    assert (rule_meaning(a_rule(**one)) == rule_meaning(a_rule(**other))) is same


LEGACY = [
    DefaultRule(
        id=f"{direction} {ethertype}",
        direction=direction,
        ethertype=ethertype,
        remote_group_id=PARENT if direction is Direction.INGRESS else None,
        used_in_default_sg=True,
        used_in_non_default_sg=direction is Direction.EGRESS,
    )
    for direction in Direction
    for ethertype in ("IPv4", "IPv6")
]


def test_a_new_group_lets_everything_out_and_the_default_group_its_own_members_in() -> None:
    def shape(is_default: bool) -> set[tuple[str, str, str | None]]:
        rules = usual_rules(a_group(), LEGACY, is_default=is_default)
        return {(rule.direction, rule.ethertype, rule.remote_group_id) for rule in rules}

    out = {("egress", "IPv4", None), ("egress", "IPv6", None)}
    assert shape(False) == out
    assert shape(True) == out | {("ingress", "IPv4", GROUP), ("ingress", "IPv6", GROUP)}
