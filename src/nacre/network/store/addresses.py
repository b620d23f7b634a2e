"""Which addresses of a subnet are free. Nothing is kept besides the addresses that ports have.

The lowest free one is found in windows: full windows are skipped by counting them in the index, in steps that double
and then halve, so that of 60,000 addresses none is read. Where the last look found room, the next one begins, so that
a crowded subnet costs no more than an empty one: addresses that this process has given back since draw it back, and
what others gave back below it is found when everything above is taken.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from typing import final

import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.network.domain.addresses import ip_number, ip_text
from nacre.network.store.tables import PORT_ADDRESS, IpAddress

WINDOW = 256
MOST_REMEMBERED = 20_000

_within = sa.and_(
    PORT_ADDRESS.c.subnet_id == sa.bindparam("subnet_id"),
    PORT_ADDRESS.c.ip >= sa.bindparam("low", type_=IpAddress()),
    PORT_ADDRESS.c.ip <= sa.bindparam("high", type_=IpAddress()),
)
_USED = sa.select(PORT_ADDRESS.c.ip).where(_within)
_HOW_MANY = sa.select(sa.func.count()).select_from(PORT_ADDRESS).where(_within)
_AMONG = sa.select(PORT_ADDRESS.c.ip).where(
    PORT_ADDRESS.c.subnet_id == sa.bindparam("subnet_id"),
    PORT_ADDRESS.c.ip.in_(sa.bindparam("ips", expanding=True, type_=IpAddress())),
)


def used_among(db: Reader, subnet_id: str, ips: Collection[str]) -> frozenset[str]:
    """Those of the addresses that some port has."""
    return frozenset(row[0] for row in db.rows(_AMONG, subnet_id=subnet_id, ips=list(ips)))


def lowest_free(
    db: Reader,
    subnet_id: str,
    version: int,
    ranges: Sequence[tuple[int, int]],
    *,
    count: int,
    but: Collection[str] = (),
) -> list[str]:
    """The `count` lowest addresses in `ranges` (as numbers, both ends included) that no port has; fewer if there are.

    `but` are addresses that this transaction is about to give away.
    """
    promised = {ip_number(ip) for ip in but}
    begin = _beginnings.of(subnet_id)
    found = _free_from(db, subnet_id, version, ranges, begin=begin, count=count, promised=promised)
    if len(found) < count and begin:
        found = _free_from(db, subnet_id, version, ranges, begin=0, count=count, promised=promised)
    if found:
        _beginnings.put(subnet_id, found[0])
    return [ip_text(version, number) for number in found]


def given_back(freed: Iterable[tuple[str, str]]) -> None:
    """These pairs of subnet and address may soon be free: searches begin no higher from now on."""
    for subnet_id, ip in freed:
        _beginnings.draw_back(subnet_id, ip_number(ip))


def _free_from(
    db: Reader,
    subnet_id: str,
    version: int,
    ranges: Sequence[tuple[int, int]],
    *,
    begin: int,
    count: int,
    promised: Collection[int],
) -> list[int]:
    search = _Search(db, subnet_id, version)
    found: list[int] = []
    for low, high in ranges:
        position = max(low, begin)
        while position <= high and len(found) < count:
            end = min(high, position + WINDOW - 1)
            used = search.used(position, end).union(promised)
            free = [number for number in range(position, end + 1) if number not in used]
            found += free[: count - len(found)]
            position = end + 1 if free else search.end_of_full(end + 1, high)
    return found


@final
class _Beginnings:
    """Where searches of subnets begin. A wrong number costs statements and nothing else, so none is ever checked."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, subnet_id: str) -> int:
        return self._numbers.get(subnet_id, 0)

    def put(self, subnet_id: str, number: int) -> None:
        with self._lock:
            if len(self._numbers) >= MOST_REMEMBERED:
                self._numbers.clear()
            self._numbers[subnet_id] = number

    def draw_back(self, subnet_id: str, number: int) -> None:
        with self._lock:
            if number < self._numbers.get(subnet_id, 0):
                self._numbers[subnet_id] = number


_beginnings = _Beginnings()


class _Search:
    def __init__(self, db: Reader, subnet_id: str, version: int) -> None:
        self._db = db
        self._subnet_id = subnet_id
        self._version = version

    def used(self, low: int, high: int) -> set[int]:
        return {ip_number(row[0]) for row in self._db.rows(_USED, **self._between(low, high))}

    def end_of_full(self, position: int, high: int) -> int:
        """The first address from `position` on whose window is not full: bigger and bigger steps, then smaller ones."""
        size = WINDOW
        while position + size - 1 <= high and self._is_full(position, size):
            position += size
            size *= 2
        while size > WINDOW:
            size //= 2
            if position + size - 1 <= high and self._is_full(position, size):
                position += size
        return position

    def _is_full(self, low: int, size: int) -> bool:
        used: int = self._db.scalar(_HOW_MANY, **self._between(low, low + size - 1))
        return used == size

    def _between(self, low: int, high: int) -> dict[str, object]:
        length = 4 if self._version == 4 else 16
        return {
            "subnet_id": self._subnet_id,
            "low": low.to_bytes(length, "big"),
            "high": high.to_bytes(length, "big"),
        }
