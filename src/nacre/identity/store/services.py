"""Services of the catalogue."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.identity.domain.catalog import CloudService
from nacre.identity.errors import ServiceNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ENDPOINT, LIMIT, REGISTERED_LIMIT, SERVICE
from nacre.kernel.database import Tx

SERVICES = Shelf(SERVICE, CloudService, key="service_id", missing=ServiceNotFound)

_this: sa.BindParameter[str] = sa.bindparam("this")
_registered = sa.select(REGISTERED_LIMIT.c.registered_limit_id).where(REGISTERED_LIMIT.c.service_id == _this)
_WITH_SERVICE = (
    sa.delete(LIMIT).where(LIMIT.c.registered_limit_id.in_(_registered)),
    sa.delete(REGISTERED_LIMIT).where(REGISTERED_LIMIT.c.service_id == _this),
    sa.delete(ENDPOINT).where(ENDPOINT.c.service_id == _this),
    sa.delete(SERVICE).where(SERVICE.c.service_id == _this),
)


def remove_service(tx: Tx, service_id: str) -> None:
    """Delete a service, its endpoints, and what it was limited to."""
    for statement in _WITH_SERVICE:
        tx.execute(statement, this=service_id)
