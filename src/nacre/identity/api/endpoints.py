"""Endpoints of the catalogue."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import catalog_changed, updated
from nacre.identity.api.fields import UNSET, Extra, Id, RegionId, Unset, Url
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import flag_filters, listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.domain.catalog import Endpoint, Interface, Region
from nacre.identity.errors import Missing
from nacre.identity.store.endpoints import ENDPOINTS
from nacre.identity.store.regions import REGIONS
from nacre.identity.store.services import SERVICES
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id


class CreateEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`region` is what `region_id` was called once."""

    service_id: Id
    interface: Interface
    url: Url
    region_id: RegionId | None = None
    region: RegionId | None = None
    enabled: bool = True
    extra: Extra = {}


class UpdateEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    service_id: Id | Unset = UNSET
    interface: Interface | Unset = UNSET
    url: Url | Unset = UNSET
    region_id: RegionId | Unset | None = UNSET
    region: RegionId | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    extra: Extra = {}


CREATE = Body(CreateEndpoint, key="endpoint", rest="extra")
UPDATE = Body(UpdateEndpoint, key="endpoint", rest="extra")


def create(call: Call[Parts], ask: CreateEndpoint) -> Answer:
    """A new endpoint. A region named in the old way is made if it is not there. Raises Bad."""
    demand(call)
    endpoint = Endpoint(
        endpoint_id=new_hex_id(),
        service_id=ask.service_id,
        region_id=ask.region_id or ask.region,
        interface=ask.interface,
        url=ask.url,
        enabled=ask.enabled,
        extra=ask.extra,
    )
    with call.database.write(call.actor) as tx:
        if ask.region_id is None and ask.region is not None:
            _ensure_region(tx, ask.region)
        _check_ends(tx, endpoint)
        ENDPOINTS.insert(tx, endpoint)
        catalog_changed(tx, "create", "endpoint", endpoint.endpoint_id, after=endpoint)
    return Created({"endpoint": endpoint_view(call, endpoint)})


def list_all(call: Call[Parts]) -> Answer:
    """Endpoints; filters `service_id`, `region_id`, `interface` and `enabled`."""
    demand(call)
    with call.database.read() as db:
        filters = text_filters(call, "service_id", "region_id", "interface") | flag_filters(call, "enabled")
        page, rows = page_from(db, call, ENDPOINTS, filters, first="service_id")
    return listed(
        call, "endpoints", rows, page, lambda row: endpoint_view(call, row), id_of=lambda row: row.endpoint_id
    )


def show(call: Call[Parts], endpoint_id: str) -> Answer:
    """An endpoint. Errors: EndpointNotFound."""
    demand(call)
    with call.database.read() as db:
        return Ok({"endpoint": endpoint_view(call, ENDPOINTS.load(db, endpoint_id))})


def update(call: Call[Parts], ask: UpdateEndpoint, endpoint_id: str) -> Answer:
    """Change what is given. Errors: EndpointNotFound, Bad."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = ENDPOINTS.lock(tx, endpoint_id)
        after = updated(before, ask)
        if ask.region_id is UNSET and isinstance(ask.region, str):
            _ensure_region(tx, ask.region)
            after = msgspec.structs.replace(after, region_id=ask.region)
        _check_ends(tx, after)
        ENDPOINTS.update(tx, after)
        catalog_changed(tx, "update", "endpoint", endpoint_id, before=before, after=after)
    return Ok({"endpoint": endpoint_view(call, after)})


def delete(call: Call[Parts], endpoint_id: str) -> Answer:
    """Delete an endpoint. Errors: EndpointNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = ENDPOINTS.lock(tx, endpoint_id)
        ENDPOINTS.remove(tx, endpoint_id)
        catalog_changed(tx, "delete", "endpoint", endpoint_id, before=before)
    return NoContent()


def _ensure_region(tx: Tx, region_id: str) -> None:
    if REGIONS.find(tx, region_id) is None:
        REGIONS.insert(tx, Region(region_id=region_id))


def _check_ends(tx: Tx, endpoint: Endpoint) -> None:
    """Raise Bad unless there are such a service and region."""
    try:
        SERVICES.hold(tx, endpoint.service_id)
        if endpoint.region_id is not None:
            REGIONS.hold(tx, endpoint.region_id)
    except Missing as error:
        raise Bad(str(error), where="endpoint") from error


def endpoint_view(call: Call[Any], endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as callers see it."""
    return dict(endpoint.extra) | {
        "id": endpoint.endpoint_id,
        "service_id": endpoint.service_id,
        "region_id": endpoint.region_id,
        "region": endpoint.region_id,
        "interface": endpoint.interface,
        "url": endpoint.url,
        "enabled": endpoint.enabled,
        "links": self_link(call, f"/v3/endpoints/{endpoint.endpoint_id}"),
    }
