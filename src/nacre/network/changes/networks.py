"""Networks come and go, and keep a port for the metadata service."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Tx
from nacre.kernel.ids import NetworkId, PortId, ProjectId, new_id
from nacre.network.changes import events, floating_ips, rbac, segments
from nacre.network.changes import ports as port_changes
from nacre.network.changes.loops import FLOATING_IPS, NETWORKS, PORTS, ROUTERS, SUBNETS, make_due
from nacre.network.domain.addresses import new_mac, pool_ranges
from nacre.network.domain.networks import LEAST_MTU, Network
from nacre.network.domain.ports import DeviceOwner, FixedIp, Port
from nacre.network.domain.rbac import Action
from nacre.network.domain.segments import first_segment
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import (
    DefaultExternalNetworkExists,
    ExternalNetworkInUse,
    InvalidInput,
    InvalidSharedSetting,
    NetworkMTUSubnetConflict,
)
from nacre.network.hindrances import of_network, refuse
from nacre.network.store import addresses, networks, ports, qos, quotas, routers, subnets
from nacre.network.store import rbac as rbac_store
from nacre.network.store.rbac import SharedObject
from nacre.network.store.shelf import serialise


def create(tx: Tx, wanted: Sequence[Network]) -> None:
    """Make networks, whose wires have been chosen. Errors: OverQuota, InvalidInput, DefaultExternalNetworkExists."""
    for project_id in dict.fromkeys(network.project_id for network in wanted):
        quotas.check_room(
            tx, project_id, "network", wanted=sum(each.project_id == project_id for each in wanted)
        )
    for network in wanted:
        if network.is_default:
            _check_only_default(tx, network)
        networks.NETWORKS.insert(tx, [network])
        segments.insert(tx, first_segment(network, new_id()))
        events.created(tx, "network", network)
        rbac.share_new(tx, "network", network.id, network.project_id, *_shared_by(network))
        tx.make_due(NETWORKS, network.id)


def _check_only_default(tx: Tx, network: Network) -> None:
    """One external network is taken when nobody names one. Raises InvalidInput, DefaultExternalNetworkExists."""
    if not network.router_external:
        raise InvalidInput("a network that is_default must be router:external")
    serialise(tx, "default external network")
    other = networks.default_way_out(tx)
    if other not in (None, network.id):
        raise DefaultExternalNetworkExists(other or "")


def update(tx: Tx, before: Network, after: Network) -> Network:
    """Change a locked network. Errors: InvalidSharedSetting, ExternalNetworkInUse."""
    standing = ports.of_network(tx, before.id) if _matters_to_ports(before, after) else []
    if after.is_default and not (before.is_default and before.router_external == after.router_external):
        _check_only_default(tx, after)
    if before.shared != after.shared:
        _reshare(tx, before, wanted=after.shared)
    if before.router_external != after.router_external:
        _reroute(tx, before, wanted=after.router_external)
    if before.mtu != after.mtu:
        _check_mtu(tx, after)
    after = networks.NETWORKS.update(tx, before, after)
    events.updated(tx, "network", before, after)
    tx.make_due(NETWORKS, after.id)
    if before.admin_state_up != after.admin_state_up:
        make_due(tx, PORTS, (port.id for port in standing))
    if before.qos_policy_id != after.qos_policy_id:
        shaped = [port.id for port in standing if port.qos_policy_id is None]
        make_due(tx, PORTS, shaped)
        port_changes.limited_anew(tx, shaped)
        make_due(tx, FLOATING_IPS, qos.floating_ips_inheriting(tx, after.id))
    if before.mtu != after.mtu:
        make_due(tx, PORTS, (port.id for port in standing if port.is_on_router))
        port_changes.dhcp_changed(tx, after.id, networks.subnet_ids(tx, [after.id])[after.id])
    if before.dns_domain != after.dns_domain:
        make_due(tx, PORTS, ports.ids_named(tx, after.id))
    return after


def _check_mtu(tx: Tx, network: Network) -> None:
    for subnet in subnets.on_networks(tx, [network.id]):
        if network.mtu < LEAST_MTU[subnet.ip_version]:
            raise NetworkMTUSubnetConflict(network.id, LEAST_MTU[subnet.ip_version])


def count_up(tx: Tx, network: Network) -> None:
    """Something of a locked network changed that is not in its own row."""
    networks.NETWORKS.update(tx, network, network)


def _shared_by(network: Network) -> list[Action]:
    flags = ((network.shared, Action.SHARED), (network.router_external, Action.EXTERNAL))
    return [action for flag, action in flags if flag]


def _reshare(tx: Tx, network: Network, *, wanted: bool) -> None:
    if not wanted:
        left = rbac.left_without_everybody(tx, "network", network.id, Action.SHARED)
        shared = SharedObject(network.id, network.project_id)
        if rbac_store.cut_off_by(tx, shared, "network", Action.SHARED, left):
            raise InvalidSharedSetting(network.name or network.id)
    rbac.set_flag(tx, "network", network.id, network.project_id, Action.SHARED, wanted=wanted)


def _reroute(tx: Tx, network: Network, *, wanted: bool) -> None:
    if not wanted and ports.owned_on(tx, [network.id], DeviceOwner.ROUTER_GATEWAY):
        raise ExternalNetworkInUse(network.id)
    rbac.set_flag(tx, "network", network.id, network.project_id, Action.EXTERNAL, wanted=wanted)
    # Routers that are on it without a gateway meet the outside there from now on, or no longer.
    for leg in ports.owned_on(tx, [network.id], DeviceOwner.ROUTER_INTERFACE):
        make_due(tx, PORTS, [leg.id])
        make_due(tx, ROUTERS, [leg.device_id])
        make_due(tx, FLOATING_IPS, (each.id for each in routers.floating_ips_of_router(tx, leg.device_id)))


def _matters_to_ports(before: Network, after: Network) -> bool:
    return (before.admin_state_up, before.mtu, before.qos_policy_id) != (
        after.admin_state_up,
        after.mtu,
        after.qos_policy_id,
    )


def delete(tx: Tx, network: Network) -> None:
    """Delete a locked network with its subnets, and floating IPs that lead nowhere. Errors: NetworkInUse."""
    for floating_ip in routers.lock_unused_floating_ips(tx, network.id) if network.router_external else ():
        floating_ips.delete(tx, floating_ip)
    standing = ports.of_network(tx, network.id)
    refuse(of_network(tx, network.id, standing))
    port_changes.delete(tx, standing)
    for subnet in subnets.on_networks(tx, [network.id]):
        forget_subnet(tx, subnet)
    rbac_store.forget(tx, "network", network.id)
    segments.forget_all(tx, network.id)
    networks.NETWORKS.remove(tx, network.id)
    events.deleted(tx, "network", network)
    tx.make_due(NETWORKS, network.id)


def forget_subnet(tx: Tx, subnet: Subnet) -> None:
    """Delete a subnet from which no port has an address any more."""
    subnets.SUBNETS.remove(tx, subnet.id)
    events.deleted(tx, "subnet", subnet)
    tx.make_due(SUBNETS, subnet.id)


# -- the metadata port -------------------------------------------------------------------------------------


def settle_metadata(tx: Tx, network: Network) -> None:
    """Give a locked network the metadata port that its subnets call for, or none.

    It has an address in every IPv4 subnet with DHCP, whose hosts are told to ask there for 169.254.169.254. On a
    network of IPv6 alone it needs none: its hosts ask for fe80::a9fe:a9fe.
    """
    on = subnets.on_networks(tx, [network.id])
    served = [subnet for subnet in on if subnet.ip_version == 4 and subnet.enable_dhcp]
    found = ports.owned_on(tx, [network.id], DeviceOwner.METADATA)
    if not any(subnet.enable_dhcp for subnet in on):
        port_changes.delete(tx, found)
        return
    port = found[0] if found else None
    had = {fixed.subnet_id: fixed for fixed in port.fixed_ips} if port else {}
    given = [had.get(subnet.id) or _metadata_address(tx, subnet) for subnet in served]
    fixed_ips = tuple(fixed for fixed in given if fixed is not None)
    if port is None:
        _make_metadata_port(tx, network, fixed_ips)
    elif port.fixed_ips != fixed_ips:
        port_changes.write(tx, port, ports.replaced(port, fixed_ips=fixed_ips))
    make_due(tx, SUBNETS, (subnet.id for subnet in served))


def _metadata_address(tx: Tx, subnet: Subnet) -> FixedIp | None:
    """An address of the subnet's pools. A full subnet goes without: its ports matter more."""
    serialise(tx, f"addresses {subnet.id}")
    free = addresses.lowest_free(
        tx, subnet.id, subnet.ip_version, pool_ranges(subnet.allocation_pools), count=1
    )
    return FixedIp(subnet.id, free[0]) if free else None


def _make_metadata_port(tx: Tx, network: Network, fixed_ips: tuple[FixedIp, ...]) -> None:
    port = Port(
        id=PortId(new_id()),
        network_id=NetworkId(network.id),
        project_id=ProjectId(""),
        mac_address=new_mac(),
        fixed_ips=fixed_ips,
        port_security_enabled=False,
        device_id=f"ovnmeta-{network.id}",
        device_owner=DeviceOwner.METADATA,
        created_at=tx.now,
        updated_at=tx.now,
    )
    while ports.used_macs(tx, [port.network_id], [port.mac_address]):
        port = ports.replaced(port, mac_address=new_mac())
    ports.insert(tx, [port])
    events.created(tx, "port", port)
    tx.make_due(PORTS, port.id)
