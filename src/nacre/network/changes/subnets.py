"""Subnets come and go, and what changes in one reaches those who have addresses from it."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Tx
from nacre.network.changes import events, networks
from nacre.network.changes import ports as port_changes
from nacre.network.changes.loops import PORTS, ROUTERS, SUBNETS, make_due
from nacre.network.domain.addresses import eui64_address, overlaps, parse_cidr
from nacre.network.domain.networks import LEAST_MTU, Network
from nacre.network.domain.ports import DeviceOwner, FixedIp
from nacre.network.domain.subnets import Subnet, without_peer_routes
from nacre.network.errors import (
    GatewayIpInUse,
    InvalidInput,
    NetworkIdsDontMatch,
    NetworkMTUSubnetConflict,
    NetworkSubnetPoolAffinityError,
    NoUpdateSubnetWhenMultipleSegmentsOnNetwork,
    SubnetSegmentAssociationChangeNotAllowed,
    SubnetsNotAllAssociatedWithSegments,
)
from nacre.network.hindrances import of_subnet, refuse
from nacre.network.store import address_scopes, ports, quotas, segments, subnets


def create(tx: Tx, network: Network, subnet: Subnet) -> Subnet:
    """Make a subnet on a locked network, whose pools go together. Errors: OverQuota, InvalidInput, ..."""
    quotas.check_room(tx, subnet.project_id, "subnet")
    if network.mtu < LEAST_MTU[subnet.ip_version]:
        raise NetworkMTUSubnetConflict(network.id, LEAST_MTU[subnet.ip_version])
    standing = subnets.on_networks(tx, [network.id])
    for other in standing:
        if overlaps(other.cidr, subnet.cidr):
            raise InvalidInput(
                f"Requested subnet with cidr: {subnet.cidr} for network: {network.id} overlaps with another subnet"
            )
    if any((each.segment_id is None) != (subnet.segment_id is None) for each in standing):
        raise SubnetsNotAllAssociatedWithSegments(network.id)
    _check_segment(tx, subnet)
    subnet = without_peer_routes(subnet, standing)
    subnets.SUBNETS.insert(tx, [subnet])
    events.created(tx, "subnet", subnet)
    networks.count_up(tx, network)
    tx.make_due(SUBNETS, subnet.id)
    if subnet.makes_own_addresses:
        _address_present_ports(tx, subnet)
    networks.settle_metadata(tx, network)
    _tell_peers(tx, subnet, standing)
    return subnet


def _check_segment(tx: Tx, subnet: Subnet) -> None:
    """A subnet's segment is one of its network. Raises SegmentNotFound, NetworkIdsDontMatch."""
    if subnet.segment_id is not None:
        segment = segments.lock(tx, subnet.segment_id)
        if segment.network_id != subnet.network_id:
            raise NetworkIdsDontMatch(subnet.network_id, segment.id)


def _check_bound(tx: Tx, before: Subnet, after: Subnet) -> None:
    """A subnet is bound once, while there is no doubt where its ports are.

    Raises SegmentNotFound, NetworkIdsDontMatch, SubnetSegmentAssociationChangeNotAllowed,
    NoUpdateSubnetWhenMultipleSegmentsOnNetwork.
    """
    if before.segment_id is not None:
        raise SubnetSegmentAssociationChangeNotAllowed
    _check_segment(tx, after)
    if len(segments.of_networks(tx, [after.network_id])[after.network_id]) > 1:
        raise NoUpdateSubnetWhenMultipleSegmentsOnNetwork(after.network_id)


def _tell_peers(tx: Tx, subnet: Subnet, standing: Sequence[Subnet]) -> None:
    """The hosts of other segments are told the way to this subnet."""
    peers = [each.id for each in standing if each.segment_id not in (None, subnet.segment_id)]
    if subnet.segment_id is not None and peers:
        port_changes.dhcp_changed(tx, subnet.network_id, peers)


def check_pool(tx: Tx, standing: Sequence[Subnet], version: int, pool_id: str | None) -> None:
    """A network's subnets are of one scope, or without any of one pool. Raises NetworkSubnetPoolAffinityError."""
    pools = {pool_id, *(each.subnetpool_id for each in standing if each.ip_version == version)}
    if len(pools) == 1:
        return
    scopes = address_scopes.of_pools(tx, [pool for pool in pools if pool is not None])
    if not scopes or {scopes.get(pool or "") for pool in pools} != {next(iter(scopes.values()))}:
        raise NetworkSubnetPoolAffinityError


def _address_present_ports(tx: Tx, subnet: Subnet) -> None:
    """Hosts on the network give themselves addresses as soon as they hear of the subnet."""
    cidr = parse_cidr(subnet.cidr)
    for port in ports.of_network(tx, subnet.network_id):
        if not port.is_trusted:
            fixed = FixedIp(subnet.id, eui64_address(cidr, port.mac_address))
            port_changes.write(tx, port, ports.replaced(port, fixed_ips=(*port.fixed_ips, fixed)))


def update(tx: Tx, network: Network, before: Subnet, after: Subnet) -> Subnet:
    """Change a locked subnet of a locked network. Errors: GatewayIpInUse."""
    users = ports.addresses_from(tx, before.id)
    on_router = [port_id for _ip, port_id, owner in users if owner == DeviceOwner.ROUTER_INTERFACE]
    if before.gateway_ip != after.gateway_ip:
        for ip, port_id, owner in users:
            if owner == DeviceOwner.ROUTER_INTERFACE and ip == before.gateway_ip:
                raise GatewayIpInUse(ip, port_id)
        gateways = [port_id for _ip, port_id, owner in users if owner == DeviceOwner.ROUTER_GATEWAY]
        make_due(tx, ROUTERS, {port.device_id for port in ports.some(tx, gateways).values()})
    if before.segment_id != after.segment_id:
        _check_bound(tx, before, after)
    if after.segment_id is not None:
        after = without_peer_routes(after, subnets.on_networks(tx, [network.id]))
    after = subnets.SUBNETS.update(tx, before, after)
    events.updated(tx, "subnet", before, after)
    port_changes.dhcp_changed(tx, network.id, [after.id])
    if before.enable_dhcp != after.enable_dhcp:
        make_due(tx, PORTS, {port_id for _ip, port_id, _owner in users})
        networks.settle_metadata(tx, network)
    if after.ip_version == 6 and before.dns_nameservers != after.dns_nameservers:
        make_due(tx, PORTS, on_router)
    return after


def delete(tx: Tx, network: Network, subnet: Subnet) -> None:
    """Delete a locked subnet of a locked network. Errors: SubnetInUse.

    The metadata port gives up its address, and hosts those they made themselves; routers hold on to theirs.
    """
    users = ports.addresses_from(tx, subnet.id)
    holding = ports.lock_some(tx, {port_id for _ip, port_id, _owner in users})
    refuse(of_subnet(tx, subnet, holding.values()))
    for port in holding.values():
        left = tuple(fixed for fixed in port.fixed_ips if fixed.subnet_id != subnet.id)
        port_changes.write(tx, port, ports.replaced(port, fixed_ips=left))
    networks.forget_subnet(tx, subnet)
    networks.count_up(tx, network)
    networks.settle_metadata(tx, network)
    if subnet.segment_id is not None:
        _tell_peers(tx, subnet, subnets.on_networks(tx, [network.id]))
