"""Every operation of the Networking API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC
from nacre.network import policy
from nacre.network.api import (
    address_groups,
    agents,
    auto_topology,
    availability,
    bindings,
    extensions,
    flavors,
    floating_ip_pools,
    left_out,
    local_ips,
    port_forwardings,
    port_pairs,
    qos,
    quotas,
    routers,
    subnet_pools,
    trunks,
    versions,
)
from nacre.network.api.address_groups import ADDRESS_GROUPS
from nacre.network.api.address_scopes import ADDRESS_SCOPES
from nacre.network.api.attributes import ANY_BODY
from nacre.network.api.default_rules import DEFAULT_RULES
from nacre.network.api.default_statefulness import DEFAULT_STATEFULNESS
from nacre.network.api.floating_ips import FLOATING_IPS
from nacre.network.api.local_ips import LOCAL_IPS
from nacre.network.api.metering import METERING_LABEL_RULES, METERING_LABELS
from nacre.network.api.ndp_proxies import NDP_PROXIES
from nacre.network.api.networks import NETWORKS
from nacre.network.api.noun import Noun
from nacre.network.api.ports import PORTS
from nacre.network.api.qos import QOS_POLICIES
from nacre.network.api.rbac import RBAC_POLICIES
from nacre.network.api.routers import ROUTERS
from nacre.network.api.security_groups import GROUPS, RULES
from nacre.network.api.segment_ranges import SEGMENT_RANGES
from nacre.network.api.segments import SEGMENTS
from nacre.network.api.subnet_pools import SUBNET_POOLS
from nacre.network.api.subnets import SUBNETS
from nacre.network.api.tags import Tags
from nacre.network.api.trunks import TRUNKS
from nacre.network.domain.qos import RuleKind

FORWARDINGS = "/v2.0/floatingips/{floating_ip_id}/port_forwardings"


def _usual(path: str, noun: Noun[Any]) -> tuple[Route, ...]:
    """List, create, show, update and delete; and tags."""
    return (*_plain(path, noun), *_tags(path + "/{object_id}/tags", noun))


def _plain(path: str, noun: Noun[Any]) -> tuple[Route, ...]:
    """List, create, show, update and delete."""
    update = Route("PUT", path + "/{object_id}", noun.update, noun.policies.update, ANY_BODY)
    return (*_lasting(path, noun), update)


def _lasting(path: str, noun: Noun[Any]) -> tuple[Route, ...]:
    """List, create, show and delete what is never changed."""
    may = noun.policies
    return (
        Route("GET", path, noun.index, may.show),
        Route("POST", path, noun.create, may.create, ANY_BODY),
        Route("GET", path + "/{object_id}", noun.show, may.show),
        Route("DELETE", path + "/{object_id}", noun.delete, may.delete),
    )


def _open_to_ask(route: Route) -> Route:
    """A change of what only the operator changes: what is wrong with it, or not there, is told to others as well."""
    return route if route.method == "GET" else replace(route, asks_itself=True)


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


def _qos_rules(kind: RuleKind) -> tuple[Route, ...]:
    """The rules of one kind within a policy; and one of them by its id alone."""
    rules, alias = qos.Rules(kind), qos.Rules(kind, alias=True)
    path = f"/v2.0/qos/policies/{{policy_id}}/{rules.name}s"
    short = f"/v2.0/qos/{alias.name}s".replace("_", "-") + "/{rule_id}"
    within = (
        Route("GET", path, rules.index, policy.QOS_SHOW),
        Route("POST", path, rules.create, policy.QOS_UPDATE, ANY_BODY),
        Route("GET", path + "/{rule_id}", rules.show, policy.QOS_SHOW),
        Route("PUT", path + "/{rule_id}", rules.update, policy.QOS_UPDATE, ANY_BODY, asks_itself=True),
        Route("DELETE", path + "/{rule_id}", rules.delete, policy.QOS_UPDATE),
    )
    if kind is RuleKind.PACKET_RATE_LIMIT:
        return within  # The only ones that clients never name without their policy.
    return (
        *within,
        Route("GET", short, alias.by_id(alias.show), policy.QOS_SHOW),
        Route("PUT", short, alias.by_id(alias.update), policy.QOS_UPDATE, ANY_BODY),
        Route("DELETE", short, alias.by_id(alias.delete), policy.QOS_UPDATE),
    )


ROUTES = (
    Route("GET", "/", versions.index, PUBLIC),
    Route("GET", "/v2.0", versions.show, PUBLIC),
    *_usual("/v2.0/networks", NETWORKS),
    *_usual("/v2.0/subnets", SUBNETS),
    *_usual("/v2.0/subnetpools", SUBNET_POOLS),
    *_usual("/v2.0/ports", PORTS),
    *bindings.ROUTES,
    *port_pairs.ROUTES,
    *_usual("/v2.0/routers", ROUTERS),
    Route("PUT", "/v2.0/routers/{object_id}/add_router_interface", routers.join, policy.ROUTER_JOIN, ANY_BODY),
    Route("PUT", "/v2.0/routers/{object_id}/remove_router_interface", routers.leave, policy.ROUTER_LEAVE, ANY_BODY),
    Route("PUT", "/v2.0/routers/{object_id}/add_extraroutes", routers.add_routes, policy.ROUTER_UPDATE, ANY_BODY),
    Route("PUT", "/v2.0/routers/{object_id}/remove_extraroutes", routers.remove_routes, policy.ROUTER_UPDATE, ANY_BODY),
    *(
        Route("PUT", f"/v2.0/routers/{{object_id}}/{name}_external_gateways", handler, policy.ROUTER_UPDATE, ANY_BODY)
        for name, handler in (
            ("add", routers.add_gateways), ("update", routers.update_gateways), ("remove", routers.remove_gateways)
        )
    ),
    *_usual("/v2.0/floatingips", FLOATING_IPS),
    *floating_ip_pools.ROUTES,
    Route("GET", FORWARDINGS, port_forwardings.index, policy.FLOATING_IP_SHOW),
    Route("POST", FORWARDINGS, port_forwardings.create, policy.FLOATING_IP_UPDATE, ANY_BODY),
    Route("GET", FORWARDINGS + "/{forwarding_id}", port_forwardings.show, policy.FLOATING_IP_SHOW),
    Route("PUT", FORWARDINGS + "/{forwarding_id}", port_forwardings.update, policy.FLOATING_IP_UPDATE, ANY_BODY),
    Route("DELETE", FORWARDINGS + "/{forwarding_id}", port_forwardings.delete, policy.FLOATING_IP_UPDATE),
    *_usual("/v2.0/security-groups", GROUPS),
    *_usual("/v2.0/security-group-rules", RULES),
    *subnet_pools.ROUTES,
    *_usual("/v2.0/address-groups", ADDRESS_GROUPS),
    *address_groups.ROUTES,
    *_lasting("/v2.0/default-security-group-rules", DEFAULT_RULES),
    *_lasting("/v2.0/security-groups-default-statefulness", DEFAULT_STATEFULNESS),
    *_plain("/v2.0/address-scopes", ADDRESS_SCOPES),
    *_usual("/v2.0/trunks", TRUNKS),
    # Clients spell these with underscores, the reference with dashes.
    *(route for path in ("/v2.0/ndp-proxies", "/v2.0/ndp_proxies") for route in _plain(path, NDP_PROXIES)),
    *(route for path in ("/v2.0/local-ips", "/v2.0/local_ips") for route in _plain(path, LOCAL_IPS)),
    *local_ips.ROUTES,
    *_lasting("/v2.0/metering/metering-labels", METERING_LABELS),
    *_lasting("/v2.0/metering/metering-label-rules", METERING_LABEL_RULES),
    *trunks.ROUTES,
    *_plain("/v2.0/rbac-policies", RBAC_POLICIES),
    *(_open_to_ask(route) for route in _usual("/v2.0/qos/policies", QOS_POLICIES)),
    # Their tags have been elsewhere from the beginning, and clients look there.
    *_tags("/v2.0/policies/{object_id}/tags", QOS_POLICIES),
    *(route for kind in RuleKind for route in _qos_rules(kind)),
    Route("GET", "/v2.0/qos/rule-types", qos.list_types, policy.QOS_TYPES),
    Route("GET", "/v2.0/qos/rule-types/{rule_type}", qos.show_type, policy.QOS_TYPES),
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
    *agents.ROUTES,
    *_usual("/v2.0/segments", SEGMENTS),
    # Clients spell it both ways.
    *_plain("/v2.0/network-segment-ranges", SEGMENT_RANGES),
    *_usual("/v2.0/network_segment_ranges", SEGMENT_RANGES),
    *_plain("/v2.0/flavors", flavors.FLAVORS),
    *_plain("/v2.0/service_profiles", flavors.PROFILES),
    *flavors.ROUTES,
    *auto_topology.ROUTES,
    *availability.ROUTES,
    *left_out.ROUTES,
)  # fmt: skip
