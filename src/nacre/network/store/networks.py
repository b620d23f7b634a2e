"""Networks, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.networks import Network
from nacre.network.domain.rbac import Action
from nacre.network.errors import NetworkNotFound
from nacre.network.store import rbac
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import NETWORK, SUBNET, SUBNET_POOL

NETWORKS = Shelf(NETWORK, Network)
_PASSED_ON = sa.select(NETWORK.c.id, NETWORK.c.qos_policy_id, NETWORK.c.dns_domain).where(
    NETWORK.c.id.in_(texts("ids"))
)

_SUBNET_IDS = (
    sa.select(SUBNET.c.network_id, SUBNET.c.id)
    .where(SUBNET.c.network_id.in_(texts("ids")))
    .order_by(SUBNET.c.created_at, SUBNET.c.id)
)
_STANDING = (
    sa.select(
        SUBNET.c.network_id,
        SUBNET.c.id,
        SUBNET.c.ip_version,
        SUBNET.c.segment_id,
        SUBNET_POOL.c.address_scope_id,
    )
    .select_from(SUBNET.outerjoin(SUBNET_POOL, SUBNET_POOL.c.id == SUBNET.c.subnetpool_id))
    .where(SUBNET.c.network_id.in_(texts("ids")))
    .order_by(SUBNET.c.created_at, SUBNET.c.id)
)
EXTERNAL = sa.select(NETWORK.c.id).where(NETWORK.c.router_external)
"""The networks that are a way out."""
_EXTERNAL_AMONG = EXTERNAL.where(NETWORK.c.id.in_(texts("ids")))
_DEFAULT_WAY_OUT = sa.select(NETWORK.c.id).where(NETWORK.c.is_default, NETWORK.c.router_external)


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The networks that a project may know of: its own, and what others share or offer as a way out."""
    return rbac.seen_by(project_id, "network")


def is_seen_by(db: Reader, network: Network, project_id: str) -> bool:
    """Whether a project may know of a network: it is its own, shared with it, or a way out for it."""
    return (
        network.project_id == project_id
        or network.shared
        or rbac.grants(db, project_id, "network", network.id, *Action)
    )


def takes_ports_of(db: Reader, network: Network, project_id: str) -> bool:
    """Whether a project may have ports on a network: it is its own, or shared with it."""
    return (
        network.project_id == project_id
        or network.shared
        or rbac.grants(db, project_id, "network", network.id, Action.SHARED)
    )


def external_among(db: Reader, network_ids: Collection[str]) -> frozenset[str]:
    """Those of the networks that are a way out."""
    rows = db.rows(_EXTERNAL_AMONG, ids=list(network_ids)) if network_ids else ()
    return frozenset(row[0] for row in rows)


def default_way_out(db: Reader) -> str | None:
    """The external network that is taken when nobody names one."""
    found: str | None = db.scalar(_DEFAULT_WAY_OUT)
    return found


def load(db: Reader, network_id: str) -> Network:
    """A network. Raises NetworkNotFound."""
    network = NETWORKS.find(db, network_id)
    if network is None:
        raise NetworkNotFound(network_id)
    return network


def lock(tx: Tx, network_id: str) -> Network:
    """A network that nobody else changes before this transaction ends. Raises NetworkNotFound."""
    network = NETWORKS.lock(tx, network_id)
    if network is None:
        raise NetworkNotFound(network_id)
    return network


class Standing(msgspec.Struct):
    """What stands on a network: its subnets, oldest first, their scopes by IP version, and whether they are apart."""

    subnet_ids: list[str] = []
    scopes: dict[int, str] = {}
    is_apart: bool = False
    """Bound to segments, so that its hosts are not all in one layer 2."""


def standing(db: Reader, network_ids: Collection[str]) -> Mapping[str, Standing]:
    """What stands on networks: one statement, however many there are."""
    found = {network_id: Standing() for network_id in network_ids}
    rows = db.rows(_STANDING, ids=list(network_ids)) if network_ids else ()
    for network_id, subnet_id, version, segment_id, scope_id in rows:
        each = found[network_id]
        each.subnet_ids.append(subnet_id)
        each.is_apart = each.is_apart or segment_id is not None
        if scope_id is not None:
            each.scopes[version] = scope_id
    return found


def subnet_ids(db: Reader, network_ids: Collection[str]) -> Mapping[str, list[str]]:
    """The subnets of networks, oldest first."""
    found: dict[str, list[str]] = {network_id: [] for network_id in network_ids}
    for network_id, subnet_id in db.rows(_SUBNET_IDS, ids=list(network_ids)) if network_ids else ():
        found[network_id].append(subnet_id)
    return found


def passed_on(db: Reader, network_ids: Collection[str]) -> Mapping[str, tuple[str | None, str]]:
    """What networks pass on to ports that have none of their own: a policy, and a domain."""
    rows = db.rows(_PASSED_ON, ids=list(network_ids)) if network_ids else ()
    return {row[0]: (row[1], row[2]) for row in rows}
