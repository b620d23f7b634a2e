"""Subnet pools."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import ANY_BODY, Given, Whole, fixed, free, project_of, shown
from nacre.network.api.kinds import NAME, boolean, cidr, many, number, optional, uuid
from nacre.network.api.noun import Noun, Policies, Sharing, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import subnet_pools as changes
from nacre.network.domain.address_scopes import AddressScope, any_overlap
from nacre.network.domain.subnet_pools import SubnetPool, holds_all, usual_prefixes
from nacre.network.errors import (
    AddressScopeNotFound,
    HTTPBadRequest,
    IllegalSubnetPoolPrefixUpdate,
    IllegalSubnetPoolUpdate,
    InvalidInput,
    NetworkNotFound,
    SubnetPoolNotFound,
)
from nacre.network.store import address_scopes, networks, subnets
from nacre.network.store.tables import SUBNET_POOL

_LENGTH = number(0, 128)

ATTRIBUTES = (
    free("name", NAME),
    shown("ip_version"),
    free("prefixes", many(cidr), needed=True),
    free("default_prefixlen", _LENGTH),
    free("min_prefixlen", _LENGTH),
    free("max_prefixlen", _LENGTH),
    free("default_quota", optional(number(0, 1 << 31))),
    fixed("shared", boolean, admin=True),
    free("is_default", boolean, admin=True),
    free("address_scope_id", optional(uuid)),
)


def _views(_db: Reader, items: Sequence[SubnetPool]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: SubnetPool) -> View:
    return standard_view(item) | {
        "name": item.name,
        "ip_version": item.ip_version,
        "prefixes": item.prefixes,
        "default_prefixlen": str(item.default_prefixlen),
        "min_prefixlen": str(item.min_prefixlen),
        "max_prefixlen": str(item.max_prefixlen),
        "default_quota": item.default_quota,
        "shared": item.shared,
        "is_default": item.is_default,
        "address_scope_id": item.address_scope_id,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[SubnetPool]:
    """Errors: OverQuota, InvalidInput, AddressScopeNotFound, AddressScopePrefixConflict, ..."""
    made = []
    for each in given:
        pool = _new(call, each)
        if pool.address_scope_id is not None:
            _lock_scope(call, tx, pool.address_scope_id)
        changes.create(tx, pool)
        made.append(pool)
    return made


def _new(call: Call[Parts], given: Given) -> SubnetPool:
    said = given.without("project_id")
    said["prefixes"] = prefixes = _prefixes(said["prefixes"])
    six = ":" in prefixes[0]
    least = said.setdefault("min_prefixlen", 64 if six else 8)
    said.setdefault("max_prefixlen", 128 if six else 32)
    said.setdefault("default_prefixlen", least)
    pool = SubnetPool(
        id=new_id(),
        project_id=ProjectId(project_of(call, given)),
        ip_version=6 if six else 4,
        created_at=call.now,
        updated_at=call.now,
        **said,
    )
    _check_lengths(pool)
    return pool


def _lock_scope(call: Call[Parts], tx: Tx, scope_id: str) -> AddressScope:
    """A scope that the caller may put prefixes into. Raises AddressScopeNotFound."""
    scope = address_scopes.lock(tx, scope_id)
    if not (call.sees(scope.project_id) or address_scopes.is_shared_with(tx, scope, call.project_id)):
        raise AddressScopeNotFound(scope_id)
    return scope


def _prefixes(asked: Sequence[str]) -> tuple[str, ...]:
    if not asked:
        raise InvalidInput("a subnet pool needs prefixes")
    try:
        return usual_prefixes(asked)
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def _check_lengths(pool: SubnetPool) -> None:
    most = 32 if pool.ip_version == 4 else 128
    if not pool.min_prefixlen <= pool.default_prefixlen <= pool.max_prefixlen <= most:
        raise InvalidInput(
            f"Illegal prefix bounds: min_prefixlen {pool.min_prefixlen} <= default_prefixlen "
            f"{pool.default_prefixlen} <= max_prefixlen {pool.max_prefixlen} <= {most} does not hold"
        )


def _change(call: Call[Parts], tx: Tx, item: SubnetPool, given: Given) -> SubnetPool:
    """Errors: InvalidInput, IllegalSubnetPoolPrefixUpdate, AddressScopeNotFound, AddressScopePrefixConflict, ..."""
    _check_changeable(call, tx, item)
    said = dict(given.said)
    if "prefixes" in said:
        said["prefixes"] = _with_version(item, said["prefixes"])
        if not holds_all(said["prefixes"], item.prefixes):
            raise IllegalSubnetPoolPrefixUpdate("Existing prefixes must be a subset of the new prefixes")
    if said.get("address_scope_id") is not None:
        _lock_scope(call, tx, said["address_scope_id"])
    after = msgspec.structs.replace(item, **said)
    _check_lengths(after)
    return changes.update(tx, item, after)


def _check_changeable(call: Call[Parts], tx: Tx, item: SubnetPool) -> None:
    """A pool in the scope of somebody else stays as that has seen it. Raises IllegalSubnetPoolUpdate."""
    if item.address_scope_id is None:
        return
    scope = address_scopes.lock(tx, item.address_scope_id)
    if not call.sees(scope.project_id):
        raise IllegalSubnetPoolUpdate(
            f"subnetpool {item.id} cannot be updated when associated with shared address scope {scope.id}"
        )


def _with_version(item: SubnetPool, asked: Sequence[str]) -> tuple[str, ...]:
    prefixes = _prefixes(asked)
    if ipaddress.ip_network(prefixes[0]).version != item.ip_version:
        raise InvalidInput("the prefixes are of the other IP version")
    return prefixes


def _remove(_call: Call[Parts], tx: Tx, item: SubnetPool) -> None:
    """Errors: SubnetPoolInUse."""
    changes.delete(tx, item)


SUBNET_POOLS = Noun(
    name="subnetpool",
    plural="subnetpools",
    attributes=ATTRIBUTES,
    policies=Policies(
        policy.SUBNET_POOL_SHOW,
        policy.SUBNET_POOL_CREATE,
        policy.SUBNET_POOL_UPDATE,
        policy.SUBNET_POOL_DELETE,
    ),
    shelf=subnets.SUBNET_POOLS,
    absent=SubnetPoolNotFound,
    seen_by=subnets.pools_seen_by,
    sharing=Sharing("subnetpool", SUBNET_POOL.c.id),
    views=_views,
    lock=subnets.lock_pool,
    create_all=_create,
    change=_change,
    remove=_remove,
)

# -- prefixes, by operations of their own ----------------------------------------------------------------------

_PREFIXES = many(cidr)


def add_prefixes(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Let a pool hold these prefixes besides those it has. Errors: InvalidInput, AddressScopePrefixConflict, ..."""
    asked = _asked_prefixes(ask)
    with call.database.write(call.actor) as tx:
        item = SUBNET_POOLS.lock_for(call, tx, object_id)
        _check_changeable(call, tx, item)
        prefixes = _with_version(item, [*item.prefixes, *asked])
        after = changes.update(tx, item, msgspec.structs.replace(item, prefixes=prefixes))
    return Ok({"prefixes": after.prefixes})


def remove_prefixes(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Take prefixes from a pool, whole or in part. Errors: IllegalSubnetPoolPrefixUpdate, InvalidInput."""
    asked = _asked_prefixes(ask)
    with call.database.write(call.actor) as tx:
        item = SUBNET_POOLS.lock_for(call, tx, object_id)
        _check_changeable(call, tx, item)
        after = changes.take_away(tx, item, _with_version(item, asked))
    return Ok({"prefixes": after.prefixes})


def _asked_prefixes(ask: Whole) -> tuple[str, ...]:
    if ask.members.keys() != {"prefixes"}:
        raise HTTPBadRequest("The request body must hold 'prefixes' and nothing else.")
    try:
        asked: tuple[str, ...] = _PREFIXES(ask.members["prefixes"])
    except ValueError as error:
        raise Bad(str(error), where="prefixes") from error
    if not asked:
        raise HTTPBadRequest("No prefixes are named.")
    return asked


def onboard(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Count the subnets of a network as cut from a pool, which then holds them.

    Errors: HTTPBadRequest, NetworkNotFound, InvalidInput, AddressScopePrefixConflict.
    """
    network_id = ask.members.get("network_id")
    if ask.members.keys() != {"network_id"} or not isinstance(network_id, str):
        raise HTTPBadRequest("The request body must hold 'network_id' and nothing else.")
    with call.database.write(call.actor) as tx:
        item = SUBNET_POOLS.lock_for(call, tx, object_id)
        _check_changeable(call, tx, item)
        network = networks.lock(tx, network_id)
        if not call.sees(network.project_id):
            raise NetworkNotFound(network_id)
        standing = [s for s in subnets.on_networks(tx, [network.id]) if s.ip_version == item.ip_version]
        if not standing or any(s.subnetpool_id is not None for s in standing):
            raise InvalidInput(
                f"network {network_id} has no IPv{item.ip_version} subnets without a subnet pool"
            )
        if any_overlap(item.prefixes, [s.cidr for s in standing]):
            raise InvalidInput("subnets of the network hold addresses that the pool gives away itself")
        prefixes = _with_version(item, [*item.prefixes, *(s.cidr for s in standing)])
        taken = changes.onboard(tx, item, msgspec.structs.replace(item, prefixes=prefixes), network)
    return Ok({"subnets": [{"id": each.id, "cidr": each.cidr} for each in taken]})


ROUTES = tuple(
    Route("PUT", f"/v2.0/subnetpools/{{object_id}}/{name}", handler, policy.SUBNET_POOL_UPDATE, ANY_BODY)
    for name, handler in (
        ("add_prefixes", add_prefixes),
        ("remove_prefixes", remove_prefixes),
        ("onboard_network_subnets", onboard),
    )
)
