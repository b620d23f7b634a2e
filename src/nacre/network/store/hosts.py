"""Hosts: which may carry routers' gateways, and what their agents report of their own part in networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId
from nacre.kernel.texts import texts
from nacre.network.domain.agents import AgentKind
from nacre.network.domain.chassis import ChassisFacts
from nacre.network.store.ports import OWN_AND_CARRIED
from nacre.network.store.tables import (
    CHASSIS,
    GATEWAY_HOST,
    NETWORK_AGENT,
    NETWORK_SEGMENT,
    PORT,
    SUBNET,
)

_ENSURE = sa.text(
    "INSERT INTO gateway_host (host_id, since) VALUES (:host_id, :since) ON CONFLICT (host_id) DO NOTHING"
)
_REMOVE = sa.delete(GATEWAY_HOST).where(GATEWAY_HOST.c.host_id == sa.bindparam("host_id"))
_ALL = sa.select(GATEWAY_HOST.c.host_id).order_by(GATEWAY_HOST.c.host_id)


def gateway_hosts(db: Reader) -> list[HostId]:
    """All of them."""
    return [HostId(row[0]) for row in db.rows(_ALL)]


def ensure_gateway_host(tx: Tx, host_id: HostId) -> bool:
    """Let a host carry gateways; whether that is new."""
    return tx.execute(_ENSURE, host_id=host_id, since=tx.now) > 0


def remove_gateway_host(tx: Tx, host_id: HostId) -> bool:
    """Let a host carry none; whether it did."""
    return tx.execute(_REMOVE, host_id=host_id) > 0


# -- what agents report -------------------------------------------------------------------------------------

_PUT_CHASSIS = sa.text(
    "INSERT INTO chassis (host_id, facts, ailing, reported_at) VALUES (:host_id, :facts, :ailing, :now)"
    " ON CONFLICT (host_id) DO UPDATE"
    " SET facts = excluded.facts, ailing = excluded.ailing, reported_at = excluded.reported_at"
).bindparams(sa.bindparam("facts", type_=CHASSIS.c.facts.type), sa.bindparam("ailing", type_=sa.Boolean))
_CHASSIS = sa.select(CHASSIS.c.host_id, CHASSIS.c.facts)
_AILING = _CHASSIS.where(CHASSIS.c.ailing)
_CHASSIS_OF = _CHASSIS.where(CHASSIS.c.host_id.in_(texts("ids")))
_HEARD_SINCE = sa.select(NETWORK_AGENT.c.host_id).where(
    NETWORK_AGENT.c.host_id.in_(texts("ids")),
    NETWORK_AGENT.c.kind == str(AgentKind.CONTROLLER),
    NETWORK_AGENT.c.heard_at > sa.bindparam("since"),
)
_HAS_SUBNETS = sa.exists().where(SUBNET.c.segment_id == NETWORK_SEGMENT.c.id)
_SEGMENTS_UNDER = (
    sa.select(NETWORK_SEGMENT.c.network_id, NETWORK_SEGMENT.c.physical_network, _HAS_SUBNETS)
    .join(PORT, PORT.c.network_id == NETWORK_SEGMENT.c.network_id)
    .where(PORT.c.id.in_(OWN_AND_CARRIED))
    .distinct()
)


def put_chassis(tx: Tx, facts: Mapping[HostId, ChassisFacts]) -> None:
    """Write what hosts report. One statement, however many there are."""
    rows = [
        {"host_id": host_id, "facts": each, "ailing": each.is_ailing, "now": tx.now}
        for host_id, each in sorted(facts.items())
    ]
    tx.execute_many(_PUT_CHASSIS, rows)


def chassis_of(db: Reader, host_ids: Collection[str]) -> dict[HostId, ChassisFacts]:
    """What those of the hosts report that report anything."""
    rows = db.rows(_CHASSIS_OF, ids=list(host_ids)) if host_ids else ()
    return {HostId(row[0]): row[1] for row in rows}


def ailing_chassis(db: Reader) -> dict[HostId, ChassisFacts]:
    """What those report that complain of anything."""
    return {HostId(row[0]): row[1] for row in db.rows(_AILING)}


def tunnels_of_hosts(db: Reader) -> dict[HostId, int]:
    """To how many others those that report have tunnels."""
    return {HostId(row[0]): row[1].tunnels for row in db.rows(_CHASSIS)}


def heard_since(db: Reader, host_ids: Collection[str], moment: float) -> frozenset[HostId]:
    """Those of the hosts that were heard after a moment."""
    rows = db.rows(_HEARD_SINCE, ids=list(host_ids), since=moment) if host_ids else ()
    return frozenset(HostId(row[0]) for row in rows)


class SegmentUnder(msgspec.Struct, frozen=True):
    """A segment on which a device's ports may be. In tunnels it has no physical network; `has_subnets` of its own."""

    network_id: str
    physical_network: str | None
    has_subnets: bool


def segments_under(db: Reader, device_id: str) -> list[SegmentUnder]:
    """The segments of all networks of a device's ports, and of those that they carry."""
    return [SegmentUnder(*row) for row in db.rows(_SEGMENTS_UNDER, device_id=device_id)]
