"""Security groups as port groups with ACLs, over rules of each switch that drop everything else."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.ids import NetworkId
from nacre.network.domain.addresses import parse_cidr
from nacre.network.domain.ovn import names
from nacre.network.domain.rows import Desired, Ref, Row
from nacre.network.domain.security_groups import (
    ICMP,
    ICMPV6,
    WITH_PORTS,
    Direction,
    SecurityGroup,
    SecurityGroupRule,
    protocol_number,
)

ICMP_NAMES = {(ICMP, "IPv4"): "icmp4", (ICMPV6, "IPv6"): "icmp6"}
DROP_PRIORITY, ALLOW_PRIORITY, FORBID_PRIORITY, UNCHECKED_PRIORITY = 1001, 1002, 1003, 1004

SIDES = {"from-lport": "inport", "to-lport": "outport"}

# Getting an address and finding one's neighbours works whatever the rules say.
ALWAYS_ALLOWED = {
    "dhcp4": ("from-lport", "ip4 && udp.src == 68 && udp.dst == 67"),
    "dhcp6": ("from-lport", "ip6 && udp.src == 546 && udp.dst == 547"),
    "neighbours-out": ("from-lport", "nd || nd_rs || mldv1 || mldv2"),
    "neighbours-in": ("to-lport", "nd || nd_ra || mldv1 || mldv2"),
}

# No rule lets a guest pass for a DHCP server: whoever has to be one has no port security.
NEVER_ALLOWED = {
    "dhcp4-server": "ip4 && udp.src == 67 && udp.dst == 68",
    "dhcp6-server": "ip6 && udp.src == 547 && udp.dst == 546",
}

METADATA_ANSWERS = "ip4 && ip4.src == 169.254.169.254 && tcp.src == 80"


def switch_rules(network_id: NetworkId) -> tuple[Row, ...]:
    """What holds for whoever is on a switch: what no rule allows is dropped, but for DHCP and neighbour discovery.

    They name no port, so that they cost the same however many there are. Router advertisements of guests cannot be
    dropped: OVN lets them pass before it looks at any rule, and again where it looks at those that ask to be late.
    Source: ovn-northd(8), "Ingress Table 8: from-lport ACLs before LB"; the flows of ovn-northd 23.03.
    """
    switch = names.switch(network_id)
    drops = [
        _acl(switch, f"drop-{direction}", direction, "ip", action="drop", priority=DROP_PRIORITY)
        for direction in ("from-lport", "to-lport")
    ]
    allows = [
        _acl(switch, name, direction, match, action="allow")
        for name, (direction, match) in ALWAYS_ALLOWED.items()
    ]
    forbids = [
        _acl(switch, name, "from-lport", match, action="drop", priority=FORBID_PRIORITY)
        for name, match in NEVER_ALLOWED.items()
    ]
    return (*drops, *allows, *forbids)


def unchecked(network_id: NetworkId, port: Ref) -> tuple[Row, ...]:
    """Let a port of a switch send and hear everything, and remember no connections: a router's, a wire, a trusted one.

    Source: ovn-nb(5), "ACL", `allow-stateless`.
    """
    switch = names.switch(network_id)
    return tuple(
        _acl(
            switch,
            f"{port.key}-{direction}",
            direction,
            f'{side} == "{port.key}"',
            action="allow-stateless",
            priority=UNCHECKED_PRIORITY,
        )
        for direction, side in SIDES.items()
    )


def compile_security_group(group: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> Desired:
    """A port group with one ACL for each rule. Ports join it by themselves.

    Source: ovn-nb(5), "Port_Group", "ACL"; the address sets `$<group>_ip4` and `_ip6` are made by OVN.
    """
    ref = names.port_group(group.id)
    action = "allow-related" if group.stateful else "allow-stateless"
    always = () if group.stateful else (_metadata_answers(ref),)
    return Desired((_group(ref), *(_rule(ref, rule, action) for rule in rules), *always))


def _metadata_answers(group: Ref) -> Row:
    """Where no connections are remembered, what the metadata service answers must be let in by itself."""
    match = _of_members(group, "to-lport", METADATA_ANSWERS)
    return _acl(group, "metadata", "to-lport", match, action="allow-stateless")


def _group(ref: Ref) -> Row:
    return Row(table=ref.table, key=ref.key, columns={"name": ref.key})


def _rule(group: Ref, rule: SecurityGroupRule, action: str) -> Row:
    direction = "to-lport" if rule.direction is Direction.INGRESS else "from-lport"
    remote = _remote_row(rule)
    return _acl(
        group,
        rule.id,
        direction,
        _of_members(group, direction, rule_match(rule)),
        action=action,
        needs=(remote,) if remote and remote != group else (),
    )


def _acl(
    holder: Ref,
    name: str,
    direction: str,
    match: str,
    *,
    action: str,
    priority: int = ALLOW_PRIORITY,
    needs: tuple[Ref, ...] = (),
) -> Row:
    return Row(
        table="ACL",
        key=f"{holder.key}/{name}",
        columns={
            "direction": direction,
            "priority": priority,
            "match": match,
            "action": action,
        },
        places=(names.inside(holder, "acls"),),
        needs=needs,
    )


def _of_members(group: Ref, direction: str, match: str) -> str:
    return f"{SIDES[direction]} == @{group.key} && {match}"


def _remote_row(rule: SecurityGroupRule) -> Ref | None:
    """The row whose addresses the rule is about, if it names one."""
    if rule.remote_group_id:
        return names.port_group(rule.remote_group_id)
    if rule.remote_address_group_id:
        return names.address_set(rule.remote_address_group_id, _family(rule))
    return None


def _family(rule: SecurityGroupRule) -> str:
    return "ip4" if rule.ethertype == "IPv4" else "ip6"


def rule_match(rule: SecurityGroupRule) -> str:
    """What of a rule is about the packet, in OVN's match language."""
    family = _family(rule)
    return " && ".join([family, *_remote(rule, family), *_protocol(rule)])


def _remote(rule: SecurityGroupRule, family: str) -> list[str]:
    field = f"{family}.{'src' if rule.direction is Direction.INGRESS else 'dst'}"
    if rule.remote_group_id:
        return [f"{field} == ${names.port_group(rule.remote_group_id).key}_{family}"]
    if rule.remote_address_group_id:
        return [f"{field} == ${names.address_set(rule.remote_address_group_id, family).key}"]
    if rule.remote_ip_prefix is None:
        return []
    cidr = parse_cidr(rule.remote_ip_prefix)
    return [f"{field} == {cidr}"] if cidr.prefix_length else []


def _protocol(rule: SecurityGroupRule) -> list[str]:
    number = protocol_number(rule.protocol)
    low, high = rule.port_range_min, rule.port_range_max
    if number is None:
        return []
    if (number, rule.ethertype) in ICMP_NAMES:
        name = ICMP_NAMES[number, rule.ethertype]
        parts = [(f"{name}.type", low), (f"{name}.code", high)]
        return [name, *(f"{field} == {value}" for field, value in parts if value is not None)]
    if number not in WITH_PORTS:
        return [f"ip.proto == {number}"]
    name = WITH_PORTS[number]
    if low is None or high is None or (low, high) == (1, 65535):
        return [name]
    if low == high:
        return [f"{name}.dst == {low}"]
    return [f"{name}.dst >= {low}", f"{name}.dst <= {high}"]
