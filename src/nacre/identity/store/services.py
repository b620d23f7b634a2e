"""Services of the catalogue."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.identity.domain.catalog import CloudService
from nacre.identity.errors import ServiceNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ENDPOINT, SERVICE
from nacre.kernel.database import Tx

SERVICES = Shelf(SERVICE, CloudService, key="service_id", missing=ServiceNotFound)

_this: sa.BindParameter[str] = sa.bindparam("this")
_WITH_SERVICE = (
    sa.delete(ENDPOINT).where(ENDPOINT.c.service_id == _this),
    sa.delete(SERVICE).where(SERVICE.c.service_id == _this),
)


def remove_service(tx: Tx, service_id: str) -> None:
    """Delete a service and its endpoints."""
    for statement in _WITH_SERVICE:
        tx.execute(statement, this=service_id)
