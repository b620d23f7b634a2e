"""Allocations: what consumers hold of providers. A consumer's are written together, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from nacre.kernel.database import Duplicate, Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent
from nacre.kernel.http.versions import Version, Windows, since
from nacre.kernel.ids import is_uuid
from nacre.placement.api.access import Parts, check_classes, date_headers, dated, load_provider
from nacre.placement.domain.amounts import first_objection
from nacre.placement.domain.names import ClassName
from nacre.placement.errors import ConcurrentUpdate, NameNotFound, NoRoom
from nacre.placement.store import allocations, providers
from nacre.placement.store.allocations import Claims, Consumer

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Type = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[A-Z0-9_]+\Z")]
_Amount = Annotated[int, msgspec.Meta(ge=1, le=2147483647)]
_Resources = Annotated[dict[ClassName, _Amount], msgspec.Meta(min_length=1)]

BY_PROVIDER = Version(1, 12)
CONSUMER_GENERATIONS = Version(1, 28)
CONSUMER_TYPES = Version(1, 38)
UNKNOWN = "unknown"
"""The consumer type of those that were written before there were types."""
INCOMPLETE = "00000000-0000-0000-0000-000000000000"
"""Project and user of allocations written before they were asked for."""


class FromProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is held of one provider. Its generation is shown and not read."""

    resources: _Resources
    generation: int | None = None


class ProviderRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider, in the older form."""

    uuid: _Id


class ListedPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, in the older form."""

    resource_provider: ProviderRef
    resources: _Resources


class AllocationsAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a consumer is to hold. `consumer_generation` null says that it is new."""

    allocations: dict[str, FromProvider] | tuple[ListedPart, ...]
    project_id: _Id = INCOMPLETE
    user_id: _Id = INCOMPLETE
    consumer_generation: int | msgspec.UnsetType | None = msgspec.UNSET
    consumer_type: _Type = UNKNOWN
    mappings: dict[str, tuple[str, ...]] | None = None


class ManyAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What several consumers are to hold, by their ids."""

    consumers: dict[str, AllocationsAsk]


_WINDOWS = {
    "project_id": since("1.8"),
    "user_id": since("1.8"),
    "consumer_generation": since("1.28"),
    "consumer_type": since("1.38"),
    "mappings": since("1.34"),
}
_REQUIRED = {name: window for name, window in _WINDOWS.items() if name != "mappings"}
_SHOWN = Windows(
    {
        "project_id": since("1.12"),
        "user_id": since("1.12"),
        "consumer_generation": since("1.28"),
        "consumer_type": since("1.38"),
    }
)
REPLACE = Body(AllocationsAsk, windows=_WINDOWS, required=_REQUIRED)
REPLACE_MANY = Body(ManyAsk, rest="consumers")


def show(call: Call[Parts], consumer_id: str) -> Answer:
    """What a consumer holds; nothing is an answer too."""
    with call.database.read() as db:
        consumer = allocations.find_consumer(db, consumer_id)
        claims, generations = allocations.claims_of_consumer(db, consumer_id)
    shown: dict[str, Any] = {
        "allocations": {
            each: {"generation": generations[each], "resources": amounts} for each, amounts in claims.items()
        }
    }
    if consumer is not None and claims:
        shown |= {
            "project_id": consumer.project_id,
            "user_id": consumer.user_id,
            "consumer_generation": consumer.generation,
            "consumer_type": consumer.consumer_type,
        }
    return dated(call, _SHOWN.project(shown, call.version))


def of_provider(call: Call[Parts], provider_id: str) -> Answer:
    """What is held of a provider, by consumer. Errors: ProviderNotFound."""
    with call.database.read() as db:
        provider = load_provider(db, provider_id)
        claims, generations = allocations.claims_of_provider(db, provider.provider_id)
    view = {
        each: _SHOWN.project({"resources": amounts, "consumer_generation": generations[each]}, call.version)
        for each, amounts in claims.items()
    }
    body = {"allocations": view, "resource_provider_generation": provider.generation}
    return dated(call, body, at=provider.updated_at)


def replace(call: Call[Parts], ask: AllocationsAsk, consumer_id: str) -> Answer:
    """Let a consumer hold this and nothing else. Errors: Bad, BadName, NoRoom, ConcurrentUpdate."""
    return _write(call, {consumer_id: ask})


def replace_many(call: Call[Parts], ask: ManyAsk) -> Answer:
    """The same for several consumers, all or none. Errors: Bad, BadName, NoRoom, ConcurrentUpdate."""
    if not ask.consumers:
        raise Bad("At least one consumer is required.")
    for each in ask.consumers.values():
        if (each.consumer_generation is msgspec.UNSET) == (call.version >= CONSUMER_GENERATIONS):
            raise Bad("'consumer_generation' belongs to version 1.28 and later, and is required there.")
        if (each.consumer_type == UNKNOWN) == (call.version >= CONSUMER_TYPES):
            raise Bad("'consumer_type' belongs to version 1.38 and later, and is required there.")
        if INCOMPLETE in (each.project_id, each.user_id):
            raise Bad("'project_id' and 'user_id' are required.")
    return _write(call, ask.consumers)


def _write(call: Call[Parts], asks: Mapping[str, AllocationsAsk]) -> Answer:
    wanted = {consumer_id: _claims(call, ask) for consumer_id, ask in asks.items()}
    for consumer_id in wanted:
        if not is_uuid(consumer_id):
            raise Bad(f"'{consumer_id[:80]}' is not a UUID.", where="consumer")
    try:
        with call.database.write(call.actor) as tx:
            check_classes(
                tx, {name for claims in wanted.values() for held in claims.values() for name in held}
            )
            before = {
                consumer_id: _let_go(tx, call, consumer_id, asks[consumer_id]) for consumer_id in wanted
            }
            _check_providers(tx, wanted)
            touched = {each for claims in (*wanted.values(), *before.values()) for each in claims}
            providers.raise_generations(tx, touched)
            for consumer_id, claims in wanted.items():
                allocations.insert_claims(tx, consumer_id, claims)
                if not claims:
                    allocations.forget_consumer(tx, consumer_id)
                tx.record(_event(consumer_id, before[consumer_id], claims))
            _check_room(tx, wanted)
    except Duplicate as error:
        raise ConcurrentUpdate("Consumer") from error
    return Answer(None, 204, date_headers(call) if call.version >= BY_PROVIDER else {})


def _claims(call: Call[Parts], ask: AllocationsAsk) -> dict[str, dict[str, int]]:
    """Amounts by provider. Raises Bad for a form that this version does not have."""
    by_provider = call.version >= BY_PROVIDER
    if isinstance(ask.allocations, dict) != by_provider:
        raise Bad("An object is expected." if by_provider else "An array is expected.", where="allocations")
    if not ask.allocations and call.version < CONSUMER_GENERATIONS:
        raise Bad("At least one provider is required.", where="allocations")
    if isinstance(ask.allocations, dict):
        return {each: dict(part.resources) for each, part in ask.allocations.items()}
    return _of_list(ask.allocations)


def _of_list(parts: Sequence[ListedPart]) -> dict[str, dict[str, int]]:
    claims: dict[str, dict[str, int]] = {}
    for part in parts:
        claims.setdefault(part.resource_provider.uuid, {}).update(part.resources)
    return claims


def _let_go(tx: Tx, call: Call[Parts], consumer_id: str, ask: AllocationsAsk) -> Claims:
    """Write who the consumer is, and take from it what it holds; that is answered. Raises ConcurrentUpdate."""
    known = allocations.find_consumer(tx, consumer_id)
    seen = ask.consumer_generation
    if seen is msgspec.UNSET:
        seen = known.generation if known else None
    if (known.generation if known else None) != seen:
        raise ConcurrentUpdate(f"Consumer {consumer_id}")
    consumer = Consumer(
        consumer_id=consumer_id,
        project_id=ask.project_id,
        user_id=ask.user_id,
        consumer_type=ask.consumer_type,
        generation=seen or 0,
    )
    if known is None:
        allocations.insert_consumer(tx, consumer)
        return {}
    if not allocations.change_consumer(tx, consumer):
        raise ConcurrentUpdate(f"Consumer {consumer_id}")
    held, _ = allocations.claims_of_consumer(tx, consumer_id)
    allocations.delete_claims(tx, consumer_id)
    return held


def _check_providers(db: Reader, wanted: Mapping[str, Claims]) -> None:
    for claims in wanted.values():
        for each in claims:
            if providers.find_provider(db, each) is None:
                raise Bad(f"Allocation for resource provider '{each[:80]}' that does not exist.")


def _check_room(tx: Tx, wanted: Mapping[str, Claims]) -> None:
    """Raise NoRoom if anything is beyond what there is, now that all is written and the providers are held."""
    for each in {provider for claims in wanted.values() for provider in claims}:
        inventories = providers.inventories_of(tx, each)
        used = providers.used_of(tx, each)
        for claims in wanted.values():
            amounts = claims.get(each, {})
            others = {name: used.get(name, 0) - amount for name, amount in amounts.items()}
            why = first_objection(amounts, inventories, others)
            if why:
                raise NoRoom(each, why)


def delete(call: Call[Parts], consumer_id: str) -> Answer:
    """Let a consumer hold nothing. Errors: NameNotFound."""
    with call.database.write(call.actor) as tx:
        held, _ = allocations.claims_of_consumer(tx, consumer_id)
        if not held:
            raise NameNotFound("allocations for consumer", consumer_id)
        allocations.delete_claims(tx, consumer_id)
        providers.raise_generations(tx, held)
        allocations.forget_consumer(tx, consumer_id)
        tx.record(_event(consumer_id, held, {}))
    return NoContent()


def _event(consumer_id: str, before: Claims, after: Claims) -> Event:
    return Event(action="allocate", kind="consumer", subject=consumer_id, before=before, after=after)
