"""The programs of hosts, as agents: the operator's to see. They make themselves known by being heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nacre.kernel.clock import iso_z
from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.http.routes import Route
from nacre.network import policy
from nacre.network.api.attributes import ANY_BODY, Attribute, Given, shown
from nacre.network.api.filters import Filter, either
from nacre.network.api.kinds import DESCRIPTION, boolean, or_empty
from nacre.network.api.networks import ZONE, always
from nacre.network.api.noun import Noun, Policies, View
from nacre.network.api.parts import Parts
from nacre.network.domain.agents import ALIVE_S, BINARIES, Agent, AgentKind, configurations_of, type_of
from nacre.network.domain.chassis import ChassisFacts
from nacre.network.errors import AgentAlive, AgentNotFound, InvalidInput
from nacre.network.store import agents, hosts
from nacre.network.store.tables import NETWORK_AGENT

ATTRIBUTES = (
    shown("agent_type"),
    shown("binary"),
    shown("host", field="host_id"),
    shown("topic"),
    shown("availability_zone"),
    Attribute(name="admin_state_up", kind=boolean, put=True),
    Attribute(name="description", kind=or_empty(DESCRIPTION, ""), put=True),
    shown("alive"),
    shown("configurations"),
    shown("resources_synced"),
    shown("created_at"),
    shown("started_at"),
    shown("heartbeat_timestamp"),
)


def _views(db: Reader, items: Sequence[Agent]) -> list[View]:
    carriers = set(hosts.gateway_hosts(db))
    facts = hosts.chassis_of(db, {item.host_id for item in items if item.kind is AgentKind.CONTROLLER})
    return [_view(item, facts.get(item.host_id), carries_gateways=item.host_id in carriers) for item in items]


def _view(item: Agent, facts: ChassisFacts | None, *, carries_gateways: bool) -> View:
    return {
        "id": item.id,
        "agent_type": type_of(item, carries_gateways=carries_gateways),
        "binary": BINARIES[item.kind],
        "host": item.host_id,
        "topic": "n/a",
        "availability_zone": ZONE,
        "admin_state_up": True,
        "description": item.description,
        "alive": item.heard_at,
        "configurations": configurations_of(facts) if facts and item.kind is AgentKind.CONTROLLER else {},
        "resources_synced": None,
        "created_at": iso_z(item.started_at),
        "started_at": iso_z(item.started_at),
        "heartbeat_timestamp": iso_z(item.heard_at),
    }


class Agents(Noun[Agent]):
    """Whether an agent is alive depends on when one asks."""

    def _complete(self, call: Call[Parts], db: Reader, views: Sequence[View]) -> None:
        for view in views:
            view["alive"] = view["alive"] > call.now - ALIVE_S

    def _special(self, call: Call[Parts]) -> Mapping[str, Filter]:
        return {**self.special, "alive": either(NETWORK_AGENT.c.heard_at > call.now - ALIVE_S)}


def _change(_call: Call[Parts], tx: Tx, item: Agent, given: Given) -> Agent:
    """Errors: InvalidInput."""
    if given.get("admin_state_up") is False:
        raise InvalidInput("an agent of OVN serves its host as long as it runs; disable the host instead")
    return agents.AGENTS.update(tx, item, msgspec.structs.replace(item, **given.without("admin_state_up")))


def _remove(call: Call[Parts], tx: Tx, item: Agent) -> None:
    """Errors: AgentAlive."""
    if item.heard_at > call.now - ALIVE_S:
        raise AgentAlive(item.id)
    agents.AGENTS.remove(tx, item.id)


def _create(_call: Call[Parts], _tx: Tx, _given: Sequence[Given]) -> list[Agent]:
    """Nobody makes agents by asking; there is no route for it."""
    return []


AGENTS = Agents(
    name="agent",
    plural="agents",
    attributes=ATTRIBUTES,
    standard=(shown("id"),),
    policies=Policies(policy.AGENT_MANAGE, policy.AGENT_MANAGE, policy.AGENT_MANAGE, policy.AGENT_MANAGE),
    shelf=agents.AGENTS,
    absent=AgentNotFound,
    seen_by=agents.seen_by,
    views=_views,
    lock=agents.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
    special={
        "agent_type": agents.by_type,
        "binary": agents.by_binary,
        "availability_zone": always(ZONE.upper()),
        "admin_state_up": always("TRUE", "1", "YES"),
        "topic": always("N/A"),
    },
)

ROUTES = (
    Route("GET", "/v2.0/agents", AGENTS.index, policy.AGENT_SHOW),
    Route("GET", "/v2.0/agents/{object_id}", AGENTS.show, policy.AGENT_SHOW),
    Route("PUT", "/v2.0/agents/{object_id}", AGENTS.update, policy.AGENT_MANAGE, ANY_BODY),
    Route("DELETE", "/v2.0/agents/{object_id}", AGENTS.delete, policy.AGENT_MANAGE),
)
