"""Subnet pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, free, project_of, shown
from nacre.network.api.kinds import NAME, boolean, cidr, many, number, optional, uuid
from nacre.network.api.noun import Noun, Policies, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import events
from nacre.network.domain.subnet_pools import SubnetPool, usual_prefixes
from nacre.network.errors import InvalidInput, SubnetPoolInUse, SubnetPoolNotFound
from nacre.network.store import quotas, subnets

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
        "default_prefixlen": item.default_prefixlen,
        "min_prefixlen": item.min_prefixlen,
        "max_prefixlen": item.max_prefixlen,
        "default_quota": item.default_quota,
        "shared": item.shared,
        "is_default": item.is_default,
        "address_scope_id": None,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[SubnetPool]:
    """Errors: OverQuota, InvalidInput."""
    made = []
    for each in given:
        pool = _new(call, each)
        quotas.check_room(tx, pool.project_id, "subnetpool")
        _check_only_default(tx, pool)
        subnets.SUBNET_POOLS.insert(tx, [pool])
        events.created(tx, "subnetpool", pool)
        made.append(pool)
    return made


def _new(call: Call[Parts], given: Given) -> SubnetPool:
    said = given.without("project_id", "address_scope_id")
    _refuse_left_out(given)
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


def _refuse_left_out(given: Given) -> None:
    if given.get("address_scope_id") is not None:
        raise InvalidInput("address scopes are not offered")
    if given.get("default_quota") is not None:
        raise InvalidInput("quotas of subnet pools are not offered")


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


def _check_only_default(tx: Tx, pool: SubnetPool) -> None:
    if pool.is_default and subnets.default_pool(tx, pool.ip_version) not in (None, pool.id):
        raise InvalidInput("A default subnetpool for this IP family has already been set")


def _change(_call: Call[Parts], tx: Tx, item: SubnetPool, given: Given) -> SubnetPool:
    """Errors: InvalidInput."""
    _refuse_left_out(given)
    said: dict[str, Any] = given.without("address_scope_id")
    if "prefixes" in said:
        said["prefixes"] = _prefixes([*item.prefixes, *said["prefixes"]])
    after = msgspec.structs.replace(item, **said)
    _check_lengths(after)
    _check_only_default(tx, after)
    after = subnets.SUBNET_POOLS.update(tx, item, after)
    events.updated(tx, "subnetpool", item, after)
    return after


def _remove(_call: Call[Parts], tx: Tx, item: SubnetPool) -> None:
    """Errors: SubnetPoolInUse."""
    if subnets.cut_from(tx, item.id):
        raise SubnetPoolInUse(item.id)
    subnets.SUBNET_POOLS.remove(tx, item.id)
    events.deleted(tx, "subnetpool", item)


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
    views=_views,
    lock=subnets.lock_pool,
    create_all=_create,
    change=_change,
    remove=_remove,
)
