"""Inventories of a provider, together and one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent
from nacre.kernel.http.versions import Version
from nacre.placement.api.access import (
    Parts,
    begin_change,
    check_classes,
    date_headers,
    dated,
    load_provider,
    provider_event,
)
from nacre.placement.api.fields import inventory_view
from nacre.placement.contract import Inventory
from nacre.placement.domain.names import ClassName
from nacre.placement.domain.providers import Provider
from nacre.placement.errors import DuplicateName, InventoryInUse, NameNotFound
from nacre.placement.store import providers

_Amount = Annotated[int, msgspec.Meta(ge=1, le=2147483647)]
_Reserved = Annotated[int, msgspec.Meta(ge=0, le=2147483647)]
_Ratio = Annotated[float, msgspec.Meta(gt=0, le=3.40282e38)]
Decide = Callable[[Mapping[str, Inventory]], Mapping[str, Inventory]]
MAY_RESERVE_ALL = Version(1, 26)


class InventoryAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a provider is to have of one class."""

    total: _Amount
    reserved: _Reserved = 0
    min_unit: _Amount = 1
    max_unit: _Amount = 2147483647
    step_size: _Amount = 1
    allocation_ratio: _Ratio = 1.0


class OneAsk(InventoryAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, and the generation it was decided at."""

    resource_provider_generation: int


class NewAsk(OneAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, and the class."""

    resource_class: ClassName


class AllAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a provider is to have."""

    resource_provider_generation: int
    inventories: dict[ClassName, InventoryAsk]


ALL = Body(AllAsk)
ONE = Body(OneAsk)
NEW = Body(NewAsk)


def index(call: Call[Parts], provider_id: str) -> Answer:
    """What a provider has. Errors: ProviderNotFound."""
    with call.database.read() as db:
        provider = load_provider(db, provider_id)
        found = providers.inventories_of(db, provider.provider_id)
    return dated(call, _view(provider.generation, found), at=provider.updated_at)


def _view(generation: int, inventories: Mapping[str, Inventory]) -> dict[str, Any]:
    return {
        "resource_provider_generation": generation,
        "inventories": {name: inventory_view(each) for name, each in inventories.items()},
    }


def replace(call: Call[Parts], ask: AllAsk, provider_id: str) -> Answer:
    """Let a provider have this and nothing else.

    Errors: ProviderNotFound, BadName, InventoryInUse, ConcurrentUpdate.
    """
    wanted = {name: _inventory(call, name, each) for name, each in ask.inventories.items()}
    _, generation = _write(call, provider_id, lambda _: wanted, seen=ask.resource_provider_generation)
    return dated(call, _view(generation, wanted), at=call.now)


def clear(call: Call[Parts], provider_id: str) -> Answer:
    """Let a provider have nothing. Errors: ProviderNotFound, InventoryInUse, ConcurrentUpdate."""
    _write(call, provider_id, lambda _: {}, seen=None)
    return NoContent()


def create(call: Call[Parts], ask: NewAsk, provider_id: str) -> Answer:
    """Let a provider have one class more. Errors: ProviderNotFound, BadName, DuplicateName, ConcurrentUpdate."""
    name = ask.resource_class
    inventory = _inventory(call, name, ask)

    def add(before: Mapping[str, Inventory]) -> dict[str, Inventory]:
        if name in before:
            raise DuplicateName(f"inventory of {name}")
        return {**before, name: inventory}

    provider, generation = _write(call, provider_id, add, seen=ask.resource_provider_generation)
    where = call.url(f"/resource_providers/{provider.provider_id}/inventories/{name}")
    body = {**inventory_view(inventory), "resource_class": name, "resource_provider_generation": generation}
    return Answer(body, 201, {"Location": where} | date_headers(call))


def show(call: Call[Parts], provider_id: str, resource_class: str) -> Answer:
    """One inventory. Errors: ProviderNotFound, NameNotFound."""
    with call.database.read() as db:
        provider = load_provider(db, provider_id)
        inventory = providers.inventories_of(db, provider.provider_id).get(resource_class)
    if inventory is None:
        raise NameNotFound("inventory", resource_class)
    return dated(call, _one_view(provider.generation, inventory), at=provider.updated_at)


def _one_view(generation: int, inventory: Inventory) -> dict[str, Any]:
    return {**inventory_view(inventory), "resource_provider_generation": generation}


def update(call: Call[Parts], ask: OneAsk, provider_id: str, resource_class: str) -> Answer:
    """Change one inventory. Errors: ProviderNotFound, BadName, ConcurrentUpdate."""
    inventory = _inventory(call, resource_class, ask)
    _, generation = _write(
        call,
        provider_id,
        lambda before: {**before, resource_class: inventory},
        seen=ask.resource_provider_generation,
    )
    return dated(call, _one_view(generation, inventory), at=call.now)


def delete(call: Call[Parts], provider_id: str, resource_class: str) -> Answer:
    """Remove one inventory. Errors: ProviderNotFound, NameNotFound, InventoryInUse, ConcurrentUpdate."""

    def without(before: Mapping[str, Inventory]) -> dict[str, Inventory]:
        if resource_class not in before:
            raise NameNotFound("inventory", resource_class)
        return {name: each for name, each in before.items() if name != resource_class}

    _write(call, provider_id, without, seen=None)
    return NoContent()


def _inventory(call: Call[Parts], name: str, ask: InventoryAsk) -> Inventory:
    most_reserved = ask.total if call.version >= MAY_RESERVE_ALL else ask.total - 1
    if ask.reserved > most_reserved:
        raise Bad(f"Of {ask.total} {name}, {ask.reserved} cannot be reserved.", where="reserved")
    return Inventory(**{field: getattr(ask, field) for field in Inventory.__struct_fields__})


def _write(call: Call[Parts], provider_id: str, decide: Decide, *, seen: int | None) -> tuple[Provider, int]:
    """Let a provider have what `decide` makes of what it has; the provider as it was and its new generation.

    `seen` None means the generation found. Nothing that is claimed may go.
    """
    with call.database.write(call.actor) as tx:
        provider = load_provider(tx, provider_id)
        before = providers.inventories_of(tx, provider.provider_id)
        after = decide(before)
        check_classes(tx, after)
        generation = begin_change(tx, provider, seen=provider.generation if seen is None else seen)
        gone = before.keys() - after.keys()
        if gone:
            used = providers.used_of(tx, provider.provider_id)
            held = tuple(sorted(name for name in gone if used.get(name)))
            if held:
                raise InventoryInUse(held)
        providers.replace_inventories(tx, provider.provider_id, after)
        changed = {name: inventory_view(each) for name, each in after.items()}
        tx.record(provider_event("offer", provider.provider_id, changed))
    return provider, generation
