"""The tables of the network service.

Columns are named as the fields of the structs in `domain`, so that rows and structs are the same thing. A port's
addresses and groups have tables of their own, since the database must refuse an address given twice and a group
deleted under its ports.
"""

from __future__ import annotations

import socket
from typing import Any

import sqlalchemy as sa

from nacre.kernel.schema import METADATA, Json
from nacre.network.domain.addresses import AllocationPool
from nacre.network.domain.chassis import ChassisFacts
from nacre.network.domain.dhcp_options import ExtraDhcpOption
from nacre.network.domain.ports import AddressPair
from nacre.network.domain.subnets import HostRoute


class IpAddress(sa.types.TypeDecorator[Any]):
    """An address, text outside, kept as its bytes: it takes no more room than it needs, and sorts as a number."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        if value is None or isinstance(value, bytes):
            return value
        return socket.inet_pton(socket.AF_INET6 if ":" in value else socket.AF_INET, value)

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        return _ip_text(value)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """What reads a value, without the layers that SQLAlchemy would put around it: lists read thousands."""
        return _ip_text


def _ip_text(value: bytes | None) -> str | None:
    if value is None:
        return None
    return socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value)


class Listed(Json):
    """A list kept as JSON; most are empty, and those are read for nothing."""

    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return () if value == "[]" else super().process_result_value(value, dialect)


def _standard() -> list[sa.Column[Any]]:
    """What every object of the API has."""
    return [
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False, index=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tags", Listed(tuple[str, ...]), nullable=False),
        sa.Column("revision_number", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
    ]


NETWORK = sa.Table(
    "network",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("router_external", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("mtu", sa.Integer, nullable=False),
    sa.Column("port_security_enabled", sa.Boolean, nullable=False),
    sa.Column("vlan_transparent", sa.Boolean, nullable=False),
    sa.Column("qinq", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("dns_domain", sa.Text, nullable=False),
    sa.Column("provider_network_type", sa.Text, nullable=False),
    sa.Column("provider_physical_network", sa.Text),
    sa.Column("provider_segmentation_id", sa.Integer),
    sa.Column("qos_policy_id", sa.Text, index=True),
    sa.Index(
        "network_wire",
        "provider_physical_network",
        sa.text("coalesce(provider_segmentation_id, 0)"),
        unique=True,
    ),
)

SUBNET_POOL = sa.Table(
    "subnet_pool",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("prefixes", Listed(tuple[str, ...]), nullable=False),
    sa.Column("min_prefixlen", sa.Integer, nullable=False),
    sa.Column("max_prefixlen", sa.Integer, nullable=False),
    sa.Column("default_prefixlen", sa.Integer, nullable=False),
    sa.Column("default_quota", sa.Integer),
    sa.Column("address_scope_id", sa.Text, index=True),
)

SUBNET = sa.Table(
    "subnet",
    METADATA,
    *_standard(),
    sa.Column("network_id", sa.ForeignKey("network.id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("cidr", sa.Text, nullable=False),
    sa.Column("gateway_ip", sa.Text),
    sa.Column("enable_dhcp", sa.Boolean, nullable=False),
    sa.Column("dns_nameservers", Listed(tuple[str, ...]), nullable=False),
    sa.Column("allocation_pools", Listed(tuple[AllocationPool, ...]), nullable=False),
    sa.Column("host_routes", Listed(tuple[HostRoute, ...]), nullable=False),
    sa.Column("ipv6_ra_mode", sa.Text),
    sa.Column("ipv6_address_mode", sa.Text),
    sa.Column("subnetpool_id", sa.ForeignKey("subnet_pool.id"), index=True),
    sa.Column("service_types", Listed(tuple[str, ...]), nullable=False),
    sa.Column("segment_id", sa.Text, index=True),
)

PORT = sa.Table(
    "port",
    METADATA,
    *_standard(),
    sa.Column("network_id", sa.ForeignKey("network.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mac_address", sa.Text, nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("allowed_address_pairs", Listed(tuple[AddressPair, ...]), nullable=False),
    sa.Column("port_security_enabled", sa.Boolean, nullable=False),
    sa.Column("device_id", sa.Text, nullable=False, index=True),
    sa.Column("device_owner", sa.Text, nullable=False),
    sa.Column("binding_host_id", sa.Text, nullable=False, index=True),
    sa.Column("binding_vnic_type", sa.Text, nullable=False),
    sa.Column("binding_profile", Json(dict[str, Any]), nullable=False),
    sa.Column("dns_name", sa.Text, nullable=False),
    sa.Column("dns_domain", sa.Text, nullable=False, server_default=""),
    sa.Column("extra_dhcp_opts", Listed(tuple[ExtraDhcpOption, ...]), nullable=False, server_default="[]"),
    sa.Column("qos_policy_id", sa.Text, index=True),
    sa.Column("ip_allocation", sa.Text, nullable=False, server_default="immediate"),
    # What hosts say of it, and who made it: neither is the owner's to write.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("made_for_server", sa.Boolean, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("nic_tag", sa.Text),
    # What whoever watches the wires says of it.
    sa.Column("data_plane_status", sa.Text),
    sa.Index("port_mac", "network_id", "mac_address", unique=True),
)

PORT_ADDRESS = sa.Table(
    "port_address",
    METADATA,
    sa.Column("subnet_id", sa.ForeignKey("subnet.id"), primary_key=True),
    sa.Column("ip", IpAddress, primary_key=True),
    sa.Column("port_id", sa.ForeignKey("port.id"), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    # The addresses of ports, in order, are read by every list of them: the index alone tells them.
    sa.Index("port_address_of_port", "port_id", "place", "subnet_id", "ip"),
)

SECURITY_GROUP = sa.Table(
    "security_group",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("stateful", sa.Boolean, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
)

SECURITY_GROUP_RULE = sa.Table(
    "security_group_rule",
    METADATA,
    *_standard(),
    sa.Column("security_group_id", sa.ForeignKey("security_group.id"), nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("ethertype", sa.Text, nullable=False),
    sa.Column("protocol", sa.Text),
    sa.Column("port_range_min", sa.Integer),
    sa.Column("port_range_max", sa.Integer),
    sa.Column("remote_ip_prefix", sa.Text),
    sa.Column("remote_group_id", sa.ForeignKey("security_group.id"), index=True),
    sa.Column("remote_address_group_id", sa.Text, index=True),
    # What the rule lets through, so that two rules of one group that mean the same cannot both be.
    sa.Column("meaning", sa.Text, nullable=False),
    sa.Index("security_group_rule_meaning", "security_group_id", "meaning", unique=True),
)

PORT_SECURITY_GROUP = sa.Table(
    "port_security_group",
    METADATA,
    sa.Column("port_id", sa.ForeignKey("port.id"), primary_key=True),
    sa.Column("security_group_id", sa.ForeignKey("security_group.id"), primary_key=True),
    sa.Index("port_security_group_members", "security_group_id"),
)

ROUTER = sa.Table(
    "router",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("distributed", sa.Boolean, nullable=False),
    sa.Column("routes", Listed(tuple[HostRoute, ...]), nullable=False),
    sa.Column("gateway_network_id", sa.ForeignKey("network.id"), index=True),
    sa.Column("gateway_port_id", sa.ForeignKey("port.id"), index=True),
    sa.Column("enable_snat", sa.Boolean, nullable=False),
    sa.Column("flavor_id", sa.Text, index=True),
    sa.Column("ha", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("gateway_qos_policy_id", sa.Text, index=True),
    sa.Column("enable_default_route_ecmp", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("enable_default_route_bfd", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("enable_ndp_proxy", sa.Boolean, nullable=False, server_default=sa.false()),
)

FLOATING_IP = sa.Table(
    "floating_ip",
    METADATA,
    *_standard(),
    sa.Column("floating_network_id", sa.ForeignKey("network.id"), nullable=False),
    sa.Column("floating_ip_address", sa.Text, nullable=False),
    sa.Column("floating_port_id", sa.ForeignKey("port.id"), nullable=False, index=True),
    sa.Column("port_id", sa.ForeignKey("port.id"), index=True),
    sa.Column("fixed_ip_address", sa.Text),
    sa.Column("router_id", sa.ForeignKey("router.id"), index=True),
    sa.Column("dns_name", sa.Text, nullable=False),
    sa.Column("dns_domain", sa.Text, nullable=False),
    sa.Column("qos_policy_id", sa.Text, index=True),
    sa.Index("floating_ip_target", "floating_network_id", "port_id", "fixed_ip_address", unique=True),
)

GATEWAY_HOST = sa.Table(
    "gateway_host",
    METADATA,
    sa.Column("host_id", sa.Text, primary_key=True),
    sa.Column("since", sa.Double, nullable=False),
)

# -- who may see what, and the nouns of addresses --------------------------------------------------------------

NETWORK_RBAC = sa.Table(
    "network_rbac",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False, index=True),
    sa.Column("object_type", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target_project", sa.Text, nullable=False),
    # Read whole for one object; the other way round, lists ask which objects a project was shown.
    sa.Index("network_rbac_object", "object_id", "object_type", "action", "target_project", unique=True),
    sa.Index("network_rbac_target", "target_project", "object_type", "action", "object_id"),
)
"""What is shared with whom; `target_project` is `*` for everybody. The columns `shared` and `router_external` of
objects follow from it."""

ADDRESS_SCOPE = sa.Table(
    "address_scope",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
)

ADDRESS_GROUP = sa.Table(
    "address_group",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
)

ADDRESS_GROUP_ADDRESS = sa.Table(
    "address_group_address",
    METADATA,
    sa.Column("address_group_id", sa.ForeignKey("address_group.id"), primary_key=True),
    sa.Column("cidr", sa.Text, primary_key=True),
)

DEFAULT_SECURITY_GROUP_RULE = sa.Table(
    "default_security_group_rule",
    METADATA,
    *_standard(),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("ethertype", sa.Text, nullable=False),
    sa.Column("protocol", sa.Text),
    sa.Column("port_range_min", sa.Integer),
    sa.Column("port_range_max", sa.Integer),
    sa.Column("remote_ip_prefix", sa.Text),
    sa.Column("remote_group_id", sa.Text),
    sa.Column("remote_address_group_id", sa.Text),
    sa.Column("used_in_default_sg", sa.Boolean, nullable=False),
    sa.Column("used_in_non_default_sg", sa.Boolean, nullable=False),
)

NETWORK_SEGMENT = sa.Table(
    "network_segment",
    METADATA,
    *_standard(),
    sa.Column("network_id", sa.ForeignKey("network.id"), nullable=False, index=True),
    sa.Column("name", sa.Text),
    sa.Column("network_type", sa.Text, nullable=False),
    sa.Column("physical_network", sa.Text),
    sa.Column("segmentation_id", sa.Integer),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Index(
        "network_segment_wire",
        "physical_network",
        sa.text("coalesce(segmentation_id, 0)"),
        unique=True,
    ),
    sa.Index("network_segment_number", "network_type", "segmentation_id"),
)
"""How the frames of networks travel. What a network itself says of its provider is its first segment."""

HOST_WIRE = sa.Table(
    "host_wire",
    METADATA,
    sa.Column("host_id", sa.Text, primary_key=True),
    sa.Column("physical_network", sa.Text, primary_key=True),
)
"""The physical networks that hosts say they are on: which segments a host reaches follows from it."""

NETWORK_SEGMENT_RANGE = sa.Table(
    "network_segment_range",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("default", sa.Boolean, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("network_type", sa.Text, nullable=False),
    sa.Column("physical_network", sa.Text),
    sa.Column("minimum", sa.BigInteger, nullable=False),
    sa.Column("maximum", sa.BigInteger, nullable=False),
)
"""From where the ids of segments are taken when nobody names one."""

NETWORK_AGENT = sa.Table(
    "network_agent",
    METADATA,
    sa.Column("host_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("heard_at", sa.Double, nullable=False),
)

AUTO_TOPOLOGY = sa.Table(
    "auto_topology",
    METADATA,
    sa.Column("project_id", sa.Text, primary_key=True),
    sa.Column("network_id", sa.ForeignKey("network.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("router_id", sa.ForeignKey("router.id", ondelete="CASCADE"), nullable=False, index=True),
)

NETWORK_FLAVOR = sa.Table(
    "network_flavor",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("service_type", sa.Text, nullable=False),
)

SERVICE_PROFILE = sa.Table(
    "service_profile",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("driver", sa.Text, nullable=False),
    sa.Column("metainfo", sa.Text, nullable=False),
)

FLAVOR_PROFILE = sa.Table(
    "network_flavor_profile",
    METADATA,
    sa.Column("flavor_id", sa.ForeignKey("network_flavor.id"), primary_key=True),
    sa.Column("service_profile_id", sa.ForeignKey("service_profile.id"), primary_key=True),
    sa.Index("network_flavor_profile_profile", "service_profile_id"),
)

QOS_POLICY = sa.Table(
    "qos_policy",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    # A project has one default.
    sa.Index(
        "qos_policy_default",
        "project_id",
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    ),
)

QOS_RULE = sa.Table(
    "qos_rule",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("policy_id", sa.ForeignKey("qos_policy.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("max_kbps", sa.Integer, nullable=False),
    sa.Column("max_burst_kbps", sa.Integer, nullable=False),
    sa.Column("dscp_mark", sa.Integer, nullable=False),
    sa.Column("min_kbps", sa.Integer, nullable=False, server_default="0"),
    sa.Column("min_kpps", sa.Integer, nullable=False, server_default="0"),
    sa.Column("max_kpps", sa.Integer, nullable=False, server_default="0"),
    sa.Column("max_burst_kpps", sa.Integer, nullable=False, server_default="0"),
    # What a policy says once only, so that two rules cannot say it differently.
    sa.Column("slot", sa.Text, nullable=False),
    sa.Index("qos_rule_slot", "policy_id", "slot", unique=True),
)

PORT_FORWARDING = sa.Table(
    "port_forwarding",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("floating_ip_id", sa.ForeignKey("floating_ip.id"), nullable=False, index=True),
    sa.Column("internal_port_id", sa.ForeignKey("port.id"), nullable=False, index=True),
    sa.Column("internal_ip_address", sa.Text, nullable=False),
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("external_first", sa.Integer, nullable=False),
    sa.Column("external_last", sa.Integer, nullable=False),
    sa.Column("internal_first", sa.Integer, nullable=False),
    sa.Column("internal_last", sa.Integer, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)

TRUNK = sa.Table(
    "trunk",
    METADATA,
    *_standard(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("port_id", sa.ForeignKey("port.id"), nullable=False, unique=True),
)

TRUNK_SUBPORT = sa.Table(
    "trunk_subport",
    METADATA,
    sa.Column("port_id", sa.ForeignKey("port.id"), primary_key=True),
    sa.Column("trunk_id", sa.ForeignKey("trunk.id"), nullable=False),
    sa.Column("segmentation_type", sa.Text, nullable=False),
    sa.Column("segmentation_id", sa.Integer, nullable=False),
    sa.Index("trunk_subport_tag", "trunk_id", "segmentation_id", unique=True),
)

METERING_LABEL = sa.Table(
    "metering_label",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
)

METERING_LABEL_RULE = sa.Table(
    "metering_label_rule",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("metering_label_id", sa.ForeignKey("metering_label.id"), nullable=False, index=True),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("excluded", sa.Boolean, nullable=False),
    sa.Column("remote_ip_prefix", sa.Text),
    sa.Column("source_ip_prefix", sa.Text),
    sa.Column("destination_ip_prefix", sa.Text),
)

# -- routers' further ways out, and addresses that routers and hosts answer for --------------------------------

FURTHER_GATEWAY = sa.Table(
    "further_gateway",
    METADATA,
    sa.Column("port_id", sa.ForeignKey("port.id"), primary_key=True),
    sa.Column("router_id", sa.ForeignKey("router.id"), nullable=False, index=True),
    sa.Column("network_id", sa.ForeignKey("network.id"), nullable=False, index=True),
    sa.Column("enable_snat", sa.Boolean, nullable=False),
    sa.Column("qos_policy_id", sa.Text, index=True),
    sa.Column("place", sa.Integer, nullable=False),
)
"""The ways out of routers besides the first, which is told by the router's own row."""

NDP_PROXY = sa.Table(
    "ndp_proxy",
    METADATA,
    *(column for column in _standard() if column.name != "tags"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("router_id", sa.ForeignKey("router.id"), nullable=False, index=True),
    sa.Column("port_id", sa.ForeignKey("port.id"), nullable=False, index=True),
    sa.Column("ip_address", sa.Text, nullable=False),
    sa.Index("ndp_proxy_address", "router_id", "ip_address", unique=True),
)

LOCAL_IP = sa.Table(
    "local_ip",
    METADATA,
    *(column for column in _standard() if column.name != "tags"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("local_port_id", sa.ForeignKey("port.id"), nullable=False, unique=True),
    sa.Column("network_id", sa.ForeignKey("network.id"), nullable=False, index=True),
    sa.Column("local_ip_address", sa.Text, nullable=False),
    sa.Column("ip_mode", sa.Text, nullable=False),
)

LOCAL_IP_ASSOCIATION = sa.Table(
    "local_ip_association",
    METADATA,
    sa.Column("local_ip_id", sa.ForeignKey("local_ip.id"), primary_key=True),
    sa.Column("fixed_port_id", sa.ForeignKey("port.id"), primary_key=True, index=True),
    sa.Column("fixed_ip", sa.Text, nullable=False),
    # Where the port is: hosts ask for their own.
    sa.Column("host_id", sa.Text, nullable=False, index=True),
)

LOCAL_IP_HOST = sa.Table("local_ip_host", METADATA, sa.Column("host_id", sa.Text, primary_key=True))
"""The hosts on which local IPs lead to ports, or ever did: what they were told is emptied, and not taken away."""

# -- where ports may go, and what groups begin with ------------------------------------------------------------

PORT_BINDING = sa.Table(
    "port_binding",
    METADATA,
    sa.Column("port_id", sa.ForeignKey("port.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("host_id", sa.Text, primary_key=True),
    sa.Column("vnic_type", sa.Text, nullable=False),
    sa.Column("profile", Json(dict[str, Any]), nullable=False),
)
"""The hosts that are prepared for ports besides the one that they are on, which is told by the port's own row."""

DEFAULT_STATEFULNESS = sa.Table(
    "default_statefulness",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    # For everybody else, where it is empty.
    sa.Column("project_id", sa.Text, nullable=False, unique=True),
    sa.Column("stateful", sa.Boolean, nullable=False),
)

# -- what agents report of their hosts ---------------------------------------------------------------------------

CHASSIS = sa.Table(
    "chassis",
    METADATA,
    sa.Column("host_id", sa.Text, primary_key=True),
    sa.Column("facts", Json(ChassisFacts), nullable=False),
    # Mostly none are: whoever places a server asks for them.
    sa.Column("ailing", sa.Boolean, nullable=False),
    sa.Column("reported_at", sa.Double, nullable=False),
    sa.Index("chassis_ailing", "host_id", sqlite_where=sa.text("ailing"), postgresql_where=sa.text("ailing")),
)
"""Each row is written for the agent of its host alone."""
