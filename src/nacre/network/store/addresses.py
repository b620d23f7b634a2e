"""Which addresses of a subnet are free. Nothing is kept besides the addresses that ports have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import final

import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.network.domain.addresses import ip_number, ip_text
from nacre.network.store import numbers
from nacre.network.store.tables import PORT_ADDRESS, IpAddress

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
_beginnings = numbers.Beginnings()


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
    used = _Used(db, subnet_id, version)
    found = numbers.lowest_free(used, ranges, count=count, but=promised, begin=_beginnings.of(subnet_id))
    if found:
        _beginnings.put(subnet_id, found[0])
    return [ip_text(version, number) for number in found]


def given_back(freed: Iterable[tuple[str, str]]) -> None:
    """These pairs of subnet and address may soon be free: searches begin no higher from now on."""
    for subnet_id, ip in freed:
        _beginnings.draw_back(subnet_id, ip_number(ip))


@final
class _Used:
    """The addresses of a subnet that ports have, as numbers."""

    def __init__(self, db: Reader, subnet_id: str, version: int) -> None:
        self._db = db
        self._subnet_id = subnet_id
        self._version = version

    def among(self, low: int, high: int) -> set[int]:
        return {ip_number(row[0]) for row in self._db.rows(_USED, **self._between(low, high))}

    def count(self, low: int, high: int) -> int:
        found: int = self._db.scalar(_HOW_MANY, **self._between(low, high))
        return found

    def _between(self, low: int, high: int) -> dict[str, object]:
        length = 4 if self._version == 4 else 16
        return {
            "subnet_id": self._subnet_id,
            "low": low.to_bytes(length, "big"),
            "high": high.to_bytes(length, "big"),
        }
