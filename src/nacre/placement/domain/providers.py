"""A provider and everything that decides what it can take."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nacre.kernel.ids import HostId
from nacre.placement.contract import Inventory


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has something: a host, a device of it, a pool. `host_id` is empty but for hosts."""

    provider_id: str
    name: str
    generation: int
    host_id: HostId | None = None
    parent_id: str | None = None
    root_id: str
    updated_at: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A provider at one generation, with what it has, what is claimed of it, and what it is."""

    provider: Provider
    inventories: Mapping[str, Inventory] = {}
    used: Mapping[str, int] = {}
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()
