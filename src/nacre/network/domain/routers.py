"""Routers, and their way out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from nacre.kernel.ids import HostId, NetworkId, PortId, ProjectId, RouterId
from nacre.network.domain.ports import FixedIp, Port
from nacre.network.domain.subnets import HostRoute, Subnet

MOST_GATEWAY_HOSTS = 5
"""OVN watches each by BFD from every other; more than five cost traffic and add nothing."""


class ExternalGateway(msgspec.Struct, frozen=True, kw_only=True):
    """Where a router meets the outside."""

    network_id: NetworkId
    port_id: PortId
    enable_snat: bool = True
    qos_policy_id: str | None = None
    external_fixed_ips: tuple[FixedIp, ...] = ()


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """A router, as Networking v2.0 shows it.

    `distributed`: floating IPs answer on their guest's own host. `ha`: other hosts take its way out over when the one
    that carries it is gone. `further_gateways` are ways out besides the first: the default route leads through them
    only with `enable_default_route_ecmp`, and with `enable_default_route_bfd` only while the neighbour answers.
    `enable_ndp_proxy`: the outside may be told that addresses inside are reached through it.
    """

    id: RouterId
    project_id: ProjectId
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    distributed: bool = False
    ha: bool = True
    flavor_id: str | None = None
    external_gateway_info: ExternalGateway | None = None
    further_gateways: tuple[ExternalGateway, ...] = ()
    enable_default_route_ecmp: bool = False
    enable_default_route_bfd: bool = False
    enable_ndp_proxy: bool = False
    routes: tuple[HostRoute, ...] = ()
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def gateways(self) -> tuple[ExternalGateway, ...]:
        """All ways out, the first one first."""
        first = self.external_gateway_info
        return () if first is None else (first, *self.further_gateways)


class RouterInterface(msgspec.Struct, frozen=True):
    """A port of a router, with the subnets its addresses are from.

    It is a *door* where its network is external: a gateway, or a leg on such a network.
    """

    port: Port
    subnets: tuple[Subnet, ...]


def rank_gateway_hosts(router: Router, hosts: Iterable[HostId]) -> tuple[HostId, ...]:
    """The hosts that carry a router's gateway, the favourite first; at most MOST_GATEWAY_HOSTS, or one without `ha`.

    Each router shuffles the hosts in its own, always equal way: routers spread over the hosts, and a host that
    comes or goes moves only the routers that were, or will be, on it (rendezvous hashing).
    """
    ranked = sorted(set(hosts), key=lambda host: hashlib.sha256(f"{router.id} {host}".encode()).digest())
    return tuple(ranked[: MOST_GATEWAY_HOSTS if router.ha else 1])
