"""The difference between what an owner has and what it should have, as the changes that remove it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import msgspec

from nacre.network.domain.rows import Desired, Owner, Place, Ref, Row, Value
from nacre.network.drivers.base import Difference, Fault
from nacre.network.drivers.tables import EMPTY, OWNER_TAG, PLACES_TAG, TABLES, WEAK, plain


class Held(msgspec.Struct, frozen=True):
    """A row as it is: every column that Nacre writes, references as UUIDs."""

    table: str
    columns: Mapping[str, Value]

    @property
    def tags(self) -> Mapping[str, str]:
        tags = self.columns["external_ids"]
        assert isinstance(tags, Mapping)
        return cast("Mapping[str, str]", tags)

    @property
    def owner(self) -> Owner | None:
        owner = self.tags.get(OWNER_TAG)
        return Owner(owner) if owner else None

    @property
    def places(self) -> frozenset[Place]:
        """The places the row records of itself: what it was put into in the transaction that wrote it."""
        return frozenset(map(_parse_place, self.tags.get(PLACES_TAG, "").split()))


class Insert(msgspec.Struct, frozen=True):
    """A new row; empty columns are left out."""

    table: str
    uuid: str
    columns: Mapping[str, Value]


class Update(msgspec.Struct, frozen=True):
    """New values for some columns."""

    table: str
    uuid: str
    columns: Mapping[str, Value]


class Join(msgspec.Struct, frozen=True):
    """Put a row into a place."""

    place: Place
    uuid: str


class Leave(msgspec.Struct, frozen=True):
    """Take a row out of a place. A row that nothing holds is gone."""

    place: Place
    uuid: str


class Delete(msgspec.Struct, frozen=True):
    """End a row, and with it the places it offers. Outside ROOTS this follows from leaving, and is only said."""

    table: str
    uuid: str


Change = Insert | Update | Join | Leave | Delete


class Plan(msgspec.Struct, frozen=True):
    """The changes, in an order in which they can be made, and the rows they would need and do not find."""

    changes: tuple[Change, ...]
    missing: tuple[Ref, ...]


def plan(
    owner: Owner,
    desired: Desired,
    held: Mapping[str, Held],
    *,
    exists: Callable[[str], bool],
    places_of: Callable[[str], frozenset[Place]] | None = None,
) -> Plan:
    """What must change so that `owner`, who has `held` (by UUID), has exactly `desired`.

    A row that names one that is not there is left as it is, and reported. `exists` answers for rows of other
    owners. `places_of` says where a held row really is; without it, what the row records is believed.
    """
    changes: list[Change] = []
    missing: list[Ref] = []
    wanted: set[str] = set()
    for row in desired.rows:
        uuid = row.ref.uuid
        absent = [ref for ref in _named(row) if ref.uuid not in wanted and not exists(ref.uuid)]
        missing += absent
        if not absent or uuid in held:
            wanted.add(uuid)
        if not absent:
            changes += _row_changes(owner, row, uuid, held.get(uuid), places_of)
    for uuid, old in held.items():
        if uuid not in wanted:
            changes += _removal(uuid, old, places_of)
    return Plan(tuple(changes), tuple(dict.fromkeys(missing)))


def _named(row: Row) -> Iterator[Ref]:
    for place in row.places:
        yield place.holder
    yield from row.needs
    for value in row.columns.values():
        if isinstance(value, Ref):
            yield value


def _row_changes(
    owner: Owner,
    row: Row,
    uuid: str,
    old: Held | None,
    places_of: Callable[[str], frozenset[Place]] | None,
) -> Iterator[Change]:
    tags: dict[str, str] = {OWNER_TAG: owner}
    if row.places:
        tags[PLACES_TAG] = " ".join(map(_place_text, row.places))
    new = {column: plain(value) for column, value in row.columns.items()}
    new["external_ids"] = tags
    if old is None:
        yield Insert(row.table, uuid, new)
        yield from _moves(uuid, frozenset(), row.places)
        return
    changed = {
        column: value
        for column, kind in TABLES[row.table].items()
        if (value := new.get(column, EMPTY[kind])) != old.columns[column]
    }
    if changed:
        yield Update(row.table, uuid, changed)
    if places_of:
        yield from _moves(uuid, places_of(uuid), row.places)
    elif "external_ids" in changed:
        yield from _moves(uuid, old.places, row.places)


def _moves(uuid: str, old: frozenset[Place], new: Sequence[Place]) -> Iterator[Change]:
    for place in new:
        if place not in old:
            yield Join(place, uuid)
    for place in sorted(old.difference(new)):
        yield Leave(place, uuid)


def _removal(uuid: str, old: Held, places_of: Callable[[str], frozenset[Place]] | None) -> Iterator[Change]:
    for place in sorted(places_of(uuid) if places_of else old.places):
        if (place.table, place.column) not in WEAK:
            yield Leave(place, uuid)
    yield Delete(old.table, uuid)


def _place_text(place: Place) -> str:
    return f"{place.table}.{place.column}={place.key}"


def _parse_place(text: str) -> Place:
    column, _, key = text.partition("=")
    table, _, column = column.partition(".")
    return Place(table, column, key)


def differences(
    owner: Owner, found: Plan, held: Mapping[str, Held], desired: Desired
) -> Iterator[Difference]:
    """What a plan would mend, said as what is wrong."""
    keys = {row.ref.uuid: row.key for row in desired.rows}
    for change in found.changes:
        match change:
            case Insert(table, uuid):
                yield Difference(owner=owner, fault=Fault.MISSING, table=table, row=keys[uuid])
            case Update(table, uuid, columns):
                detail = ", ".join(
                    f"{column}: {held[uuid].columns[column]!r}, should be {value!r}"
                    for column, value in columns.items()
                )
                yield Difference(owner=owner, fault=Fault.DIFFERS, table=table, row=keys[uuid], detail=detail)
            case Delete(table, uuid):
                yield Difference(owner=owner, fault=Fault.LEFT_OVER, table=table, row=uuid)
            case Join(place, uuid) if uuid in held:
                yield _misplaced(owner, held[uuid], keys.get(uuid, uuid), f"not in {place}")
            case Leave(place, uuid) if uuid in keys:
                yield _misplaced(owner, held[uuid], keys[uuid], f"in {place}")
            case _:
                pass  # It follows from a row that is missing or left over, which is said already.
    for ref in found.missing:
        yield Difference(
            owner=owner, fault=Fault.MISSING, table=ref.table, row=ref.key, detail="needed by this owner"
        )


def _misplaced(owner: Owner, held: Held, row: str, detail: str) -> Difference:
    return Difference(owner=owner, fault=Fault.MISPLACED, table=held.table, row=row, detail=detail)
