"""Flavors: the sizes servers come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class Flavor(msgspec.Struct, frozen=True):
    """One size. A server keeps the flavor as it was when the server was asked for."""

    flavor_id: str
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    ephemeral_gib: int
    swap_mib: int
    rxtx_factor: float
    public: bool
    disabled: bool
    description: str | None
    extra_specs: Mapping[str, str]


GIB = 1 << 30


def demand_of(flavor: Flavor, *, image_bytes: int) -> dict[str, int]:
    """What one server of `flavor` takes from its host, by resource class.

    A flavor without a disk size takes what the image's disk (`image_bytes`) needs.
    """
    root_gib = flavor.disk_gib or -(-image_bytes // GIB)
    disk_gib = root_gib + flavor.ephemeral_gib + -(-flavor.swap_mib // 1024)
    demand = {"VCPU": flavor.vcpus, "MEMORY_MB": flavor.memory_mib, "DISK_GB": disk_gib}
    return {name: amount for name, amount in demand.items() if amount}


def largest(several: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Enough for any of them."""
    names = dict.fromkeys(name for each in several for name in each)
    return {name: max(each.get(name, 0) for each in several) for name in names}
