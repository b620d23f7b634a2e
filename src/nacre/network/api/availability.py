"""How many addresses networks have, and how many of them are in use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call
from nacre.kernel.http.routes import Route
from nacre.network import policy
from nacre.network.api.attributes import OWNED, shown
from nacre.network.api.noun import Policies, Shelved, View
from nacre.network.api.parts import Parts
from nacre.network.domain.addresses import pool_ranges
from nacre.network.domain.networks import Network
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import NetworkNotFound
from nacre.network.store import availability, networks, subnets

VERSIONS = {"4": 4, "6": 6}

ATTRIBUTES = (
    shown("network_id", field="id"),
    shown("network_name", field="name"),
    shown("subnet_ip_availability"),
    shown("total_ips"),
    shown("used_ips"),
)


def _views(db: Reader, items: Sequence[Network]) -> list[View]:
    held: dict[str, list[Subnet]] = defaultdict(list)
    for subnet in subnets.on_networks(db, [item.id for item in items]):
        held[subnet.network_id].append(subnet)
    used = availability.used_of(db, [subnet.id for each in held.values() for subnet in each])
    return [
        _view(item, [_subnet_view(each, used.get(each.id, 0)) for each in held[item.id]]) for item in items
    ]


def _view(item: Network, held: Sequence[View]) -> View:
    return {
        "network_id": item.id,
        "network_name": item.name,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
        "subnet_ip_availability": held,
    }


def _subnet_view(item: Subnet, used: int) -> View:
    """Addresses that may be given to ports: those of the pools."""
    return {
        "subnet_id": item.id,
        "subnet_name": item.name,
        "cidr": item.cidr,
        "ip_version": item.ip_version,
        "total_ips": sum(last - first + 1 for first, last in pool_ranges(item.allocation_pools)),
        "used_ips": used,
    }


class Availabilities(Shelved[Network]):
    """Who asks for one IP version is told of its subnets alone."""

    def _complete(self, call: Call[Parts], db: Reader, views: Sequence[View]) -> None:
        asked = _versions(call.all("ip_version")) or set(VERSIONS.values())
        for view in views:
            held = [each for each in view["subnet_ip_availability"] if each["ip_version"] in asked]
            view["subnet_ip_availability"] = held
            for name in ("total_ips", "used_ips"):
                view[name] = sum(each[name] for each in held)


def _versions(values: Sequence[str]) -> set[int]:
    unknown = [value for value in values if value not in VERSIONS]
    if unknown:
        raise Bad(f"'{unknown[0][:20]}' is not an IP version", where="ip_version")
    return {VERSIONS[value] for value in values}


def _by_version(values: Sequence[str]) -> sa.ColumnElement[bool]:
    return availability.with_version(_versions(values))


AVAILABILITIES = Availabilities(
    name="network_ip_availability",
    plural="network_ip_availabilities",
    attributes=ATTRIBUTES,
    standard=OWNED,
    policies=Policies(policy.AVAILABILITY_SHOW, *([policy.AVAILABILITY_SHOW] * 3)),
    shelf=networks.NETWORKS,
    absent=NetworkNotFound,
    seen_by=availability.seen_by,
    views=_views,
    special={"ip_version": _by_version},
)

ROUTES = (
    Route("GET", "/v2.0/network-ip-availabilities", AVAILABILITIES.index, policy.AVAILABILITY_LIST),
    Route(
        "GET", "/v2.0/network-ip-availabilities/{object_id}", AVAILABILITIES.show, policy.AVAILABILITY_LIST
    ),
)
