"""Providers and what they have under the names the Placement API has for their fields."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.http.versions import Version, Windows, since
from nacre.placement.contract import Inventory
from nacre.placement.domain.providers import Provider

PREFIX = "/placement"

_LINKS: tuple[tuple[str, Version], ...] = (
    ("inventories", Version(1, 0)),
    ("usages", Version(1, 0)),
    ("aggregates", Version(1, 1)),
    ("traits", Version(1, 6)),
    ("allocations", Version(1, 11)),
)
_PROVIDER = Windows({"parent_provider_uuid": since("1.14"), "root_provider_uuid": since("1.14")})


def provider_view(provider: Provider, version: Version) -> dict[str, Any]:
    """A provider, with links to what there is of it in this version."""
    path = f"{PREFIX}/resource_providers/{provider.provider_id}"
    links = [{"rel": name, "href": f"{path}/{name}"} for name, first in _LINKS if version >= first]
    view = {
        "uuid": provider.provider_id,
        "name": provider.name,
        "generation": provider.generation,
        "parent_provider_uuid": provider.parent_id,
        "root_provider_uuid": provider.root_id,
        "links": [{"rel": "self", "href": path}, *links],
    }
    return _PROVIDER.project(view, version)


def inventory_view(inventory: Inventory) -> dict[str, Any]:
    """One inventory; its fields are named as in the API."""
    return msgspec.structs.asdict(inventory)
