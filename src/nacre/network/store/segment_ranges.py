"""Ranges of segments' numbers, as rows; and which numbers are in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import final

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.networks import OVERLAYS, NetworkType
from nacre.network.domain.segments import NumberUser, SegmentRange
from nacre.network.errors import NetworkSegmentRangeNotFound
from nacre.network.store import numbers
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import NETWORK, NETWORK_SEGMENT, NETWORK_SEGMENT_RANGE

RANGES = Shelf(NETWORK_SEGMENT_RANGE, SegmentRange)

_ALL = RANGES.all.order_by(NETWORK_SEGMENT_RANGE.c.minimum, NETWORK_SEGMENT_RANGE.c.id)
_DEFAULT = _ALL.where(NETWORK_SEGMENT_RANGE.c.default)
_within = sa.and_(
    NETWORK_SEGMENT.c.network_type == sa.bindparam("kind"),
    sa.func.coalesce(NETWORK_SEGMENT.c.physical_network, "") == sa.bindparam("wire"),
    NETWORK_SEGMENT.c.segmentation_id >= sa.bindparam("low"),
    NETWORK_SEGMENT.c.segmentation_id <= sa.bindparam("high"),
)
_USED = sa.select(NETWORK_SEGMENT.c.segmentation_id).where(_within)
_HOW_MANY = sa.select(sa.func.count()).select_from(NETWORK_SEGMENT).where(_within)
_USERS = (
    sa.select(
        NETWORK_SEGMENT.c.network_type,
        NETWORK_SEGMENT.c.physical_network,
        NETWORK_SEGMENT.c.segmentation_id,
        NETWORK.c.id,
        NETWORK.c.project_id,
    )
    .join(NETWORK, NETWORK.c.id == NETWORK_SEGMENT.c.network_id)
    .where(NETWORK_SEGMENT.c.network_type.in_(texts("kinds")))
    .where(NETWORK_SEGMENT.c.segmentation_id.between(sa.bindparam("low"), sa.bindparam("high")))
    .order_by(NETWORK_SEGMENT.c.segmentation_id)
)
_UNNUMBERED = (
    sa.select(NETWORK.c.id, NETWORK.c.provider_network_type, NETWORK.c.project_id)
    .where(NETWORK.c.provider_network_type.in_([str(kind) for kind in OVERLAYS]))
    .where(NETWORK.c.provider_segmentation_id.is_(None))
    .order_by(NETWORK.c.created_at, NETWORK.c.id)
)
_NUMBER_NETWORK = (
    sa.update(NETWORK)
    .where(NETWORK.c.id == sa.bindparam("network"))
    .values(provider_segmentation_id=sa.bindparam("number"))
)
_NUMBER_SEGMENT = (
    sa.update(NETWORK_SEGMENT)
    .where(NETWORK_SEGMENT.c.network_id == sa.bindparam("network"), NETWORK_SEGMENT.c.place == 0)
    .values(segmentation_id=sa.bindparam("number"))
)
_beginnings = numbers.Beginnings()


def seen_by(_project_id: str) -> sa.ColumnElement[bool]:
    """Nobody but the operator knows of ranges."""
    return sa.false()


def lock(tx: Tx, range_id: str) -> SegmentRange:
    """A range that nobody else changes before this transaction ends. Raises NetworkSegmentRangeNotFound."""
    found = RANGES.lock(tx, range_id)
    if found is None:
        raise NetworkSegmentRangeNotFound(range_id)
    return found


def everything(db: Reader) -> list[SegmentRange]:
    """All ranges, by their least number."""
    return [RANGES.of(row) for row in db.rows(_ALL)]


def defaults(db: Reader) -> list[SegmentRange]:
    """The ranges of the configuration."""
    return [RANGES.of(row) for row in db.rows(_DEFAULT)]


# -- numbers -----------------------------------------------------------------------------------------------


def users(db: Reader, ranges: Sequence[SegmentRange]) -> list[NumberUser]:
    """The numbers in use within ranges, ascending, and some besides: one statement, however many ranges."""
    if not ranges:
        return []
    rows = db.rows(
        _USERS,
        kinds=sorted({str(each.network_type) for each in ranges}),
        low=min(each.minimum for each in ranges),
        high=max(each.maximum for each in ranges),
    )
    return [NumberUser((NetworkType(row[0]), row[1]), *row[2:]) for row in rows]


def lowest_free(
    db: Reader,
    kind: NetworkType,
    wire: str | None,
    intervals: Sequence[tuple[int, int]],
    *,
    but: Collection[int],
    search: str,
) -> int | None:
    """The lowest number in the intervals that no segment has, or None.

    Searches of the same name begin where the last one found room, so they should be of the same intervals.
    """
    begin = _beginnings.of(search)
    found = numbers.lowest_free(_Used(db, kind, wire), intervals, count=1, but=but, begin=begin)
    if not found:
        return None
    _beginnings.put(search, found[0])
    return found[0]


def given_back(number: int) -> None:
    """A number may soon be free: searches begin no higher from now on, whichever it is a number for."""
    _beginnings.draw_all_back(number)


@final
class _Used:
    """The numbers that segments of one type have on one physical network."""

    def __init__(self, db: Reader, kind: NetworkType, wire: str | None) -> None:
        self._db = db
        self._of = {"kind": str(kind), "wire": wire or ""}

    def among(self, low: int, high: int) -> set[int]:
        return {row[0] for row in self._db.rows(_USED, **self._of, low=low, high=high)}

    def count(self, low: int, high: int) -> int:
        found: int = self._db.scalar(_HOW_MANY, **self._of, low=low, high=high)
        return found


# -- networks from before there were numbers -----------------------------------------------------------------


def unnumbered(db: Reader) -> list[tuple[str, NetworkType, str]]:
    """The networks in tunnels without a number: id, type and project, oldest first."""
    return [(row[0], NetworkType(row[1]), row[2]) for row in db.rows(_UNNUMBERED)]


def number(tx: Tx, numbered: Mapping[str, int]) -> None:
    """Give networks in tunnels, and their first segments, numbers."""
    values = [{"network": network_id, "number": number} for network_id, number in numbered.items()]
    tx.execute_many(_NUMBER_NETWORK, values)
    tx.execute_many(_NUMBER_SEGMENT, values)
