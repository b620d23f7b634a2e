"""What every change of identity does besides: the event, the wake-up, and a clear word about names in use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from nacre.identity.authority import CATALOG_CHANGED, CHANGED
from nacre.identity.errors import Taken
from nacre.kernel.database import Duplicate, Tx
from nacre.kernel.events import Event

Shape = TypeVar("Shape", bound=msgspec.Struct)


def changed(
    tx: Tx,
    action: str,
    kind: str,
    subject: str,
    *,
    before: msgspec.Struct | Mapping[str, Any] | None = None,
    after: msgspec.Struct | Mapping[str, Any] | None = None,
) -> None:
    """Record a change, and let every node forget the rights it remembers."""
    was, now = _plain(before), _plain(after)
    if was is not None and now is not None:
        names = [name for name in now if was.get(name) != now[name]]
        was, now = {name: was.get(name) for name in names}, {name: now[name] for name in names}
    tx.record(Event(action=action, kind=kind, subject=subject, before=was, after=now))
    tx.wake(CHANGED)


def catalog_changed(
    tx: Tx,
    action: str,
    kind: str,
    subject: str,
    *,
    before: msgspec.Struct | Mapping[str, Any] | None = None,
    after: msgspec.Struct | Mapping[str, Any] | None = None,
) -> None:
    """Record a change of the catalogue, and let every node read it anew."""
    changed(tx, action, kind, subject, before=before, after=after)
    tx.wake(CATALOG_CHANGED)


@contextlib.contextmanager
def name_free(noun: str, name: str) -> Iterator[None]:
    """Put around a transaction that writes a name which must be unique. Raises Taken."""
    try:
        yield
    except Duplicate as error:
        raise Taken(noun, name) from error


def updated(before: Shape, ask: msgspec.Struct) -> Shape:
    """`before` with every field that `ask` sets; extra fields are merged, and given up where null.

    Options are merged in the same way. Fields of `ask` that `before` does not have are left to the caller.
    """
    given = {
        name: value for name in ask.__struct_fields__ if (value := getattr(ask, name)) is not msgspec.UNSET
    }
    known = {name: value for name, value in given.items() if name in before.__struct_fields__}
    for name in ("extra", "options"):
        if name in known:
            value = known[name]
            fresh = value if isinstance(value, dict) else value.given()
            known[name] = _merged(getattr(before, name), fresh)
    return msgspec.structs.replace(before, **known)


def _merged(before: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**before, **fresh}
    return {name: value for name, value in merged.items() if value is not None}


def _plain(value: msgspec.Struct | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else dict(value)
