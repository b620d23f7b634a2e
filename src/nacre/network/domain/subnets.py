"""Subnets: which addresses a network's ports get, and what their hosts are told besides."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nacre.kernel.ids import NetworkId, ProjectId, SubnetId
from nacre.network.domain.addresses import AllocationPool


class Ipv6Mode(StrEnum):
    """How a host learns its IPv6 address: made by itself, made by itself with options by DHCP, or all by DHCP."""

    SLAAC = "slaac"
    STATELESS = "dhcpv6-stateless"
    STATEFUL = "dhcpv6-stateful"


class HostRoute(msgspec.Struct, frozen=True, order=True):
    """A route: of the hosts of a subnet, or of a router."""

    destination: str
    nexthop: str


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    """A block of addresses on a network, as Networking v2.0 shows it."""

    id: SubnetId
    network_id: NetworkId
    project_id: ProjectId
    ip_version: int
    cidr: str
    name: str = ""
    description: str = ""
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    dns_nameservers: tuple[str, ...] = ()
    allocation_pools: tuple[AllocationPool, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    ipv6_ra_mode: Ipv6Mode | None = None
    ipv6_address_mode: Ipv6Mode | None = None
    subnetpool_id: str | None = None
    segment_id: str | None = None
    service_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def prefix_length(self) -> int:
        return int(self.cidr.rpartition("/")[2])

    @property
    def makes_own_addresses(self) -> bool:
        """Whether addresses follow from the MAC (EUI-64) and are not allocated."""
        return self.ipv6_address_mode in (Ipv6Mode.SLAAC, Ipv6Mode.STATELESS)

    @property
    def answers_dhcp(self) -> bool:
        """Whether a DHCP server answers on it: always for IPv4 with DHCP; for IPv6 when its mode asks for one."""
        if not self.enable_dhcp:
            return False
        return self.ip_version == 4 or self.ipv6_address_mode in (Ipv6Mode.STATELESS, Ipv6Mode.STATEFUL)
