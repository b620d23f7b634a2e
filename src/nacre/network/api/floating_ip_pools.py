"""From where floating IPs can be had: the subnets of external networks."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Reader
from nacre.kernel.http.routes import Route
from nacre.network import policy
from nacre.network.api.attributes import OWNED, shown
from nacre.network.api.floating_ips import FLOATING_IPS
from nacre.network.api.noun import Shelved, View
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import SubnetNotFound
from nacre.network.store import subnets

ATTRIBUTES = (
    shown("subnet_id", field="id"),
    shown("subnet_name", field="name"),
    shown("network_id"),
    shown("cidr"),
)


def _views(_db: Reader, items: Sequence[Subnet]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: Subnet) -> View:
    return {
        "subnet_id": item.id,
        "subnet_name": item.name,
        "network_id": item.network_id,
        "cidr": item.cidr,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
    }


POOLS = Shelved(
    name="floatingip_pool",
    plural="floatingip_pools",
    standard=OWNED,
    attributes=ATTRIBUTES,
    policies=FLOATING_IPS.policies,
    shelf=subnets.SUBNETS,
    absent=SubnetNotFound,
    seen_by=subnets.seen_with_network,
    rows=subnets.OUTSIDE,
    views=_views,
)

ROUTES = (Route("GET", "/v2.0/floatingip-pools", POOLS.index, policy.FLOATING_IP_SHOW),)
