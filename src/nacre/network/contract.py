"""What the other services may ask the network service.

A server's ports are made, bound and released within the transactions of its own service; the loops of the
network service bring the switches to what these rows say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from nacre.kernel.ids import HostId, NetworkId, PortId, ServerId

if TYPE_CHECKING:  # The agent shares the values below, and has no use for a database.
    from nacre.kernel.database import Reader, Tx
    from nacre.kernel.policy import Caller
    from nacre.placement.contract import PartDemands
from nacre.network.domain.addresses import Cidr, eui64_address
from nacre.network.domain.chassis import (
    MOST_UNREACHED,
    ChassisFacts,
    ChassisFault,
    Spoils,
    Standing,
    Unreached,
)
from nacre.network.domain.floating_ips import Outlet, OutsideAddress
from nacre.network.domain.guarantees import SWITCH, TUNNELS, vnic_trait, wire_part, wire_trait
from nacre.network.domain.qos import PacketLimit
from nacre.network.domain.subnets import Subnet

__all__ = [
    "MOST_UNREACHED",
    "NICS",
    "SWITCH",
    "TUNNELS",
    "Address",
    "ChassisFacts",
    "ChassisFault",
    "MetadataPort",
    "Networks",
    "Nic",
    "NicAsk",
    "NicPlan",
    "Outlet",
    "OutsideAddress",
    "PacketLimit",
    "PlannedNic",
    "PortView",
    "ShownAddress",
    "Spoils",
    "Standing",
    "Unreached",
    "Unstated",
    "vnic_trait",
    "wire_part",
    "wire_trait",
]  # fmt: skip

NICS = "nics"
"""The loop, of the compute service, for which a server is due when what `Networks.nics_of` says of it has changed."""

_LINK_LOCAL = Cidr(6, 0xFE80 << 112, 64)


class Address(msgspec.Struct, frozen=True):
    """A fixed address of a port, with the length of its subnet's prefix."""

    ip: str
    prefix_length: int


class MetadataPort(msgspec.Struct, frozen=True, kw_only=True):
    """The port by which every host answers 169.254.169.254 on one network (an OVN localport)."""

    port_id: PortId
    mac: str
    addresses: tuple[Address, ...]


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A port as its host plugs it. `port_id` is also the interface's id on the switch."""

    port_id: PortId
    network_id: NetworkId
    mac: str
    mtu: int
    addresses: tuple[Address, ...]
    tag: str | None = None
    outside: tuple[OutsideAddress, ...] = ()
    metadata: MetadataPort | None = None
    packet_limits: tuple[PacketLimit, ...] = ()

    @property
    def link_local(self) -> str:
        """The IPv6 address that a guest makes of the MAC, from which it asks its neighbours."""
        return eui64_address(_LINK_LOCAL, self.mac)


class NicAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One interface a new server asks for: on a network, or by a port that exists."""

    network_id: NetworkId | None = None
    port_id: PortId | None = None
    fixed_ip: str | None = None
    tag: str | None = None


class Unstated(StrEnum):
    """What a server without a list of interfaces gets."""

    AUTO = "auto"
    """The project's only network; none if it has none; refused when there are several."""
    NONE = "none"


class PlannedNic(msgspec.Struct, frozen=True, kw_only=True):
    """One interface that was found to be possible, and what it will be made of."""

    network_id: NetworkId
    port_id: PortId | None
    fixed_ip: str | None
    tag: str | None
    security_group_ids: tuple[str, ...]
    port_security_enabled: bool = True
    """Whether what a port made for it sends is checked, as its network says."""
    subnets: tuple[Subnet, ...] = ()
    """Where its addresses can come from; for the network service itself."""


NicPlan = tuple[PlannedNic, ...]


class ShownAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address of a server as its owner sees it; `kind` is `fixed` or `floating`."""

    network_name: str
    ip: str
    version: int
    mac: str
    kind: str


class PortView(msgspec.Struct, frozen=True, kw_only=True):
    """A server's interface as its owner sees it."""

    port_id: PortId
    network_id: NetworkId
    mac: str
    status: str
    fixed_ips: tuple[tuple[str, str], ...]
    """Pairs of subnet id and address."""
    tag: str | None = None


class Networks(Protocol):
    """Ports and addresses, as servers need them."""

    def plan_nics(
        self, db: Reader, caller: Caller, asks: Sequence[NicAsk] | Unstated, security_groups: Sequence[str]
    ) -> NicPlan:
        """Check what a new server asks for, changing nothing. Security groups are given by name or id.

        Errors (network/errors.py): NetworkNotFound, PortNotFound, SecurityGroupNotFound, PortInUse,
        NetworkAmbiguous, NoUniqueMatch, ExternalNetworkAttachForbidden, NetworkRequiresSubnet,
        InvalidIpForNetwork.
        """
        ...

    def claim_nics(
        self,
        tx: Tx,
        plan: NicPlan,
        *,
        server_id: ServerId,
        caller: Caller,
        host_name: str = "",
        beside_others: bool = False,
    ) -> Sequence[PortId]:
        """Make the planned ports for a server, or adopt those given, in the order of the plan.

        Ports that are made are called `host_name` by their neighbours. A server that exists has others, which
        come before these.

        Errors (network/errors.py): IpAddressGenerationFailure, IpAddressAlreadyAllocated, PortInUse, OverQuota.
        """
        ...

    def objections(
        self, db: Reader, server_id: ServerId, host_ids: Collection[HostId], *, now: float
    ) -> Mapping[HostId, str]:
        """Why some of these hosts cannot take a server's ports, as sentences; hosts that can are left out.

        What they lack may be the segment of a network, or whatever of their own part in networks does not work.
        """
        ...

    def guarantees_of(self, db: Reader, server_ids: Collection[ServerId]) -> Mapping[ServerId, PartDemands]:
        """What the ports of servers are guaranteed: the amounts that parts of their hosts must have left."""
        ...

    def placed_guarantees(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Mapping[HostId, PartDemands]]:
        """What is claimed for the ports of servers on the hosts that have them."""
        ...

    def bind_nics(
        self, tx: Tx, server_id: ServerId, host_id: HostId, *, only: PortId | None = None
    ) -> PartDemands:
        """Bind every port of a server, or one alone, to a host; safe to repeat.

        Those that waited for a host get addresses there.
        Tells what they are guaranteed, which nobody changes before the transaction ends: it is to be claimed in it.
        Only providers may be locked afterwards. Raises Stale where the host has no address left for the ports.
        """
        ...

    def release_nics(self, tx: Tx, server_id: ServerId) -> None:
        """Delete the ports made for a server and let go of those it adopted; safe to repeat."""
        ...

    def release_nic(self, tx: Tx, server_id: ServerId, port_id: PortId) -> None:
        """Delete a port that was made for a server, or let go of one it adopted.

        Nobody changes what the server's other ports are guaranteed before the transaction ends; only providers may
        be locked afterwards. Raises PortNotFound.
        """
        ...

    def add_address(self, tx: Tx, server_id: ServerId, network_id: NetworkId) -> None:
        """Give the first port that a server has on a network one more address.

        Errors: NotOnNetwork, IpAddressGenerationFailure.
        """
        ...

    def remove_address(self, tx: Tx, server_id: ServerId, ip: str) -> None:
        """Take an address from the port of a server that has it. Raises AddressNotOnServer."""
        ...

    def nics_of(self, db: Reader, server_ids: Collection[ServerId]) -> Mapping[ServerId, Sequence[Nic]]:
        """The ports of servers as their hosts plug them, in the order they were asked for.

        Only those that are bound: that is for the cloud alone to do, while anybody may write a server's id at a port.
        """
        ...

    def addresses_of(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Sequence[ShownAddress]]:
        """The addresses of servers as their owners see them, floating ones included."""
        ...

    def ports_of(self, db: Reader, server_id: ServerId) -> Sequence[PortView]:
        """The interfaces of one server."""
        ...

    def security_groups_of(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Sequence[str]]:
        """The names of the security groups in force on servers' ports, each once for a server."""
        ...

    def report_ports(
        self, tx: Tx, host_id: HostId, *, up: Collection[PortId], down: Collection[PortId]
    ) -> None:
        """Take note of what a host says of its ports' flows: the status of ports follows."""
        ...

    def hear_wires(self, tx: Tx, wires: Mapping[HostId, Collection[str]]) -> None:
        """Take note of the physical networks that hosts are on."""
        ...

    def hear_hosts(self, tx: Tx, host_ids: Collection[HostId]) -> None:
        """Take note that hosts have spoken: what runs on them for networks is alive."""
        ...

    def report_chassis(self, tx: Tx, facts: Mapping[HostId, ChassisFacts]) -> None:
        """Take note of what hosts say of their own part in networks."""
        ...

    def ailing_hosts(self, db: Reader, *, now: float) -> Mapping[HostId, Standing]:
        """The hosts that are alive and whose part in networks is not well, and what is wrong with each."""
        ...

    def ensure_gateway_host(self, tx: Tx, host_id: HostId) -> None:
        """Let a host carry the gateways of routers; safe to repeat. Its id is also its OVN chassis."""
        ...

    def remove_gateway_host(self, tx: Tx, host_id: HostId) -> None:
        """Let a host carry no gateways any more; safe to repeat."""
        ...

    def explain_delete(self, db: Reader, noun: str, name_or_id: str) -> Mapping[str, Any]:
        """What a delete of an object would be refused for, and the commands that clear it, in order.

        Errors: Bad, and the noun's own NotFound.
        """
        ...

    def audit(self, db: Reader) -> Sequence[str]:
        """What is wanted against what the network engine holds and hosts do: a sentence for every difference.

        Errors: DriverAway.
        """
        ...

    def ask_repair(self, tx: Tx) -> None:
        """Let every difference in what the network engine holds be mended, beginning now."""
        ...
