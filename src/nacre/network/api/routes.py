"""Every operation of the Networking API."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC
from nacre.network import policy
from nacre.network.api import extensions, quotas, routers, versions
from nacre.network.api.attributes import ANY_BODY
from nacre.network.api.floating_ips import FLOATING_IPS
from nacre.network.api.networks import NETWORKS
from nacre.network.api.noun import Noun
from nacre.network.api.ports import PORTS
from nacre.network.api.routers import ROUTERS
from nacre.network.api.security_groups import GROUPS, RULES
from nacre.network.api.subnet_pools import SUBNET_POOLS
from nacre.network.api.subnets import SUBNETS
from nacre.network.api.tags import Tags


def _usual(path: str, noun: Noun[Any]) -> tuple[Route, ...]:
    """List, create, show, update and delete."""
    may = noun.policies
    return (
        Route("GET", path, noun.index, may.show),
        Route("POST", path, noun.create, may.create, ANY_BODY),
        Route("GET", path + "/{object_id}", noun.show, may.show),
        Route("PUT", path + "/{object_id}", noun.update, may.update, ANY_BODY),
        Route("DELETE", path + "/{object_id}", noun.delete, may.delete),
        *_tags(path + "/{object_id}/tags", noun),
    )


def _tags(path: str, noun: Noun[Any]) -> tuple[Route, ...]:
    """The tags of an object, together and one by one."""
    tags, may = Tags(noun), noun.policies
    return (
        Route("GET", path, tags.index, may.show),
        Route("PUT", path, tags.replace, may.update, ANY_BODY),
        Route("POST", path, tags.extend, may.update, ANY_BODY),
        Route("DELETE", path, tags.clear, may.update),
        Route("GET", path + "/{tag}", tags.show, may.show),
        Route("PUT", path + "/{tag}", tags.add, may.update),
        Route("DELETE", path + "/{tag}", tags.remove, may.update),
    )


ROUTES = (
    Route("GET", "/", versions.index, PUBLIC),
    Route("GET", "/v2.0", versions.show, PUBLIC),
    *_usual("/v2.0/networks", NETWORKS),
    *_usual("/v2.0/subnets", SUBNETS),
    *_usual("/v2.0/subnetpools", SUBNET_POOLS),
    *_usual("/v2.0/ports", PORTS),
    *_usual("/v2.0/routers", ROUTERS),
    Route("PUT", "/v2.0/routers/{object_id}/add_router_interface", routers.join, policy.ROUTER_JOIN, ANY_BODY),
    Route("PUT", "/v2.0/routers/{object_id}/remove_router_interface", routers.leave, policy.ROUTER_LEAVE, ANY_BODY),
    Route("PUT", "/v2.0/routers/{object_id}/add_extraroutes", routers.add_routes, policy.ROUTER_UPDATE, ANY_BODY),
    Route("PUT", "/v2.0/routers/{object_id}/remove_extraroutes", routers.remove_routes, policy.ROUTER_UPDATE, ANY_BODY),
    *_usual("/v2.0/floatingips", FLOATING_IPS),
    *_usual("/v2.0/security-groups", GROUPS),
    *_usual("/v2.0/security-group-rules", RULES),
    Route("GET", "/v2.0/quotas", quotas.index, policy.QUOTA_LIST),
    Route("GET", "/v2.0/quotas/{project_id}", quotas.show, policy.QUOTA_SHOW),
    Route("GET", "/v2.0/quotas/{project_id}/default", quotas.default, policy.QUOTA_SHOW),
    Route("GET", "/v2.0/quotas/{project_id}/details", quotas.details, policy.QUOTA_SHOW),
    Route("GET", "/v2.0/quotas/{project_id}/details.json", quotas.details, policy.QUOTA_SHOW),
    Route("PUT", "/v2.0/quotas/{project_id}", quotas.update, policy.QUOTA_UPDATE, ANY_BODY),
    Route("DELETE", "/v2.0/quotas/{project_id}", quotas.delete, policy.QUOTA_UPDATE),
    Route("GET", "/v2.0/extensions", extensions.index, policy.EXTENSION_SHOW),
    Route("GET", "/v2.0/extensions/{alias}", extensions.show, policy.EXTENSION_SHOW),
    Route("GET", "/v2.0/availability_zones", extensions.zones, policy.ZONE_SHOW),
    Route("GET", "/v2.0/service-providers", extensions.providers, policy.PROVIDER_SHOW),
    Route("GET", "/v2.0/agents", extensions.agents, policy.AGENT_SHOW),
    Route("GET", "/v2.0/agents/{object_id}", extensions.agent, policy.AGENT_SHOW),
)  # fmt: skip
