"""Quality of service as rows of the switch a port is on."""

from __future__ import annotations

from collections.abc import Iterable

from nacre.kernel.ids import NetworkId, PortId
from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.ovn import names
from nacre.network.domain.qos import Direction, QosRule, RuleKind
from nacre.network.domain.routers import RouterInterface
from nacre.network.domain.rows import Row, Value

_PORT, _FLOATING_IP = 2002, 2003  # A floating IP's own limit wins over its gateway port's.


def port_rows(port_id: PortId, network_id: NetworkId, rules: Iterable[QosRule]) -> tuple[Row, ...]:
    """The rows that shape one port.

    Source: ovn-nb(5), "QoS": rates in kbit/s; `from-lport` is what comes from the port's owner.
    """
    ends = {Direction.EGRESS: f'inport == "{port_id}"', Direction.INGRESS: f'outport == "{port_id}"'}
    return tuple(
        _row(f"{port_id}-{rule.kind}-{rule.direction}", network_id, rule, ends[rule.direction], _PORT)
        for rule in rules
        if not rule.says_nothing
    )


def floating_ip_rows(
    floating_ip: FloatingIp, door: RouterInterface | None, rules: Iterable[QosRule]
) -> tuple[Row, ...]:
    """The rows that shape a floating IP at the door by which it comes in: for the router, egress comes in there."""
    if door is None:
        return ()
    address = floating_ip.floating_ip_address
    ends = {
        Direction.EGRESS: f'inport == "{door.port.id}" && ip4.src == {address}',
        Direction.INGRESS: f'outport == "{door.port.id}" && ip4.dst == {address}',
    }
    return tuple(
        _row(
            f"{floating_ip.id}-{rule.kind}-{rule.direction}",
            floating_ip.floating_network_id,
            rule,
            ends[rule.direction],
            _FLOATING_IP,
        )
        for rule in rules
        if not rule.says_nothing
    )


def _row(key: str, network_id: NetworkId, rule: QosRule, where: str, priority: int) -> Row:
    columns: dict[str, Value] = {
        "direction": "from-lport" if rule.direction is Direction.EGRESS else "to-lport",
        "priority": priority,
        "match": where,
    }
    match rule.kind:
        case RuleKind.BANDWIDTH_LIMIT:
            burst = {"burst": rule.max_burst_kbps} if rule.max_burst_kbps else {}
            columns["bandwidth"] = {"rate": rule.max_kbps, **burst}
        case RuleKind.DSCP_MARKING:
            columns["action"] = {"dscp": rule.dscp_mark}
    return Row(
        table="QoS", key=key, columns=columns, places=(names.inside(names.switch(network_id), "qos_rules"),)
    )
