"""Rows of providers, with their inventories, traits and aggregates.

Whatever changes about a provider raises its generation in the same transaction, by one conditional write that
names the generation seen; and wakes `placement:ID`, so that every node reads that provider again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.ids import HostId
from nacre.kernel.texts import texts
from nacre.placement.contract import Inventory
from nacre.placement.domain.providers import Provider, Standing
from nacre.placement.store.tables import ALLOCATION, INVENTORY, PROVIDER, PROVIDER_AGGREGATE, PROVIDER_TRAIT

TOPIC = "placement"
MOST_TOPICS = 50
"""More changed providers than this in one transaction are announced as "some": notifications are small."""

_ONE = sa.select(PROVIDER).where(PROVIDER.c.id == sa.bindparam("provider_id"))
_OF_HOST = sa.select(PROVIDER).where(PROVIDER.c.host_id == sa.bindparam("host_id"))
_GENERATIONS = sa.select(PROVIDER.c.id, PROVIDER.c.generation)
_CHILD = sa.select(PROVIDER.c.id).where(PROVIDER.c.parent_id == sa.bindparam("provider_id")).limit(1)
_INVENTORIES = sa.select(INVENTORY).where(INVENTORY.c.provider_id == sa.bindparam("provider_id"))
_TRAITS = sa.select(PROVIDER_TRAIT.c.trait).where(PROVIDER_TRAIT.c.provider_id == sa.bindparam("provider_id"))
_AGGREGATES = sa.select(PROVIDER_AGGREGATE.c.aggregate_id).where(
    PROVIDER_AGGREGATE.c.provider_id == sa.bindparam("provider_id")
)
_USED = (
    sa.select(ALLOCATION.c.resource_class, sa.func.sum(ALLOCATION.c.used))
    .where(ALLOCATION.c.provider_id == sa.bindparam("provider_id"))
    .group_by(ALLOCATION.c.resource_class)
)
_INSERT = sa.insert(PROVIDER)
_RAISE = (
    sa.update(PROVIDER)
    .where(PROVIDER.c.id == sa.bindparam("b_id"), PROVIDER.c.generation == sa.bindparam("b_seen"))
    .values(generation=PROVIDER.c.generation + 1, updated_at=sa.bindparam("b_now"))
)
_RAISE_ANY = (
    sa.update(PROVIDER)
    .where(PROVIDER.c.id == sa.bindparam("b_id"))
    .values(generation=PROVIDER.c.generation + 1, updated_at=sa.bindparam("b_now"))
)
_RENAME = sa.update(PROVIDER).where(PROVIDER.c.id == sa.bindparam("b_id")).values(name=sa.bindparam("b_name"))
_MOVE = (
    sa.update(PROVIDER)
    .where(PROVIDER.c.id == sa.bindparam("b_id"))
    .values(parent_id=sa.bindparam("b_parent"), root_id=sa.bindparam("b_root"))
)
_REROOT = (
    sa.update(PROVIDER).where(PROVIDER.c.id == sa.bindparam("b_id")).values(root_id=sa.bindparam("b_root"))
)
_TREE = sa.select(PROVIDER).where(PROVIDER.c.root_id == sa.bindparam("root_id"))
_DELETE = sa.delete(PROVIDER).where(PROVIDER.c.id == sa.bindparam("b_id"))
_INSERT_INVENTORY = sa.insert(INVENTORY)
_DELETE_INVENTORIES = sa.delete(INVENTORY).where(INVENTORY.c.provider_id == sa.bindparam("b_id"))
_INSERT_TRAIT = sa.insert(PROVIDER_TRAIT)
_DELETE_TRAITS = sa.delete(PROVIDER_TRAIT).where(PROVIDER_TRAIT.c.provider_id == sa.bindparam("b_id"))
_INSERT_AGGREGATE = sa.insert(PROVIDER_AGGREGATE)
_DELETE_AGGREGATES = sa.delete(PROVIDER_AGGREGATE).where(
    PROVIDER_AGGREGATE.c.provider_id == sa.bindparam("b_id")
)


def _some(statement: sa.Select[Any], column: sa.ColumnElement[str]) -> sa.Select[Any]:
    return statement.where(column.in_(texts("ids")))


_ALL_INVENTORIES = sa.select(INVENTORY)
_ALL_TRAITS = sa.select(PROVIDER_TRAIT)
_ALL_AGGREGATES = sa.select(PROVIDER_AGGREGATE)
_ALL_USED = sa.select(
    ALLOCATION.c.provider_id, ALLOCATION.c.resource_class, sa.func.sum(ALLOCATION.c.used)
).group_by(ALLOCATION.c.provider_id, ALLOCATION.c.resource_class)
_ALL = sa.select(PROVIDER)
_STANDINGS_ALL = (_ALL, _ALL_INVENTORIES, _ALL_USED, _ALL_TRAITS, _ALL_AGGREGATES)
_STANDINGS_SOME = (
    _some(_ALL, PROVIDER.c.id),
    _some(_ALL_INVENTORIES, INVENTORY.c.provider_id),
    _some(_ALL_USED, ALLOCATION.c.provider_id),
    _some(_ALL_TRAITS, PROVIDER_TRAIT.c.provider_id),
    _some(_ALL_AGGREGATES, PROVIDER_AGGREGATE.c.provider_id),
)


# -- reading -------------------------------------------------------------------------------------------


def find_provider(db: Reader, provider_id: str) -> Provider | None:
    """The provider, if there is one."""
    row = db.row(_ONE, provider_id=provider_id)
    return None if row is None else provider_of(row)


def find_host(db: Reader, host_id: HostId) -> Provider | None:
    """The provider of a host, if it is known."""
    row = db.row(_OF_HOST, host_id=host_id)
    return None if row is None else provider_of(row)


def tree_of(db: Reader, root_id: str) -> list[Provider]:
    """Every provider below a root, itself included, in no order."""
    return [provider_of(row) for row in db.rows(_TREE, root_id=root_id)]


def has_children(db: Reader, provider_id: str) -> bool:
    """Whether any provider is below this one."""
    return db.row(_CHILD, provider_id=provider_id) is not None


def generations(db: Reader) -> dict[str, int]:
    """The generation of every provider."""
    return {row[0]: row[1] for row in db.rows(_GENERATIONS)}


def inventories_of(db: Reader, provider_id: str) -> dict[str, Inventory]:
    """What a provider has, by resource class."""
    return {row.resource_class: _inventory_of(row) for row in db.rows(_INVENTORIES, provider_id=provider_id)}


def used_of(db: Reader, provider_id: str) -> dict[str, int]:
    """What is claimed of a provider, by resource class; summed from allocations."""
    return {row[0]: int(row[1]) for row in db.rows(_USED, provider_id=provider_id)}


def traits_of(db: Reader, provider_id: str) -> list[str]:
    """The traits of a provider, by name."""
    return sorted(row[0] for row in db.rows(_TRAITS, provider_id=provider_id))


def aggregates_of(db: Reader, provider_id: str) -> list[str]:
    """The aggregates a provider belongs to."""
    return sorted(row[0] for row in db.rows(_AGGREGATES, provider_id=provider_id))


def standings(db: Reader, provider_ids: Collection[str] | None = None) -> list[Standing]:
    """Providers with all that decides what they can take: all of them, or those named that exist.

    Five statements. A change between two of them leaves the older generation on the newer amounts; its own
    announcement, or a claim that finds the generation gone, makes it be read again.
    """
    if provider_ids is None:
        found = [db.rows(statement) for statement in _STANDINGS_ALL]
    else:
        found = [db.rows(statement, ids=list(provider_ids)) for statement in _STANDINGS_SOME]
    rows, inventory_rows, used_rows, trait_rows, aggregate_rows = found
    inventories: dict[str, dict[str, Inventory]] = {}
    for row in inventory_rows:
        inventories.setdefault(row.provider_id, {})[row.resource_class] = _inventory_of(row)
    used: dict[str, dict[str, int]] = {}
    for provider_id, resource_class, amount in used_rows:
        used.setdefault(provider_id, {})[resource_class] = int(amount)
    traits = _gathered(trait_rows)
    aggregates = _gathered(aggregate_rows)
    return [
        Standing(
            provider=provider_of(row),
            inventories=inventories.get(row.id, {}),
            used=used.get(row.id, {}),
            traits=frozenset(traits.get(row.id, ())),
            aggregates=frozenset(aggregates.get(row.id, ())),
        )
        for row in rows
    ]


def _gathered(rows: Sequence[AnyRow]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for provider_id, word in rows:
        found.setdefault(provider_id, []).append(word)
    return found


def provider_of(row: AnyRow) -> Provider:
    """The provider of a row that has all of its columns."""
    return Provider(
        provider_id=row.id,
        host_id=None if row.host_id is None else HostId(row.host_id),
        name=row.name,
        parent_id=row.parent_id,
        root_id=row.root_id,
        generation=row.generation,
        updated_at=row.updated_at,
    )


def _inventory_of(row: AnyRow) -> Inventory:
    return Inventory(
        total=row.total,
        reserved=row.reserved,
        min_unit=row.min_unit,
        max_unit=row.max_unit,
        step_size=row.step_size,
        allocation_ratio=row.allocation_ratio,
    )


# -- writing -------------------------------------------------------------------------------------------


def announce(tx: Tx, provider_ids: Collection[str]) -> None:
    """Let every node read these providers again, once the transaction is durable."""
    if len(provider_ids) > MOST_TOPICS:
        tx.wake(TOPIC)
        return
    for provider_id in provider_ids:
        tx.wake(f"{TOPIC}:{provider_id}")


def insert_provider(tx: Tx, provider: Provider) -> None:
    """Add a provider. Raises Duplicate when its id or name is taken."""
    tx.execute(
        _INSERT,
        id=provider.provider_id,
        host_id=provider.host_id,
        name=provider.name,
        parent_id=provider.parent_id,
        root_id=provider.root_id,
        generation=provider.generation,
        updated_at=provider.updated_at,
    )
    announce(tx, [provider.provider_id])


def raise_generation(tx: Tx, provider_id: str, *, seen: int) -> bool:
    """Begin a change of a provider: False if it is not in the generation seen any more."""
    announce(tx, [provider_id])
    return tx.execute(_RAISE, b_id=provider_id, b_seen=seen, b_now=tx.now) > 0


def raise_generations(tx: Tx, provider_ids: Collection[str]) -> None:
    """Raise generations whatever they are: for changes that cannot contradict what others have seen."""
    tx.execute_many(_RAISE_ANY, [{"b_id": each, "b_now": tx.now} for each in sorted(provider_ids)])
    announce(tx, provider_ids)


def rename_provider(tx: Tx, provider_id: str, name: str) -> None:
    """Give a provider another name. Raises Duplicate when it is taken."""
    tx.execute(_RENAME, b_id=provider_id, b_name=name)
    announce(tx, [provider_id])


def move_provider(
    tx: Tx, provider_id: str, *, parent_id: str | None, root_id: str, below: Sequence[str]
) -> None:
    """Put a provider, with those below it, under another parent."""
    tx.execute(_MOVE, b_id=provider_id, b_parent=parent_id, b_root=root_id)
    tx.execute_many(_REROOT, [{"b_id": each, "b_root": root_id} for each in below])
    announce(tx, [provider_id, *below])


def delete_provider(tx: Tx, provider_id: str) -> bool:
    """Remove a provider that nobody claims anything of; False if there was none."""
    announce(tx, [provider_id])
    return tx.execute(_DELETE, b_id=provider_id) > 0


def replace_inventories(tx: Tx, provider_id: str, inventories: Mapping[str, Inventory]) -> None:
    """Let a provider have this and nothing else. Its generation was raised before."""
    tx.execute(_DELETE_INVENTORIES, b_id=provider_id)
    tx.execute_many(
        _INSERT_INVENTORY,
        [
            {"provider_id": provider_id, "resource_class": name, **msgspec.structs.asdict(inventory)}
            for name, inventory in inventories.items()
        ],
    )


def replace_traits(tx: Tx, provider_id: str, traits: Collection[str]) -> None:
    """Let a provider have these traits and no others. Its generation was raised before."""
    tx.execute(_DELETE_TRAITS, b_id=provider_id)
    tx.execute_many(
        _INSERT_TRAIT, [{"provider_id": provider_id, "trait": each} for each in sorted(set(traits))]
    )


def replace_aggregates(tx: Tx, provider_id: str, aggregates: Collection[str]) -> None:
    """Let a provider belong to these aggregates and no others."""
    tx.execute(_DELETE_AGGREGATES, b_id=provider_id)
    tx.execute_many(
        _INSERT_AGGREGATE,
        [{"provider_id": provider_id, "aggregate_id": each} for each in sorted(set(aggregates))],
    )
