"""Hosts: what they offer, when they were last heard of, and the numbers of their wishes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.compute.domain.guests import HostReport
from nacre.compute.domain.hosts import Host
from nacre.compute.store.tables import HOST, SERVER_PLACEMENT
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId, ServerId
from nacre.kernel.texts import texts

_ALL = sa.select(*[HOST.c[name] for name in Host.__struct_fields__]).order_by(HOST.c.number)
_FIND = _ALL.where(HOST.c.host_id == sa.bindparam("host_id"))
_FIND_MANY = _ALL.where(HOST.c.host_id.in_(texts("host_ids")))
_GENERATIONS = sa.select(HOST.c.host_id, HOST.c.generation).where(HOST.c.host_id.in_(texts("host_ids")))
_RAISE = sa.text("UPDATE host SET generation = generation + 1 WHERE host_id = :host_id RETURNING generation")
_NUMBER = (
    sa.update(SERVER_PLACEMENT)
    .where(SERVER_PLACEMENT.c.server_id.in_(texts("server_ids")))
    .values(host_generation=sa.bindparam("number"))
)
_ENSURE = sa.text(
    "INSERT INTO host"
    " (host_id, number, report, generation, created_at, seen_at, zone, disabled, forced_down)"
    " VALUES (:host_id, (SELECT COALESCE(MAX(number), 0) + 1 FROM host), :report, 1, :now, :now, :zone, :no, :no)"
    " ON CONFLICT (host_id) DO UPDATE SET report = excluded.report, seen_at = excluded.seen_at"
).bindparams(sa.bindparam("report", type_=HOST.c.report.type))
_HEARD = sa.text("UPDATE host SET seen_at = :now WHERE host_id = :host_id AND seen_at < :now")


def listed(db: Reader) -> list[Host]:
    """Every host, in the order in which they became known."""
    return [Host(*row) for row in db.rows(_ALL)]


def find(db: Reader, host_id: str) -> Host | None:
    """One host."""
    row = db.row(_FIND, host_id=host_id)
    return None if row is None else Host(*row)


def find_many(db: Reader, host_ids: Collection[HostId]) -> Mapping[HostId, Host]:
    """Those of the hosts that are known."""
    return {row[0]: Host(*row) for row in db.rows(_FIND_MANY, host_ids=list(host_ids))}


def generations(db: Reader, host_ids: Collection[HostId]) -> Mapping[HostId, int]:
    """The numbers of the newest wishes of those hosts that are known."""
    return {row[0]: row[1] for row in db.rows(_GENERATIONS, host_ids=list(host_ids))}


def ensure(tx: Tx, reports: Sequence[HostReport], *, zone: str) -> None:
    """Take note of what hosts offer; new ones begin in `zone`, enabled."""
    tx.execute_many(
        _ENSURE,
        [
            {"host_id": report.host_id, "report": report, "now": tx.now, "zone": zone, "no": False}
            for report in reports
        ],
    )


def note_heard(tx: Tx, host_ids: Collection[HostId]) -> None:
    """These hosts have just been heard of."""
    tx.execute_many(_HEARD, [{"host_id": host_id, "now": tx.now} for host_id in sorted(host_ids)])


def raise_generation(tx: Tx, host_id: HostId) -> int:
    """Begin a new wish for a host, and wake it once it is durable; the wish's number.

    The host's row stays locked until then, so that the wishes of a host become visible in their order.
    """
    tx.wake(topic_of(host_id))
    number: int = tx.scalar(_RAISE, host_id=host_id)
    return number


def publish(tx: Tx, host_id: HostId, server_ids: Collection[ServerId]) -> None:
    """Let a host hear of changes to its guests."""
    number = raise_generation(tx, host_id)
    tx.execute(_NUMBER, server_ids=list(server_ids), number=number)


def change(tx: Tx, host: Host, **new: object) -> Host:
    """Write what an operator decides of a host."""
    tx.execute(sa.update(HOST).where(HOST.c.host_id == host.host_id).values(new))
    return msgspec.structs.replace(host, **new)


def topic_of(host_id: HostId) -> str:
    """The wake-up topic of a host's wishes and questions."""
    return f"host:{host_id}"
