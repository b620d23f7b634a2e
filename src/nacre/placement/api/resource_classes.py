"""Resource classes: the standard ones, and those of this cloud."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent
from nacre.placement.api.access import Parts, date_headers, dated, provider_event
from nacre.placement.api.fields import PREFIX
from nacre.placement.domain.names import STANDARD_CLASSES, ClassName, is_custom
from nacre.placement.errors import BadName, DuplicateName, NameInUse, NameNotFound
from nacre.placement.store import names


class ClassAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A custom resource class."""

    name: ClassName


CREATE = Body(ClassAsk)


def _view(name: str) -> dict[str, Any]:
    return {"name": name, "links": [{"rel": "self", "href": f"{PREFIX}/resource_classes/{name}"}]}


def index(call: Call[Parts]) -> Answer:
    """Every resource class."""
    with call.database.read() as db:
        found = names.resource_classes(db)
    return dated(call, {"resource_classes": [_view(name) for name in found]})


def show(call: Call[Parts], name: str) -> Answer:
    """One resource class. Errors: NameNotFound."""
    with call.database.read() as db:
        if names.unknown_classes(db, {name}):
            raise NameNotFound("resource class", name)
    return dated(call, _view(name))


def create(call: Call[Parts], ask: ClassAsk) -> Answer:
    """Make a custom class. Errors: BadName, DuplicateName."""
    if not _ensure(call, ask.name):
        raise DuplicateName(f"resource class {ask.name}")
    return Answer(None, 201, _location(call, ask.name))


def ensure(call: Call[Parts], name: str) -> Answer:
    """Make a custom class: 201 if it is new, 204 if it was there. Errors: BadName."""
    made = _ensure(call, name)
    return Answer(None, 201 if made else 204, _location(call, name))


def _location(call: Call[Parts], name: str) -> dict[str, str]:
    return {"Location": call.url(f"/resource_classes/{name}")} | date_headers(call)


def _ensure(call: Call[Parts], name: str) -> bool:
    if not is_custom(name):
        raise BadName("custom resource class (CUSTOM_ and capitals, digits or _)", name)
    with call.database.write(call.actor) as tx:
        made = names.add_class(tx, name)
        if made:
            tx.record(provider_event("create-resource-class", name))
    return made


def delete(call: Call[Parts], name: str) -> Answer:
    """Remove a custom class nobody has. Errors: BadName, NameNotFound, NameInUse."""
    if name in STANDARD_CLASSES:
        raise BadName("custom resource class: standard classes cannot be deleted", name)
    with call.database.write(call.actor) as tx:
        if names.is_class_in_use(tx, name):
            raise NameInUse("resource class", name)
        if not names.remove_class(tx, name):
            raise NameNotFound("resource class", name)
        tx.record(provider_event("delete-resource-class", name))
    return NoContent()
