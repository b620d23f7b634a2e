"""What the northbound database holds of ours, in memory, found by owner. Kept up to date by the connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from nacre.kernel.ids import PortId
from nacre.network.domain.rows import Owner
from nacre.network.drivers.plan import Held
from nacre.network.drivers.tables import TABLES, decode

WATCHED = {table: [*columns] for table, columns in TABLES.items()}
WATCHED["Logical_Switch_Port"].append("up")


class Replica:
    """Our rows by UUID and by owner, and which ports are up. Rows without an owner's tag are not ours and left out.

    `lock` guards all of it; hold it over questions that belong together.
    """

    def __init__(self, on_port: Callable[[PortId], None]) -> None:
        self.lock = threading.RLock()
        self.rows: dict[str, Held] = {}
        self.owned: dict[Owner, set[str]] = {}
        self.up: set[PortId] = set()
        self._on_port = on_port

    def held(self, owner: Owner) -> dict[str, Held]:
        """The rows of an owner."""
        return {uuid: self.rows[uuid] for uuid in self.owned.get(owner, ())}

    def snapshot(self) -> tuple[Mapping[str, Held], Mapping[Owner, frozenset[str]]]:
        """All rows by UUID and all owners, as they are at this moment."""
        with self.lock:
            return dict(self.rows), {owner: frozenset(uuids) for owner, uuids in self.owned.items()}

    def reset(self, tables: Mapping[str, Any]) -> None:
        """Forget everything, and begin with these rows."""
        with self.lock:
            before = self.up
            self.rows, self.owned, self.up = {}, {}, set()
            for uuid, row in _rows(tables):
                self._put(uuid, row)
            changed = before ^ self.up
        for port_id in changed:
            self._on_port(port_id)

    def update(self, tables: Mapping[str, Any]) -> None:
        """Some rows are new, changed or gone."""
        changed: set[PortId] = set()
        with self.lock:
            for uuid, row in _rows(tables):
                # A port that was up and is up again has not changed: what comes twice goes.
                changed ^= self._remove(uuid) ^ self._put(uuid, row)
        for port_id in changed:
            self._on_port(port_id)

    def _put(self, uuid: str, row: tuple[str, Mapping[str, Any]]) -> set[PortId]:
        table, raw = row
        held = held_of(table, raw) if raw else None
        if held is None or held.owner is None:
            return set()
        self.rows[uuid] = held
        self.owned.setdefault(held.owner, set()).add(uuid)
        if raw.get("up") is not True:
            return set()
        self.up.add(PortId(raw["name"]))
        return {PortId(raw["name"])}

    def _remove(self, uuid: str) -> set[PortId]:
        held = self.rows.pop(uuid, None)
        if held is None:
            return set()
        assert held.owner is not None
        mine = self.owned[held.owner]
        mine.discard(uuid)
        if not mine:
            del self.owned[held.owner]
        port_id = PortId(str(held.columns.get("name")))
        if held.table != "Logical_Switch_Port" or port_id not in self.up:
            return set()
        self.up.discard(port_id)
        return {port_id}


def held_of(table: str, raw: Mapping[str, Any]) -> Held:
    """A row as the database says it."""
    return Held(table, {name: decode(kind, raw[name]) for name, kind in TABLES[table].items()})


def _rows(tables: Mapping[str, Any]) -> Any:
    for table, rows in tables.items():
        for uuid, row in rows.items():
            yield uuid, (table, row.get("new"))
