"""What can go wrong with networks. Class names are the `type` that clients see in a NeutronError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nacre.kernel.errors import Conflict, Invalid


@dataclass(eq=False)
class InvalidAllocationPool(Invalid):
    """A pool whose ends are not two addresses in order."""

    code: ClassVar[str] = "network.invalid_allocation_pool"
    pool: str

    def __str__(self) -> str:
        return f"The allocation pool {self.pool} is not valid."


@dataclass(eq=False)
class OutOfBoundsAllocationPool(Invalid):
    """A pool that leaves its subnet."""

    code: ClassVar[str] = "network.pool_out_of_bounds"
    pool: str
    subnet_cidr: str

    def __str__(self) -> str:
        return f"The allocation pool {self.pool} spans beyond the subnet cidr {self.subnet_cidr}."


@dataclass(eq=False)
class OverlappingAllocationPools(Conflict):
    """Two pools that share addresses."""

    code: ClassVar[str] = "network.overlapping_pools"
    pool_1: str
    pool_2: str
    subnet_cidr: str

    def __str__(self) -> str:
        return f"Found overlapping allocation pools {self.pool_1} and {self.pool_2} for subnet {self.subnet_cidr}."


@dataclass(eq=False)
class GatewayConflictWithAllocationPools(Conflict):
    """A pool that would give the gateway's address to a port."""

    code: ClassVar[str] = "network.gateway_in_pool"
    pool: str
    ip_address: str

    def __str__(self) -> str:
        return f"Gateway ip {self.ip_address} conflicts with allocation pool {self.pool}."


@dataclass(eq=False)
class SecurityGroupRuleInvalidEtherType(Invalid):
    """Neither IPv4 nor IPv6."""

    code: ClassVar[str] = "network.rule_ethertype"
    ethertype: str

    def __str__(self) -> str:
        return f"Security group rule for ethertype '{self.ethertype}' not supported. Allowed values are IPv4, IPv6."


@dataclass(eq=False)
class SecurityGroupRuleInvalidProtocol(Invalid):
    """Not an IP protocol by name, nor a number from 0 to 255."""

    code: ClassVar[str] = "network.rule_protocol"
    protocol: str

    def __str__(self) -> str:
        return f"Security group rule protocol {self.protocol} not supported: a name of an IP protocol or 0 to 255."


@dataclass(eq=False)
class SecurityGroupEthertypeConflictWithProtocol(Invalid):
    """An IPv6 protocol in an IPv4 rule."""

    code: ClassVar[str] = "network.rule_ethertype_protocol"
    ethertype: str
    protocol: str

    def __str__(self) -> str:
        return f"Invalid ethertype {self.ethertype} for protocol {self.protocol}."


@dataclass(eq=False)
class SecurityGroupProtocolRequiredWithPorts(Invalid):
    """Ports without a protocol that has ports."""

    code: ClassVar[str] = "network.rule_ports_need_protocol"

    def __str__(self) -> str:
        return "Must also specify protocol if port range is given."


@dataclass(eq=False)
class SecurityGroupInvalidProtocolForPort(Invalid):
    """Ports with a protocol that has none."""

    code: ClassVar[str] = "network.rule_protocol_without_ports"
    protocol: str

    def __str__(self) -> str:
        return f"Invalid protocol {self.protocol} for port range, only supported for tcp, udp and sctp."


@dataclass(eq=False)
class SecurityGroupInvalidPortRange(Invalid):
    """Only one end of a range, or the ends in the wrong order."""

    code: ClassVar[str] = "network.rule_port_range"

    def __str__(self) -> str:
        return "For TCP/UDP/SCTP protocols, port_range_min must be <= port_range_max, and both be given."


@dataclass(eq=False)
class SecurityGroupInvalidPortValue(Invalid):
    """A port outside 1 to 65535."""

    code: ClassVar[str] = "network.rule_port"
    port: int

    def __str__(self) -> str:
        return f"Invalid value for port {self.port}: expected 1 to 65535."


@dataclass(eq=False)
class SecurityGroupInvalidIcmpValue(Invalid):
    """An ICMP type or code outside 0 to 255."""

    code: ClassVar[str] = "network.rule_icmp"
    field: str
    value: int

    def __str__(self) -> str:
        return f"Invalid value for ICMP {self.field}: {self.value}. It must be 0 to 255."


@dataclass(eq=False)
class SecurityGroupMissingIcmpType(Invalid):
    """A code without its type."""

    code: ClassVar[str] = "network.rule_icmp_type"
    value: int

    def __str__(self) -> str:
        return (
            f"ICMP code (port-range-max) {self.value} is provided but ICMP type (port-range-min) is missing."
        )


@dataclass(eq=False)
class SecurityGroupMultipleRemoteEntites(Invalid):
    """More than one answer to "who is the other side"."""

    code: ClassVar[str] = "network.rule_remotes"

    def __str__(self) -> str:
        return "Only one of remote_ip_prefix, remote_group_id and remote_address_group_id may be provided."


@dataclass(eq=False)
class SecurityGroupRuleParameterConflict(Invalid):
    """An IPv6 prefix in an IPv4 rule, or the reverse."""

    code: ClassVar[str] = "network.rule_ethertype_prefix"
    ethertype: str
    cidr: str

    def __str__(self) -> str:
        return f"Conflicting value ethertype {self.ethertype} for CIDR {self.cidr}."


@dataclass(eq=False)
class SecurityGroupRuleInvalidPrefix(Invalid):
    """A remote prefix that is no CIDR."""

    code: ClassVar[str] = "network.rule_prefix"
    prefix: str

    def __str__(self) -> str:
        return f"Invalid input for remote_ip_prefix: '{self.prefix}' is not a valid IP subnet."
