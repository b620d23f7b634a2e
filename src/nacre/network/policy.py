"""Who may do what with networks. `project_id` is the owner of the object, or of the network where that is said."""

from __future__ import annotations

from nacre.kernel.policy import ADMIN, ANYBODY, OWN_MEMBER, OWN_READER, Policy


def _policies(noun: str) -> tuple[Policy, Policy, Policy, Policy]:
    """To see, to make, to change and to delete objects of one noun."""
    return (
        Policy(f"network:{noun}:show", OWN_READER),
        Policy(f"network:{noun}:create", OWN_MEMBER),
        Policy(f"network:{noun}:update", OWN_MEMBER),
        Policy(f"network:{noun}:delete", OWN_MEMBER),
    )


NETWORK_SHOW, NETWORK_CREATE, NETWORK_UPDATE, NETWORK_DELETE = _policies("networks")
SUBNET_SHOW, SUBNET_CREATE, SUBNET_UPDATE, SUBNET_DELETE = _policies("subnets")
SUBNET_POOL_SHOW, SUBNET_POOL_CREATE, SUBNET_POOL_UPDATE, SUBNET_POOL_DELETE = _policies("subnet_pools")
PORT_SHOW, PORT_CREATE, PORT_UPDATE, PORT_DELETE = _policies("ports")
PORT_BIND = Policy("network:ports:bind", ADMIN)
ROUTER_SHOW, ROUTER_CREATE, ROUTER_UPDATE, ROUTER_DELETE = _policies("routers")
FLOATING_IP_SHOW, FLOATING_IP_CREATE, FLOATING_IP_UPDATE, FLOATING_IP_DELETE = _policies("floating_ips")
GROUP_SHOW, GROUP_CREATE, GROUP_UPDATE, GROUP_DELETE = _policies("security_groups")
RULE_SHOW, RULE_CREATE, RULE_UPDATE, RULE_DELETE = _policies("security_group_rules")
RBAC_SHOW, RBAC_CREATE, RBAC_UPDATE, RBAC_DELETE = _policies("rbac_policies")
SCOPE_SHOW, SCOPE_CREATE, SCOPE_UPDATE, SCOPE_DELETE = _policies("address_scopes")
ADDRESS_GROUP_SHOW, ADDRESS_GROUP_CREATE, ADDRESS_GROUP_UPDATE, ADDRESS_GROUP_DELETE = _policies(
    "address_groups"
)
NDP_PROXY_SHOW, NDP_PROXY_CREATE, NDP_PROXY_UPDATE, NDP_PROXY_DELETE = _policies("ndp_proxies")
LOCAL_IP_SHOW, LOCAL_IP_CREATE, LOCAL_IP_UPDATE, LOCAL_IP_DELETE = _policies("local_ips")
TRUNK_SHOW, TRUNK_CREATE, TRUNK_UPDATE, TRUNK_DELETE = _policies("trunks")
QOS_SHOW, QOS_CREATE, QOS_UPDATE, QOS_DELETE = (
    Policy("network:qos_policies:show", OWN_READER),
    *(Policy(f"network:qos_policies:{verb}", ADMIN) for verb in ("create", "update", "delete")),
)
QOS_TYPES = Policy("network:qos_rule_types:show", ANYBODY)

STATEFULNESS_SHOW = Policy("network:default_statefulness:show", OWN_READER)
STATEFULNESS_MANAGE = Policy("network:default_statefulness:manage", ADMIN)
DEFAULT_RULE_SHOW = Policy("network:default_security_group_rules:show", ANYBODY)
DEFAULT_RULE_CREATE = Policy("network:default_security_group_rules:create", ADMIN)
DEFAULT_RULE_DELETE = Policy("network:default_security_group_rules:delete", ADMIN)
ROUTER_JOIN = Policy("network:routers:join", OWN_MEMBER)
ROUTER_LEAVE = Policy("network:routers:leave", OWN_MEMBER)
QUOTA_SHOW = Policy("network:quotas:show", OWN_READER)
QUOTA_LIST = Policy("network:quotas:list", ADMIN)
QUOTA_UPDATE = Policy("network:quotas:update", ADMIN)
EXTENSION_SHOW = Policy("network:extensions:show", ANYBODY)
ZONE_SHOW = Policy("network:availability_zones:show", ANYBODY)
AGENT_MANAGE = Policy("network:agents:manage", ADMIN)
AGENT_SHOW = Policy("network:agents:show", ANYBODY)
"""Agents are listed for everybody, and there are some for the operator only."""
AVAILABILITY_LIST = Policy("network:network_ip_availabilities:list", ANYBODY)
AVAILABILITY_SHOW = Policy("network:network_ip_availabilities:show", ADMIN)
FLAVOR_SHOW = Policy("network:flavors:show", ANYBODY)
FLAVOR_MANAGE = Policy("network:flavors:manage", ADMIN)
TOPOLOGY_ENSURE = Policy("network:auto_allocated_topologies:ensure", OWN_MEMBER)
TOPOLOGY_DELETE = Policy("network:auto_allocated_topologies:delete", OWN_MEMBER)
METERING_MANAGE = Policy("network:metering:manage", ADMIN)
SEGMENT_MANAGE = Policy("network:segments:manage", ADMIN)
SEGMENT_RANGE_MANAGE = Policy("network:segment_ranges:manage", ADMIN)
LEFT_OUT = Policy("network:left_out", ANYBODY)
PROVIDER_SHOW = Policy("network:service_providers:show", ANYBODY)

ADMINISTER = Policy("network:administer", ADMIN)
"""To see and set what only the operator may: wires, hosts, what is external or shared."""
