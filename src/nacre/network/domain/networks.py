"""Networks, and how their frames travel between hosts."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nacre.kernel.ids import NetworkId, ProjectId

PHYSICAL_MTU = 1500
LEAST_MTU = {4: 68, 6: 1280}
"""What each IP version demands of a link. Sources: RFC 791; RFC 8200."""
GENEVE_OVERHEAD = 58
"""IPv4 (20), UDP (8), Geneve with OVN's option (16), inner Ethernet (14)."""


class NetworkType(StrEnum):
    """How a network's frames travel: in tunnels, or on a physical network as they are or under a VLAN tag.

    Tunnels between hosts are of one kind, Geneve, since OVN needs its options. A VXLAN network has its number from
    among those of VXLAN, and travels in the same tunnels.
    """

    GENEVE = "geneve"
    VXLAN = "vxlan"
    FLAT = "flat"
    VLAN = "vlan"


OVERLAYS = frozenset({NetworkType.GENEVE, NetworkType.VXLAN})
"""Those that travel in tunnels and reach every host."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A layer-2 network, as Networking v2.0 shows it (`router_external` is `router:external` there).

    `provider_physical_network` names the wire of a flat or VLAN network; `provider_segmentation_id` is its VLAN, or
    the number of one in tunnels. Guests may tag their frames where it is `vlan_transparent`, or `qinq`: its
    own VLAN is a service tag on the wire then (IEEE 802.1ad).
    """

    id: NetworkId
    project_id: ProjectId
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    shared: bool = False
    router_external: bool = False
    is_default: bool = False
    mtu: int = PHYSICAL_MTU - GENEVE_OVERHEAD
    port_security_enabled: bool = True
    vlan_transparent: bool = False
    qinq: bool = False
    dns_domain: str = ""
    provider_network_type: NetworkType = NetworkType.GENEVE
    provider_physical_network: str | None = None
    provider_segmentation_id: int | None = None
    qos_policy_id: str | None = None
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def is_physical(self) -> bool:
        """Whether its frames appear on a wire outside the cloud."""
        return self.provider_network_type not in OVERLAYS


def largest_mtu(network_type: NetworkType, physical_mtu: int = PHYSICAL_MTU) -> int:
    """The largest packet that a network carries whole over wires of `physical_mtu`."""
    return physical_mtu - GENEVE_OVERHEAD if network_type in OVERLAYS else physical_mtu
