"""What of the Networking API is here: the extensions by alias, the zones, the agents, the providers."""

from __future__ import annotations

import uuid
from typing import Any

from nacre.kernel.http.call import Answer, Call, Ok
from nacre.network import policy
from nacre.network.api.networks import ZONE
from nacre.network.api.parts import Parts
from nacre.network.errors import AgentNotFound, ExtensionNotFound
from nacre.network.store import hosts

_UPDATED = "2026-01-01T00:00:00-00:00"

# Alias: what clients may rely on when they find it.
EXTENSIONS = {
    "agent": "The hosts that carry gateways, as agents.",
    "allowed-address-pairs": "Further addresses that a port may send from.",
    "availability_zone": "Zones of networks and routers.",
    "binding": "On which host a port is.",
    "default-subnetpools": "Subnet pools that are used when nobody names one.",
    "dns-integration": "Names of ports, and domains of networks.",
    "dvr": "Routers whose floating IPs answer on the guest's own host.",
    "empty-string-filtering": "Filters that ask for what is empty.",
    "external-net": "Networks that are a way out.",
    "extraroute": "Routes of routers.",
    "extraroute-atomic": "Routes of routers, added and removed one by one.",
    "ext-gw-mode": "Source NAT that can be switched off.",
    "filter-validation": "Filters that do not exist are refused.",
    "fip-port-details": "What a floating IP leads to.",
    "net-mtu": "The largest packet of a network.",
    "net-mtu-writable": "The largest packet of a network, chosen.",
    "network_availability_zone": "Zones of networks.",
    "pagination": "Lists come in pages.",
    "port-security": "What ports send is checked, or not.",
    "project-id": "project_id as a name for tenant_id.",
    "provider": "How frames of a network travel.",
    "quotas": "How many of each noun a project may have.",
    "quota_details": "How many of each noun a project has.",
    "revision-if-match": "Changes of what has changed meanwhile are refused.",
    "router": "Routers and floating IPs.",
    "router_availability_zone": "Zones of routers.",
    "security-group": "What is let through to and from ports.",
    "security-groups-normalized-cidr": "Remote prefixes without host bits.",
    "service-type": "Providers of services.",
    "sorting": "Lists are sorted.",
    "standard-attr-description": "Descriptions of everything.",
    "standard-attr-revisions": "Revisions of everything.",
    "standard-attr-tag": "Tags on everything.",
    "standard-attr-timestamp": "When everything was made and changed.",
    "stateful-security-group": "Security groups that keep no connections in mind.",
    "tag": "Tags, under the older name.",
    "subnet-service-types": "Subnets for some kinds of ports.",
    "subnet_allocation": "Subnets that are cut from pools.",
}


def index(call: Call[Parts]) -> Answer:
    """All extensions."""
    return Ok({"extensions": [_view(alias) for alias in EXTENSIONS]})


def show(call: Call[Parts], alias: str) -> Answer:
    """One extension. Errors: ExtensionNotFound."""
    if alias not in EXTENSIONS:
        raise ExtensionNotFound(alias)
    return Ok({"extension": _view(alias)})


def _view(alias: str) -> dict[str, Any]:
    return {
        "alias": alias,
        "name": alias.replace("-", " ").replace("_", " ").title(),
        "description": EXTENSIONS[alias],
        "updated": _UPDATED,
        "links": [],
    }


def zones(call: Call[Parts]) -> Answer:
    """The zones of networks and routers: there is one."""
    return Ok(
        {
            "availability_zones": [
                {"name": ZONE, "resource": resource, "state": "available"}
                for resource in ("network", "router")
            ]
        }
    )


def providers(call: Call[Parts]) -> Answer:
    """Providers of services other than networks: none."""
    return Ok({"service_providers": []})


def agents(call: Call[Parts]) -> Answer:
    """The hosts that carry routers' gateways, as agents; to others than the operator there are none."""
    return Ok({"agents": _agents(call)})


def agent(call: Call[Parts], object_id: str) -> Answer:
    """One of them. Errors: AgentNotFound."""
    for view in _agents(call):
        if view["id"] == object_id:
            return Ok({"agent": view})
    raise AgentNotFound(object_id)


def _agents(call: Call[Parts]) -> list[dict[str, Any]]:
    if not policy.ADMINISTER.allows(call.caller, {}):
        return []
    with call.database.read() as db:
        return [_agent(host_id) for host_id in hosts.gateway_hosts(db)]


def agent_id(host_id: str) -> str:
    """The id under which a host appears as an agent."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, host_id))


def _agent(host_id: str) -> dict[str, Any]:
    return {
        "id": agent_id(host_id),
        "agent_type": "OVN Controller Gateway agent",
        "binary": "ovn-controller",
        "host": host_id,
        "topic": "n/a",
        "availability_zone": ZONE,
        "admin_state_up": True,
        "configurations": {},
        "description": "",
    }
