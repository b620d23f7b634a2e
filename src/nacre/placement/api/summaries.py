"""What allocation candidates tell of each provider."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.placement.domain.amounts import usable
from nacre.placement.domain.providers import Standing

_encode = msgspec.json.Encoder().encode


def written_summary_of(standing: Standing) -> msgspec.Raw:
    """The newest form, as JSON."""
    return msgspec.Raw(_encode(summary_of(standing)))


def summary_of(standing: Standing, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """The newest form; `only` leaves out other resource classes, as older versions do."""
    return {
        "resources": {
            name: {"capacity": usable(inventory), "used": standing.used.get(name, 0)}
            for name, inventory in standing.inventories.items()
            if only is None or name in only
        },
        "traits": sorted(standing.traits),
        "parent_provider_uuid": standing.provider.parent_id,
        "root_provider_uuid": standing.provider.root_id,
    }
