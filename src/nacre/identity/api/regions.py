"""Regions."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import catalog_changed, name_free, updated
from nacre.identity.api.fields import UNSET, Description, Extra, RegionId, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.domain.catalog import Region
from nacre.identity.errors import InUse, NotPossible
from nacre.identity.store.regions import REGIONS, used_by
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id


class CreateRegion(msgspec.Struct, frozen=True, kw_only=True):
    id: RegionId | None = None
    description: Description | None = None
    parent_region_id: RegionId | None = None
    extra: Extra = {}


class UpdateRegion(msgspec.Struct, frozen=True, kw_only=True):
    id: RegionId | Unset = UNSET
    description: Description | Unset | None = UNSET
    parent_region_id: RegionId | Unset | None = UNSET
    extra: Extra = {}


CREATE = Body(CreateRegion, key="region", rest="extra")
UPDATE = Body(UpdateRegion, key="region", rest="extra")


def create(call: Call[Parts], ask: CreateRegion) -> Answer:
    """A new region; without an id it gets one. Errors: RegionNotFound for the parent, Taken."""
    return _create(call, ask, ask.id or new_hex_id())


def put(call: Call[Parts], ask: CreateRegion, region_id: str) -> Answer:
    """A new region of this id. Errors: RegionNotFound for the parent, Taken."""
    if ask.id not in (None, region_id):
        raise Bad("The id in the body is not the one in the URL.", where="region.id")
    return _create(call, ask, msgspec.convert(region_id, RegionId))


def _create(call: Call[Parts], ask: CreateRegion, region_id: str) -> Answer:
    demand(call)
    region = Region(
        region_id=region_id,
        description=ask.description or "",
        parent_region_id=ask.parent_region_id,
        extra=ask.extra,
    )
    with name_free("region", region_id), call.database.write(call.actor) as tx:
        if region.parent_region_id:
            REGIONS.hold(tx, region.parent_region_id)
        REGIONS.insert(tx, region)
        catalog_changed(tx, "create", "region", region_id, after=region)
    return Created({"region": region_view(call, region)})


def list_all(call: Call[Parts]) -> Answer:
    """Regions by id; filter `parent_region_id`."""
    with call.database.read() as db:
        filters = text_filters(call, "parent_region_id")
        page, rows = page_from(db, call, REGIONS, filters, first="region_id")
    return listed(
        call, "regions", rows, page, lambda row: region_view(call, row), id_of=lambda row: row.region_id
    )


def show(call: Call[Parts], region_id: str) -> Answer:
    """A region. Errors: RegionNotFound."""
    with call.database.read() as db:
        return Ok({"region": region_view(call, REGIONS.load(db, region_id))})


def update(call: Call[Parts], ask: UpdateRegion, region_id: str) -> Answer:
    """Change what is given. Errors: RegionNotFound, NotPossible for a circle."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = REGIONS.lock(tx, region_id)
        if ask.id not in (UNSET, region_id):
            raise Bad("Update of `id` is not allowed.", where="region.id")
        after = updated(before, ask)
        after = msgspec.structs.replace(after, description=after.description or "")
        _check_parents(tx, after)
        REGIONS.update(tx, after)
        catalog_changed(tx, "update", "region", region_id, before=before, after=after)
    return Ok({"region": region_view(call, after)})


def _check_parents(tx: Tx, region: Region) -> None:
    parent_id = region.parent_region_id
    while parent_id:
        if parent_id == region.region_id:
            raise NotPossible("A region cannot lie within itself.")
        parent_id = REGIONS.hold(tx, parent_id).parent_region_id


def delete(call: Call[Parts], region_id: str) -> Answer:
    """Delete a region that nothing is in. Errors: RegionNotFound, InUse."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = REGIONS.lock(tx, region_id)
        user = used_by(tx, region_id)
        if user is not None:
            raise InUse("region", region_id, user)
        REGIONS.remove(tx, region_id)
        catalog_changed(tx, "delete", "region", region_id, before=before)
    return NoContent()


def region_view(call: Call[Any], region: Region) -> dict[str, Any]:
    """A region as callers see it."""
    return dict(region.extra) | {
        "id": region.region_id,
        "description": region.description,
        "parent_region_id": region.parent_region_id,
        "links": self_link(call, f"/v3/regions/{region.region_id}"),
    }
