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


class Outlet(msgspec.Struct, frozen=True):
    """Where an external network is on a wire: the switches' name of the port there, and the VLAN of its frames."""

    port: str
    vlan: int | None = None


class OutsideAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A floating IP, as the host of the port that it leads to is told of it.

    With outlets it is this host that answers for the address, under `mac`; with none another host does, as for all
    floating IPs of a router. `revision` grows with each change: what went away and came back is not as it was before.
    """

    ip: str
    fixed_ip: str
    revision: int
    mac: str = ""
    outlets: tuple[Outlet, ...] = ()
