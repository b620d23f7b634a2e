"""What allocation candidates tell of each provider."""

from __future__ import annotations

from typing import Any, final

import msgspec

from nacre.placement.domain.amounts import usable
from nacre.placement.domain.providers import Standing

_encode = msgspec.json.Encoder().encode


@final
class Summaries:
    """Summaries of providers as JSON, kept for as long as the provider stays in the same generation."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._written: dict[str, tuple[int, msgspec.Raw]] = {}

    def of(self, standing: Standing) -> msgspec.Raw:
        """The newest form of a provider's summary."""
        provider = standing.provider
        found = self._written.get(provider.provider_id)
        if found is None or found[0] != provider.generation:
            if len(self._written) >= self._most:
                self._written.clear()
            found = provider.generation, msgspec.Raw(_encode(summary_of(standing)))
            self._written[provider.provider_id] = found
        return found[1]


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
