"""Subnet pools: prefixes from which subnets are cut without anyone naming a CIDR."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

import msgspec

from nacre.kernel.ids import ProjectId


class SubnetPool(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet pool, as Networking v2.0 shows it."""

    id: str
    project_id: ProjectId
    ip_version: int
    prefixes: tuple[str, ...]
    default_prefixlen: int
    min_prefixlen: int
    max_prefixlen: int
    name: str = ""
    description: str = ""
    shared: bool = False
    is_default: bool = False
    default_quota: int | None = None
    address_scope_id: str | None = None
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


def usual_prefixes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """The same addresses in as few prefixes as possible, all of one IP version. Raises ValueError."""
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes]
    if len({network.version for network in networks}) > 1:
        raise ValueError("the prefixes are of different IP versions")
    return tuple(str(network) for network in ipaddress.collapse_addresses(networks))  # type: ignore[type-var]


def holds_all(prefixes: Iterable[str], others: Iterable[str]) -> bool:
    """Whether every address of `others` is in `prefixes`, which are as `usual_prefixes` gives them."""
    blocks = [ipaddress.ip_network(prefix) for prefix in prefixes]
    wanted = [ipaddress.ip_network(other) for other in others]
    return all(
        any(each.version == block.version and each.subnet_of(block) for block in blocks)  # type: ignore[arg-type]
        for each in wanted
    )


def without_prefixes(prefixes: Iterable[str], gone: Iterable[str]) -> tuple[str, ...]:
    """The addresses of `prefixes` that are in none of `gone`, in as few prefixes as possible."""
    left = [ipaddress.ip_network(prefix) for prefix in prefixes]
    for each in map(ipaddress.ip_network, gone):
        left = [piece for block in left for piece in _cut(block, each)]
    return usual_prefixes(map(str, left))


def _cut(block: Any, gone: Any) -> list[Any]:
    if block.version != gone.version or not block.overlaps(gone):
        return [block]
    return list(block.address_exclude(gone)) if gone.subnet_of(block) and gone != block else []


QUOTA_BITS = {4: 32, 6: 64}
"""What `default_quota` counts: IPv4 addresses, and IPv6 networks of the length that hosts expect."""


def is_over_quota(pool: SubnetPool, had: Iterable[str], prefix_length: int) -> bool:
    """Whether a project that has the blocks `had` of a pool would have too much with one more."""
    if pool.default_quota is None:
        return False
    bits = 32 if pool.ip_version == 4 else 128
    unit = 1 << (bits - QUOTA_BITS[pool.ip_version])
    lengths = [*(ipaddress.ip_network(block).prefixlen for block in had), prefix_length]
    return sum(1 << (bits - length) for length in lengths) > pool.default_quota * unit


def free_prefix(pool: SubnetPool, taken: Iterable[str], prefix_length: int) -> str | None:
    """The lowest CIDR of this length in the pool that touches none of those taken, or None."""
    blocks = sorted(
        (int(network.network_address), int(network.broadcast_address))
        for network in map(ipaddress.ip_network, taken)
    )
    size = 1 << ((32 if pool.ip_version == 4 else 128) - prefix_length)
    for prefix in map(ipaddress.ip_network, pool.prefixes):
        candidate, last = int(prefix.network_address), int(prefix.broadcast_address)
        for low, high in blocks:
            if high < candidate:
                continue
            if low >= candidate + size:
                break
            candidate = -(-(high + 1) // size) * size
        if candidate + size - 1 <= last:
            address = ipaddress.IPv4Address if pool.ip_version == 4 else ipaddress.IPv6Address
            return f"{address(candidate)}/{prefix_length}"
    return None
