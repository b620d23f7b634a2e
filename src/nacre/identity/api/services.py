"""Services of the catalogue."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import catalog_changed, updated
from nacre.identity.api.fields import UNSET, Description, Extra, LongName, Text, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import flag_filters, listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.domain.catalog import CloudService
from nacre.identity.store.services import SERVICES
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id


class CreateService(msgspec.Struct, frozen=True, kw_only=True):
    type: LongName
    name: Text = ""
    description: Description | None = None
    enabled: bool = True
    extra: Extra = {}


class UpdateService(msgspec.Struct, frozen=True, kw_only=True):
    type: LongName | Unset = UNSET
    name: Text | Unset = UNSET
    description: Description | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    extra: Extra = {}


CREATE = Body(CreateService, key="service", rest="extra")
UPDATE = Body(UpdateService, key="service", rest="extra")


def create(call: Call[Parts], ask: CreateService) -> Answer:
    """A new service, without endpoints."""
    demand(call)
    service = CloudService(
        service_id=new_hex_id(),
        type=ask.type,
        name=ask.name,
        description=ask.description or "",
        enabled=ask.enabled,
        extra=ask.extra,
    )
    with call.database.write(call.actor) as tx:
        SERVICES.insert(tx, service)
        catalog_changed(tx, "create", "service", service.service_id, after=service)
    return Created({"service": service_view(call, service)})


def list_all(call: Call[Parts]) -> Answer:
    """Services by type; filters `name`, `type` and `enabled`."""
    demand(call)
    with call.database.read() as db:
        filters = text_filters(call, "name", "type") | flag_filters(call, "enabled")
        page, rows = page_from(db, call, SERVICES, filters, first="type")
    return listed(
        call, "services", rows, page, lambda row: service_view(call, row), id_of=lambda row: row.service_id
    )


def show(call: Call[Parts], service_id: str) -> Answer:
    """A service. Errors: ServiceNotFound."""
    demand(call)
    with call.database.read() as db:
        return Ok({"service": service_view(call, SERVICES.load(db, service_id))})


def update(call: Call[Parts], ask: UpdateService, service_id: str) -> Answer:
    """Change what is given. Errors: ServiceNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = SERVICES.lock(tx, service_id)
        after = updated(before, ask)
        after = msgspec.structs.replace(after, description=after.description or "")
        SERVICES.update(tx, after)
        catalog_changed(tx, "update", "service", service_id, before=before, after=after)
    return Ok({"service": service_view(call, after)})


def delete(call: Call[Parts], service_id: str) -> Answer:
    """Delete a service, its endpoints, and what it was limited to. Errors: ServiceNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = SERVICES.lock(tx, service_id)
        SERVICES.remove(tx, service_id)
        catalog_changed(tx, "delete", "service", service_id, before=before)
    return NoContent()


def service_view(call: Call[Any], service: CloudService) -> dict[str, Any]:
    """A service as callers see it."""
    return dict(service.extra) | {
        "id": service.service_id,
        "type": service.type,
        "name": service.name,
        "description": service.description,
        "enabled": service.enabled,
        "links": self_link(call, f"/v3/services/{service.service_id}"),
    }
