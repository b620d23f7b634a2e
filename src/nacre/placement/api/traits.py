"""Traits: the words there are, and those that providers carry."""

from __future__ import annotations

import msgspec

from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent
from nacre.placement.api.access import (
    Parts,
    begin_change,
    check_traits,
    date_headers,
    dated,
    load_provider,
    provider_event,
)
from nacre.placement.domain.names import TraitName, is_custom
from nacre.placement.domain.standard_traits import KNOWN_TRAITS
from nacre.placement.errors import BadName, NameInUse, NameNotFound
from nacre.placement.store import names, providers


class TraitsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The traits that a provider is to carry, decided at a generation."""

    traits: tuple[TraitName, ...]
    resource_provider_generation: int


REPLACE = Body(TraitsAsk)


def index(call: Call[Parts]) -> Answer:
    """The traits there are: all, or those filtered by name and use. Errors: Bad."""
    wanted = call.one("name")
    with call.database.read() as db:
        found = names.traits(db)
        used = names.associated_traits(db) if call.one("associated") is not None else set()
    if wanted is not None:
        found = _named(found, wanted)
    if call.one("associated") is not None:
        associated = call.flag("associated")
        found = [name for name in found if (name in used) is associated]
    return dated(call, {"traits": found})


def _named(found: list[str], wanted: str) -> list[str]:
    operator, _, text = wanted.partition(":")
    if operator == "in":
        listed = set(text.split(","))
        return [name for name in found if name in listed]
    if operator == "startswith":
        return [name for name in found if name.startswith(text)]
    raise Bad("Filters are 'in:A,B' and 'startswith:A'.", where="name")


def show(call: Call[Parts], name: str) -> Answer:
    """204 if there is such a trait. Errors: NameNotFound."""
    with call.database.read() as db:
        if names.unknown_traits(db, {name}):
            raise NameNotFound("trait", name)
    return Answer(None, 204, date_headers(call))


def ensure(call: Call[Parts], name: str) -> Answer:
    """Make a custom trait: 201 if it is new, 204 if it was there. Errors: BadName."""
    if not is_custom(name):
        raise BadName("custom trait (CUSTOM_ and capitals, digits or _)", name)
    with call.database.write(call.actor) as tx:
        made = names.add_trait(tx, name)
        if made:
            tx.record(provider_event("create-trait", name))
    headers = {"Location": call.url(f"/traits/{name}")} | date_headers(call)
    return Answer(None, 201 if made else 204, headers)


def delete(call: Call[Parts], name: str) -> Answer:
    """Remove a custom trait nobody carries. Errors: BadName, NameNotFound, NameInUse."""
    if name in KNOWN_TRAITS:
        raise BadName("custom trait: standard traits cannot be deleted", name)
    with call.database.write(call.actor) as tx:
        if names.is_trait_in_use(tx, name):
            raise NameInUse("trait", name)
        if not names.remove_trait(tx, name):
            raise NameNotFound("trait", name)
        tx.record(provider_event("delete-trait", name))
    return NoContent()


def of_provider(call: Call[Parts], provider_id: str) -> Answer:
    """The traits a provider carries. Errors: ProviderNotFound."""
    with call.database.read() as db:
        provider = load_provider(db, provider_id)
        found = providers.traits_of(db, provider.provider_id)
    body = {"traits": found, "resource_provider_generation": provider.generation}
    return dated(call, body, at=provider.updated_at)


def replace(call: Call[Parts], ask: TraitsAsk, provider_id: str) -> Answer:
    """Let a provider carry these and no others. Errors: ProviderNotFound, BadName, ConcurrentUpdate."""
    generation = _write(call, provider_id, ask.traits, seen=ask.resource_provider_generation)
    return dated(call, {"traits": sorted(set(ask.traits)), "resource_provider_generation": generation})


def clear(call: Call[Parts], provider_id: str) -> Answer:
    """Let a provider carry none. Errors: ProviderNotFound, ConcurrentUpdate."""
    _write(call, provider_id, (), seen=None)
    return NoContent()


def _write(call: Call[Parts], provider_id: str, traits: tuple[str, ...], *, seen: int | None) -> int:
    with call.database.write(call.actor) as tx:
        provider = load_provider(tx, provider_id)
        check_traits(tx, traits)
        generation = begin_change(tx, provider, seen=provider.generation if seen is None else seen)
        providers.replace_traits(tx, provider.provider_id, traits)
        tx.record(provider_event("describe", provider.provider_id, {"traits": sorted(set(traits))}))
    return generation
