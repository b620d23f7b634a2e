"""What ports are guaranteed, read from the rules of their policies or of their networks'."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.ids import HostId, PortId, ServerId
from nacre.kernel.texts import texts
from nacre.network.domain.guarantees import Guarantee, guarantees_of, together
from nacre.network.domain.qos import GUARANTEES
from nacre.network.store.qos import RULES
from nacre.network.store.tables import NETWORK, PORT, QOS_RULE

_ids = texts("ids")
_policy_of_port = sa.func.coalesce(PORT.c.qos_policy_id, NETWORK.c.qos_policy_id)
_GUARANTEED = (
    RULES.all.add_columns(
        PORT.c.device_id,
        PORT.c.binding_host_id,
        PORT.c.id,
        PORT.c.binding_vnic_type,
        NETWORK.c.provider_physical_network,
    )
    .select_from(PORT)
    .join(NETWORK, NETWORK.c.id == PORT.c.network_id)
    .join(QOS_RULE, QOS_RULE.c.policy_id == _policy_of_port)
    .where(
        QOS_RULE.c.kind.in_([str(kind) for kind in GUARANTEES]),
        sa.not_(PORT.c.device_owner.startswith("network:")),
    )
)
_OF_PORTS = _GUARANTEED.where(PORT.c.id.in_(_ids))
_OF_SERVERS = _GUARANTEED.where(PORT.c.device_id.in_(_ids))
_OF_PLACED = _OF_SERVERS.where(PORT.c.binding_host_id != "", PORT.c.device_owner.startswith("compute:"))
_PLACED = (
    sa.select(PORT.c.device_id)
    .join(NETWORK, NETWORK.c.id == PORT.c.network_id)
    .where(PORT.c.binding_host_id != "", PORT.c.device_owner.startswith("compute:"))
    .distinct()
)
_PLACED_UNDER = _PLACED.where(_policy_of_port == sa.bindparam("policy_id"))
_PLACED_ON = _PLACED.where(PORT.c.network_id == sa.bindparam("network_id"), PORT.c.qos_policy_id.is_(None))
_HOLD = {
    alone: sa.text(
        f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(hashtextextended('guarantees', 0))"
    )
    for alone in (True, False)
}


def hold(tx: Tx, *, alone: bool) -> None:
    """Let nobody change what is guaranteed before this transaction ends; who does so must be `alone`.

    Who binds ports claims what they are guaranteed at that moment, and who changes a guarantee claims the difference
    for ports that are bound: neither may miss the other. Only providers are locked after this.
    SQLite has one writer anyway.
    """
    if tx.dialect == "postgresql":
        tx.execute(_HOLD[alone])


def of_ports(db: Reader, port_ids: Collection[str]) -> Mapping[str, tuple[Guarantee, ...]]:
    """What ports are guaranteed; those that are guaranteed nothing are left out."""
    return _by_port(db.rows(_OF_PORTS, ids=list(port_ids))) if port_ids else {}


def _by_port(rows: Sequence[AnyRow]) -> dict[str, tuple[Guarantee, ...]]:
    found: dict[str, list[AnyRow]] = defaultdict(list)
    for row in rows:
        found[row[-3]].append(row)
    return {
        port_id: guarantees_of(
            PortId(port_id), [RULES.of(row) for row in each], wire=each[0][-1], vnic_type=each[0][-2]
        )
        for port_id, each in found.items()
    }


def of_servers(
    db: Reader, server_ids: Collection[ServerId]
) -> Mapping[ServerId, Mapping[str, Mapping[str, int]]]:
    """What all ports of servers are guaranteed, by part of their host and resource class."""
    rows = db.rows(_OF_SERVERS, ids=list(server_ids)) if server_ids else ()
    found: dict[ServerId, list[AnyRow]] = {server_id: [] for server_id in server_ids}
    for row in rows:
        found[row[-5]].append(row)
    return {server_id: _together(own) for server_id, own in found.items()}


def of_placed(
    db: Reader, server_ids: Collection[ServerId]
) -> Mapping[ServerId, Mapping[HostId, Mapping[str, Mapping[str, int]]]]:
    """What the ports of servers that have a host are guaranteed there: the same by host, which is mostly one."""
    rows = db.rows(_OF_PLACED, ids=list(server_ids)) if server_ids else ()
    found: dict[ServerId, dict[HostId, list[AnyRow]]] = {server_id: {} for server_id in server_ids}
    for row in rows:
        found[row[-5]].setdefault(row[-4], []).append(row)
    return {
        server_id: {host_id: _together(own) for host_id, own in by_host.items()}
        for server_id, by_host in found.items()
    }


def _together(rows: Sequence[AnyRow]) -> dict[str, dict[str, int]]:
    return together(each for group in _by_port(rows).values() for each in group)


def placed_under(db: Reader, policy_id: str) -> list[ServerId]:
    """The servers with a bound port under a policy."""
    return [row[0] for row in db.rows(_PLACED_UNDER, policy_id=policy_id)]


def placed_on(db: Reader, network_id: str) -> list[ServerId]:
    """The servers with a bound port on a network that has no policy of its own."""
    return [row[0] for row in db.rows(_PLACED_ON, network_id=network_id)]
