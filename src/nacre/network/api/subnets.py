"""Subnets."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import NetworkId, ProjectId, SubnetId, new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, free, project_of, shown
from nacre.network.api.filters import is_among
from nacre.network.api.kinds import (
    NAME,
    boolean,
    cidr,
    ip,
    many,
    number,
    one_of,
    optional,
    or_empty,
    text,
    thing,
    uuid,
    version,
)
from nacre.network.api.noun import Noun, Policies, Sharing, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import subnets as changes
from nacre.network.domain.addresses import (
    AllocationPool,
    check_pools,
    default_gateway,
    default_pools,
    ip_number,
    ip_version,
    parse_cidr,
)
from nacre.network.domain.networks import Network
from nacre.network.domain.rbac import Action
from nacre.network.domain.subnet_pools import SubnetPool, free_prefix, is_over_quota
from nacre.network.domain.subnets import HostRoute, Ipv6Mode, Subnet
from nacre.network.errors import (
    HTTPBadRequest,
    InvalidInput,
    NetworkNotFound,
    SubnetAllocationError,
    SubnetNotFound,
    SubnetPoolNotFound,
    SubnetPoolQuotaExceeded,
)
from nacre.network.store import networks, rbac, subnets
from nacre.network.store.tables import SUBNET

ROUTE = thing({"destination": cidr, "nexthop": ip}, HostRoute, needed=("destination", "nexthop"))
POOL = thing({"start": ip, "end": ip}, AllocationPool, needed=("start", "end"))
MOST_DNS_SERVERS, MOST_ROUTES = 5, 20

ATTRIBUTES = (
    free("name", NAME),
    fixed("network_id", uuid, needed=True),
    fixed("ip_version", version, needed=True),
    fixed("cidr", optional(cidr)),
    fixed("subnetpool_id", optional(text())),
    fixed("use_default_subnetpool", boolean),
    fixed("prefixlen", number(0, 128)),
    free("gateway_ip", optional(ip)),
    free("enable_dhcp", boolean),
    free("dns_nameservers", or_empty(many(ip, most=MOST_DNS_SERVERS), ())),
    free("allocation_pools", many(POOL)),
    free("host_routes", or_empty(many(ROUTE, most=MOST_ROUTES), ())),
    fixed("ipv6_ra_mode", optional(one_of(*Ipv6Mode))),
    fixed("ipv6_address_mode", optional(one_of(*Ipv6Mode))),
    free("service_types", many(text())),
    free("segment_id", optional(uuid), admin=True, hidden=True),
    free("dns_publish_fixed_ip", boolean),
    shown("router:external", boolean),
)
_NOT_KEPT = ("use_default_subnetpool", "prefixlen", "dns_publish_fixed_ip")


def _views(db: Reader, items: Sequence[Subnet]) -> list[View]:
    outside = networks.external_among(db, {item.network_id for item in items})
    return [_view(item, is_outside=item.network_id in outside) for item in subnets.as_told(db, items)]


def _view(item: Subnet, *, is_outside: bool) -> View:
    return standard_view(item) | {
        "name": item.name,
        "network_id": item.network_id,
        "ip_version": item.ip_version,
        "cidr": item.cidr,
        "subnetpool_id": item.subnetpool_id,
        "gateway_ip": item.gateway_ip,
        "enable_dhcp": item.enable_dhcp,
        "dns_nameservers": item.dns_nameservers,
        "allocation_pools": item.allocation_pools,
        "host_routes": item.host_routes,
        "ipv6_ra_mode": item.ipv6_ra_mode,
        "ipv6_address_mode": item.ipv6_address_mode,
        "service_types": item.service_types,
        "segment_id": item.segment_id,
        "dns_publish_fixed_ip": False,
        "router:external": is_outside,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[Subnet]:
    """Errors: NetworkNotFound, OverQuota, InvalidInput, and what is wrong with pools."""
    made = []
    for each in given:
        network = lock_own_network(call, tx, each.said["network_id"])
        made.append(changes.create(tx, network, _new(call, tx, network, each)))
    return made


def lock_own_network(call: Call[Parts], tx: Tx, network_id: str) -> Network:
    """A network whose subnets the caller may change. Raises NetworkNotFound."""
    network = networks.lock(tx, network_id)
    if not call.sees(network.project_id):
        raise NetworkNotFound(network_id)
    return network


def _new(call: Call[Parts], tx: Tx, network: Network, given: Given) -> Subnet:
    said = given.without("project_id", *_NOT_KEPT)
    _refuse_left_out(given)
    pool = _pool_of(call, tx, given)
    said["subnetpool_id"] = pool.id if pool else None
    changes.check_pool(tx, subnets.on_networks(tx, [network.id]), said["ip_version"], said["subnetpool_id"])
    said["cidr"] = text_cidr = _cidr_of(call, tx, given, pool)
    block = parse_cidr(text_cidr)
    if block.version != said["ip_version"]:
        raise InvalidInput(f"ip_version {said['ip_version']} does not match the cidr {text_cidr}")
    if not given.has("gateway_ip"):
        said["gateway_ip"] = default_gateway(block)
    said["allocation_pools"] = _pools(given, text_cidr, said["gateway_ip"])
    for mode in ("ipv6_ra_mode", "ipv6_address_mode"):
        said[mode] = Ipv6Mode(said[mode]) if said.get(mode) else None
    subnet = Subnet(
        id=SubnetId(new_id()),
        project_id=ProjectId(project_of(call, given)),
        created_at=call.now,
        updated_at=call.now,
        **said,
    )
    _check(subnet)
    return subnet


def _refuse_left_out(given: Given) -> None:
    if given.get("dns_publish_fixed_ip"):
        raise InvalidInput("publishing addresses in an outside DNS is not offered")


def _pool_of(call: Call[Parts], tx: Tx, given: Given) -> SubnetPool | None:
    pool_id = given.get("subnetpool_id")
    if given.get("use_default_subnetpool"):
        default = subnets.default_pool(tx, given.said["ip_version"])
        if default is None:
            raise InvalidInput("no default subnet pool is defined for this IP version")
        pool_id = default
    if pool_id is None:
        return None
    pool = subnets.lock_pool(tx, pool_id)
    shared = pool.shared or rbac.grants(tx, call.project_id, "subnetpool", pool.id, Action.SHARED)
    if not (shared or call.sees(pool.project_id)):
        raise SubnetPoolNotFound(pool_id)
    return pool


def _cidr_of(call: Call[Parts], tx: Tx, given: Given, pool: SubnetPool | None) -> str:
    asked: str | None = given.get("cidr")
    if pool is None:
        if asked is None:
            raise HTTPBadRequest("a subnetpool must be specified in the absence of a cidr")
        return asked
    if pool.ip_version != given.said["ip_version"]:
        raise InvalidInput("the subnet pool is of the other IP version")
    taken = subnets.cut_from(tx, pool.id)
    if asked is not None:
        block = ipaddress.ip_network(asked)
        inside = any(_is_inside(block, ipaddress.ip_network(prefix)) for prefix in pool.prefixes)
        if not inside or any(block.overlaps(ipaddress.ip_network(other)) for other in taken):
            raise SubnetAllocationError(
                f"Cannot allocate requested subnet {asked} from the available prefixes"
            )
        length = block.prefixlen
    else:
        length = given.get("prefixlen", pool.default_prefixlen)
    if not pool.min_prefixlen <= length <= pool.max_prefixlen:
        raise InvalidInput(f"the prefix length must be {pool.min_prefixlen} to {pool.max_prefixlen}")
    project_id = project_of(call, given)
    if pool.default_quota is not None and is_over_quota(
        pool, subnets.cut_from_by(tx, pool.id, project_id), length
    ):
        raise SubnetPoolQuotaExceeded
    found = asked or free_prefix(pool, taken, length)
    if found is None:
        raise SubnetAllocationError(f"Insufficient prefix space to allocate subnet size /{length}")
    return found


def _is_inside(block: Any, prefix: Any) -> bool:
    return block.version == prefix.version and bool(block.subnet_of(prefix))


def _pools(given: Given, text_cidr: str, gateway_ip: str | None) -> tuple[AllocationPool, ...]:
    block = parse_cidr(text_cidr)
    pools: tuple[AllocationPool, ...] | None = given.get("allocation_pools")
    if pools is None:
        return default_pools(block, gateway_ip)
    check_pools(block, pools, gateway_ip)
    return tuple(sorted(pools, key=lambda pool: ip_number(pool.start)))


def _check(subnet: Subnet) -> None:
    """What must hold between a subnet's attributes. Raises InvalidInput."""
    block = parse_cidr(subnet.cidr)
    modes = {mode for mode in (subnet.ipv6_ra_mode, subnet.ipv6_address_mode) if mode}
    if modes and subnet.ip_version == 4:
        raise InvalidInput("ipv6_ra_mode and ipv6_address_mode are not valid when ip_version is 4")
    if modes and not subnet.enable_dhcp:
        raise InvalidInput("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if len(modes) > 1:
        raise InvalidInput("ipv6_ra_mode and ipv6_address_mode must be the same if both are set")
    if modes & {Ipv6Mode.SLAAC, Ipv6Mode.STATELESS} and block.prefix_length != 64:
        raise InvalidInput(
            f"Invalid CIDR {subnet.cidr} for IPv6 address mode. OpenStack uses the EUI-64 format"
        )
    _check_block(subnet)
    if subnet.gateway_ip is not None:
        _check_gateway(subnet, subnet.gateway_ip)
    for server in subnet.dns_nameservers:
        _check_version(subnet, "dns_nameservers", server)
        if server == ("0.0.0.0" if subnet.ip_version == 4 else "::"):  # noqa: S104 - An address that is refused.
            raise InvalidInput(f"{server} is no name server")
    for route in subnet.host_routes:
        _check_version(subnet, "host_routes", route.destination)
        _check_version(subnet, "host_routes", route.nexthop)


def _check_block(subnet: Subnet) -> None:
    """There are hosts in it, which DHCP, if it answers there, can tell from the network itself. Raises InvalidInput."""
    block = ipaddress.ip_network(subnet.cidr)
    if block.prefixlen == 0:
        raise InvalidInput("0 is not allowed as CIDR prefix length")
    if not subnet.enable_dhcp:
        return
    if block.is_multicast or block.is_loopback:
        raise InvalidInput(f"{subnet.cidr} is no subnet for hosts, so that enable_dhcp must be false")
    if block.prefixlen > block.max_prefixlen - 2:
        raise InvalidInput("Subnet has a prefix length that is incompatible with DHCP service enabled")


def _check_version(subnet: Subnet, name: str, address: str) -> None:
    if ip_version(address) != subnet.ip_version:
        raise InvalidInput(f"{name} '{address}' does not match the ip_version '{subnet.ip_version}'")


def _check_gateway(subnet: Subnet, gateway_ip: str) -> None:
    """A gateway may be elsewhere, but within the subnet it must be a host."""
    gateway = ipaddress.ip_address(gateway_ip)
    if gateway.version != subnet.ip_version:
        raise InvalidInput(f"gateway_ip '{gateway_ip}' is not an IPv{subnet.ip_version} address")
    block = parse_cidr(subnet.cidr)
    first, last = block.host_range
    number_ = ip_number(gateway_ip)
    if subnet.ip_version == 4 and block.holds(number_) and not first <= number_ <= last:
        raise InvalidInput("Gateway is not valid on subnet")


def _change(call: Call[Parts], tx: Tx, item: Subnet, given: Given) -> Subnet:
    """Errors: GatewayIpInUse, InvalidInput, and what is wrong with pools."""
    _refuse_left_out(given)
    network = networks.lock(tx, item.network_id)
    after = msgspec.structs.replace(item, **given.without(*_NOT_KEPT))
    if given.has("allocation_pools") or given.has("gateway_ip"):
        check_pools(parse_cidr(after.cidr), after.allocation_pools, after.gateway_ip)
    _check(after)
    return changes.update(tx, network, item, after)


def _remove(_call: Call[Parts], tx: Tx, item: Subnet) -> None:
    """Errors: SubnetInUse."""
    changes.delete(tx, networks.lock(tx, NetworkId(item.network_id)), item)


SUBNETS = Noun(
    name="subnet",
    plural="subnets",
    attributes=ATTRIBUTES,
    policies=Policies(policy.SUBNET_SHOW, policy.SUBNET_CREATE, policy.SUBNET_UPDATE, policy.SUBNET_DELETE),
    shelf=subnets.SUBNETS,
    absent=SubnetNotFound,
    seen_by=subnets.seen_by,
    sharing=Sharing("network", SUBNET.c.network_id),
    views=_views,
    lock=subnets.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
    special={"router:external": is_among(SUBNET.c.network_id, networks.EXTERNAL)},
)
