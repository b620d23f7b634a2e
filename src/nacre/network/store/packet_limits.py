"""How many packets interfaces may pass, read from the rules of their policies or of their networks'."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.ids import ServerId
from nacre.kernel.texts import texts
from nacre.network.domain.qos import Direction, PacketLimit, RuleKind, packet_limit
from nacre.network.store.tables import NETWORK, PORT, QOS_RULE, TRUNK, TRUNK_SUBPORT

_PARENT = PORT.alias("parent")


def _limits(
    nic_id: sa.ColumnElement[str], vlan: sa.ColumnElement[Any], where: sa.FromClause
) -> sa.Select[Any]:
    """The rules of the ports in `where`, told as limits of an interface."""
    return (
        sa.select(nic_id.label("nic"), vlan.label("vlan"), QOS_RULE.c.direction, QOS_RULE.c.max_kpps,
                  QOS_RULE.c.max_burst_kpps)
        .select_from(
            where.join(NETWORK, NETWORK.c.id == PORT.c.network_id).join(
                QOS_RULE, QOS_RULE.c.policy_id == sa.func.coalesce(PORT.c.qos_policy_id, NETWORK.c.qos_policy_id)
            )
        )
        .where(QOS_RULE.c.kind == str(RuleKind.PACKET_RATE_LIMIT), QOS_RULE.c.max_kpps > 0)
    )  # fmt: skip


_OF_NICS = sa.union_all(
    _limits(PORT.c.id, sa.null(), PORT).where(PORT.c.device_id.in_(texts("ids"))),
    _limits(
        _PARENT.c.id,
        TRUNK_SUBPORT.c.segmentation_id,
        _PARENT.join(TRUNK, TRUNK.c.port_id == _PARENT.c.id)
        .join(TRUNK_SUBPORT, TRUNK_SUBPORT.c.trunk_id == TRUNK.c.id)
        .join(PORT, PORT.c.id == TRUNK_SUBPORT.c.port_id),
    ).where(_PARENT.c.device_id.in_(texts("ids"))),
).order_by("nic", "vlan", "direction")


def of_servers(db: Reader, server_ids: Collection[ServerId]) -> Mapping[str, tuple[PacketLimit, ...]]:
    """What the interfaces of servers are limited to, always in the same order; those without limits are left out."""
    found: dict[str, list[PacketLimit]] = defaultdict(list)
    for nic_id, vlan, direction, kpps, burst in db.rows(_OF_NICS, ids=list(server_ids)) if server_ids else ():
        found[nic_id].append(packet_limit(Direction(direction), kpps=kpps, burst_kpackets=burst, vlan=vlan))
    return {nic_id: tuple(limits) for nic_id, limits in found.items()}
