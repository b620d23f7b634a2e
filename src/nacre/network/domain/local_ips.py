"""Local IPs: addresses that on each host lead to a port of that host."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nacre.kernel.ids import HostId, NetworkId, PortId, ProjectId


class IpMode(StrEnum):
    """Whether the port sees its own address as that of its connections, or the local one, which it then must have."""

    TRANSLATE = "translate"
    PASSTHROUGH = "passthrough"


class LocalIp(msgspec.Struct, frozen=True, kw_only=True):
    """An address of a network, kept by a port of its own."""

    id: str
    project_id: ProjectId
    local_port_id: PortId
    network_id: NetworkId
    local_ip_address: str
    ip_mode: IpMode = IpMode.TRANSLATE
    name: str = ""
    description: str = ""
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


class Association(msgspec.Struct, frozen=True, kw_only=True):
    """A port that a local IP leads to from the host on which both it and the asking guest are."""

    local_ip_id: str
    fixed_port_id: PortId
    fixed_ip: str
    host_id: HostId = HostId("")
