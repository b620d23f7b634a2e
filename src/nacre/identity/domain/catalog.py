"""The catalogue: which service answers where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

INTERFACES = ("public", "internal", "admin")
Interface = Literal["public", "internal", "admin"]


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


class EndpointFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an endpoint must be to belong to a group; what is unset may be anything."""

    service_id: str | UnsetType = UNSET
    region_id: str | UnsetType | None = UNSET
    interface: Interface | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET

    def match(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint belongs to the group."""
        wanted = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return all(value is UNSET or getattr(endpoint, name) == value for name, value in wanted)


class EndpointGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints told apart by what they are, so that those to come belong to it too."""

    endpoint_group_id: str
    name: str
    description: str = ""
    filters: EndpointFilters


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints that a project is associated with: some by name, and those of some groups."""

    endpoint_ids: frozenset[str]
    groups: tuple[EndpointFilters, ...]

    def holds(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint is among them."""
        return endpoint.endpoint_id in self.endpoint_ids or any(
            group.match(endpoint) for group in self.groups
        )


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """What is enabled, with the endpoints of each service."""

    services: Sequence[tuple[CloudService, Sequence[Endpoint]]]

    def only(self, selection: Selection) -> Catalog:
        """The part of it that a selection holds."""
        parts = (
            (service, [each for each in endpoints if selection.holds(each)])
            for service, endpoints in self.services
        )
        return Catalog(services=[(service, endpoints) for service, endpoints in parts if endpoints])


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


class PolicyAssociation(msgspec.Struct, frozen=True, kw_only=True):
    """What follows a policy: one endpoint, or a service, or a service within a region."""

    policy_id: str
    endpoint_id: str | None = None
    service_id: str | None = None
    region_id: str | None = None

    @property
    def target(self) -> str:
        """The name of what follows it."""
        return (
            f"endpoint {self.endpoint_id}"
            if self.endpoint_id
            else f"{self.service_id} {self.region_id or ''}"
        )

    def covers(self, endpoint: Endpoint, line: Sequence[str]) -> bool:
        """Whether it counts for an endpoint. `line` holds the endpoint's region and those it lies within."""
        if self.endpoint_id is not None:
            return self.endpoint_id == endpoint.endpoint_id
        return self.service_id == endpoint.service_id and (self.region_id is None or self.region_id in line)


def effective_association(
    associations: Sequence[PolicyAssociation], endpoint: Endpoint, line: Sequence[str]
) -> PolicyAssociation | None:
    """The nearest of those that count for an endpoint: its own, its service's in the nearest region, its service's.

    `line` holds the endpoint's region, the one that lies within, and so on outwards.
    Source: Identity API v3, OS-ENDPOINT-POLICY.
    """

    def distance(association: PolicyAssociation) -> int:
        if association.endpoint_id is not None:
            return -1
        return len(line) if association.region_id is None else line.index(association.region_id)

    return min((each for each in associations if each.covers(endpoint, line)), key=distance, default=None)


def line_of(region_id: str | None, parents: Mapping[str, str | None]) -> Sequence[str]:
    """A region, the one it lies within, and so on outwards."""
    line: list[str] = []
    while region_id is not None and region_id not in line:
        line.append(region_id)
        region_id = parents.get(region_id)
    return line
