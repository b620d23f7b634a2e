"""A network engine in memory: it holds rows as OVN's database does, and can be slow, fail and forget."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from nacre.kernel.ids import PortId
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.rows import Desired, Owner, Place, row_uuid
from nacre.network.drivers.base import (
    Difference,
    DriverAway,
    NetworkCapabilities,
    ParentMissing,
    PortListener,
    Realised,
    RowsRefused,
)
from nacre.network.drivers.plan import Change, Delete, Held, Insert, Join, Leave, Update, differences, plan
from nacre.network.drivers.tables import EMPTY, ROOTS, TABLES, WEAK

_EMPTY = {table: {name: EMPTY[kind] for name, kind in columns.items()} for table, columns in TABLES.items()}


class FakeNetwork:
    """A complete driver without an engine. A port is up while it is bound to a host and enabled.

    `delay_s` makes every change slow; `fail(n)` makes the next n fail; `forget` loses rows behind our back.
    `chassis` are hosts beside those that ports are bound to; ports that have `strayed` are realised elsewhere, and
    those that are `stuck` are nowhere in force.
    """

    capabilities = NetworkCapabilities(network_types=frozenset(NetworkType))

    def __init__(self, *, delay_s: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self.delay_s = delay_s
        self._sleep = sleep
        self._failures = 0
        self._lock = threading.RLock()
        self._rows: dict[str, Held] = {}
        self._owned: dict[Owner, set[str]] = defaultdict(set)
        self._members: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._held_in: dict[str, set[Place]] = defaultdict(set)
        self._up: set[PortId] = set()
        self._listeners: list[PortListener] = []
        self.chassis: set[str] = set()
        self.strayed: dict[PortId, str] = {}
        self.stuck: set[PortId] = set()

    # What every driver does.

    def apply(self, owner: Owner, desired: Desired, *, verify: bool = False) -> bool:
        if self.delay_s:
            self._sleep(self.delay_s)
        with self._lock:
            if self._failures:
                self._failures -= 1
                raise DriverAway("it was told to fail")
            held = self._held(owner)
            found = plan(
                owner,
                desired,
                held,
                exists=self._rows.__contains__,
                places_of=self._places if verify else None,
            )
            self._refuse_doubles(owner, found.changes)
            changed_ports = self._make(found.changes)
        for port_id in changed_ports:
            for listener in self._listeners:
                listener(port_id)
        if found.missing:
            raise ParentMissing(owner, found.missing)
        return bool(found.changes)

    def observe_owners(self) -> frozenset[Owner]:
        with self._lock:
            return frozenset(owner for owner, rows in self._owned.items() if rows)

    def audit(self, desired: Mapping[Owner, Desired]) -> tuple[Difference, ...]:
        said: list[Difference] = []
        with self._lock:
            for owner in {**desired, **dict.fromkeys(self.observe_owners())}:
                wish = desired.get(owner, Desired())
                held = self._held(owner)
                found = plan(owner, wish, held, exists=self._rows.__contains__, places_of=self._places)
                said += differences(owner, found, held, wish)
        return tuple(said)

    def observe_realised(self) -> Realised | None:
        with self._lock:
            ports = {
                PortId(str(row.columns["name"])): str(options["requested-chassis"]).partition(",")[0]
                for row in self._rows.values()
                if row.table == "Logical_Switch_Port"
                and isinstance(options := row.columns["options"], Mapping)
                and options.get("requested-chassis")
            }
            ports |= self.strayed
            chassis = frozenset(ports.values()) | self.chassis
            return Realised(chassis=chassis, chassis_of=ports, up=frozenset(self._up - self.stuck))

    def ports_up(self) -> frozenset[PortId]:
        with self._lock:
            return frozenset(self._up)

    def is_up(self, port_id: PortId) -> bool:
        return port_id in self._up

    def listen(self, listener: PortListener) -> None:
        self._listeners.append(listener)

    def close(self) -> None:
        """Nothing to end."""

    # What only a fake can do.

    def fail(self, times: int) -> None:
        """Let the next `times` changes fail as if the engine were away."""
        with self._lock:
            self._failures = times

    def forget(self, owner: Owner | None = None) -> None:
        """Lose the rows of one owner, or of all, as if someone had deleted them by hand."""
        with self._lock:
            for uuid in [*self._owned[owner]] if owner else [*self._rows]:
                self._remove(uuid)

    def misplace(self, port_id: PortId, place: Place) -> None:
        """Take a port out of a place, without a trace in its own row."""
        with self._lock:
            self._leave(place, row_uuid("Logical_Switch_Port", port_id))

    def rows_of(self, owner: Owner) -> tuple[Held, ...]:
        """The rows an owner has."""
        with self._lock:
            return tuple(self._held(owner).values())

    def members_of(self, place: Place) -> frozenset[str]:
        """The UUIDs of the rows in a place."""
        with self._lock:
            return frozenset(self._members.get((row_uuid(place.table, place.key), place.column), ()))

    # The store.

    def _held(self, owner: Owner) -> dict[str, Held]:
        return {uuid: self._rows[uuid] for uuid in self._owned.get(owner, ())}

    def _places(self, uuid: str) -> frozenset[Place]:
        return frozenset(self._held_in.get(uuid, ()))

    def _refuse_doubles(self, owner: Owner, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, Insert) and change.uuid in self._rows:
                other = self._rows[change.uuid].owner
                raise RowsRefused(owner, f"a row with the UUID {change.uuid} belongs to {other}")

    def _make(self, changes: tuple[Change, ...]) -> list[PortId]:
        changed: list[PortId] = []
        for change in changes:
            match change:
                case Insert(table, uuid, columns):
                    changed += self._put(uuid, Held(table, _EMPTY[table] | dict(columns)))
                case Update(table, uuid, columns):
                    changed += self._put(uuid, Held(table, {**self._rows[uuid].columns, **columns}))
                case Join(place, uuid):
                    self._members[row_uuid(place.table, place.key), place.column].add(uuid)
                    self._held_in[uuid].add(place)
                case Leave(place, uuid):
                    changed += self._leave(place, uuid)
                case Delete(table, uuid):
                    if table in ROOTS:
                        changed += self._remove(uuid)
        return changed

    def _put(self, uuid: str, row: Held) -> list[PortId]:
        self._rows[uuid] = row
        if row.owner:
            self._owned[row.owner].add(uuid)
        return self._notice(row)

    def _leave(self, place: Place, uuid: str) -> list[PortId]:
        self._members[row_uuid(place.table, place.key), place.column].discard(uuid)
        self._held_in[uuid].discard(place)
        strong = any((each.table, each.column) not in WEAK for each in self._held_in[uuid])
        return (
            [] if strong or uuid not in self._rows or self._rows[uuid].table in ROOTS else self._remove(uuid)
        )

    def _remove(self, uuid: str) -> list[PortId]:
        """End a row, and those that only it held."""
        row = self._rows.pop(uuid, None)
        if row is None:
            return []
        if row.owner:
            self._owned[row.owner].discard(uuid)
            if not self._owned[row.owner]:
                del self._owned[row.owner]
        for place in self._held_in.pop(uuid, set()):
            self._members[row_uuid(place.table, place.key), place.column].discard(uuid)
        changed = self._notice(row, gone=True)
        name = row.columns.get("name")
        for column in ("ports", "acls", "static_routes", "policies", "nat", "gateway_chassis"):
            for member in [*self._members.pop((uuid, column), ())]:
                changed += self._leave(Place(row.table, column, str(name)), member)
        return changed

    def _notice(self, row: Held, *, gone: bool = False) -> list[PortId]:
        if row.table != "Logical_Switch_Port":
            return []
        port_id = PortId(str(row.columns["name"]))
        options = row.columns["options"]
        assert isinstance(options, Mapping)
        up = not gone and bool(options.get("requested-chassis")) and row.columns["enabled"] is not False
        if up == (port_id in self._up):
            return []
        (self._up.add if up else self._up.discard)(port_id)
        return [port_id]
