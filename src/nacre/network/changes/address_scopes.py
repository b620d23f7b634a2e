"""Address scopes come and go, and are shared with everybody."""

from __future__ import annotations

from nacre.kernel.database import Tx
from nacre.network.changes import events
from nacre.network.changes import rbac as sharing
from nacre.network.domain.address_scopes import AddressScope
from nacre.network.domain.rbac import Action
from nacre.network.errors import AddressScopeUpdateError
from nacre.network.hindrances import of_address_scope, refuse
from nacre.network.store import address_scopes, rbac

KIND = "address_scope"


def create(tx: Tx, scope: AddressScope) -> None:
    """Make a scope."""
    address_scopes.SCOPES.insert(tx, [scope])
    events.created(tx, KIND, scope)
    if scope.shared:
        sharing.share_new(tx, KIND, scope.id, scope.project_id, Action.SHARED)


def update(tx: Tx, before: AddressScope, after: AddressScope) -> AddressScope:
    """Change a locked scope. Errors: AddressScopeUpdateError."""
    if before.shared and not after.shared:
        raise AddressScopeUpdateError(before.id, "Shared address scope can't be unshared")
    if after.shared and not before.shared:
        sharing.set_flag(tx, KIND, before.id, before.project_id, Action.SHARED, wanted=True)
    after = address_scopes.SCOPES.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    return after


def delete(tx: Tx, scope: AddressScope) -> None:
    """Delete a locked scope that no pool is in. Errors: AddressScopeInUse."""
    refuse(of_address_scope(tx, scope.id))
    rbac.forget(tx, KIND, scope.id)
    address_scopes.SCOPES.remove(tx, scope.id)
    events.deleted(tx, KIND, scope)
