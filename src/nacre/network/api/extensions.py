"""What of the Networking API is here: the extensions by alias, the zones, the providers."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.call import Answer, Call, Ok
from nacre.network.api.networks import ZONE
from nacre.network.api.parts import Parts
from nacre.network.errors import ExtensionNotFound

_UPDATED = "2026-01-01T00:00:00-00:00"

# Alias: what clients may rely on when they find it.
EXTENSIONS = {
    "address-group": "Groups of addresses, and rules that name them.",
    "address-scope": "Addresses that mean one host wherever they are seen.",
    "agent": "What runs on hosts for networks, as agents.",
    "allowed-address-pairs-atomic": "Further addresses that a port may send from, added and taken away.",
    "allowed-address-pairs": "Further addresses that a port may send from.",
    "auto-allocated-topology": "A network for those who ask for any.",
    "availability_zone": "Zones of networks and routers.",
    "binding-extended": "Further hosts that are prepared for a port, and moving to one of them.",
    "data-plane-status": "What whoever watches the wires says of a port.",
    "binding": "On which host a port is.",
    "default-subnetpools": "Subnet pools that are used when nobody names one.",
    "dns-integration": "Names of ports, and domains of networks.",
    "dns-domain-ports": "Domains of ports.",
    "flavors": "Flavors of services, and their profiles.",
    "l3-flavors": "Flavors of routers.",
    "network-ip-availability": "How many addresses networks have, and how many of them are in use.",
    "rbac-address-group": "Address groups, shared with projects.",
    "rbac-address-scope": "Address scopes, shared with projects.",
    "rbac-policies": "Networks, shared with projects.",
    "rbac-security-groups": "Security groups, shared with projects.",
    "rbac-subnetpool": "Subnet pools, shared with projects.",
    "security-groups-default-rules": "The rules that new security groups begin with.",
    "security-groups-remote-address-group": "Rules that name groups of addresses.",
    "security-groups-rules-belongs-to-default-sg": "Whether a rule is in a default group.",
    "security-groups-shared-filtering": "Security groups by whether they are shared.",
    "subnet_onboard": "Subnets that become part of a pool.",
    "subnetpool-prefix-ops": "Prefixes of pools, added and taken away.",
    "dvr": "Routers whose floating IPs answer on the guest's own host.",
    "empty-string-filtering": "Filters that ask for what is empty.",
    "enable-default-route-bfd": "Default routes that are used only while the next hop answers.",
    "enable-default-route-ecmp": "Default routes by all ways out of a router at once.",
    "external-gateway-multihoming": "Several ways out of a router.",
    "external-net": "Networks that are a way out.",
    "extraroute": "Routes of routers.",
    "extraroute-atomic": "Routes of routers, added and removed one by one.",
    "ext-gw-mode": "Source NAT that can be switched off.",
    "extra_dhcp_opt": "What DHCP tells one port besides.",
    "filter-validation": "Filters that do not exist are refused.",
    "fip-port-details": "What a floating IP leads to.",
    "floating-ip-port-forwarding": "Ports of a floating IP that lead inside.",
    "floating-ip-port-forwarding-description": "Descriptions of forwardings.",
    "floating-ip-port-forwarding-detail": "What a floating IP shows of its forwardings.",
    "floating-ip-port-forwarding-port-ranges": "Forwardings of ranges of ports.",
    "expose-port-forwarding-in-fip": "A floating IP shows its forwardings.",
    "floating-ip-router-writable": "Floating IPs by a router that is chosen.",
    "floatingip-pools": "From where floating IPs can be had.",
    "local_ip": "Addresses that lead to a port of the asking guest's own host.",
    "l3-ext-ndp-proxy": "Routers that may answer for IPv6 addresses inside.",
    "l3-ndp-proxy": "IPv6 addresses inside that routers answer for outside.",
    "l3-ha": "Routers whose way out another host takes over.",
    "router-interface-fip": "Floating IPs of networks that a router is on without a gateway.",
    "router-admin-state-down-before-update": "Routers are down while they become ones of another kind.",
    "metering": "Labels of traffic that is to be counted.",
    "metering_source_and_destination_filters": "Labels that name both ends of traffic.",
    "ip_allocation": "When a port gets its addresses.",
    "l2_adjacency": "Whether the hosts of a network are all in one layer 2.",
    "multi-provider": "Networks on several wires.",
    "ip-substring-filtering": "Ports by a part of one of their addresses.",
    "subnet-external-network": "Whether a subnet is of an external network.",
    "net-mtu": "The largest packet of a network.",
    "net-mtu-writable": "The largest packet of a network, chosen.",
    "network-segment-range": "From where the numbers of networks are taken.",
    "network_availability_zone": "Zones of networks.",
    "pagination": "Lists come in pages.",
    "port-resource-request": "Ports tell what they are guaranteed.",
    "port-resource-request-groups": "Ports tell what they are guaranteed, apart for each provider that gives it.",
    "port-mac-address-regenerate": "Another MAC for a port, whichever.",
    "port-security": "What ports send is checked, or not.",
    "project-id": "project_id as a name for tenant_id.",
    "provider": "How frames of a network travel.",
    "qos": "How much of the wire a port may use, and how its packets are marked.",
    "qos-bw-limit-direction": "Limits of bandwidth in both directions.",
    "qos-bw-minimum-ingress": "Guarantees of bandwidth in both directions.",
    "qos-default": "A policy that a project's new networks get.",
    "qos-fip": "Limits of bandwidth for floating IPs.",
    "qos-gateway-ip": "Limits of bandwidth for the ways out of routers.",
    "qos-port-network-policy": "Ports show the policy of their network.",
    "qos-pps": "Limits of packets in both directions.",
    "qos-pps-minimum": "Guarantees of packets: servers get hosts that have enough left.",
    "qos-pps-minimum-rule-alias": "Guarantees of packets named without their policy.",
    "qos-rule-type-details": "What the rules of one type may say.",
    "qos-rule-type-filter": "The types of rules that anything here carries out.",
    "qos-rules-alias": "Rules named without their policy.",
    "quotas": "How many of each noun a project may have.",
    "quota-check-limit": "Quotas are compared with what is in use, where that is asked for.",
    "quota_details": "How many of each noun a project has.",
    "revision-if-match": "Changes of what has changed meanwhile are refused.",
    "router": "Routers and floating IPs.",
    "router_availability_zone": "Zones of routers.",
    "security-group": "What is let through to and from ports.",
    "security-groups-default-statefulness": "Whether new groups keep connections in mind.",
    "security-groups-normalized-cidr": "Remote prefixes without host bits.",
    "segment": "The wires of networks, and subnets that are bound to one.",
    "segments-peer-subnet-host-routes": "Hosts are told the way to the other segments of their network.",
    "service-type": "Providers of services.",
    "sorting": "Lists are sorted.",
    "standard-attr-description": "Descriptions of everything.",
    "standard-attr-revisions": "Revisions of everything.",
    "standard-attr-segment": "Descriptions, times and revisions of segments.",
    "standard-attr-tag": "Tags on everything.",
    "standard-attr-timestamp": "When everything was made and changed.",
    "stateful-security-group": "Security groups that keep no connections in mind.",
    "tag-ports-during-bulk-creation": "Ports that are made with tags.",
    "tag": "Tags, under the older name.",
    "vlan-transparent": "Networks that carry frames with tags of their guests.",
    "qinq": "The same over a wire under a service tag.",
    "trunk": "Ports that carry others under VLAN tags.",
    "trunk-details": "What a port shows of its trunk.",
    "subnet-segmentid-writable": "Subnets that are bound to a segment later.",
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
