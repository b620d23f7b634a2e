"""Floating IPs: outside addresses that lead to a port's fixed address."""

from __future__ import annotations

import msgspec

from nacre.kernel.ids import FloatingIpId, NetworkId, PortId, ProjectId, RouterId


class FloatingIp(msgspec.Struct, frozen=True, kw_only=True):
    """A floating IP, as Networking v2.0 shows it. It works while port, fixed address and router are all known.

    `floating_port_id` is the port by which the address is taken on the external network.
    """

    id: FloatingIpId
    project_id: ProjectId
    floating_network_id: NetworkId
    floating_ip_address: str
    floating_port_id: PortId
    port_id: PortId | None = None
    fixed_ip_address: str | None = None
    router_id: RouterId | None = None
    description: str = ""
    dns_name: str = ""
    dns_domain: str = ""
    qos_policy_id: str | None = None
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
