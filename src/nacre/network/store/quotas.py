"""How many of each noun a project may have. What it has is counted, always."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from nacre.identity.contract import Account, Measure, limits
from nacre.kernel.database import Tx
from nacre.network.errors import OverQuota
from nacre.network.store.tables import (
    FLOATING_IP,
    NETWORK,
    NETWORK_RBAC,
    PORT,
    ROUTER,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
    SUBNET_POOL,
    TRUNK,
)

_COUNTED: Mapping[str, tuple[sa.Table, int]] = {
    "network": (NETWORK, 500),
    "subnet": (SUBNET, 500),
    "port": (PORT, 5000),
    "router": (ROUTER, 100),
    "floatingip": (FLOATING_IP, 200),
    "security_group": (SECURITY_GROUP, 500),
    "security_group_rule": (SECURITY_GROUP_RULE, 5000),
    "subnetpool": (SUBNET_POOL, -1),
    "rbac_policy": (NETWORK_RBAC, 10),
    "trunk": (TRUNK, -1),
}
"""The table whose rows are counted, and the default; -1 is without bound."""

ACCOUNT = Account(
    "network", {noun: Measure(default, table.c.project_id) for noun, (table, default) in _COUNTED.items()}
)


def check_room(tx: Tx, project_id: str, noun: str, *, wanted: int = 1) -> None:
    """Refuse what a project may have no more of. Raises OverQuota.

    What belongs to no project, such as the ports of routers' gateways, is not counted.
    """
    if not project_id or not wanted:
        return
    room = limits.room(tx, ACCOUNT, project_id, [noun], what=noun)[noun]
    if room.refuses(wanted):
        raise OverQuota(noun, project_id=room.node_id, limit=room.limit, used=room.used, asked=wanted)


def hold(tx: Tx, project_id: str, noun: str) -> None:
    """Let nobody else count this noun of a project before this transaction ends."""
    limits.hold(tx, ACCOUNT, project_id, noun)


def plainly_fits(noun: str) -> sa.ColumnElement[bool]:
    """Whether `wanted` more fit into `project_id`, as part of a statement. If not, `check_room` has the last word."""
    return limits.plainly_fits(ACCOUNT, noun)
