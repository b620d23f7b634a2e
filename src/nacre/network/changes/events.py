"""Changes as lines of the event log."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.database import Tx
from nacre.kernel.events import Event

_KEPT_BY_STORE = ("revision_number", "updated_at", "created_at")


def created(tx: Tx, kind: str, item: Any) -> None:
    """A new object, with all that it is."""
    tx.record(
        Event(action="create", kind=kind, subject=item.id, after=_fields(item), project_id=item.project_id)
    )


def updated(tx: Tx, kind: str, before: Any, after: Any, *, action: str = "update") -> None:
    """A changed object, with what differs."""
    old, new = _fields(before), _fields(after)
    differing = [name for name in new if new[name] != old[name]]
    tx.record(
        Event(
            action=action,
            kind=kind,
            subject=after.id,
            before={name: old[name] for name in differing},
            after={name: new[name] for name in differing},
            project_id=after.project_id,
        )
    )


def within(tx: Tx, kind: str, item: Any, *, part: str, before: Any, after: Any) -> None:
    """A changed object, of which one part came (`before` is None), changed, or went (`after` is None)."""
    tx.record(
        Event(
            action="update",
            kind=kind,
            subject=item.id,
            before=None if before is None else {part: _fields(before)},
            after=None if after is None else {part: _fields(after)},
            project_id=item.project_id,
        )
    )


def deleted(tx: Tx, kind: str, item: Any) -> None:
    """An object that is gone, with all that it was."""
    tx.record(
        Event(action="delete", kind=kind, subject=item.id, before=_fields(item), project_id=item.project_id)
    )


def _fields(item: Any) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(item).items() if name not in _KEPT_BY_STORE}
