"""Address scopes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import OWNED, Given, fixed, free, project_of
from nacre.network.api.kinds import NAME, boolean, version
from nacre.network.api.noun import Noun, Policies, Sharing, View
from nacre.network.api.parts import Parts
from nacre.network.changes import address_scopes as changes
from nacre.network.domain.address_scopes import AddressScope
from nacre.network.errors import AddressScopeNotFound
from nacre.network.store import address_scopes
from nacre.network.store.tables import ADDRESS_SCOPE

ATTRIBUTES = (
    free("name", NAME),
    fixed("ip_version", version, needed=True),
    free("shared", boolean, admin=True),
)


def _views(_db: Reader, items: Sequence[AddressScope]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: AddressScope) -> View:
    return {
        "id": item.id,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
        "name": item.name,
        "ip_version": item.ip_version,
        "shared": item.shared,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[AddressScope]:
    made = [
        AddressScope(
            id=new_id(),
            project_id=ProjectId(project_of(call, each)),
            created_at=call.now,
            updated_at=call.now,
            **each.without("project_id"),
        )
        for each in given
    ]
    for scope in made:
        changes.create(tx, scope)
    return made


def _change(_call: Call[Parts], tx: Tx, item: AddressScope, given: Given) -> AddressScope:
    """Errors: AddressScopeUpdateError."""
    return changes.update(tx, item, msgspec.structs.replace(item, **given.said))


def _remove(_call: Call[Parts], tx: Tx, item: AddressScope) -> None:
    """Errors: AddressScopeInUse."""
    changes.delete(tx, item)


ADDRESS_SCOPES = Noun(
    name="address_scope",
    plural="address_scopes",
    attributes=ATTRIBUTES,
    standard=OWNED,
    policies=Policies(policy.SCOPE_SHOW, policy.SCOPE_CREATE, policy.SCOPE_UPDATE, policy.SCOPE_DELETE),
    shelf=address_scopes.SCOPES,
    absent=AddressScopeNotFound,
    seen_by=address_scopes.seen_by,
    sharing=Sharing("address_scope", ADDRESS_SCOPE.c.id),
    views=_views,
    lock=address_scopes.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)
