"""Ports: the places where guests, routers and the metadata service touch a network."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from nacre.kernel.ids import HostId, NetworkId, PortId, ProjectId, SecurityGroupId, SubnetId
from nacre.network.domain.dhcp_options import ExtraDhcpOption


class DeviceOwner(StrEnum):
    """The owners of ports that are made by the cloud itself; guests' ports have others, or none."""

    METADATA = "network:distributed"
    ROUTER_INTERFACE = "network:router_interface"
    ROUTER_GATEWAY = "network:router_gateway"
    FLOATING_IP = "network:floatingip"
    LOCAL_IP = "network:local_ip"


class IpAllocation(StrEnum):
    """When a port gets its addresses: with itself, with its host, or not at all."""

    IMMEDIATE = "immediate"
    DEFERRED = "deferred"
    NONE = "none"


class FixedIp(msgspec.Struct, frozen=True, order=True):
    """An address of a port, and the subnet it is from."""

    subnet_id: SubnetId
    ip_address: str


class AddressPair(msgspec.Struct, frozen=True, order=True):
    """A further address (or CIDR) that a port may send from, under `mac_address`."""

    ip_address: str
    mac_address: str


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """Where a port is among the interfaces of a server, and the word that the server's owner has for it there."""

    place: int = 0
    tag: str | None = None


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port, as Networking v2.0 shows it. `binding_host_id` is empty until the port is bound to a host."""

    id: PortId
    network_id: NetworkId
    project_id: ProjectId
    mac_address: str
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    fixed_ips: tuple[FixedIp, ...] = ()
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    security_groups: tuple[SecurityGroupId, ...] = ()
    port_security_enabled: bool = True
    device_id: str = ""
    device_owner: str = ""
    binding_host_id: HostId = HostId("")
    binding_vnic_type: str = "normal"
    binding_profile: Mapping[str, Any] = {}
    dns_name: str = ""
    dns_domain: str = ""
    qos_policy_id: str | None = None
    extra_dhcp_opts: tuple[ExtraDhcpOption, ...] = ()
    ip_allocation: IpAllocation = IpAllocation.IMMEDIATE
    status: str = "DOWN"
    data_plane_status: str | None = None
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(fixed.ip_address for fixed in self.fixed_ips)

    @property
    def is_on_router(self) -> bool:
        return self.device_owner in (DeviceOwner.ROUTER_INTERFACE, DeviceOwner.ROUTER_GATEWAY)

    @property
    def is_plugged(self) -> bool:
        """Whether it is a server's that has a host."""
        return bool(self.binding_host_id) and self.device_owner.startswith("compute:")

    @property
    def is_trusted(self) -> bool:
        """Whether it belongs to the cloud itself, so that nothing it sends is forged."""
        return self.device_owner.startswith("network:")
