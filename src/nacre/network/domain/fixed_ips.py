"""Which subnets give a port its addresses, and when, before anyone looks which addresses are free."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from nacre.kernel.ids import SubnetId
from nacre.network.domain.addresses import eui64_address, ip_number, ip_version, parse_cidr
from nacre.network.domain.ports import DeviceOwner, FixedIp, IpAllocation, Port
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import (
    FixedIpsSubnetsNotOnSameSegment,
    HostConnectedToMultipleSegments,
    HostNotConnectedToAnySegment,
    InvalidInput,
    InvalidIpForNetwork,
    InvalidIpForSubnet,
    IpAddressGenerationFailure,
    IpAddressGenerationFailureNoMatchingSubnet,
)


class AddressAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One address somebody asks for: this one, any of a subnet, or any of one IP version."""

    subnet_id: SubnetId | None = None
    ip_address: str | None = None
    ip_version: int | None = None


class AnyOf(msgspec.Struct, frozen=True):
    """A free address of the first of these subnets that has one."""

    subnets: tuple[Subnet, ...]


Wish = FixedIp | AnyOf


class Addressing(msgspec.Struct, frozen=True):
    """How a port comes to its addresses, and what it wants of those that are free now."""

    allocation: IpAllocation
    wishes: tuple[Wish, ...] = ()


def addressing(
    port: Port, subnets: Sequence[Subnet], asks: Sequence[AddressAsk] | None, reached: Collection[str]
) -> Addressing:
    """What a port wants of the subnets of its network. `asks` is None when nobody asked for addresses.

    On a routed network a port's addresses are of the segment that its host is on; `reached` are the segments of that
    host. A port that has no host yet gets its addresses with it. Only what routers and the cloud itself need at once
    must be named.

    Errors: HostNotConnectedToAnySegment, HostConnectedToMultipleSegments, FixedIpsSubnetsNotOnSameSegment,
    IpAddressGenerationFailure, IpAddressGenerationFailureNoMatchingSubnet, InvalidInput, InvalidIpForNetwork,
    InvalidIpForSubnet.
    """
    if asks is not None:
        here = within_reach(port, subnets, reached) if asks else ()
        wishes = tuple(wish_for(ask, here, port) for ask in asks)
        _check_one_segment(wishes, here)
        return Addressing(IpAllocation.IMMEDIATE if asks else IpAllocation.NONE, wishes)
    usable = _for_service(port, subnets)
    if is_routed(usable) and not port.binding_host_id:
        if port.is_trusted:
            raise IpAddressGenerationFailure(port.network_id)
        return Addressing(IpAllocation.DEFERRED)
    return Addressing(IpAllocation.IMMEDIATE, _unasked(within_reach(port, usable, reached), port.mac_address))


def is_routed(subnets: Sequence[Subnet]) -> bool:
    """Whether the subnets of a network are each of one segment, so that addresses depend on where a port is."""
    return any(subnet.segment_id is not None for subnet in subnets)


def within_reach(port: Port, subnets: Sequence[Subnet], reached: Collection[str]) -> Sequence[Subnet]:
    """Those of the subnets that serve the host of a port: all, unless they are of segments and the port has a host.

    Raises HostNotConnectedToAnySegment, HostConnectedToMultipleSegments.
    """
    if not (port.binding_host_id and is_routed(subnets)):
        return subnets
    here = [subnet for subnet in subnets if subnet.segment_id is None or subnet.segment_id in reached]
    if not here:
        raise HostNotConnectedToAnySegment(port.binding_host_id, port.network_id)
    if len(_segments_of(here)) > 1:
        raise HostConnectedToMultipleSegments(port.binding_host_id, port.network_id)
    return here


def _segments_of(subnets: Iterable[Subnet]) -> set[str]:
    """What is bound to no segment is on all of them."""
    return {subnet.segment_id for subnet in subnets if subnet.segment_id is not None}


def _check_one_segment(wishes: Sequence[Wish], subnets: Sequence[Subnet]) -> None:
    """A port is in one place. Raises FixedIpsSubnetsNotOnSameSegment."""
    named = {wish.subnet_id if isinstance(wish, FixedIp) else _only(wish) for wish in wishes}
    if len(_segments_of(subnet for subnet in subnets if subnet.id in named)) > 1:
        raise FixedIpsSubnetsNotOnSameSegment


def _only(wish: AnyOf) -> SubnetId | None:
    return wish.subnets[0].id if len(wish.subnets) == 1 else None


def _unasked(subnets: Sequence[Subnet], mac: str) -> tuple[Wish, ...]:
    """What a port gets when nobody asks: an address of each IP version, and those that follow from its MAC."""
    wishes: list[Wish] = []
    for version in (4, 6):
        given = tuple(s for s in subnets if s.ip_version == version and not s.makes_own_addresses)
        if given:
            wishes.append(AnyOf(given))
    wishes += [
        FixedIp(s.id, eui64_address(parse_cidr(s.cidr), mac)) for s in subnets if s.makes_own_addresses
    ]
    return tuple(wishes)


def _for_service(port: Port, subnets: Sequence[Subnet]) -> Sequence[Subnet]:
    """The subnets that serve a kind of port: those kept for it first, then those for everybody.

    Raises IpAddressGenerationFailureNoMatchingSubnet where there are subnets, and all are kept for other kinds.
    """
    kept = [s for s in subnets if port.device_owner and port.device_owner in s.service_types]
    usable = kept + [s for s in subnets if not s.service_types]
    if subnets and not usable:
        raise IpAddressGenerationFailureNoMatchingSubnet(port.network_id, port.device_owner)
    return usable


def wish_for(ask: AddressAsk, subnets: Sequence[Subnet], port: Port) -> Wish:
    """What one asked address means on the subnets of a network.

    Raises InvalidInput, InvalidIpForNetwork, InvalidIpForSubnet, IpAddressGenerationFailureNoMatchingSubnet.
    """
    if ask.ip_version is not None:
        usable = _for_service(port, subnets)
        return AnyOf(tuple(s for s in usable if s.ip_version == ask.ip_version and not s.makes_own_addresses))
    subnet = _subnet_of(ask, subnets)
    own = subnet.makes_own_addresses and port.device_owner != DeviceOwner.ROUTER_INTERFACE
    made = eui64_address(parse_cidr(subnet.cidr), port.mac_address) if own else None
    if ask.ip_address is None:
        return AnyOf((subnet,)) if made is None else FixedIp(subnet.id, made)
    if made is not None and ask.ip_address != made:
        raise InvalidInput(
            f"IPv6 address {ask.ip_address} can not be directly assigned to a port on subnet {subnet.id} "
            "since the subnet is configured for automatic addresses"
        )
    return FixedIp(subnet.id, ask.ip_address)


def _subnet_of(ask: AddressAsk, subnets: Sequence[Subnet]) -> Subnet:
    if ask.subnet_id is None:
        if ask.ip_address is None:
            raise InvalidInput("IP allocation requires subnet_id or ip_address")
        for subnet in subnets:
            if is_host_address(subnet, ask.ip_address):
                return subnet
        raise InvalidIpForNetwork(ask.ip_address)
    for subnet in subnets:
        if subnet.id == ask.subnet_id:
            if ask.ip_address is not None and not is_host_address(subnet, ask.ip_address):
                raise InvalidIpForSubnet(ask.ip_address)
            return subnet
    raise InvalidInput(f"the subnet {ask.subnet_id} in fixed_ips is not on the port's network")


def is_host_address(subnet: Subnet, ip: str) -> bool:
    """Whether a host on the subnet may have this address."""
    if ip_version(ip) != subnet.ip_version:
        return False
    first, last = parse_cidr(subnet.cidr).host_range
    return first <= ip_number(ip) <= last
