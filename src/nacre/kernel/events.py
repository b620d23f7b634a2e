"""The event log: every change as a fact with a time, an actor and a trace id. Append-only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.kernel.ids import ProjectId, UserId
from nacre.kernel.schema import METADATA

EVENT = sa.Table(
    "event",
    METADATA,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Index("event_subject", "kind", "subject", "seq"),
)

APPEND = sa.text(
    "INSERT INTO event (at, actor, project_id, trace_id, action, kind, subject, before, after)"
    " VALUES (:at, :actor, :project_id, :trace_id, :action, :kind, :subject, :before, :after)"
)


class Actor(msgspec.Struct, frozen=True):
    """Who causes a change: a user within a project, or one of Nacre's own loops (`loop:servers`)."""

    name: str
    project_id: ProjectId = ProjectId("")
    trace_id: str = ""

    @staticmethod
    def user(user_id: UserId, project_id: ProjectId, trace_id: str) -> Actor:
        return Actor(f"user:{user_id}", project_id, trace_id)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change: `action` such as `create`, on the `kind` of thing named `subject`.

    `before` and `after` hold the fields that changed, and no secret.
    """

    action: str
    kind: str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    project_id: ProjectId | None = None


_encode = msgspec.json.Encoder(enc_hook=str).encode


def event_row(event: Event, actor: Actor, now: float) -> dict[str, Any]:
    """The row of `event`. The project is the event's own, else the actor's."""
    return {
        "at": now,
        "actor": actor.name,
        "project_id": actor.project_id if event.project_id is None else event.project_id,
        "trace_id": actor.trace_id,
        "action": event.action,
        "kind": event.kind,
        "subject": event.subject,
        "before": "" if event.before is None else _encode(event.before).decode(),
        "after": "" if event.after is None else _encode(event.after).decode(),
    }
