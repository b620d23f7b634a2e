"""Endpoints of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from nacre.identity.domain.catalog import Catalog, Endpoint
from nacre.identity.errors import EndpointNotFound
from nacre.identity.store.services import SERVICES
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ENDPOINT, SERVICE
from nacre.kernel.database import Reader

ENDPOINTS = Shelf(ENDPOINT, Endpoint, key="endpoint_id", missing=EndpointNotFound)

_SERVICES = SERVICES.all.where(SERVICE.c.enabled == sa.true()).order_by(SERVICE.c.type, SERVICE.c.service_id)
_ALL = ENDPOINTS.all.order_by(ENDPOINT.c.service_id, ENDPOINT.c.endpoint_id)
_ENDPOINTS = ENDPOINTS.all.where(ENDPOINT.c.enabled == sa.true()).order_by(
    ENDPOINT.c.interface.desc(), ENDPOINT.c.endpoint_id
)


def load_endpoints(db: Reader) -> Sequence[Endpoint]:
    """Every endpoint, by its service."""
    return [ENDPOINTS.of(row) for row in db.rows(_ALL)]


def load_catalog(db: Reader) -> Catalog:
    """What is enabled. Services that answer nowhere are left out."""
    by_service: dict[str, list[Endpoint]] = {}
    for row in db.rows(_ENDPOINTS):
        endpoint = ENDPOINTS.of(row)
        by_service.setdefault(endpoint.service_id, []).append(endpoint)
    services = [SERVICES.of(row) for row in db.rows(_SERVICES)]
    return Catalog(
        services=[
            (service, by_service[service.service_id])
            for service in services
            if service.service_id in by_service
        ]
    )
