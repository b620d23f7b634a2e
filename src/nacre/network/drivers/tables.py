"""The tables and columns of OVN's northbound database that Nacre writes, and their values on the wire.

Columns that hold a parent's children (the ports of a switch) are not among them: they are changed by adding and
removing one element and never read as a whole, so that the cost of a change does not grow with them.
Source: ovn-nb(5); RFC 7047, section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from nacre.network.domain.rows import Ref, Value

OWNER_TAG, PLACES_TAG = "nacre-owner", "nacre-in"


class Kind(Enum):
    """The shape of a column."""

    TEXT = "text"
    NUMBER = "number"
    OPTIONAL = "optional"
    REFERENCE = "reference"
    SET = "set"
    MAP = "map"


EMPTY: Mapping[Kind, Value] = {
    Kind.TEXT: "",
    Kind.NUMBER: 0,
    Kind.OPTIONAL: None,
    Kind.REFERENCE: None,
    Kind.SET: frozenset(),
    Kind.MAP: MappingProxyType({}),
}
"""What an empty column reads as."""


_TAGS = {"external_ids": Kind.MAP}

TABLES: Mapping[str, Mapping[str, Kind]] = {
    "Logical_Switch": {"name": Kind.TEXT, "other_config": Kind.MAP} | _TAGS,
    "Logical_Switch_Port": {
        "name": Kind.TEXT,
        "type": Kind.TEXT,
        "addresses": Kind.SET,
        "port_security": Kind.SET,
        "options": Kind.MAP,
        "enabled": Kind.OPTIONAL,
        "parent_name": Kind.OPTIONAL,
        "tag": Kind.OPTIONAL,
        "dhcpv4_options": Kind.REFERENCE,
        "dhcpv6_options": Kind.REFERENCE,
    }
    | _TAGS,
    "DHCP_Options": {"cidr": Kind.TEXT, "options": Kind.MAP} | _TAGS,
    "Port_Group": {"name": Kind.TEXT} | _TAGS,
    "Address_Set": {"name": Kind.TEXT, "addresses": Kind.SET} | _TAGS,
    "ACL": {
        "direction": Kind.TEXT,
        "priority": Kind.NUMBER,
        "match": Kind.TEXT,
        "action": Kind.TEXT,
    }
    | _TAGS,
    "Logical_Router": {"name": Kind.TEXT, "enabled": Kind.OPTIONAL, "options": Kind.MAP} | _TAGS,
    "Logical_Router_Port": {
        "name": Kind.TEXT,
        "mac": Kind.TEXT,
        "networks": Kind.SET,
        "enabled": Kind.OPTIONAL,
        "options": Kind.MAP,
        "ipv6_ra_configs": Kind.MAP,
    }
    | _TAGS,
    "Logical_Router_Static_Route": {
        "ip_prefix": Kind.TEXT,
        "nexthop": Kind.TEXT,
        "output_port": Kind.OPTIONAL,
        "bfd": Kind.REFERENCE,
    }
    | _TAGS,
    "Logical_Router_Policy": {
        "priority": Kind.NUMBER,
        "match": Kind.TEXT,
        "action": Kind.TEXT,
        "nexthops": Kind.SET,
    }
    | _TAGS,
    "BFD": {"logical_port": Kind.TEXT, "dst_ip": Kind.TEXT} | _TAGS,
    "NAT": {
        "type": Kind.TEXT,
        "external_ip": Kind.TEXT,
        "logical_ip": Kind.TEXT,
        "external_mac": Kind.OPTIONAL,
        "logical_port": Kind.OPTIONAL,
        "gateway_port": Kind.REFERENCE,
    }
    | _TAGS,
    "Load_Balancer": {
        "name": Kind.TEXT,
        "protocol": Kind.OPTIONAL,
        "vips": Kind.MAP,
        "options": Kind.MAP,
    }
    | _TAGS,
    "QoS": {
        "direction": Kind.TEXT,
        "priority": Kind.NUMBER,
        "match": Kind.TEXT,
        "bandwidth": Kind.MAP,
        "action": Kind.MAP,
    }
    | _TAGS,
    "Chassis_Template_Var": {"chassis": Kind.TEXT, "variables": Kind.MAP} | _TAGS,
    "DNS": {"records": Kind.MAP} | _TAGS,
    "Gateway_Chassis": {"name": Kind.TEXT, "chassis_name": Kind.TEXT, "priority": Kind.NUMBER} | _TAGS,
}

ROOTS = frozenset(
    {
        "Logical_Switch",
        "Logical_Router",
        "Port_Group",
        "Address_Set",
        "DHCP_Options",
        "Load_Balancer",
        "DNS",
        "BFD",
        "Chassis_Template_Var",
    }
)
"""Tables whose rows stay until they are deleted; rows of the others go when nothing holds them any more."""

HOLDERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Logical_Switch_Port": (("Logical_Switch", "ports"), ("Port_Group", "ports")),
    "ACL": (("Port_Group", "acls"), ("Logical_Switch", "acls")),
    "Logical_Router_Port": (("Logical_Router", "ports"),),
    "Logical_Router_Static_Route": (("Logical_Router", "static_routes"),),
    "Logical_Router_Policy": (("Logical_Router", "policies"),),
    "NAT": (("Logical_Router", "nat"),),
    "QoS": (("Logical_Switch", "qos_rules"),),
    "DNS": (("Logical_Switch", "dns_records"),),
    "Load_Balancer": (("Logical_Router", "load_balancer"), ("Logical_Switch", "load_balancer")),
    "Gateway_Chassis": (("Logical_Router_Port", "gateway_chassis"),),
}
"""Which columns may hold rows of a table."""

WEAK = frozenset(
    {
        ("Port_Group", "ports"),
        ("Logical_Router", "load_balancer"),
        ("Logical_Switch", "load_balancer"),
        ("Logical_Switch", "dns_records"),
    }
)
"""Columns that let go by themselves of a row that is gone, and do not keep it alive."""


def encode(kind: Kind, value: Value) -> Any:
    """A value as OVSDB wants it."""
    match kind:
        case Kind.MAP:
            assert isinstance(value, Mapping)
            return ["map", [[key, item] for key, item in value.items()]]
        case Kind.SET:
            assert isinstance(value, frozenset)
            return ["set", sorted(value)]
        case Kind.REFERENCE:
            return ["set", []] if value is None else ["uuid", value]
        case Kind.OPTIONAL:
            return ["set", []] if value is None else value
        case _:
            return value


def decode(kind: Kind, raw: Any) -> Value:
    """A value as OVSDB says it; references become the UUID's text. A set of one element comes without its frame."""
    framed = isinstance(raw, list)
    value: Value
    match kind:
        case Kind.MAP:
            value = dict(raw[1])
        case Kind.SET:
            value = frozenset(raw[1]) if framed else frozenset((raw,))
        case Kind.REFERENCE:
            value = raw[1] if raw[0] == "uuid" else None
        case Kind.OPTIONAL:
            value = None if framed else raw
        case _:
            value = raw
    return value


def plain(value: Value) -> Value:
    """A desired value in the form in which `decode` gives it."""
    return value.uuid if isinstance(value, Ref) else value
