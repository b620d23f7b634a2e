"""Which network and router were made for a project that asked for any, and what they can be made of."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.network.domain.rbac import EVERYBODY
from nacre.network.store.tables import AUTO_TOPOLOGY, NETWORK, NETWORK_RBAC, SUBNET_POOL

_FIND = sa.select(AUTO_TOPOLOGY.c.network_id, AUTO_TOPOLOGY.c.router_id).where(
    AUTO_TOPOLOGY.c.project_id == sa.bindparam("project_id")
)
_INSERT = sa.insert(AUTO_TOPOLOGY)


def _shown(object_type: str) -> sa.Select[tuple[str]]:
    return sa.select(NETWORK_RBAC.c.object_id).where(
        NETWORK_RBAC.c.target_project.in_([EVERYBODY, sa.bindparam("project_id")]),
        NETWORK_RBAC.c.object_type == object_type,
    )


_WAY_OUT = (
    sa.select(NETWORK.c.id)
    .where(NETWORK.c.is_default, NETWORK.c.router_external)
    .where(sa.or_(NETWORK.c.project_id == sa.bindparam("project_id"), NETWORK.c.id.in_(_shown("network"))))
    .order_by(NETWORK.c.id)
    .limit(1)
)
_POOLS = (
    sa.select(SUBNET_POOL.c.id)
    .where(SUBNET_POOL.c.is_default)
    .where(
        sa.or_(
            SUBNET_POOL.c.project_id == sa.bindparam("project_id"),
            SUBNET_POOL.c.id.in_(_shown("subnetpool")),
        )
    )
    .order_by(SUBNET_POOL.c.ip_version)
)


def find(db: Reader, project_id: str) -> tuple[str, str] | None:
    """The network and the router that were made for a project, or None."""
    row = db.row(_FIND, project_id=project_id)
    return None if row is None else (row[0], row[1])


def insert(tx: Tx, project_id: str, network_id: str, router_id: str) -> None:
    """Remember what was made. It is forgotten with the network or the router."""
    tx.execute(_INSERT, project_id=project_id, network_id=network_id, router_id=router_id)


def default_way_out(db: Reader, project_id: str) -> str | None:
    """The external network that is taken when nobody names one."""
    found: str | None = db.scalar(_WAY_OUT, project_id=project_id)
    return found


def default_pools(db: Reader, project_id: str) -> list[str]:
    """The pools that subnets are cut from when nobody names one: one for each IP version at most."""
    return [row[0] for row in db.rows(_POOLS, project_id=project_id)]
