"""What each of our objects is called in OVN."""

from __future__ import annotations

from nacre.kernel.ids import NetworkId, PortId, RouterId, SecurityGroupId, SubnetId
from nacre.network.domain.rows import Place, Ref


def switch(network_id: NetworkId) -> Ref:
    return Ref("Logical_Switch", network_id)


def switch_port(port_id: PortId) -> Ref:
    """The id itself: it is also the `iface-id` by which a host plugs the port."""
    return Ref("Logical_Switch_Port", port_id)


def wire(carrier_id: str) -> Ref:
    """The port by which a switch reaches a physical network: its first by its own id, others by their segment's."""
    return Ref("Logical_Switch_Port", f"wire-{carrier_id}")


def router(router_id: RouterId) -> Ref:
    return Ref("Logical_Router", router_id)


def router_port(port_id: PortId) -> Ref:
    return Ref("Logical_Router_Port", f"lrp-{port_id}")


def local_router(local_ip_id: str) -> Ref:
    """The small router that answers for a local IP."""
    return Ref("Logical_Router", f"local-{local_ip_id}")


def local_variable(local_ip_id: str) -> str:
    """What a host calls the addresses that a local IP leads to there."""
    return "local_" + local_ip_id.replace("-", "")


def dhcp_options(subnet_id: SubnetId) -> Ref:
    return Ref("DHCP_Options", subnet_id)


def port_dhcp_options(port_id: PortId, version: int) -> Ref:
    """What one port is told by DHCP of one IP version, where that is not what its subnet's others are told."""
    return Ref("DHCP_Options", f"{port_id}-{version}")


def dns(port_id: PortId) -> Ref:
    """What others on its network are told of one port's name."""
    return Ref("DNS", port_id)


def port_group(group_id: SecurityGroupId) -> Ref:
    """OVN's match language knows no dashes in names."""
    return Ref("Port_Group", "pg_" + group_id.replace("-", "_"))


def address_set(group_id: str, family: str) -> Ref:
    """The addresses of a group that are of one family, `ip4` or `ip6`."""
    return Ref("Address_Set", f"ag_{group_id.replace('-', '_')}_{family}")


def inside(holder: Ref, column: str) -> Place:
    """The place `column` of the row `holder`."""
    return Place(holder.table, column, holder.key)
