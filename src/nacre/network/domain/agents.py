"""What runs on each host for networks, as the Networking API shows it: agents."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from nacre.kernel.ids import HostId, ProjectId
from nacre.network.domain.chassis import ChassisFacts

ALIVE_S = 75.0
"""An agent that has not been heard for longer is taken for dead; hosts are noted several times within it."""


class AgentKind(StrEnum):
    """The programs that every host runs: one realises flows, the other answers 169.254.169.254."""

    CONTROLLER = "controller"
    METADATA = "metadata"


BINARIES = {AgentKind.CONTROLLER: "ovn-controller", AgentKind.METADATA: "neutron-ovn-metadata-agent"}
CONTROLLER_TYPE = "OVN Controller agent"
GATEWAY_TYPE = "OVN Controller Gateway agent"
METADATA_TYPE = "OVN Metadata agent"


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One program on one host; times are seconds since the epoch. It belongs to no project."""

    id: str
    host_id: HostId
    kind: AgentKind
    description: str = ""
    started_at: float = 0.0
    heard_at: float = 0.0
    project_id: ProjectId = ProjectId("")
    revision_number: int = 0
    updated_at: float = 0.0


def agent_id(host_id: str, kind: AgentKind = AgentKind.CONTROLLER) -> str:
    """The id under which a program of a host appears; that of the controller is the host's own."""
    own = uuid.uuid5(uuid.NAMESPACE_DNS, host_id)
    return str(own if kind is AgentKind.CONTROLLER else uuid.uuid5(own, str(kind)))


def type_of(agent: Agent, *, carries_gateways: bool) -> str:
    """What the field calls an agent of this kind."""
    if agent.kind is AgentKind.METADATA:
        return METADATA_TYPE
    return GATEWAY_TYPE if carries_gateways else CONTROLLER_TYPE


def configurations_of(facts: ChassisFacts) -> Mapping[str, Any]:
    """What a host reports of its part in networks. An operator sees it at the agent."""
    mappings = ",".join(f"{network}:{bridge}" for network, bridge in sorted(facts.bridge_mappings.items()))
    return {
        "bridge-mappings": mappings,
        "datapath-type": facts.datapath_type,
        "integration-bridge": facts.bridge,
        "tunnel-types": [facts.encap_type],
        "tunnel-ip": facts.encap_ip,
        "tunnel-mtu": facts.tunnel_mtu,
        "tunnels": facts.tunnels,
        "faults": [fault.what for fault in facts.faults],
        "unreached": {each.host_id: each.what for each in facts.unreached},
    }
