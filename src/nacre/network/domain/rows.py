"""What OVN should hold, as values: rows, the places that hold them, and who owns them.

Every row belongs to one owner, an object of ours such as `port/<id>`, and is compiled from that object alone and the
few it depends on. Rows are named by keys made from our ids, and so are their UUIDs: a reference can be written down
before the row it names exists, and nothing can come to exist twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import NewType

import msgspec

Owner = NewType("Owner", str)

_NAMESPACE = uuid.UUID("6e616372-652d-4f76-8e2d-726f77730000")


def owner_of(noun: str, object_id: str) -> Owner:
    """`port/<id>`: the name under which one object owns rows."""
    return Owner(f"{noun}/{object_id}")


@lru_cache(maxsize=65536)
def row_uuid(table: str, key: str) -> str:
    """The UUID of the row that is called `key` in `table`."""
    return str(uuid.uuid5(_NAMESPACE, f"{table}/{key}"))


class Ref(msgspec.Struct, frozen=True, order=True):
    """A row, by name."""

    table: str
    key: str

    @property
    def uuid(self) -> str:
        return row_uuid(self.table, self.key)

    def __str__(self) -> str:
        return f"{self.table} {self.key}"


class Place(msgspec.Struct, frozen=True, order=True):
    """A column that holds rows, in one row: the ports of one switch, the rules of one port group."""

    table: str
    column: str
    key: str

    @property
    def holder(self) -> Ref:
        return Ref(self.table, self.key)

    def __str__(self) -> str:
        return f"{self.table}.{self.column} {self.key}"


Value = str | int | bool | None | frozenset[str] | Mapping[str, str] | Mapping[str, int] | Ref


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it should be. Columns that are not named are empty.

    `places` are the columns of other rows that hold it, and no others do. `needs` are rows that its text names.
    A row is written only when all that it names exists.
    """

    table: str
    key: str
    columns: Mapping[str, Value]
    places: tuple[Place, ...] = ()
    needs: tuple[Ref, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref(self.table, self.key)


class Desired(msgspec.Struct, frozen=True):
    """All that one owner should have in OVN, and nothing else of it should be there."""

    rows: tuple[Row, ...] = ()


NOTHING = Desired()
"""What the owner should have whose object is gone."""
