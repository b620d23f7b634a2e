"""Resource providers: create, list, show, rename, move, delete."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np

from nacre.kernel.database import Duplicate, Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent
from nacre.kernel.http.versions import Version, since
from nacre.kernel.ids import new_id
from nacre.placement.api.access import (
    Parts,
    check_classes,
    check_traits,
    date_headers,
    dated,
    load_provider,
    provider_event,
)
from nacre.placement.api.fields import provider_view
from nacre.placement.api.questions import group_of
from nacre.placement.domain.capacity import Capacity
from nacre.placement.domain.names import dashed
from nacre.placement.domain.providers import Provider, Standing
from nacre.placement.domain.requests import Group
from nacre.placement.domain.search import matching
from nacre.placement.errors import DuplicateName, ProviderHasChildren, ProviderInUse
from nacre.placement.store import allocations, providers

SHOWS_CREATED = Version(1, 20)
MOVES = Version(1, 37)
_FILTERS = {
    "name": Version(1, 0),
    "uuid": Version(1, 0),
    "member_of": Version(1, 3),
    "resources": Version(1, 4),
    "in_tree": Version(1, 14),
    "required": Version(1, 18),
}

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Uuid = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z", max_length=36)
]


class CreateProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A new provider."""

    name: _Name
    uuid: _Uuid | None = None
    parent_provider_uuid: _Uuid | None = None


class UpdateProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's new name, and its parent if it is said."""

    name: _Name
    parent_provider_uuid: _Uuid | msgspec.UnsetType | None = msgspec.UNSET


CREATE = Body(CreateProvider, windows={"parent_provider_uuid": since("1.14")})
UPDATE = Body(UpdateProvider, windows={"parent_provider_uuid": since("1.14")})


def create(call: Call[Parts], ask: CreateProvider) -> Answer:
    """Make a provider that has nothing yet. Errors: DuplicateName, Bad."""
    provider_id = dashed(ask.uuid) if ask.uuid else new_id()
    parent_id = dashed(ask.parent_provider_uuid) if ask.parent_provider_uuid else None
    with call.database.read() as db:
        root_id = _root_under(db, parent_id) if parent_id else provider_id
    provider = Provider(
        provider_id=provider_id,
        name=ask.name,
        parent_id=parent_id,
        root_id=root_id,
        generation=0,
        updated_at=call.now,
    )
    try:
        with call.database.write(call.actor) as tx:
            providers.insert_provider(tx, provider)
            tx.record(provider_event("create", provider_id, {"name": ask.name, "parent": parent_id}))
    except Duplicate as error:
        raise DuplicateName(f"resource provider {ask.name}") from error
    where = {"Location": call.url(f"/resource_providers/{provider_id}")}
    if call.version >= SHOWS_CREATED:
        return Answer(provider_view(provider, call.version), 200, where | date_headers(call))
    return Answer(None, 201, where)


def _root_under(db: Reader, parent_id: str) -> str:
    parent = providers.find_provider(db, parent_id)
    if parent is None:
        raise Bad(f"Parent provider UUID {parent_id} does not exist.", where="parent_provider_uuid")
    return parent.root_id


def index(call: Call[Parts]) -> Answer:
    """The providers that satisfy the filters, in no order. Errors: Bad, BadName."""
    for name, _ in call.query:
        if name not in _FILTERS or call.version < _FILTERS[name]:
            raise Bad(f"Invalid query string parameters: '{name[:60]}' was unexpected.")
    with call.database.read() as db:
        found = _filtered(db, call)
    wanted_name, wanted_id = call.one("name"), call.one("uuid")
    shown = [
        provider_view(each.provider, call.version)
        for each in found
        if wanted_name in (None, each.provider.name) and wanted_id in (None, each.provider.provider_id)
    ]
    return dated(call, {"resource_providers": shown})


def _filtered(db: Reader, call: Call[Parts]) -> list[Standing]:
    group = group_of(
        [(name, value) for name, value in call.query if name not in ("name", "uuid")], call.version
    )
    check_classes(db, group.resources)
    check_traits(db, group.traits)
    return call.parts.watch.ask(db, lambda capacity: _matching(capacity, group))


def _matching(capacity: Capacity, group: Group) -> list[Standing]:
    return list(capacity.snapshot(np.flatnonzero(matching(capacity, group))))


def show(call: Call[Parts], provider_id: str) -> Answer:
    """One provider. Errors: ProviderNotFound."""
    with call.database.read() as db:
        provider = load_provider(db, provider_id)
    return dated(call, provider_view(provider, call.version), at=provider.updated_at)


def update(call: Call[Parts], ask: UpdateProvider, provider_id: str) -> Answer:
    """Rename a provider, or put it under another parent. Errors: ProviderNotFound, DuplicateName, Bad."""
    try:
        with call.database.write(call.actor) as tx:
            provider = load_provider(tx, provider_id)
            providers.raise_generations(tx, [provider.provider_id])
            if ask.name != provider.name:
                providers.rename_provider(tx, provider.provider_id, ask.name)
            if ask.parent_provider_uuid is not msgspec.UNSET:
                _move(tx, provider, ask.parent_provider_uuid, free=call.version >= MOVES)
            tx.record(provider_event("update", provider.provider_id, {"name": ask.name}))
            after = load_provider(tx, provider.provider_id)
    except Duplicate as error:
        raise DuplicateName(f"resource provider {ask.name}") from error
    return dated(call, provider_view(after, call.version))


def _move(tx: Tx, provider: Provider, parent: str | None, *, free: bool) -> None:
    """Put a provider under `parent`; before version 1.37 only one that had none may move. Raises Bad."""
    parent_id = dashed(parent) if parent else None
    if parent_id == provider.parent_id:
        return
    if provider.parent_id is not None and not free:
        raise Bad("Re-parenting a provider is not allowed in this version.", where="parent_provider_uuid")
    below = _below(providers.tree_of(tx, provider.root_id), provider.provider_id)
    if parent_id in below or parent_id == provider.provider_id:
        raise Bad("Creating loop in the provider tree is not allowed.", where="parent_provider_uuid")
    root_id = _root_under(tx, parent_id) if parent_id else provider.provider_id
    providers.move_provider(
        tx, provider.provider_id, parent_id=parent_id, root_id=root_id, below=sorted(below)
    )
    providers.raise_generations(tx, below)


def _below(tree: list[Provider], provider_id: str) -> set[str]:
    """Everybody below a provider, itself left out."""
    below: set[str] = set()
    waiting = [provider_id]
    while waiting:
        parent_id = waiting.pop()
        children = [each.provider_id for each in tree if each.parent_id == parent_id]
        below.update(children)
        waiting += children
    return below


def delete(call: Call[Parts], provider_id: str) -> Answer:
    """Remove a provider nobody uses. Errors: ProviderNotFound, ProviderInUse, ProviderHasChildren."""
    with call.database.write(call.actor) as tx:
        provider = load_provider(tx, provider_id)
        if providers.has_children(tx, provider.provider_id):
            raise ProviderHasChildren(provider.provider_id)
        if allocations.is_claimed_from(tx, provider.provider_id):
            raise ProviderInUse(provider.provider_id)
        providers.delete_provider(tx, provider.provider_id)
        tx.record(provider_event("delete", provider.provider_id))
    return NoContent()
