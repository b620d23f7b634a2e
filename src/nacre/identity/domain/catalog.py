"""The catalogue: which service answers where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

INTERFACES = ("public", "internal", "admin")


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A place services are in; regions may lie within others."""

    region_id: str
    description: str = ""
    parent_region_id: str | None = None
    extra: Mapping[str, Any] = {}


class CloudService(msgspec.Struct, frozen=True, kw_only=True):
    """A service of the cloud, by its type."""

    service_id: str
    type: str
    name: str
    description: str = ""
    enabled: bool = True
    extra: Mapping[str, Any] = {}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An address of a service. The url may name the caller's project: `$(project_id)s`, `%(tenant_id)s`, ..."""

    endpoint_id: str
    service_id: str
    region_id: str | None
    interface: str
    url: str
    enabled: bool = True
    extra: Mapping[str, Any] = {}


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """What is enabled, with the endpoints of each service."""

    services: Sequence[tuple[CloudService, Sequence[Endpoint]]]


def view_of(catalog: Catalog, *, project_id: str, user_id: str) -> list[dict[str, Any]]:
    """The catalogue as a token shows it. Endpoints that need a project are left out when there is none."""
    names = {"project_id": project_id, "tenant_id": project_id, "user_id": user_id}
    return [
        {
            "id": service.service_id,
            "type": service.type,
            "name": service.name,
            "endpoints": [
                {
                    "id": endpoint.endpoint_id,
                    "interface": endpoint.interface,
                    "region": endpoint.region_id,
                    "region_id": endpoint.region_id,
                    "url": url,
                }
                for endpoint in endpoints
                if (url := filled_in(endpoint.url, names)) is not None
            ],
        }
        for service, endpoints in catalog.services
    ]


def filled_in(url: str, names: Mapping[str, str]) -> str | None:
    """`url` with names put in; None when one of them is empty here. Unknown names stay as they are written."""
    if "(" not in url:
        return url
    for name, value in names.items():
        for spelled in (f"$({name})s", f"%({name})s"):
            if spelled in url:
                if not value:
                    return None
                url = url.replace(spelled, value)
    return url
