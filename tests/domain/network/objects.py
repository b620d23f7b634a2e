"""Networks, subnets, ports and the like, as tests want them: whole, with the one thing named that matters."""

from __future__ import annotations

from typing import Any

from nacre.kernel.ids import (
    FloatingIpId,
    NetworkId,
    PortId,
    ProjectId,
    RouterId,
    SecurityGroupId,
    SecurityGroupRuleId,
    SubnetId,
)
from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.networks import Network
from nacre.network.domain.ports import FixedIp, Port
from nacre.network.domain.routers import Router
from nacre.network.domain.security_groups import Direction, SecurityGroup, SecurityGroupRule
from nacre.network.domain.subnets import Subnet

PROJECT = ProjectId("5f0e3c0d8a5f4b0f9a3c2d1e0f9a8b7c")
MAC = "fa:16:3e:00:00:0a"


def an_id(number: int) -> str:
    """A UUID that is easy to tell from others."""
    return f"00000000-0000-4000-8000-{number:012x}"


NET, OUTSIDE = NetworkId(an_id(1)), NetworkId(an_id(2))
SUB, SUB6, OUTSIDE_SUB = SubnetId(an_id(11)), SubnetId(an_id(12)), SubnetId(an_id(13))
PORT, METADATA_PORT, ROUTER_PORT, GATEWAY_PORT = (PortId(an_id(21 + i)) for i in range(4))
GROUP, OTHER_GROUP = SecurityGroupId(an_id(31)), SecurityGroupId(an_id(32))
ROUTER = RouterId(an_id(41))
FLOATING = FloatingIpId(an_id(51))


def a_network(**fields: Any) -> Network:
    return Network(**{"id": NET, "project_id": PROJECT} | fields)


def a_subnet(**fields: Any) -> Subnet:
    usual = {
        "id": SUB,
        "network_id": NET,
        "project_id": PROJECT,
        "ip_version": 4,
        "cidr": "10.0.0.0/24",
        "gateway_ip": "10.0.0.1",
    }
    return Subnet(**usual | fields)


def a_subnet6(**fields: Any) -> Subnet:
    return a_subnet(
        **{"id": SUB6, "ip_version": 6, "cidr": "fd00:1::/64", "gateway_ip": "fd00:1::1"} | fields
    )


def a_port(**fields: Any) -> Port:
    usual = {
        "id": PORT,
        "network_id": NET,
        "project_id": PROJECT,
        "mac_address": MAC,
        "fixed_ips": (FixedIp(SUB, "10.0.0.11"),),
    }
    return Port(**usual | fields)


def a_group(**fields: Any) -> SecurityGroup:
    return SecurityGroup(**{"id": GROUP, "project_id": PROJECT, "name": "web"} | fields)


def a_rule(**fields: Any) -> SecurityGroupRule:
    usual = {
        "id": SecurityGroupRuleId(an_id(61)),
        "security_group_id": GROUP,
        "project_id": PROJECT,
        "direction": Direction.INGRESS,
    }
    return SecurityGroupRule(**usual | fields)


def a_router(**fields: Any) -> Router:
    return Router(**{"id": ROUTER, "project_id": PROJECT} | fields)


def a_floating_ip(**fields: Any) -> FloatingIp:
    usual = {
        "id": FLOATING,
        "project_id": PROJECT,
        "floating_network_id": OUTSIDE,
        "floating_ip_address": "172.24.4.101",
        "floating_port_id": PortId(an_id(29)),
    }
    return FloatingIp(**usual | fields)
