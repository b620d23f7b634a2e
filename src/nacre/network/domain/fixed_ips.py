"""Which subnets give a port its addresses, before anyone looks which addresses are free."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.ids import SubnetId
from nacre.network.domain.addresses import eui64_address, ip_number, ip_version, parse_cidr
from nacre.network.domain.ports import DeviceOwner, FixedIp
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import InvalidInput, InvalidIpForNetwork, InvalidIpForSubnet


class AddressAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One address somebody asks for: this one, any of a subnet, or any of one IP version."""

    subnet_id: SubnetId | None = None
    ip_address: str | None = None
    ip_version: int | None = None


class AnyOf(msgspec.Struct, frozen=True):
    """A free address of the first of these subnets that has one."""

    subnets: tuple[Subnet, ...]


Wish = FixedIp | AnyOf


def wishes_unasked(subnets: Sequence[Subnet], mac: str, device_owner: str) -> list[Wish]:
    """What a port gets when nobody asks: an address of each IP version, and those that follow from its MAC."""
    usable = _for_service(subnets, device_owner)
    wishes: list[Wish] = []
    for version in (4, 6):
        given = tuple(s for s in usable if s.ip_version == version and not s.makes_own_addresses)
        if given:
            wishes.append(AnyOf(given))
    wishes += [FixedIp(s.id, eui64_address(parse_cidr(s.cidr), mac)) for s in usable if s.makes_own_addresses]
    return wishes


def _for_service(subnets: Sequence[Subnet], device_owner: str) -> list[Subnet]:
    """Subnets kept for some kinds of ports serve those; the rest serve everybody."""
    kept = [s for s in subnets if device_owner and device_owner in s.service_types]
    return kept or [s for s in subnets if not s.service_types]


def wish_for(ask: AddressAsk, subnets: Sequence[Subnet], mac: str, device_owner: str) -> Wish:
    """What one asked address means on the subnets of a network.

    Raises InvalidInput, InvalidIpForNetwork, InvalidIpForSubnet.
    """
    if ask.ip_version is not None:
        return AnyOf(
            tuple(s for s in subnets if s.ip_version == ask.ip_version and not s.makes_own_addresses)
        )
    subnet = _subnet_of(ask, subnets)
    own = subnet.makes_own_addresses and device_owner != DeviceOwner.ROUTER_INTERFACE
    made = eui64_address(parse_cidr(subnet.cidr), mac) if own else None
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
