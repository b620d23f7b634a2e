"""Networks on OVN: rows in its northbound database, and the ports it says are up.

Changes that come while a transaction is under way are made together in the next one: whoever is first commits for
all who wait. A burst of ports costs OVN few recomputations, and a single change waits for nobody.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nacre.kernel.errors import Problem
from nacre.kernel.ids import PortId
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.rows import Desired, Owner, Place, Ref, row_uuid
from nacre.network.drivers.base import (
    Difference,
    DriverAway,
    NetworkCapabilities,
    ParentMissing,
    PortListener,
    Realised,
    RowsRefused,
)
from nacre.network.drivers.ovsdb import ConnectionLost, OvsdbConnection
from nacre.network.drivers.plan import (
    Change,
    Delete,
    Held,
    Insert,
    Join,
    Leave,
    Plan,
    Update,
    differences,
    plan,
)
from nacre.network.drivers.replica import WATCHED, Replica, held_of
from nacre.network.drivers.tables import HOLDERS, ROOTS, TABLES, encode

DATABASE = "OVN_Northbound"
SOUTH = "OVN_Southbound"
MOST_TOGETHER = 200

PlacesOf = Callable[[str], frozenset[Place]]


class OvnNetwork:
    """The driver for OVN. `remote` is that of the northbound database, `unix:PATH` or `tcp:HOST:PORT`.

    `south` is that of the southbound database. Nothing is written there; without it, what hosts do is not known.
    """

    capabilities = NetworkCapabilities(network_types=frozenset(NetworkType))

    def __init__(self, remote: str, *, south: str = "", timeout_s: float = 10.0) -> None:
        self._timeout_s = timeout_s
        self._listeners: list[PortListener] = []
        self._replica = Replica(self._tell)
        self._connection = OvsdbConnection(remote, DATABASE, watch=WATCHED, view=self._replica)
        self._south = OvsdbConnection(south, SOUTH, watch={}, view=_Nothing()) if south else None
        self._waiting: deque[_Wish] = deque()
        self._committing = threading.Lock()

    def apply(self, owner: Owner, desired: Desired, *, verify: bool = False) -> bool:
        wish = _Wish(owner, desired, verify=verify)
        self._waiting.append(wish)
        try:
            while not wish.is_answered:
                with self._turn():
                    if not wish.is_answered:
                        self._commit(self._next_batch())
        finally:
            wish.is_withdrawn = True
        return wish.answer()

    def observe_owners(self) -> frozenset[Owner]:
        self._require_connection()
        with self._replica.lock:
            return frozenset(self._replica.owned)

    def audit(self, desired: Mapping[Owner, Desired]) -> tuple[Difference, ...]:
        said: list[Difference] = []
        # Changes wait only while it is read what there is, not while we think about it.
        with self._turn():
            self._require_connection()
            places_of = self._observe_places()
            rows, owned = self._replica.snapshot()
        for owner in {**desired, **dict.fromkeys(owned)}:
            wish = desired.get(owner, Desired())
            held = {uuid: rows[uuid] for uuid in owned.get(owner, ())}
            found = plan(owner, wish, held, exists=rows.__contains__, places_of=places_of)
            said += differences(owner, found, held, wish)
        return tuple(said)

    def observe_realised(self) -> Realised | None:
        if self._south is None:
            return None
        operations: list[dict[str, Any]] = [
            {"op": "select", "table": "Chassis", "where": [], "columns": ["_uuid", "name"]},
            {
                "op": "select",
                "table": "Port_Binding",
                "where": [["chassis", "!=", ["set", []]]],
                "columns": ["logical_port", "chassis", "up"],
            },
        ]
        try:
            chassis, bindings = self._south.transact(operations, timeout_s=self._timeout_s)
        except ConnectionLost as error:
            raise DriverAway(str(error)) from error
        name_of = {row["_uuid"][1]: row["name"] for row in chassis["rows"]}
        return Realised(
            chassis=frozenset(name_of.values()),
            chassis_of={PortId(row["logical_port"]): name_of[row["chassis"][1]] for row in bindings["rows"]},
            up=frozenset(PortId(row["logical_port"]) for row in bindings["rows"] if row["up"] is True),
        )

    def ports_up(self) -> frozenset[PortId]:
        with self._replica.lock:
            return frozenset(self._replica.up)

    def is_up(self, port_id: PortId) -> bool:
        return port_id in self._replica.up

    def listen(self, listener: PortListener) -> None:
        self._listeners.append(listener)

    def close(self) -> None:
        self._connection.close()
        if self._south is not None:
            self._south.close()

    def _tell(self, port_id: PortId) -> None:
        for listener in self._listeners:
            listener(port_id)

    def _require_connection(self) -> None:
        if not self._connection.wait_ready(self._timeout_s):
            raise DriverAway("no connection to the northbound database")

    # Committing, by one thread at a time.

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._committing.acquire(timeout=2 * self._timeout_s):
            raise DriverAway("too many changes wait")
        try:
            yield
        finally:
            self._committing.release()

    def _next_batch(self) -> list[_Wish]:
        """The wishes that have waited longest, no two of one owner: the later is planned on what the first did."""
        batch: dict[Owner, _Wish] = {}
        while self._waiting and len(batch) < MOST_TOGETHER and self._waiting[0].owner not in batch:
            wish = self._waiting.popleft()
            if not wish.is_withdrawn:
                batch[wish.owner] = wish
        # Roots first: what comes with its parents in one batch finds them.
        return sorted(batch.values(), key=lambda wish: not _begins_with_root(wish.desired))

    def _commit(self, batch: Sequence[_Wish]) -> None:
        """Make the wishes of a batch true together, or each alone if together they cannot be."""
        try:
            if self._try(batch):
                for wish in batch:
                    # By now we have heard of all that others did before: once more, on what is true.
                    if refusal := self._try([wish]):
                        # What we have heard may not be all there is: once more, on what the database says.
                        wish.verify = True
                        refusal = self._try([wish])
                    if refusal:
                        wish.refuse(RowsRefused(wish.owner, refusal))
        except Problem as problem:
            _refuse(batch, problem)
        finally:
            # After a mistake of ours those who wait must not wait for ever.
            _refuse(batch, DriverAway("the change was not made"))

    def _try(self, batch: Sequence[_Wish]) -> str:
        """Plan and transact, and answer the wishes; or why the database refused, and none of it happened."""
        self._require_connection()
        plans = self._plan(batch)
        operations = _operations([change for each in plans for change in each.changes])
        refusal = _refusal(self._transact(operations)) if operations else ""
        if not refusal:
            for wish, found in zip(batch, plans, strict=True):
                self._answer(wish, found)
        return refusal

    def _plan(self, batch: Sequence[_Wish]) -> list[Plan]:
        """What each wish changes. Rows that an earlier wish of the batch brings count as there already."""
        nameless = {wish.owner: self._observe_nameless(wish) for wish in batch if wish.verify}
        places_of = {
            wish.owner: self._observe_places({**self._replica.held(wish.owner), **nameless[wish.owner]})
            for wish in batch
            if wish.verify
        }
        plans: list[Plan] = []
        coming: set[str] = set()
        going: set[str] = set()

        def exists(uuid: str) -> bool:
            return uuid in coming or (uuid in self._replica.rows and uuid not in going)

        with self._replica.lock:
            for wish in batch:
                found = plan(
                    wish.owner,
                    wish.desired,
                    {**self._replica.held(wish.owner), **nameless.get(wish.owner, {})},
                    exists=exists,
                    places_of=places_of.get(wish.owner),
                )
                coming |= {change.uuid for change in found.changes if isinstance(change, Insert)}
                going |= {change.uuid for change in found.changes if isinstance(change, Delete)}
                plans.append(found)
        return plans

    def _answer(self, wish: _Wish, found: Plan) -> None:
        if found.missing:
            wish.refuse(ParentMissing(wish.owner, found.missing))
        elif lost := self._lost(found):
            # The row that was to hold ours went in the very same moment, and took ours with it.
            wish.refuse(ParentMissing(wish.owner, lost))
        else:
            wish.grant(bool(found.changes))

    def _lost(self, found: Plan) -> tuple[Ref, ...]:
        """Holders of what was just inserted, where the inserted row is not there."""
        rows = self._replica.rows
        inserted = {change.uuid for change in found.changes if isinstance(change, Insert)}
        return tuple(
            change.place.holder
            for change in found.changes
            if isinstance(change, Join) and change.uuid in inserted and change.uuid not in rows
        )

    def _transact(self, operations: Sequence[Mapping[str, Any]]) -> list[Any]:
        try:
            return self._connection.transact(operations, timeout_s=self._timeout_s)
        except ConnectionLost as error:
            raise DriverAway(str(error)) from error

    def _observe_nameless(self, wish: _Wish) -> Mapping[str, Held]:
        """The rows of a wish that are there and do not say whose they are, as somebody has taken the owner off."""
        unheard = [row.ref for row in wish.desired.rows if row.ref.uuid not in self._replica.rows]
        operations = [
            {"op": "select", "table": ref.table, "where": _is(ref.uuid), "columns": [*TABLES[ref.table]]}
            for ref in unheard
        ]
        found: dict[str, Held] = {}
        for ref, result in zip(unheard, self._transact(operations) if operations else (), strict=True):
            for row in result["rows"]:
                held = held_of(ref.table, row)
                if held.owner is None:
                    found[ref.uuid] = held
        return found

    def _observe_places(self, held: Mapping[str, Held] | None = None) -> PlacesOf:
        """Where rows really are, asked of the database: all rows, or those that are given."""
        asked: list[tuple[tuple[str, str], list[Any]]]
        asked = [
            (holder, []) for holder in sorted({each for holders in HOLDERS.values() for each in holders})
        ]
        if held is not None:
            asked = [
                (holder, [[holder[1], "includes", ["uuid", uuid]]])
                for uuid, row in held.items()
                for holder in HOLDERS.get(row.table, ())
            ]
        operations = [
            {"op": "select", "table": table, "where": where, "columns": ["name", column]}
            for (table, column), where in asked
        ]
        places: dict[str, set[Place]] = defaultdict(set)
        for ((table, column), _), result in zip(asked, self._transact(operations), strict=True):
            for row in result["rows"]:
                for uuid in _uuids(row[column]):
                    places[uuid].add(Place(table, column, row["name"]))
        return lambda uuid: frozenset(places.get(uuid, ()))


class _Nothing:
    """The view of a database that is only asked."""

    def reset(self, tables: Mapping[str, Any]) -> None:
        """Nothing is watched."""

    def update(self, tables: Mapping[str, Any]) -> None:
        """Nothing is watched."""


class _Wish:
    """One call of apply, until it is answered."""

    def __init__(self, owner: Owner, desired: Desired, *, verify: bool) -> None:
        self.owner = owner
        self.desired = desired
        self.verify = verify
        self.is_answered = False
        self.is_withdrawn = False
        self._changed = False
        self._problem: Problem | None = None

    def grant(self, changed: bool) -> None:
        self._changed = changed
        self.is_answered = True

    def refuse(self, problem: Problem) -> None:
        self._problem = problem
        self.is_answered = True

    def answer(self) -> bool:
        if self._problem is not None:
            raise self._problem
        return self._changed


def _refuse(batch: Sequence[_Wish], problem: Problem) -> None:
    for wish in batch:
        if not wish.is_answered:
            wish.refuse(problem)


def _begins_with_root(desired: Desired) -> bool:
    return bool(desired.rows) and desired.rows[0].table in ROOTS


def _operations(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes as OVSDB operations: rows first, then who holds them, each column of a holder once."""
    rows: list[dict[str, Any]] = []
    deletes: list[dict[str, Any]] = []
    members: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for change in changes:
        match change:
            case Insert(table, uuid, columns):
                rows.append({"op": "insert", "table": table, "uuid": uuid, "row": _wire(table, columns)})
            case Update(table, uuid, columns):
                rows.append(
                    {"op": "update", "table": table, "where": _is(uuid), "row": _wire(table, columns)}
                )
            case Join(place, uuid) | Leave(place, uuid):
                holder = (place.table, place.column, row_uuid(place.table, place.key))
                mutator = "insert" if isinstance(change, Join) else "delete"
                members.setdefault(holder, {}).setdefault(mutator, []).append(uuid)
            case Delete(table, uuid) if table in ROOTS:
                deletes.append({"op": "delete", "table": table, "where": _is(uuid)})
    mutations = [
        {
            "op": "mutate",
            "table": table,
            "where": _is(holder),
            "mutations": [
                [column, mutator, ["set", [["uuid", uuid] for uuid in uuids]]]
                for mutator, uuids in changed.items()
            ],
        }
        for (table, column, holder), changed in members.items()
    ]
    return rows + mutations + deletes


def _wire(table: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    kinds = TABLES[table]
    return {column: encode(kinds[column], value) for column, value in columns.items()}


def _is(uuid: str) -> list[Any]:
    return [["_uuid", "==", ["uuid", uuid]]]


def _uuids(raw: Any) -> list[str]:
    return [each[1] for each in raw[1]] if raw[0] == "set" else [raw[1]]


def _refusal(results: Sequence[Any]) -> str:
    """Why a transaction did not happen; empty if it did."""
    for result in results:
        if result and "error" in result:
            return f"{result['error']}: {result.get('details', '')}"
    return ""
