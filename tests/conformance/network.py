"""Networking's description, and where it does not say what the service and its clients do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.conformance.answers import Description

EXCEPTIONS = {
    ".../internal_port_range": "a text, as of requests: `80:88`",
    ".../external_port_range": "a text, as of requests: `80:88`",
    ".../dscp_mark": "a number, as of requests",
    ".../resource_request": "groups of resources, or null",
    ".../total_ips": "a number",
    ".../used_ips": "a number",
    ".../subnet_ip_availability": "a list of what each subnet has",
    ".../used": "numbers of segments, and the projects that have them",
    ".../available": "a list of numbers of segments",
    "network_segment_range/project_id": "null: nobody's, if it is shared",
    "network_segment_ranges/*/project_id": "null: nobody's, if it is shared",
    ".../vif_details": "an object",
    ".../drivers": "a list of drivers, each with what it can do",
}
NULLABLE = {
    "data_plane_status",
    "default_quota",
    "destination_ip_prefix",
    "flavor_id",
    "ipv4_address_scope",
    "ipv6_address_mode",
    "ipv6_address_scope",
    "ipv6_ra_mode",
    "name",
    "physical_network",
    "port_details",
    "protocol",
    "provider:physical_network",
    "provider:segmentation_id",
    "remote_address_group_id",
    "remote_group_id",
    "remote_ip_prefix",
    "resources_synced",
    "segmentation_id",
    "source_ip_prefix",
}

_GENERATED = {
    "/v2.0/agents": "POST",
    "/v2.0/auto-allocated-topology": "GET POST",
    "/v2.0/auto-allocated-topology/{id}": "PUT",
    "/v2.0/default-security-group-rules/{id}": "PUT",
    "/v2.0/flavors/{flavor_id}/next_providers": "GET POST",
    "/v2.0/flavors/{flavor_id}/next_providers/{id}": "GET PUT DELETE",
    "/v2.0/flavors/{flavor_id}/service_profiles": "GET",
    "/v2.0/flavors/{flavor_id}/service_profiles/{id}": "GET PUT",
    "/v2.0/floatingip-pools": "POST",
    "/v2.0/floatingip-pools/{id}": "GET PUT DELETE",
    "/v2.0/metering/metering-label-rules/{id}": "PUT",
    "/v2.0/metering/metering-labels/{id}": "PUT",
    "/v2.0/network-ip-availabilities": "POST",
    "/v2.0/network-ip-availabilities/{id}": "PUT DELETE",
    "/v2.0/policies/{policy_id}/packet_rate_limit_rules": "GET POST",
    "/v2.0/policies/{policy_id}/packet_rate_limit_rules/{id}": "GET PUT DELETE",
    "/v2.0/ports/{port_id}/bindings/{id}": "GET",
    "/v2.0/qos/alias-bandwidth-limit-rules": "GET POST",
    "/v2.0/qos/alias-dscp-marking-rules": "GET POST",
    "/v2.0/qos/alias-minimum-bandwidth-rules": "GET POST",
    "/v2.0/qos/alias-minimum-packet-rate-rules": "GET POST",
    "/v2.0/qos/policies/{policy_id}/minimum-packet-rate-rules": "GET POST",
    "/v2.0/qos/policies/{policy_id}/minimum-packet-rate-rules/{id}": "GET PUT DELETE",
    "/v2.0/qos/rule-types": "POST",
    "/v2.0/qos/rule-types/{id}": "PUT DELETE",
    "/v2.0/security-groups-default-statefulness/{id}": "PUT",
    "/v2.0/service-providers": "POST",
    "/v2.0/service-providers/{id}": "GET PUT DELETE",
}
"""The description gives every noun all five operations, and some two spellings. The service it is of refuses these."""

NETWORK = Description(
    "network-v2.29.json",
    prefix="/networking",
    exceptions=EXCEPTIONS,
    nullable=NULLABLE,
    never_were={f"{method} {path}" for path, methods in _GENERATED.items() for method in methods.split(" ")},
    left_out=(
        "/conntrack_helpers",
        "/dhcp-agents",
        "/dhcp-networks",
        "/l3-agents",
        "/l3-routers",
        "/log/",
        "/vpn/",
    ),
)

# -- for random requests ---------------------------------------------------------------------------------------

_PROJECTS = ("demo", "admin")
LIKELY: dict[str, Sequence[Any]] = {
    "project_id": _PROJECTS,
    "tenant_id": _PROJECTS,
    "target_tenant": ("*", *_PROJECTS),
    "cidr": (*(f"10.{n}.0.0/24" for n in range(20)), "fd00::/64", "fd00:0:0:1::/64"),
    "ip_address": (*(f"10.{n}.0.{n + 1}" for n in range(20)), "fd00::9"),
    "ip_version": (4, 4, 6),
    "destination": (*(f"10.{n}.0.0/24" for n in range(20)), "0.0.0.0/0"),
    "nexthop": tuple(f"10.{n}.0.9" for n in range(20)),
    "gateway_ip": (None, *(f"10.{n}.0.1" for n in range(20))),
    "mac_address": tuple(f"02:00:00:00:00:{n:02x}" for n in range(40)),
    "host": ("host-1", "host-2", ""),
    "binding:host_id": ("host-1", "host-2", ""),
    "device_owner": ("", "compute:nova", "network:floatingip", "network:router_interface"),
    "router:external": (True, False),
    "shared": (True, False),
    "object_type": (
        "network",
        "qos_policy",
        "security_group",
        "address_scope",
        "subnetpool",
        "address_group",
    ),
    "action": ("access_as_shared", "access_as_external"),
    "direction": ("ingress", "egress"),
    "ethertype": ("IPv4", "IPv6"),
    "protocol": ("tcp", "udp", "icmp", "ipv6-icmp", "sctp", "1", None),
    "remote_ip_prefix": ("10.0.0.0/8", "::/0", None),
    "provider:network_type": ("flat", "vlan", "geneve"),
    "provider:physical_network": ("physnet1", "physnet2", None),
    "provider:segmentation_id": tuple(range(1, 20)),
    "segmentation_type": ("vlan", "inherit"),
    "segmentation_id": tuple(range(1, 20)),
    "network_type": ("flat", "vlan", "geneve"),
    "service_type": ("L3_ROUTER_NAT",),
    "ipv6_ra_mode": ("slaac", "dhcpv6-stateful", None),
    "ipv6_address_mode": ("slaac", "dhcpv6-stateful", None),
}
"""Values of fields that have a meaning."""


def _noun(path: str, noun: str, **said: Any) -> dict[tuple[str, str], Any]:
    """What makes one, and changes one."""
    changed = {key: value for key, value in said.items() if key in ("name", "description", "routes")}
    return {("POST", path): {noun: said}, ("PUT", path + "/{}"): {noun: changed}}


GOOD_BODIES: dict[tuple[str, str], Any] = {
    **_noun("/v2.0/networks", "network", name="n"),
    **_noun("/v2.0/subnets", "subnet", network_id="", ip_version=4, cidr="10.0.0.0/24"),
    **_noun("/v2.0/subnetpools", "subnetpool", name="p", prefixes=["10.64.0.0/16"], default_prefixlen=26),
    **_noun("/v2.0/ports", "port", network_id="", name="p"),
    **_noun("/v2.0/routers", "router", name="r"),
    **_noun("/v2.0/floatingips", "floatingip", floating_network_id=""),
    **_noun("/v2.0/security-groups", "security_group", name="g"),
    **_noun("/v2.0/security-group-rules", "security_group_rule", security_group_id="", direction="ingress"),
    **_noun("/v2.0/default-security-group-rules", "default_security_group_rule", direction="ingress"),
    **_noun("/v2.0/address-groups", "address_group", name="a", addresses=["10.0.0.0/24"]),
    **_noun("/v2.0/address-scopes", "address_scope", name="s", ip_version=4),
    **_noun("/v2.0/trunks", "trunk", port_id="", sub_ports=[]),
    **_noun("/v2.0/qos/policies", "policy", name="q"),
    **_noun("/v2.0/rbac-policies", "rbac_policy", object_id="", object_type="", action="", target_tenant=""),
    **_noun("/v2.0/flavors", "flavor", name="f", service_type="L3_ROUTER_NAT"),
    **_noun("/v2.0/service_profiles", "service_profile", metainfo="m"),
    **_noun("/v2.0/segments", "segment", network_id="", network_type="vlan", physical_network="physnet1"),
    **_noun("/v2.0/metering/metering-labels", "metering_label", name="m"),
    **_noun(
        "/v2.0/metering/metering-label-rules",
        "metering_label_rule",
        metering_label_id="",
        direction="ingress",
    ),
    ("PUT", "/v2.0/routers/{}/add_router_interface"): {"subnet_id": ""},
    ("PUT", "/v2.0/routers/{}/remove_router_interface"): {"subnet_id": ""},
    ("PUT", "/v2.0/routers/{}/add_extraroutes"): {"router": {"routes": [{"destination": "", "nexthop": ""}]}},
    ("PUT", "/v2.0/trunks/{}/add_subports"): {
        "sub_ports": [{"port_id": "", "segmentation_type": "vlan", "segmentation_id": 1}]
    },
    ("PUT", "/v2.0/floatingips/{}"): {"floatingip": {"port_id": ""}},
    ("POST", "/v2.0/floatingips/{}/port_forwardings"): {
        "port_forwarding": {
            "internal_port_id": "",
            "internal_port": 80,
            "external_port": 8080,
            "protocol": "tcp",
            "internal_ip_address": "10.0.0.5",
        }
    },
    ("POST", "/v2.0/qos/policies/{}/bandwidth_limit_rules"): {"bandwidth_limit_rule": {"max_kbps": 1000}},
    ("POST", "/v2.0/qos/policies/{}/dscp_marking_rules"): {"dscp_marking_rule": {"dscp_mark": 26}},
}
"""Bodies that are good, or nearly so: ids are filled in with what exists."""
