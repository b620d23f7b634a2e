"""Services of the catalogue."""

from __future__ import annotations

from nacre.identity.domain.catalog import CloudService
from nacre.identity.errors import ServiceNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import SERVICE

SERVICES = Shelf(SERVICE, CloudService, key="service_id", missing=ServiceNotFound)
