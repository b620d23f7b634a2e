"""Subnets: which addresses a network's ports get, and what their hosts are told besides."""

from __future__ import annotations

from collections.abc import Iterable
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


def peer_routes(subnet: Subnet, others: Iterable[Subnet]) -> tuple[HostRoute, ...]:
    """Routes to the subnets of the other segments of a network, by the subnet's own gateway.

    Else a host with several interfaces would look for its own network where its default route leads.
    """
    if subnet.segment_id is None or subnet.gateway_ip is None:
        return ()
    return tuple(
        HostRoute(other.cidr, subnet.gateway_ip)
        for other in others
        if other.segment_id not in (None, subnet.segment_id) and other.ip_version == subnet.ip_version
    )


def with_peer_routes(subnet: Subnet, others: Iterable[Subnet]) -> Subnet:
    """The subnet as its hosts are told of it. A route that somebody chose stands before what follows by itself."""
    chosen = {route.destination for route in subnet.host_routes}
    further = tuple(route for route in peer_routes(subnet, others) if route.destination not in chosen)
    return msgspec.structs.replace(subnet, host_routes=(*subnet.host_routes, *further))


def without_peer_routes(subnet: Subnet, others: Iterable[Subnet]) -> Subnet:
    """The subnet without what follows by itself, which a client that changes routes sends back to us."""
    own = set(peer_routes(subnet, others))
    kept = tuple(route for route in subnet.host_routes if route not in own)
    return msgspec.structs.replace(subnet, host_routes=kept)
