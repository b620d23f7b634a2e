"""A network with a way out, made for a project that asks for any."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Tx
from nacre.kernel.ids import NetworkId, ProjectId, RouterId, SubnetId, new_id
from nacre.network.changes import networks as network_changes
from nacre.network.changes import routers as router_changes
from nacre.network.changes import subnets as subnet_changes
from nacre.network.changes.gateways import GatewayAsk
from nacre.network.changes.segments import Wires
from nacre.network.domain.addresses import default_gateway, default_pools, parse_cidr
from nacre.network.domain.networks import Network, NetworkType, largest_mtu
from nacre.network.domain.ports import DeviceOwner
from nacre.network.domain.routers import Router
from nacre.network.domain.segments import WireAsk
from nacre.network.domain.subnet_pools import SubnetPool, free_prefix, is_over_quota
from nacre.network.domain.subnets import Ipv6Mode, Subnet
from nacre.network.errors import (
    AutoAllocationFailure,
    NetworkInUse,
    SubnetAllocationError,
    SubnetPoolQuotaExceeded,
)
from nacre.network.store import auto_topology, networks, ports, routers, subnets
from nacre.network.store.shelf import serialise

NAME = "auto_allocated"


def ensure(tx: Tx, project_id: ProjectId, types: Sequence[NetworkType]) -> str:
    """The network of a project that asked for any, made on first use. Errors: AutoAllocationFailure, OverQuota, ..."""
    serialise(tx, f"auto topology {project_id}")
    found = auto_topology.find(tx, project_id)
    return found[0] if found else _make(tx, project_id, types)


def _make(tx: Tx, project_id: ProjectId, types: Sequence[NetworkType]) -> str:
    way_out, pool_ids = check(tx, project_id)
    wire = Wires(tx, types).choose(WireAsk(project_id=project_id))
    network = Network(
        id=NetworkId(new_id()),
        project_id=project_id,
        name=f"{NAME}_network",
        mtu=largest_mtu(wire.network_type),
        provider_network_type=wire.network_type,
        provider_physical_network=wire.physical_network,
        provider_segmentation_id=wire.segmentation_id,
        created_at=tx.now,
        updated_at=tx.now,
    )
    network_changes.create(tx, [network])
    router = Router(
        id=RouterId(new_id()),
        project_id=project_id,
        name=f"{NAME}_router",
        created_at=tx.now,
        updated_at=tx.now,
    )
    router = router_changes.create(tx, router, GatewayAsk(network_id=NetworkId(way_out)))
    for pool_id in pool_ids:
        subnet = _subnet(tx, network, subnets.lock_pool(tx, pool_id))
        subnet = subnet_changes.create(tx, network, subnet)
        router_changes.join_by_subnet(tx, router, subnet)
    auto_topology.insert(tx, project_id, network.id, router.id)
    return network.id


def check(tx: Tx, project_id: str) -> tuple[str, list[str]]:
    """The way out and the pools that there must be. Raises AutoAllocationFailure."""
    way_out = auto_topology.default_way_out(tx, project_id)
    if way_out is None:
        raise AutoAllocationFailure("No default router:external network")
    pool_ids = auto_topology.default_pools(tx, project_id)
    if not pool_ids:
        raise AutoAllocationFailure("No default subnetpools defined")
    return way_out, pool_ids


def _subnet(tx: Tx, network: Network, pool: SubnetPool) -> Subnet:
    own = subnets.cut_from_by(tx, pool.id, network.project_id)
    if is_over_quota(pool, own, pool.default_prefixlen):
        raise SubnetPoolQuotaExceeded
    cidr = free_prefix(pool, subnets.cut_from(tx, pool.id), pool.default_prefixlen)
    if cidr is None:
        raise SubnetAllocationError(
            f"Insufficient prefix space to allocate subnet size /{pool.default_prefixlen}"
        )
    block = parse_cidr(cidr)
    gateway_ip = default_gateway(block)
    mode = Ipv6Mode.SLAAC if pool.ip_version == 6 and block.prefix_length == 64 else None
    return Subnet(
        id=SubnetId(new_id()),
        network_id=network.id,
        project_id=network.project_id,
        name=f"{NAME}_subnet_v{pool.ip_version}",
        ip_version=pool.ip_version,
        cidr=cidr,
        gateway_ip=gateway_ip,
        allocation_pools=default_pools(block, gateway_ip),
        ipv6_ra_mode=mode,
        ipv6_address_mode=mode,
        subnetpool_id=pool.id,
        created_at=tx.now,
        updated_at=tx.now,
    )


def remove(tx: Tx, project_id: str) -> bool:
    """Delete what was made for a project; whether there was anything. Errors: AutoAllocationFailure."""
    found = auto_topology.find(tx, project_id)
    if found is None:
        return False
    network_id, router_id = found
    router = routers.lock(tx, router_id)
    for port in ports.of_devices(tx, [router_id])[router_id]:
        if port.device_owner == DeviceOwner.ROUTER_INTERFACE:
            router_changes.leave(tx, router, port_id=port.id, subnet_id=None)
    router_changes.delete(tx, router)
    try:
        network_changes.delete(tx, networks.lock(tx, network_id))
    except NetworkInUse as problem:
        raise AutoAllocationFailure(
            "Unable to delete auto-allocated topology: the network is in use"
        ) from problem
    return True
