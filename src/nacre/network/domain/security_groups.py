"""Security groups and their rules: what they mean, which are good, which are the same, which come by default."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from nacre.kernel.ids import ProjectId, SecurityGroupId, SecurityGroupRuleId, new_id
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

TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
WITH_PORTS = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}
PROTOCOL_NUMBERS = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "icmp": ICMP,
    "icmpv6": ICMPV6,
    "igmp": 2,
    "ip": 0,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": ICMPV6,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": SCTP,
    "tcp": TCP,
    "udp": UDP,
    "udplite": 136,
    "vrrp": 112,
}
IPV6_ONLY = frozenset(
    {"icmpv6", "ipv6-encap", "ipv6-frag", "ipv6-icmp", "ipv6-nonxt", "ipv6-opts", "ipv6-route"}
)
IPV6_ONLY_NUMBERS = frozenset(PROTOCOL_NUMBERS[name] for name in IPV6_ONLY)
ANY_PROTOCOL = frozenset({"any", ""})


class Direction(StrEnum):
    """Towards the port, or away from it."""

    INGRESS = "ingress"
    EGRESS = "egress"


class SecurityGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A security group, as Networking v2.0 shows it; its rules are values of their own."""

    id: SecurityGroupId
    project_id: ProjectId
    name: str = ""
    description: str = ""
    stateful: bool = True
    shared: bool = False
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


class SecurityGroupRule(msgspec.Struct, frozen=True, kw_only=True):
    """Something a group lets through. For ICMP, the port range holds type and code."""

    id: SecurityGroupRuleId
    security_group_id: SecurityGroupId
    project_id: ProjectId
    direction: Direction
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: SecurityGroupId | None = None
    remote_address_group_id: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


def protocol_number(protocol: str | None) -> int | None:
    """The IP protocol's number; None is any. Raises SecurityGroupRuleInvalidProtocol."""
    if protocol is None:
        return None
    if protocol in PROTOCOL_NUMBERS:
        return PROTOCOL_NUMBERS[protocol]
    if protocol.isascii() and protocol.isdigit() and int(protocol) <= 255:
        return int(protocol)
    raise SecurityGroupRuleInvalidProtocol(protocol)


def checked_rule(rule: SecurityGroupRule) -> SecurityGroupRule:
    """The rule in the form it is kept in, or the problem with it.

    Ethertype and protocol get their usual spelling ("icmp" over IPv6 is "ipv6-icmp"), a bare remote address the
    prefix length of one host.
    """
    ethertype = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(rule.ethertype.lower())
    if ethertype is None:
        raise SecurityGroupRuleInvalidEtherType(rule.ethertype)
    protocol = _usual_protocol(rule.protocol, ethertype)
    _check_ports(protocol, low=rule.port_range_min, high=rule.port_range_max)
    remotes = (rule.remote_ip_prefix, rule.remote_group_id, rule.remote_address_group_id)
    if sum(remote is not None for remote in remotes) > 1:
        raise SecurityGroupMultipleRemoteEntites
    return msgspec.structs.replace(
        rule,
        ethertype=ethertype,
        protocol=protocol,
        remote_ip_prefix=_usual_prefix(rule.remote_ip_prefix, ethertype),
    )


def _usual_protocol(protocol: str | None, ethertype: str) -> str | None:
    if protocol is None or protocol.lower() in ANY_PROTOCOL:
        return None
    name = protocol.lower()
    if protocol_number(name) == 0 and name == "ip":
        return None
    if ethertype == "IPv4" and (name in IPV6_ONLY or protocol_number(name) in IPV6_ONLY_NUMBERS):
        raise SecurityGroupEthertypeConflictWithProtocol(ethertype, protocol)
    if ethertype == "IPv6" and name in ("icmp", "icmpv6"):
        return "ipv6-icmp"
    return name


def _check_ports(protocol: str | None, *, low: int | None, high: int | None) -> None:
    if low is None and high is None:
        return
    if protocol is None:
        raise SecurityGroupProtocolRequiredWithPorts
    number = protocol_number(protocol)
    if number in (ICMP, ICMPV6):
        _check_icmp(icmp_type=low, icmp_code=high)
    elif number not in WITH_PORTS:
        raise SecurityGroupInvalidProtocolForPort(protocol)
    elif low is None or high is None or low > high:
        raise SecurityGroupInvalidPortRange
    elif not 1 <= low <= high <= 65535:
        raise SecurityGroupInvalidPortValue(low if not 1 <= low <= 65535 else high)


def _check_icmp(*, icmp_type: int | None, icmp_code: int | None) -> None:
    if icmp_type is None:
        raise SecurityGroupMissingIcmpType(icmp_code or 0)
    for field, value in (("type (port-range-min)", icmp_type), ("code (port-range-max)", icmp_code)):
        if value is not None and not 0 <= value <= 255:
            raise SecurityGroupInvalidIcmpValue(field, value)


def _usual_prefix(prefix: str | None, ethertype: str) -> str | None:
    if prefix is None:
        return None
    try:
        network = ipaddress.ip_network(prefix, strict=False)
    except ValueError as error:
        raise SecurityGroupRuleInvalidPrefix(prefix) from error
    if f"IPv{network.version}" != ethertype:
        raise SecurityGroupRuleParameterConflict(ethertype, prefix)
    return prefix if "/" in prefix else f"{prefix}/{network.prefixlen}"


def rule_meaning(rule: SecurityGroupRule) -> tuple[object, ...]:
    """What a rule lets through: two rules of one group with equal meaning are one rule too many."""
    everyone = rule.remote_ip_prefix in ("0.0.0.0/0", "::/0")
    prefix = (
        None
        if everyone or rule.remote_ip_prefix is None
        else str(ipaddress.ip_network(rule.remote_ip_prefix, strict=False))
    )
    return (
        rule.security_group_id,
        rule.direction,
        rule.ethertype,
        protocol_number(rule.protocol),
        rule.port_range_min,
        rule.port_range_max,
        prefix,
        rule.remote_group_id,
        # Meanings that were written down before there were address groups stay as they are.
        *([rule.remote_address_group_id] if rule.remote_address_group_id else ()),
    )


# -- the rules that groups begin with --------------------------------------------------------------------------

PARENT = "PARENT"
"""In the template, the group that is being made."""


class DefaultStatefulness(msgspec.Struct, frozen=True, kw_only=True):
    """What new groups are where nobody says so: of one project, or where that is empty of all others."""

    id: str
    project_id: str = ""
    stateful: bool = True


class DefaultRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of the template; `remote_group_id` is a group's id or PARENT."""

    id: str
    direction: Direction
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    remote_address_group_id: str | None = None
    used_in_default_sg: bool = False
    used_in_non_default_sg: bool = True
    description: str = ""
    project_id: ProjectId = ProjectId("")
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


def checked_default_rule(rule: DefaultRule) -> DefaultRule:
    """The rule of the template in the form it is kept in, or the problem with it."""
    checked = checked_rule(
        _in_group(rule, SecurityGroup(id=SecurityGroupId(PARENT), project_id=ProjectId("")))
    )
    return msgspec.structs.replace(
        rule,
        ethertype=checked.ethertype,
        protocol=checked.protocol,
        remote_ip_prefix=checked.remote_ip_prefix,
    )


def is_same_default(rule: DefaultRule, other: DefaultRule) -> bool:
    """Whether a group would begin with both, although they mean the same."""
    group = SecurityGroup(id=SecurityGroupId(PARENT), project_id=ProjectId(""))
    meet = (rule.used_in_default_sg and other.used_in_default_sg) or (
        rule.used_in_non_default_sg and other.used_in_non_default_sg
    )
    return meet and rule_meaning(_in_group(rule, group)) == rule_meaning(_in_group(other, group))


def usual_rules(
    group: SecurityGroup, template: Iterable[DefaultRule], *, is_default: bool
) -> tuple[SecurityGroupRule, ...]:
    """The rules a new group begins with, by the template."""
    return tuple(
        _in_group(rule, group)
        for rule in template
        if (rule.used_in_default_sg if is_default else rule.used_in_non_default_sg)
    )


def _in_group(rule: DefaultRule, group: SecurityGroup) -> SecurityGroupRule:
    return SecurityGroupRule(
        id=SecurityGroupRuleId(new_id()),
        security_group_id=group.id,
        project_id=group.project_id,
        direction=rule.direction,
        ethertype=rule.ethertype,
        protocol=rule.protocol,
        port_range_min=rule.port_range_min,
        port_range_max=rule.port_range_max,
        remote_ip_prefix=rule.remote_ip_prefix,
        remote_group_id=_remote_group(rule, group),
        remote_address_group_id=rule.remote_address_group_id,
        created_at=group.created_at,
        updated_at=group.updated_at,
    )


def _remote_group(rule: DefaultRule, group: SecurityGroup) -> SecurityGroupId | None:
    if rule.remote_group_id is None:
        return None
    return group.id if rule.remote_group_id == PARENT else SecurityGroupId(rule.remote_group_id)
