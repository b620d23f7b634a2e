"""What hosts say of their guests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nacre.compute.store.tables import GUEST_FACTS
from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts

_ENSURE = sa.text(
    "INSERT INTO guest_facts"
    " (server_id, observed_generation, guest_exists, power, boots, ports_up, fault, waiting, disk,"
    " launched_at, facts_at)"
    " VALUES (:server_id, :observed_generation, :guest_exists, :power, :boots, :ports_up, :fault, :waiting, :disk,"
    " :launched_at, :facts_at)"
    " ON CONFLICT (server_id) DO UPDATE SET observed_generation = excluded.observed_generation,"
    " guest_exists = excluded.guest_exists, power = excluded.power, boots = excluded.boots,"
    " ports_up = excluded.ports_up, fault = excluded.fault, waiting = excluded.waiting, disk = excluded.disk,"
    " launched_at = excluded.launched_at, facts_at = excluded.facts_at"
).bindparams(sa.bindparam("ports_up", type_=GUEST_FACTS.c.ports_up.type))
_PORTS_UP = sa.select(GUEST_FACTS.c.server_id, GUEST_FACTS.c.ports_up).where(
    GUEST_FACTS.c.server_id.in_(texts("server_ids"))
)


def ensure_many(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace what is known of guests."""
    tx.execute_many(_ENSURE, rows)


def ports_up(db: Reader, server_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The ports of these guests that were last said to be up."""
    return {row[0]: row[1] for row in db.rows(_PORTS_UP, server_ids=list(server_ids))}
