"""NDP proxies: IPv6 addresses inside for which a router answers on its external network."""

from __future__ import annotations

import msgspec

from nacre.kernel.ids import PortId, ProjectId, RouterId


class NdpProxy(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a port that the outside reaches as if it were a neighbour, through a router."""

    id: str
    project_id: ProjectId
    router_id: RouterId
    port_id: PortId
    ip_address: str
    name: str = ""
    description: str = ""
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
