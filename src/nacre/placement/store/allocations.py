"""Rows of consumers and of what they have claimed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId
from nacre.kernel.texts import texts
from nacre.placement.domain.providers import Provider
from nacre.placement.store.providers import provider_of
from nacre.placement.store.tables import ALLOCATION, CONSUMER, PROVIDER

Claims = Mapping[str, Mapping[str, int]]
"""Amounts by provider, then by resource class."""


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds allocations, such as a server."""

    consumer_id: str
    project_id: str
    user_id: str
    consumer_type: str
    generation: int


class Held(msgspec.Struct, frozen=True):
    """What a consumer has claimed of one provider, which is a host, is below one, or neither."""

    provider: Provider
    host_id: HostId | None
    amounts: dict[str, int]


_CONSUMER = sa.select(CONSUMER).where(CONSUMER.c.id == sa.bindparam("consumer_id"))
_OF_CONSUMER = (
    sa.select(ALLOCATION.c.provider_id, ALLOCATION.c.resource_class, ALLOCATION.c.used, PROVIDER.c.generation)
    .join(PROVIDER, PROVIDER.c.id == ALLOCATION.c.provider_id)
    .where(ALLOCATION.c.consumer_id == sa.bindparam("consumer_id"))
    .order_by(ALLOCATION.c.provider_id, ALLOCATION.c.resource_class)
)
_OF_PROVIDER = (
    sa.select(ALLOCATION.c.consumer_id, ALLOCATION.c.resource_class, ALLOCATION.c.used, CONSUMER.c.generation)
    .join(CONSUMER, CONSUMER.c.id == ALLOCATION.c.consumer_id)
    .where(ALLOCATION.c.provider_id == sa.bindparam("provider_id"))
    .order_by(ALLOCATION.c.consumer_id, ALLOCATION.c.resource_class)
)
_ANY_OF_PROVIDER = (
    sa.select(ALLOCATION.c.consumer_id)
    .where(ALLOCATION.c.provider_id == sa.bindparam("provider_id"))
    .limit(1)
)
_BY_HOST = (
    sa.select(PROVIDER.c.host_id, ALLOCATION.c.resource_class, sa.func.sum(ALLOCATION.c.used))
    .join(PROVIDER, PROVIDER.c.id == ALLOCATION.c.provider_id)
    .where(PROVIDER.c.host_id.is_not(None))
    .group_by(PROVIDER.c.host_id, ALLOCATION.c.resource_class)
)
_TOTALS = (
    sa.select(
        CONSUMER.c.consumer_type,
        ALLOCATION.c.resource_class,
        sa.func.sum(ALLOCATION.c.used),
    )
    .join(CONSUMER, CONSUMER.c.id == ALLOCATION.c.consumer_id)
    .where(CONSUMER.c.project_id == sa.bindparam("project_id"))
    .group_by(CONSUMER.c.consumer_type, ALLOCATION.c.resource_class)
)
_COUNTS = (
    sa.select(CONSUMER.c.consumer_type, sa.func.count())
    .where(CONSUMER.c.project_id == sa.bindparam("project_id"))
    .group_by(CONSUMER.c.consumer_type)
)
_BY_USER = CONSUMER.c.user_id == sa.bindparam("user_id")
_ENSURE_CONSUMER = sa.text(
    "INSERT INTO consumer (id, project_id, user_id, consumer_type, generation, updated_at)"
    " VALUES (:id, :project_id, :user_id, :consumer_type, 1, :now)"
    " ON CONFLICT (id) DO UPDATE SET project_id = excluded.project_id, user_id = excluded.user_id,"
    " consumer_type = excluded.consumer_type, generation = consumer.generation + 1,"
    " updated_at = excluded.updated_at"
)
_CLAIM = sa.text(
    "INSERT INTO allocation (consumer_id, provider_id, resource_class, used)"
    " VALUES (:consumer_id, :provider_id, :resource_class, :used)"
    " ON CONFLICT (consumer_id, provider_id, resource_class) DO UPDATE SET used = excluded.used"
)
_RELEASE = (
    sa.delete(ALLOCATION)
    .where(ALLOCATION.c.consumer_id == sa.bindparam("b_consumer_id"))
    .returning(ALLOCATION.c.provider_id)
)
_ROOT = PROVIDER.alias("root")
_CLAIMS = (
    sa.select(
        *PROVIDER.c,
        ALLOCATION.c.consumer_id,
        ALLOCATION.c.resource_class,
        ALLOCATION.c.used,
        _ROOT.c.host_id.label("root_host_id"),
    )
    .join(ALLOCATION, ALLOCATION.c.provider_id == PROVIDER.c.id)
    .join(_ROOT, _ROOT.c.id == PROVIDER.c.root_id)
)
_HELD = _CLAIMS.where(ALLOCATION.c.consumer_id.in_(texts("ids")))
_BELOW_HOSTS = _CLAIMS.where(PROVIDER.c.host_id.is_(None), _ROOT.c.host_id.is_not(None))
_DROP = sa.delete(ALLOCATION).where(
    ALLOCATION.c.consumer_id == sa.bindparam("b_consumer_id"),
    ALLOCATION.c.provider_id == sa.bindparam("b_provider_id"),
)
_FORGET = sa.delete(CONSUMER).where(CONSUMER.c.id == sa.bindparam("b_consumer_id"))


def find_consumer(db: Reader, consumer_id: str) -> Consumer | None:
    """Who holds allocations under this id, if anybody does."""
    row = db.row(_CONSUMER, consumer_id=consumer_id)
    if row is None:
        return None
    return Consumer(
        consumer_id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        consumer_type=row.consumer_type,
        generation=row.generation,
    )


def claims_of_consumer(db: Reader, consumer_id: str) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """What a consumer has claimed, and the generations of the providers it has claimed from."""
    claims: dict[str, dict[str, int]] = {}
    generations: dict[str, int] = {}
    for provider_id, resource_class, used, generation in db.rows(_OF_CONSUMER, consumer_id=consumer_id):
        claims.setdefault(provider_id, {})[resource_class] = used
        generations[provider_id] = generation
    return claims, generations


def held_by(db: Reader, consumer_ids: Collection[str]) -> dict[str, dict[str, Held]]:
    """What consumers have claimed, by consumer and provider; those that hold nothing are left out."""
    found: dict[str, dict[str, Held]] = {}
    for row in db.rows(_HELD, ids=list(consumer_ids)) if consumer_ids else ():
        mine = found.setdefault(row.consumer_id, {})
        if row.id not in mine:
            mine[row.id] = Held(provider_of(row), row.root_host_id, {})
        mine[row.id].amounts[row.resource_class] = row.used
    return found


def below_hosts(db: Reader) -> Iterator[tuple[str, HostId, Provider, str, int]]:
    """Consumer, host, provider below it, resource class and amount of every claim on what is below a host."""
    for row in db.rows(_BELOW_HOSTS):
        yield row.consumer_id, HostId(row.root_host_id), provider_of(row), row.resource_class, row.used


def claims_of_provider(db: Reader, provider_id: str) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """What is claimed of a provider by consumer, and the consumers' generations."""
    claims: dict[str, dict[str, int]] = {}
    generations: dict[str, int] = {}
    for consumer_id, resource_class, used, generation in db.rows(_OF_PROVIDER, provider_id=provider_id):
        claims.setdefault(consumer_id, {})[resource_class] = used
        generations[consumer_id] = generation
    return claims, generations


def is_claimed_from(db: Reader, provider_id: str) -> bool:
    """Whether anybody holds an allocation of a provider."""
    return db.row(_ANY_OF_PROVIDER, provider_id=provider_id) is not None


def used_by_host(db: Reader) -> dict[str, dict[str, int]]:
    """What is claimed of every host, by resource class."""
    found: dict[str, dict[str, int]] = {}
    for host_id, resource_class, used in db.rows(_BY_HOST):
        found.setdefault(host_id, {})[resource_class] = int(used)
    return found


def totals(
    db: Reader, *, project_id: str, user_id: str | None
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """What a project (and user) has claimed by consumer type and class, and how many consumers hold it."""
    amounts: dict[str, dict[str, int]] = {}
    statement, counting, given = _TOTALS, _COUNTS, {"project_id": project_id}
    if user_id is not None:
        statement, counting = statement.where(_BY_USER), counting.where(_BY_USER)
        given["user_id"] = user_id
    for consumer_type, resource_class, used in db.rows(statement, **given):
        amounts.setdefault(consumer_type, {})[resource_class] = int(used)
    return amounts, {row[0]: row[1] for row in db.rows(counting, **given)}


def ensure_consumer(tx: Tx, consumer: Consumer) -> None:
    """Write down who a consumer is; its generation goes up."""
    tx.execute(
        _ENSURE_CONSUMER,
        id=consumer.consumer_id,
        project_id=consumer.project_id,
        user_id=consumer.user_id,
        consumer_type=consumer.consumer_type,
        now=tx.now,
    )


def insert_claims(tx: Tx, consumer_id: str, claims: Claims) -> None:
    """Write down what a consumer has claimed; what it holds of other providers and classes stays."""
    rows = [
        {"consumer_id": consumer_id, "provider_id": provider_id, "resource_class": name, "used": used}
        for provider_id, amounts in claims.items()
        for name, used in amounts.items()
    ]
    tx.execute_many(_CLAIM, rows)


def delete_claims(tx: Tx, consumer_id: str) -> Collection[str]:
    """Remove all that a consumer has claimed; the providers it had claimed from."""
    return {row[0] for row in tx.rows(_RELEASE, b_consumer_id=consumer_id)}


def drop_claims(tx: Tx, pairs: Collection[tuple[str, str]]) -> None:
    """Remove what consumers have claimed of providers, given as pairs."""
    tx.execute_many(
        _DROP, [{"b_consumer_id": consumer, "b_provider_id": provider} for consumer, provider in pairs]
    )


def forget_consumer(tx: Tx, consumer_id: str) -> None:
    """Remove a consumer that holds nothing."""
    tx.execute(_FORGET, b_consumer_id=consumer_id)


_INSERT_CONSUMER = sa.insert(CONSUMER)
_CHANGE_CONSUMER = (
    sa.update(CONSUMER)
    .where(CONSUMER.c.id == sa.bindparam("b_id"), CONSUMER.c.generation == sa.bindparam("b_seen"))
    .values(
        project_id=sa.bindparam("b_project_id"),
        user_id=sa.bindparam("b_user_id"),
        consumer_type=sa.bindparam("b_consumer_type"),
        generation=CONSUMER.c.generation + 1,
        updated_at=sa.bindparam("b_now"),
    )
)


def insert_consumer(tx: Tx, consumer: Consumer) -> None:
    """Add a consumer. Raises Duplicate when there is one with this id."""
    tx.execute(
        _INSERT_CONSUMER,
        **{"id": consumer.consumer_id, **_said_of(consumer)},
        generation=1,
        updated_at=tx.now,
    )


def change_consumer(tx: Tx, consumer: Consumer) -> bool:
    """Write who a consumer is now; False if it is not in the generation of `consumer` any more."""
    said = {f"b_{name}": value for name, value in _said_of(consumer).items()}
    return (
        tx.execute(
            _CHANGE_CONSUMER, b_id=consumer.consumer_id, b_seen=consumer.generation, b_now=tx.now, **said
        )
        > 0
    )


def _said_of(consumer: Consumer) -> dict[str, str]:
    return {
        "project_id": consumer.project_id,
        "user_id": consumer.user_id,
        "consumer_type": consumer.consumer_type,
    }
