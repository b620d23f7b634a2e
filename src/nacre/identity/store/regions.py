"""Regions."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.identity.domain.catalog import Region
from nacre.identity.errors import RegionNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ENDPOINT, REGION, REGISTERED_LIMIT
from nacre.kernel.database import Reader

REGIONS = Shelf(REGION, Region, key="region_id", missing=RegionNotFound)

_CHILD = sa.select(REGION.c.region_id).where(REGION.c.parent_region_id == sa.bindparam("this")).limit(1)
_ENDPOINT = sa.select(ENDPOINT.c.endpoint_id).where(ENDPOINT.c.region_id == sa.bindparam("this")).limit(1)

_REGISTERED = (
    sa.select(REGISTERED_LIMIT.c.registered_limit_id)
    .where(REGISTERED_LIMIT.c.region_id == sa.bindparam("this"))
    .limit(1)
)


def used_by(db: Reader, region_id: str) -> str | None:
    """What still refers to a region, as words, or None."""
    if db.row(_CHILD, this=region_id):
        return "other regions lie within it"
    if db.row(_ENDPOINT, this=region_id):
        return "endpoints are in it"
    if db.row(_REGISTERED, this=region_id):
        return "limits are registered for it"
    return None
