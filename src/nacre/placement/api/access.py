"""What the handlers of placement share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.events import Event
from nacre.kernel.http.call import Answer, Call
from nacre.kernel.http.versions import Version
from nacre.placement.domain.names import dashed
from nacre.placement.domain.providers import Provider
from nacre.placement.errors import BadName, ConcurrentUpdate, ProviderNotFound
from nacre.placement.kept import Kept
from nacre.placement.store import names, providers
from nacre.placement.watch import Watch

DATED = Version(1, 15)


@dataclass(frozen=True)
class Parts:
    """What the handlers work with."""

    watch: Watch
    summaries: Kept[msgspec.Raw]


def load_provider(db: Reader, provider_id: str) -> Provider:
    """The provider. Raises ProviderNotFound."""
    provider = providers.find_provider(db, dashed(provider_id) if len(provider_id) == 32 else provider_id)
    if provider is None:
        raise ProviderNotFound(provider_id)
    return provider


def begin_change(tx: Tx, provider: Provider, *, seen: int) -> int:
    """Raise the generation of a provider that is still in the one seen; the new one. Raises ConcurrentUpdate."""
    if not providers.raise_generation(tx, provider.provider_id, seen=seen):
        raise ConcurrentUpdate(f"Resource provider {provider.provider_id}")
    return seen + 1


def check_classes(db: Reader, wanted: Iterable[str]) -> None:
    """Raise BadName for the first name that is no resource class."""
    for name in names.unknown_classes(db, set(wanted)):
        raise BadName("resource class", name)


def check_traits(db: Reader, wanted: Iterable[str]) -> None:
    """Raise BadName for the first name that is no trait."""
    for name in names.unknown_traits(db, set(wanted)):
        raise BadName("trait", name)


def dated(call: Call[Parts], body: Any, *, at: float | None = None, status: int = 200) -> Answer:
    """An answer that says when what it shows was changed last, from the version on that does."""
    return Answer(body, status, date_headers(call, at=at))


def date_headers(call: Call[Parts], *, at: float | None = None) -> dict[str, str]:
    """The headers that keep caches from answering, from version 1.15 on."""
    if call.version < DATED:
        return {}
    return {
        "Last-Modified": formatdate(call.now if at is None else at, usegmt=True),
        "Cache-Control": "no-cache",
    }


def provider_event(action: str, provider_id: str, after: Any = None) -> Event:
    """The event of a change of a provider."""
    return Event(action=action, kind="resource_provider", subject=provider_id, after=after)
