"""Subnets and subnet pools, as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.subnet_pools import SubnetPool
from nacre.network.domain.subnets import Subnet, with_peer_routes
from nacre.network.errors import SubnetNotFound, SubnetPoolNotFound
from nacre.network.store import rbac
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import NETWORK, SUBNET, SUBNET_POOL

SUBNETS = Shelf(SUBNET, Subnet)
SUBNET_POOLS = Shelf(SUBNET_POOL, SubnetPool)

_ON = SUBNETS.all.where(SUBNET.c.network_id.in_(texts("ids"))).order_by(SUBNET.c.created_at, SUBNET.c.id)
_FROM_POOL = sa.select(SUBNET.c.cidr).where(SUBNET.c.subnetpool_id == sa.bindparam("pool_id"))
_IDS_FROM_POOL = sa.select(SUBNET.c.id).where(SUBNET.c.subnetpool_id == sa.bindparam("pool_id"))
_OWN_FROM_POOL = _FROM_POOL.where(SUBNET.c.project_id == sa.bindparam("project_id"))
_neighbour = SUBNET.alias()
_SHARES_NETWORKS = (
    sa.select(SUBNET.c.id)
    .join(_neighbour, _neighbour.c.network_id == SUBNET.c.network_id)
    .where(SUBNET.c.subnetpool_id == sa.bindparam("pool_id"))
    .where(_neighbour.c.ip_version == sa.bindparam("version"))
    .where(_neighbour.c.subnetpool_id.is_not(None))
    .where(_neighbour.c.subnetpool_id != sa.bindparam("pool_id"))
    .limit(1)
)
_DEFAULT_POOL = sa.select(SUBNET_POOL.c.id).where(
    SUBNET_POOL.c.is_default.is_(True), SUBNET_POOL.c.ip_version == sa.bindparam("version")
)

OUTSIDE = SUBNETS.all.where(
    SUBNET.c.ip_version == 4,
    SUBNET.c.network_id.in_(sa.select(NETWORK.c.id).where(NETWORK.c.router_external)),
)
"""The subnets from which floating IPs can be had."""


def seen_with_network(project_id: str) -> sa.ColumnElement[bool]:
    """The subnets of networks that a project may know of, be it as a way out only."""
    return SUBNET.c.network_id.in_(sa.select(NETWORK.c.id).where(rbac.seen_by(project_id, "network")))


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The subnets a project may know of: its own, and those of networks that it may know of."""
    return sa.or_(SUBNET.c.project_id == project_id, seen_with_network(project_id))


def load(db: Reader, subnet_id: str) -> Subnet:
    """A subnet. Raises SubnetNotFound."""
    subnet = SUBNETS.find(db, subnet_id)
    if subnet is None:
        raise SubnetNotFound(subnet_id)
    return subnet


def lock(tx: Tx, subnet_id: str) -> Subnet:
    """A subnet that nobody else changes before this transaction ends. Raises SubnetNotFound."""
    subnet = SUBNETS.lock(tx, subnet_id)
    if subnet is None:
        raise SubnetNotFound(subnet_id)
    return subnet


def on_networks(db: Reader, network_ids: Collection[str]) -> Sequence[Subnet]:
    """The subnets of networks, oldest first."""
    return [SUBNETS.of(row) for row in db.rows(_ON, ids=list(network_ids))] if network_ids else []


def as_told(db: Reader, some: Collection[Subnet]) -> list[Subnet]:
    """Subnets with the routes to those of other segments: one statement, and none where there are no segments."""
    routed = {subnet.network_id for subnet in some if subnet.segment_id is not None}
    peers: dict[str, list[Subnet]] = defaultdict(list)
    for peer in on_networks(db, routed):
        peers[peer.network_id].append(peer)
    return [with_peer_routes(subnet, peers.get(subnet.network_id, ())) for subnet in some]


def lock_pool(tx: Tx, pool_id: str) -> SubnetPool:
    """A pool that nobody else cuts from before this transaction ends. Raises SubnetPoolNotFound."""
    pool = SUBNET_POOLS.lock(tx, pool_id)
    if pool is None:
        raise SubnetPoolNotFound(pool_id)
    return pool


def cut_from(db: Reader, pool_id: str) -> list[str]:
    """The CIDRs of the subnets that were cut from a pool."""
    return [row[0] for row in db.rows(_FROM_POOL, pool_id=pool_id)]


def ids_cut_from(db: Reader, pool_id: str) -> list[str]:
    """The subnets that were cut from a pool."""
    return [row[0] for row in db.rows(_IDS_FROM_POOL, pool_id=pool_id)]


def cut_from_by(db: Reader, pool_id: str, project_id: str) -> list[str]:
    """The CIDRs of the subnets of one project that were cut from a pool."""
    return [row[0] for row in db.rows(_OWN_FROM_POOL, pool_id=pool_id, project_id=project_id)]


def shares_networks(db: Reader, pool_id: str, version: int) -> bool:
    """Whether a network has subnets of this pool and of another."""
    return db.row(_SHARES_NETWORKS, pool_id=pool_id, version=version) is not None


def default_pool(db: Reader, version: int) -> str | None:
    """The pool that subnets of an IP version are cut from when nobody names one."""
    found: str | None = db.scalar(_DEFAULT_POOL, version=version)
    return found


def pools_seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The pools a project may know of."""
    return rbac.seen_by(project_id, "subnetpool")
