"""Agents, as rows: who was heard, and when."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from nacre.kernel.database import Tx
from nacre.network.domain.agents import (
    BINARIES,
    CONTROLLER_TYPE,
    GATEWAY_TYPE,
    METADATA_TYPE,
    Agent,
    AgentKind,
    agent_id,
)
from nacre.network.errors import AgentNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import GATEWAY_HOST, NETWORK_AGENT

AGENTS = Shelf(NETWORK_AGENT, Agent)

_HEARD = sa.text(
    "INSERT INTO network_agent (host_id, kind, id, description, started_at, heard_at)"
    " VALUES (:host_id, :kind, :id, '', :now, :now)"
    " ON CONFLICT (host_id, kind) DO UPDATE SET heard_at = excluded.heard_at"
)


def note_heard(tx: Tx, host_ids: Collection[str]) -> None:
    """Hosts have spoken; their agents are known from then on. One statement, however many there are."""
    tx.execute_many(
        _HEARD,
        [
            {"host_id": host_id, "kind": str(kind), "id": agent_id(host_id, kind), "now": tx.now}
            for host_id in sorted(host_ids)
            for kind in AgentKind
        ],
    )


def lock(tx: Tx, object_id: str) -> Agent:
    """An agent that nobody else changes before this transaction ends. Raises AgentNotFound."""
    agent = AGENTS.lock(tx, object_id)
    if agent is None:
        raise AgentNotFound(object_id)
    return agent


def seen_by(_project_id: str) -> sa.ColumnElement[bool]:
    """Nobody but the operator knows of agents."""
    return sa.false()


def by_type(types: Collection[str]) -> sa.ColumnElement[bool]:
    """Agents of these types. Which controllers are of gateways follows from who carries them."""
    carries = NETWORK_AGENT.c.host_id.in_(sa.select(GATEWAY_HOST.c.host_id))
    controller = NETWORK_AGENT.c.kind == str(AgentKind.CONTROLLER)
    conditions = {
        GATEWAY_TYPE: sa.and_(controller, carries),
        CONTROLLER_TYPE: sa.and_(controller, sa.not_(carries)),
        METADATA_TYPE: NETWORK_AGENT.c.kind == str(AgentKind.METADATA),
    }
    return sa.or_(sa.false(), *(conditions.get(each, sa.false()) for each in types))


def by_binary(binaries: Collection[str]) -> sa.ColumnElement[bool]:
    """Agents whose program has one of these names."""
    kinds = [str(kind) for kind, binary in BINARIES.items() if binary in binaries]
    return NETWORK_AGENT.c.kind.in_(kinds)
