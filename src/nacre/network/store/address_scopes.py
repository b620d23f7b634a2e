"""Address scopes, as rows, and what is in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.address_scopes import AddressScope
from nacre.network.domain.rbac import Action
from nacre.network.errors import AddressScopeNotFound
from nacre.network.store import rbac
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import ADDRESS_SCOPE, PORT, PORT_ADDRESS, SUBNET, SUBNET_POOL

SCOPES = Shelf(ADDRESS_SCOPE, AddressScope)

_POOLS_IN = sa.select(SUBNET_POOL.c.id, SUBNET_POOL.c.prefixes).where(
    SUBNET_POOL.c.address_scope_id == sa.bindparam("scope_id")
)
_OF_POOLS = sa.select(SUBNET_POOL.c.id, SUBNET_POOL.c.address_scope_id).where(
    SUBNET_POOL.c.id.in_(texts("ids")), SUBNET_POOL.c.address_scope_id.is_not(None)
)
_OF_SUBNETS = (
    sa.select(SUBNET.c.id, SUBNET_POOL.c.address_scope_id)
    .join(SUBNET_POOL, SUBNET_POOL.c.id == SUBNET.c.subnetpool_id)
    .where(SUBNET.c.id.in_(texts("ids")))
    .where(SUBNET_POOL.c.address_scope_id.is_not(None))
)
_ROUTERS_ON_POOL = (
    sa.select(PORT.c.device_id)
    .join(PORT_ADDRESS, PORT_ADDRESS.c.port_id == PORT.c.id)
    .join(SUBNET, SUBNET.c.id == PORT_ADDRESS.c.subnet_id)
    .where(SUBNET.c.subnetpool_id == sa.bindparam("pool_id"), PORT.c.device_owner.like("network:router_%"))
    .distinct()
)


def lock(tx: Tx, scope_id: str) -> AddressScope:
    """A scope that nobody else changes before this transaction ends. Raises AddressScopeNotFound."""
    scope = SCOPES.lock(tx, scope_id)
    if scope is None:
        raise AddressScopeNotFound(scope_id)
    return scope


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The scopes a project may know of."""
    return rbac.seen_by(project_id, "address_scope")


def is_shared_with(db: Reader, scope: AddressScope, project_id: str) -> bool:
    """Whether a project that does not own a scope may have prefixes in it."""
    return scope.shared or rbac.grants(db, project_id, "address_scope", scope.id, Action.SHARED)


def prefixes_in(db: Reader, scope_id: str, *, but: str) -> list[str]:
    """The prefixes of the pools in a scope, without those of one pool."""
    rows = db.rows(_POOLS_IN, scope_id=scope_id)
    return [prefix for pool_id, prefixes in rows if pool_id != but for prefix in prefixes]


def pools_in(db: Reader, scope_id: str) -> list[str]:
    """The pools in a scope."""
    return [row[0] for row in db.rows(_POOLS_IN, scope_id=scope_id)]


def of_pools(db: Reader, pool_ids: Collection[str]) -> Mapping[str, str]:
    """The scopes of pools; those without one are left out."""
    rows = db.rows(_OF_POOLS, ids=list(pool_ids)) if pool_ids else ()
    return {row[0]: row[1] for row in rows}


def of_subnets(db: Reader, subnet_ids: Collection[str]) -> Mapping[str, str]:
    """The scopes of subnets; those without one are left out."""
    rows = db.rows(_OF_SUBNETS, ids=list(subnet_ids)) if subnet_ids else ()
    return {row[0]: row[1] for row in rows}


def routers_on_pool(db: Reader, pool_id: str) -> list[str]:
    """The routers that have addresses in the subnets of a pool."""
    return [row[0] for row in db.rows(_ROUTERS_ON_POOL, pool_id=pool_id)]
