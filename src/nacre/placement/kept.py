"""Values made of providers, kept for as long as the provider stays in the same generation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, final

from nacre.placement.domain.providers import Standing

Value = TypeVar("Value")


@final
class Kept(Generic[Value]):
    """Remembers what `make` made of each provider. At most `most` values are kept; then it begins anew."""

    def __init__(self, make: Callable[[Standing], Value], *, most: int = 100_000) -> None:
        self._make = make
        self._most = most
        self._values: dict[str, tuple[int, Value]] = {}

    def of(self, standing: Standing) -> Value:
        """What `make` makes of a provider."""
        provider = standing.provider
        found = self._values.get(provider.provider_id)
        if found is None or found[0] != provider.generation:
            if len(self._values) >= self._most:
                self._values.clear()
            found = provider.generation, self._make(standing)
            self._values[provider.provider_id] = found
        return found[1]
