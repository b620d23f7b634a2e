"""Aggregates: groups of providers, which exist by being named."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from nacre.kernel.errors import Bad
from nacre.kernel.http.app import BodyTooLarge
from nacre.kernel.http.body import Body, convert
from nacre.kernel.http.call import Answer, Call
from nacre.kernel.http.versions import Version
from nacre.placement.api.access import Parts, begin_change, dated, load_provider, provider_event
from nacre.placement.domain.names import dashed
from nacre.placement.store import providers

WITH_GENERATION = Version(1, 19)
MOST_BYTES = 1 << 20
_Uuid = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z", max_length=36)
]


class AggregatesAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The aggregates a provider is to belong to, decided at a generation."""

    aggregates: tuple[_Uuid, ...]
    resource_provider_generation: int


REPLACE = Body(AggregatesAsk)


class _Bare(msgspec.Struct, frozen=True):
    aggregates: tuple[_Uuid, ...]


def of_provider(call: Call[Parts], provider_id: str) -> Answer:
    """The aggregates of a provider. Errors: ProviderNotFound."""
    with call.database.read() as db:
        provider = load_provider(db, provider_id)
        found = providers.aggregates_of(db, provider.provider_id)
    return dated(call, _view(call, provider.generation, found), at=provider.updated_at)


def _view(call: Call[Parts], generation: int, aggregates: list[str]) -> dict[str, Any]:
    if call.version < WITH_GENERATION:
        return {"aggregates": aggregates}
    return {"aggregates": aggregates, "resource_provider_generation": generation}


def replace(call: Call[Parts], ask: AggregatesAsk, provider_id: str) -> Answer:
    """Let a provider belong to these and no others. Errors: ProviderNotFound, ConcurrentUpdate."""
    return _write(call, provider_id, ask.aggregates, seen=ask.resource_provider_generation)


async def replace_bare(call: Call[Parts], provider_id: str) -> Answer:
    """The same as it was before version 1.19: a list, and no generation. Errors: ProviderNotFound, Bad."""
    raw = b""
    async for piece in call.chunks():
        raw += piece
        if len(raw) > MOST_BYTES:
            raise BodyTooLarge(MOST_BYTES)
    try:
        listed = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Bad(f"The request body is not valid JSON: {error}") from error
    ask = convert({"aggregates": listed}, _Bare)
    return await call.in_thread(_write, call, provider_id, ask.aggregates, seen=None)


def _write(call: Call[Parts], provider_id: str, aggregates: tuple[str, ...], *, seen: int | None) -> Answer:
    wanted = sorted({dashed(each) for each in aggregates})
    if len(wanted) < len(aggregates):
        raise Bad("Aggregates must be named once each.", where="aggregates")
    with call.database.write(call.actor) as tx:
        provider = load_provider(tx, provider_id)
        generation = begin_change(tx, provider, seen=provider.generation if seen is None else seen)
        providers.replace_aggregates(tx, provider.provider_id, wanted)
        tx.record(provider_event("group", provider.provider_id, {"aggregates": wanted}))
    return dated(call, _view(call, generation, wanted))
