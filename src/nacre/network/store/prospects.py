"""What must be known before ports are made, in one question each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.texts import texts
from nacre.network.domain.networks import Network
from nacre.network.domain.rbac import EVERYBODY, Action
from nacre.network.domain.subnets import Subnet
from nacre.network.store.networks import NETWORKS
from nacre.network.store.quotas import plainly_fits
from nacre.network.store.subnets import SUBNETS
from nacre.network.store.tables import NETWORK, NETWORK_RBAC, PORT, SECURITY_GROUP, SUBNET


class Prospects(msgspec.Struct, frozen=True):
    """Whether the ports plainly fit into the project, its default group is there, and a MAC is in use."""

    fits: bool
    has_default_group: bool
    is_mac_used: bool


class Ground(msgspec.Struct, frozen=True):
    """A network, and its subnets, oldest first."""

    network: Network
    subnets: tuple[Subnet, ...]


_PROSPECTS = sa.select(
    plainly_fits("port"),
    sa.exists().where(SECURITY_GROUP.c.id == sa.bindparam("default_group_id")),
    sa.exists().where(
        PORT.c.network_id.in_(texts("network_ids")),
        PORT.c.mac_address.in_(texts("macs")),
    ),
)
_GROUND = (
    sa.select(*NETWORKS.all.selected_columns, *SUBNETS.all.selected_columns)
    .select_from(NETWORK.outerjoin(SUBNET, SUBNET.c.network_id == NETWORK.c.id))
    .order_by(NETWORK.c.id, SUBNET.c.created_at, SUBNET.c.id)
)
_NAMED = _GROUND.where(NETWORK.c.id.in_(texts("ids")))
_AT_HAND = (
    _GROUND.where(NETWORK.c.router_external.is_(False))
    .where(
        sa.or_(
            NETWORK.c.project_id == sa.bindparam("project_id"),
            NETWORK.c.id.in_(
                sa.select(NETWORK_RBAC.c.object_id).where(
                    NETWORK_RBAC.c.target_project.in_([EVERYBODY, sa.bindparam("project_id")]),
                    NETWORK_RBAC.c.object_type == "network",
                    NETWORK_RBAC.c.action == str(Action.SHARED),
                )
            ),
        )
    )
    .where(SUBNET.c.id.is_not(None))
)


def prospects_of(
    db: Reader,
    project_id: str,
    *,
    wanted: int,
    default_group_id: str,
    network_ids: Collection[str],
    macs: Collection[str],
) -> Prospects:
    """What stands in the way of so many ports of one project on these networks with these MACs."""
    row = db.row(
        _PROSPECTS,
        project_id=project_id,
        wanted=wanted,
        default_group_id=default_group_id,
        network_ids=list(network_ids),
        macs=list(macs),
    )
    assert row is not None
    return Prospects(bool(row[0]), bool(row[1]), bool(row[2]))


def grounds(db: Reader, network_ids: Collection[str]) -> dict[str, Ground]:
    """Those of the networks that exist, with their subnets."""
    return _gathered(db.rows(_NAMED, ids=list(network_ids))) if network_ids else {}


def grounds_at_hand(db: Reader, project_id: str) -> dict[str, Ground]:
    """The networks a project's servers could stand on without anyone naming one."""
    return _gathered(db.rows(_AT_HAND, project_id=project_id))


def _gathered(rows: Sequence[sa.Row[tuple[object, ...]]]) -> dict[str, Ground]:
    width = len(NETWORKS.names)
    networks: dict[str, Network] = {}
    subnets: dict[str, list[Subnet]] = {}
    for row in rows:
        network_id = str(row[0])
        if network_id not in networks:
            networks[network_id] = NETWORKS.of(row)
            subnets[network_id] = []
        if row[width] is not None:
            subnets[network_id].append(SUBNETS.of(row[width:]))
    return {key: Ground(network, tuple(subnets[key])) for key, network in networks.items()}
