"""Subnet pools come and go, grow and shrink, within their address scope."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Tx
from nacre.network.changes import events
from nacre.network.changes import rbac as sharing
from nacre.network.changes.loops import ROUTERS, make_due
from nacre.network.domain.address_scopes import any_overlap
from nacre.network.domain.networks import Network
from nacre.network.domain.rbac import Action
from nacre.network.domain.subnet_pools import SubnetPool, without_prefixes
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import (
    AddressScopePrefixConflict,
    IllegalSubnetPoolIpVersionAssociationToAddressScope,
    IllegalSubnetPoolPrefixUpdate,
    InvalidInput,
    NetworkSubnetPoolAffinityError,
)
from nacre.network.hindrances import of_subnet_pool, refuse
from nacre.network.store import address_scopes, quotas, rbac, subnets

KIND = "subnetpool"


def create(tx: Tx, pool: SubnetPool) -> None:
    """Make a pool. Errors: OverQuota, InvalidInput, AddressScopePrefixConflict."""
    quotas.check_room(tx, pool.project_id, KIND)
    _check_only_default(tx, pool)
    _check_scope(tx, pool)
    subnets.SUBNET_POOLS.insert(tx, [pool])
    events.created(tx, KIND, pool)
    if pool.shared:
        sharing.share_new(tx, KIND, pool.id, pool.project_id, Action.SHARED)


def update(tx: Tx, before: SubnetPool, after: SubnetPool) -> SubnetPool:
    """Change a locked pool. Errors: InvalidInput, AddressScopePrefixConflict, NetworkSubnetPoolAffinityError."""
    _check_only_default(tx, after)
    moved = before.address_scope_id != after.address_scope_id
    if moved:
        _check_networks_move(tx, before)
    if moved or before.prefixes != after.prefixes:
        _check_scope(tx, after)
    after = subnets.SUBNET_POOLS.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    if moved:
        make_due(tx, ROUTERS, address_scopes.routers_on_pool(tx, after.id))
    return after


def _check_only_default(tx: Tx, pool: SubnetPool) -> None:
    if pool.is_default and subnets.default_pool(tx, pool.ip_version) not in (None, pool.id):
        raise InvalidInput("A default subnetpool for this IP family has already been set")


def _check_scope(tx: Tx, pool: SubnetPool) -> None:
    """No address is in two pools of a scope. Its row is locked, so that nobody else adds any meanwhile."""
    if pool.address_scope_id is None:
        return
    scope = address_scopes.lock(tx, pool.address_scope_id)
    if scope.ip_version != pool.ip_version:
        raise IllegalSubnetPoolIpVersionAssociationToAddressScope(pool.id, scope.id, scope.ip_version)
    if any_overlap(pool.prefixes, address_scopes.prefixes_in(tx, scope.id, but=pool.id)):
        raise AddressScopePrefixConflict


def _check_networks_move(tx: Tx, pool: SubnetPool) -> None:
    """A network stays within one scope: a pool that shares one with another cannot leave it alone."""
    if subnets.shares_networks(tx, pool.id, pool.ip_version):
        raise NetworkSubnetPoolAffinityError


def take_away(tx: Tx, before: SubnetPool, prefixes: Sequence[str]) -> SubnetPool:
    """Take prefixes from a locked pool that no subnet was cut from. Errors: IllegalSubnetPoolPrefixUpdate."""
    left = without_prefixes(before.prefixes, prefixes)
    if any_overlap(subnets.cut_from(tx, before.id), prefixes):
        raise IllegalSubnetPoolPrefixUpdate("prefixes to be removed are in use by subnets of the pool")
    if not left:
        raise IllegalSubnetPoolPrefixUpdate("a subnet pool keeps at least one prefix")
    return update(tx, before, msgspec.structs.replace(before, prefixes=left))


def onboard(tx: Tx, before: SubnetPool, after: SubnetPool, network: Network) -> list[Subnet]:
    """Count the subnets of a locked network as cut from a locked pool; `after` holds them. Errors: as `update`."""
    standing = [s for s in subnets.on_networks(tx, [network.id]) if s.ip_version == before.ip_version]
    update(tx, before, after)
    taken = []
    for subnet in standing:
        moved = subnets.SUBNETS.update(tx, subnet, msgspec.structs.replace(subnet, subnetpool_id=before.id))
        events.updated(tx, "subnet", subnet, moved)
        taken.append(moved)
    make_due(tx, ROUTERS, address_scopes.routers_on_pool(tx, before.id))
    return taken


def delete(tx: Tx, pool: SubnetPool) -> None:
    """Delete a locked pool that no subnet was cut from. Errors: SubnetPoolInUse."""
    refuse(of_subnet_pool(tx, pool.id))
    rbac.forget(tx, KIND, pool.id)
    subnets.SUBNET_POOLS.remove(tx, pool.id)
    events.deleted(tx, KIND, pool)
