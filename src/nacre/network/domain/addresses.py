"""Arithmetic of addresses: CIDRs, allocation pools, the lowest free address, MACs and EUI-64.

Addresses are text outside and whole numbers inside: a number compares, sorts and indexes at no cost.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import socket
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from nacre.network.errors import (
    GatewayConflictWithAllocationPools,
    InvalidAllocationPool,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
)

IPV4_BITS, IPV6_BITS = 32, 128


class AllocationPool(msgspec.Struct, frozen=True, order=True):
    """A range of addresses given to ports, both ends included."""

    start: str
    end: str


class Cidr(msgspec.Struct, frozen=True):
    """A network of addresses, as numbers. `first` and `last` include network and broadcast address."""

    version: int
    first: int
    prefix_length: int

    @property
    def last(self) -> int:
        return self.first | ((1 << (self._bits - self.prefix_length)) - 1)

    @property
    def _bits(self) -> int:
        return IPV4_BITS if self.version == 4 else IPV6_BITS

    @property
    def host_range(self) -> tuple[int, int]:
        """First and last address a host may have.

        Network and IPv4 broadcast address are left out, except in networks of one or two addresses (RFC 3021).
        """
        if self.prefix_length >= self._bits - 1:
            return self.first, self.last
        return self.first + 1, self.last - 1 if self.version == 4 else self.last

    def holds(self, number: int) -> bool:
        return self.first <= number <= self.last

    def __str__(self) -> str:
        return f"{ip_text(self.version, self.first)}/{self.prefix_length}"


def ip_version(text: str) -> int:
    """4 or 6, by the look of an address or CIDR that is known to be good."""
    return 6 if ":" in text else 4


def ip_number(text: str) -> int:
    """The number of an address. Raises ValueError."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return int.from_bytes(socket.inet_pton(family, text), "big")
    except OSError as error:
        raise ValueError(f"'{text}' is not an IP address") from error


def ip_text(version: int, number: int) -> str:
    """The address of a number, in its canonical form."""
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def parse_cidr(text: str) -> Cidr:
    """A CIDR; host bits are cleared, a bare address is a network of one. Raises ValueError."""
    network = ipaddress.ip_network(text, strict=False)
    return Cidr(network.version, int(network.network_address), network.prefixlen)


def overlaps(one: str, other: str) -> bool:
    """Whether two CIDRs share an address. Networks of different IP versions never do."""
    a, b = parse_cidr(one), parse_cidr(other)
    return a.version == b.version and a.first <= b.last and b.first <= a.last


def default_gateway(cidr: Cidr) -> str | None:
    """The address a subnet's router gets when nobody chose: network + 1, or None where there is no room."""
    return ip_text(cidr.version, cidr.first + 1) if cidr.first + 1 <= cidr.last else None


def default_pools(cidr: Cidr, gateway_ip: str | None) -> tuple[AllocationPool, ...]:
    """Every address a host may have but the gateway's."""
    first, last = cidr.host_range
    gateway = ip_number(gateway_ip) if gateway_ip else -1
    ranges = [(first, last)]
    if first <= gateway <= last:
        ranges = [(first, gateway - 1), (gateway + 1, last)]
    return tuple(
        AllocationPool(ip_text(cidr.version, low), ip_text(cidr.version, high))
        for low, high in ranges
        if low <= high
    )


def check_pools(cidr: Cidr, pools: Sequence[AllocationPool], gateway_ip: str | None) -> None:
    """Pools must lie among the host addresses of `cidr`, apart from each other and from the gateway.

    Raises InvalidAllocationPool, OutOfBoundsAllocationPool, OverlappingAllocationPools,
    GatewayConflictWithAllocationPools.
    """
    gateway = ip_number(gateway_ip) if gateway_ip else -1
    first, last = cidr.host_range
    ranges = sorted((*_pool_range(pool), pool) for pool in pools)
    for low, high, pool in ranges:
        if ip_version(pool.start) != cidr.version or not first <= low <= high <= last:
            raise OutOfBoundsAllocationPool(f"{pool.start}-{pool.end}", str(cidr))
        if low <= gateway <= high:
            raise GatewayConflictWithAllocationPools(f"{pool.start}-{pool.end}", str(gateway_ip))
    for (_, end, left), (start, _, right) in pairwise(ranges):
        if start <= end:
            raise OverlappingAllocationPools(
                f"{left.start}-{left.end}", f"{right.start}-{right.end}", str(cidr)
            )


def _pool_range(pool: AllocationPool) -> tuple[int, int]:
    try:
        low, high = ip_number(pool.start), ip_number(pool.end)
    except ValueError as error:
        raise InvalidAllocationPool(f"{pool.start}-{pool.end}") from error
    if ip_version(pool.start) != ip_version(pool.end) or low > high:
        raise InvalidAllocationPool(f"{pool.start}-{pool.end}")
    return low, high


def pool_ranges(pools: Iterable[AllocationPool]) -> tuple[tuple[int, int], ...]:
    """The pools as numbers, lowest first."""
    return tuple(sorted((ip_number(pool.start), ip_number(pool.end)) for pool in pools))


def lowest_free(ranges: Sequence[tuple[int, int]], used: Sequence[int]) -> int | None:
    """The lowest number in `ranges` that is not in `used`, or None.

    `used` is ascending and without duplicates, so that a run of k used numbers from `low` on ends at index
    i+k: the end of the run is found by halving, in O(log n).
    """
    for low, high in ranges:
        free = low + _run_length(used, low)
        if free <= high:
            return free
    return None


def _run_length(used: Sequence[int], low: int) -> int:
    """How many numbers from `low` on are all in `used`."""
    start = bisect_left(used, low)
    return bisect_left(range(len(used) - start), True, key=lambda k: used[start + k] != low + k)


def eui64_address(cidr: Cidr, mac: str) -> str:
    """The address that a host with `mac` gives itself in an IPv6 network (RFC 4291, appendix A)."""
    digits = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes((digits[0] ^ 2,)) + digits[1:3] + b"\xff\xfe" + digits[3:]
    return ip_text(6, cidr.first | int.from_bytes(identifier, "big"))


def new_mac() -> str:
    """A random MAC under the prefix that OpenStack clouds use."""
    return _mac(secrets.token_bytes(3))


def mac_for(name: str) -> str:
    """A MAC that is always the same for `name`, for senders that have no port of their own."""
    return _mac(hashlib.sha256(name.encode()).digest()[:3])


def _mac(tail: bytes) -> str:
    return "fa:16:3e:" + tail.hex(":")
