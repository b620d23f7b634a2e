"""Who has room: every provider as a row of arrays, so that a question to all of them costs microseconds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar, final

import numpy as np
import numpy.typing as npt

from nacre.placement.domain.amounts import usable
from nacre.placement.domain.providers import Standing

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
_FIRST_SIZE = 256
Column = TypeVar("Column", bound=np.generic)


@final
class _Column(Generic[Column]):
    """An array that grows; absent rows hold `absent`."""

    def __init__(self, kind: type[Column], absent: int, size: int) -> None:
        self._absent = absent
        self.values: npt.NDArray[Column] = np.full(size, absent, dtype=kind)

    def grow(self, size: int) -> None:
        more = np.full(size - len(self.values), self._absent, dtype=self.values.dtype)
        self.values = np.concatenate([self.values, more])

    def clear(self, row: int) -> None:
        self.values[row] = self._absent


@final
class _Amounts:
    """One resource class: what may be claimed of each provider, what is, and in which portions."""

    def __init__(self, size: int) -> None:
        self.capacity = _Column(np.int64, 0, size)
        self.used = _Column(np.int64, 0, size)
        self.min_unit = _Column(np.int64, 1, size)
        self.max_unit = _Column(np.int64, 0, size)
        self.step_size = _Column(np.int64, 1, size)

    def columns(self) -> tuple[_Column[np.int64], ...]:
        return (self.capacity, self.used, self.min_unit, self.max_unit, self.step_size)

    def fits(self, amount: int, count: int) -> Mask:
        """The providers that can give `amount` at once. Without an inventory max_unit is 0, and none fits."""
        fitting = self.used.values[:count] + amount <= self.capacity.values[:count]
        fitting &= self.max_unit.values[:count] >= amount
        fitting &= self.min_unit.values[:count] <= amount
        fitting &= amount % self.step_size.values[:count] == 0
        return fitting

    def free_share(self, amount: int, rows: Rows) -> npt.NDArray[np.float64]:
        """The share of the capacity that would stay free after giving `amount`."""
        capacity = np.maximum(self.capacity.values[rows], 1)
        share: npt.NDArray[np.float64] = (capacity - self.used.values[rows] - amount) / capacity
        return share


@final
class Capacity:
    """All providers. Not safe to share between threads; its owner holds a lock."""

    def __init__(self) -> None:
        self._size = _FIRST_SIZE
        self._row_of: dict[str, int] = {}
        self._standings: list[Standing | None] = []
        self._free_rows: list[int] = []
        self._amounts: dict[str, _Amounts] = {}
        self._flags: dict[str, _Column[np.bool_]] = {}
        self._trees: dict[str, set[str]] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._row_of)

    def find(self, provider_id: str) -> Standing | None:
        """A provider as it was last read."""
        row = self._row_of.get(provider_id)
        return None if row is None else self._standings[row]

    def generations(self) -> Iterator[tuple[str, int]]:
        """Every provider and the generation in which it was last read."""
        for provider_id, row in self._row_of.items():
            standing = self._standings[row]
            assert standing is not None
            yield provider_id, standing.provider.generation

    # -- being told ------------------------------------------------------------------------------------

    def put(self, standing: Standing) -> None:
        """Take note of a provider, new or changed."""
        provider = standing.provider
        self.drop(provider.provider_id)
        row = self._free_rows.pop() if self._free_rows else self._new_row()
        self._row_of[provider.provider_id] = row
        self._standings[row] = standing
        for name, inventory in standing.inventories.items():
            amounts = self._amounts_of(name)
            amounts.capacity.values[row] = usable(inventory)
            amounts.min_unit.values[row] = inventory.min_unit
            amounts.max_unit.values[row] = inventory.max_unit
            amounts.step_size.values[row] = inventory.step_size
        for name, used in standing.used.items():
            self._amounts_of(name).used.values[row] = used
        for flag in _flags_of(standing):
            self._flag(flag).values[row] = True
        tree = self._trees.setdefault(provider.root_id, set())
        tree.add(provider.provider_id)
        self._mark_single(provider.root_id)

    def drop(self, provider_id: str) -> None:
        """Forget a provider; absent is success."""
        row = self._row_of.pop(provider_id, None)
        if row is None:
            return
        standing = self._standings[row]
        assert standing is not None
        for amounts in self._amounts.values():
            for column in amounts.columns():
                column.clear(row)
        for flag in self._flags.values():
            flag.clear(row)
        self._standings[row] = None
        self._free_rows.append(row)
        root_id = standing.provider.root_id
        self._trees[root_id].discard(provider_id)
        self._mark_single(root_id)
        if not self._trees[root_id]:
            del self._trees[root_id]

    def _new_row(self) -> int:
        row = len(self._standings)
        self._standings.append(None)
        if row == self._size:
            self._size *= 2
            for amounts in self._amounts.values():
                for column in amounts.columns():
                    column.grow(self._size)
            for flag in self._flags.values():
                flag.grow(self._size)
        return row

    def _amounts_of(self, name: str) -> _Amounts:
        found = self._amounts.get(name)
        if found is None:
            found = self._amounts[name] = _Amounts(self._size)
        return found

    def _flag(self, name: str) -> _Column[np.bool_]:
        found = self._flags.get(name)
        if found is None:
            found = self._flags[name] = _Column(np.bool_, 0, self._size)
        return found

    def _mark_single(self, root_id: str) -> None:
        """Keep the flag of providers that are a tree of their own, which is what most hosts are."""
        tree = self._trees[root_id]
        for provider_id in tree if len(tree) <= 2 else ():
            self._flag(SINGLE).values[self._row_of[provider_id]] = len(tree) == 1

    # -- being asked -----------------------------------------------------------------------------------

    def everybody(self) -> Mask:
        """All providers."""
        return self.among(self._row_of)

    def among(self, provider_ids: Iterable[str]) -> Mask:
        """Those of the providers that are known."""
        mask = np.zeros(len(self._standings), dtype=np.bool_)
        mask[[self._row_of[each] for each in provider_ids if each in self._row_of]] = True
        return mask

    def flagged(self, flag: str) -> Mask:
        """The providers with a flag: SINGLE, HOST, `trait(T)`, `aggregate(A)`."""
        found = self._flags.get(flag)
        count = len(self._standings)
        return np.zeros(count, dtype=np.bool_) if found is None else found.values[:count].copy()

    def fits(self, demand: Mapping[str, int]) -> Mask:
        """The providers that can give all of `demand`, which must not be empty."""
        count = len(self._standings)
        fitting = np.ones(count, dtype=np.bool_)
        for name, amount in demand.items():
            amounts = self._amounts.get(name)
            if amounts is None:
                return np.zeros(count, dtype=np.bool_)
            fitting &= amounts.fits(amount, count)
        return fitting

    def emptiest_first(self, mask: Mask, demand: Mapping[str, int]) -> Rows:
        """The rows of `mask`, by the scarcest share that would stay free. Equals take turns at coming first."""
        rows = np.flatnonzero(mask)
        if not len(rows):
            return rows
        self._turn = (self._turn + 1) % len(rows)
        rows = np.roll(rows, -self._turn)
        shares = [self._amounts[name].free_share(amount, rows) for name, amount in demand.items()]
        scarcest = np.minimum.reduce(shares)
        order: Rows = rows[np.argsort(-scarcest, kind="stable")]
        return order

    def standing(self, row: int) -> Standing:
        """The provider of a row."""
        standing = self._standings[row]
        assert standing is not None
        return standing

    def snapshot(self, rows: Rows) -> Sequence[Standing]:
        """The providers of rows, which stay as they are whatever is put later."""
        standings = self._standings
        return [standings[row] for row in rows.tolist()]

    def trees(self) -> Iterator[list[Standing]]:
        """Every tree of more than one provider."""
        for members in self._trees.values():
            if len(members) > 1:
                yield [self.standing(self._row_of[each]) for each in sorted(members)]

    def tree(self, root_id: str) -> list[Standing]:
        """The providers below a root, itself included."""
        return [self.standing(self._row_of[each]) for each in sorted(self._trees.get(root_id, ()))]


SINGLE = "single"
HOST = "host"


def trait(name: str) -> str:
    """The flag of providers with a trait."""
    return f"trait {name}"


def aggregate(aggregate_id: str) -> str:
    """The flag of providers in an aggregate."""
    return f"aggregate {aggregate_id}"


def _flags_of(standing: Standing) -> Collection[str]:
    flags = [trait(each) for each in standing.traits]
    flags += [aggregate(each) for each in standing.aggregates]
    return [*flags, HOST] if standing.provider.host_id else flags
