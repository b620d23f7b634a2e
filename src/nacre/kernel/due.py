"""The table of due keys: what each loop still owes an eye, since when, and what went wrong last.

`generation` grows with every new wish, so that a look begun before the wish cannot settle it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nacre.kernel.schema import METADATA

DUE = sa.Table(
    "due",
    METADATA,
    sa.Column("loop", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("lease_until", sa.Double, nullable=False),
    sa.Column("lease_by", sa.Text, nullable=False),
    sa.Index("due_at", "loop", "at"),
)

MAKE_DUE = sa.text(
    "INSERT INTO due"
    " (loop, subject, at, since, generation, attempts, because, trace_id, lease_until, lease_by)"
    " VALUES (:loop, :subject, :at, :since, 1, 0, '', :trace_id, 0, '')"
    " ON CONFLICT (loop, subject) DO UPDATE SET at = excluded.at, generation = due.generation + 1,"
    " attempts = 0, trace_id = excluded.trace_id"
)

MAKE_DUE_IF_ABSENT = sa.text(
    "INSERT INTO due"
    " (loop, subject, at, since, generation, attempts, because, trace_id, lease_until, lease_by)"
    " VALUES (:loop, :subject, :at, :since, 1, 0, '', :trace_id, 0, '')"
    " ON CONFLICT (loop, subject) DO NOTHING"
)


def new_row(loop: str, key: str, *, now: float, at: float, trace_id: str) -> dict[str, Any]:
    """The parameters of MAKE_DUE."""
    return {"loop": loop, "subject": key, "at": at, "since": now, "trace_id": trace_id}


def topic_of(loop: str) -> str:
    """The wake-up topic of a loop."""
    return f"loop:{loop}"
