"""What each object should have on the switches, by the rows of now: a few statements, however many objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nacre.kernel.database import Reader
from nacre.kernel.ids import HostId, SubnetId
from nacre.network.domain.addresses import ip_version, mac_for
from nacre.network.domain.networks import Network
from nacre.network.domain.ovn.address_groups import compile_address_group
from nacre.network.domain.ovn.floating_ips import compile_floating_ip
from nacre.network.domain.ovn.local_ips import compile_host, compile_local_ip
from nacre.network.domain.ovn.ndp_proxies import compile_ndp_proxy
from nacre.network.domain.ovn.networks import compile_network
from nacre.network.domain.ovn.port_forwardings import compile_forwardings
from nacre.network.domain.ovn.ports import compile_port, compile_router_port
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.ovn.security_groups import compile_security_group
from nacre.network.domain.ovn.subnets import compile_subnet
from nacre.network.domain.ports import DeviceOwner, Port
from nacre.network.domain.routers import Router, RouterInterface, rank_gateway_hosts
from nacre.network.domain.rows import Desired
from nacre.network.domain.subnets import Subnet
from nacre.network.store import address_groups as address_group_store
from nacre.network.store import (
    address_scopes,
    bindings,
    hosts,
    port_forwardings,
    qos,
    security_groups,
    segments,
    trunks,
)
from nacre.network.store import local_ips as local_ip_store
from nacre.network.store import ndp_proxies as proxy_store
from nacre.network.store import networks as network_store
from nacre.network.store import ports as port_store
from nacre.network.store import routers as router_store
from nacre.network.store import subnets as subnet_store

DesiredOf = Mapping[str, Desired]


def networks(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Networks."""
    found = network_store.NETWORKS.some(db, ids)
    physical = [network_id for network_id, network in found.items() if network.is_physical]
    wires = segments.of_networks(db, physical)
    return {
        network_id: compile_network(network, [each for each in wires.get(network_id, ()) if each.place])
        for network_id, network in found.items()
    }


def subnets(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Subnets."""
    found = subnet_store.SUBNETS.some(db, ids)
    network_ids = {subnet.network_id for subnet in found.values()}
    on = network_store.NETWORKS.some(db, network_ids)
    metadata = _metadata_ips(db, network_ids)
    return {
        subnet.id: compile_subnet(subnet, on[subnet.network_id], metadata_ip=metadata.get(subnet.id))
        for subnet in subnet_store.as_told(db, found.values())
        if subnet.network_id in on
    }


def _metadata_ips(db: Reader, network_ids: Collection[str]) -> Mapping[SubnetId, str]:
    """Where metadata is asked for on each subnet of networks."""
    return {
        fixed.subnet_id: fixed.ip_address
        for port in port_store.owned_on(db, network_ids, DeviceOwner.METADATA)
        for fixed in port.fixed_ips
    }


def ports(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Ports of every kind."""
    found = port_store.some(db, ids)
    on = network_store.NETWORKS.some(db, {port.network_id for port in found.values()})
    on_them = _subnets_of(db, found.values()).values()
    known = {subnet.id: subnet for subnet in subnet_store.as_told(db, on_them)}
    metadata = _metadata_ips(db, {port.network_id for port in found.values() if port.extra_dhcp_opts})
    carried = trunks.carried(db, found)
    prepared = bindings.of_ports(db, found)
    legs = {port.id: port for port in found.values() if port.is_on_router}
    routers_of = {each: router_store.find(db, each) for each in {leg.device_id for leg in legs.values()}}
    shaped_by = {
        port.id: _policy_of(port, on[port.network_id], routers_of.get(port.device_id))
        for port in found.values()
        if port.network_id in on
    }
    rules = qos.rules_of(db, {policy_id for policy_id in shaped_by.values() if policy_id})
    gateway_hosts = (
        hosts.gateway_hosts(db)
        if any(leg.network_id in on and on[leg.network_id].router_external for leg in legs.values())
        else []
    )
    desired: dict[str, Desired] = {}
    for port in found.values():
        if port.network_id not in on or not all(fixed.subnet_id in known for fixed in port.fixed_ips):
            continue  # Deleted while we read: its own key is due.
        policy_id = shaped_by[port.id]
        qos_rules = rules[policy_id] if policy_id else ()
        if port.id not in legs:
            desired[port.id] = compile_port(
                port,
                on[port.network_id],
                known,
                qos_rules=qos_rules,
                metadata_ips=metadata,
                carried=carried.get(port.id),
                prepared=[each.host_id for each in prepared.get(port.id, ())],
            )
        elif router := routers_of[port.device_id]:
            desired[port.id] = compile_router_port(
                port,
                on[port.network_id],
                known,
                router,
                gateway_hosts=rank_gateway_hosts(router, gateway_hosts),
                qos_rules=qos_rules,
            )
    return desired


def _policy_of(port: Port, network: Network, router: Router | None) -> str | None:
    """The policy that shapes a port: its own, else its network's. A router's legs inside are shaped by none."""
    if port.device_owner == DeviceOwner.ROUTER_GATEWAY:
        gateways = router.gateways if router else ()
        own = next((each.qos_policy_id for each in gateways if each.port_id == port.id), None)
        return own or network.qos_policy_id
    return None if port.is_on_router else port.qos_policy_id or network.qos_policy_id


def _subnets_of(db: Reader, ports: Collection[Port]) -> Mapping[SubnetId, Subnet]:
    ids = {fixed.subnet_id for port in ports for fixed in port.fixed_ips}
    return {SubnetId(key): subnet for key, subnet in subnet_store.SUBNETS.some(db, ids).items()}


def routers(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Routers. Their ports are ports."""
    held = port_store.of_devices(db, ids)
    known = _subnets_of(db, [port for each in held.values() for port in each])
    scopes = {SubnetId(key): scope for key, scope in address_scopes.of_subnets(db, known).items()}
    on = network_store.NETWORKS.some(db, {port.network_id for each in held.values() for port in each})
    desired: dict[str, Desired] = {}
    for router_id in ids:
        router = router_store.find(db, router_id)
        if router is None:
            continue
        joined = {port.id: _interface(port, known) for port in held[router_id]}
        inside = [each for each in joined.values() if each.port.device_owner == DeviceOwner.ROUTER_INTERFACE]
        gateways = [joined[each.port_id] for each in router.gateways if each.port_id in joined]
        desired[router_id] = compile_router(
            router, inside, gateways=gateways, doors=_doors(joined.values(), on), scopes=scopes
        )
    return desired


def _doors(joined: Collection[RouterInterface], on: Mapping[str, Network]) -> list[RouterInterface]:
    """Those of a router's ports by which it meets the outside."""
    return [each for each in joined if (network := on.get(each.port.network_id)) and network.router_external]


def _doors_of(db: Reader, router_ids: Collection[str]) -> Mapping[str, list[RouterInterface]]:
    """The ports by which routers meet the outside."""
    held = port_store.of_devices(db, router_ids)
    ports = [port for each in held.values() for port in each]
    known = _subnets_of(db, ports)
    on = network_store.NETWORKS.some(db, {port.network_id for port in ports})
    return {
        router_id: _doors([_interface(port, known) for port in each], on) for router_id, each in held.items()
    }


def _interface(port: Port, known: Mapping[SubnetId, Subnet]) -> RouterInterface:
    return RouterInterface(port, tuple(known[f.subnet_id] for f in port.fixed_ips if f.subnet_id in known))


def floating_ips(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Floating IPs."""
    desired: dict[str, Desired] = {}
    found = router_store.FLOATING_IPS.some(db, ids)
    inherited = qos.of_networks(db, {each.floating_network_id for each in found.values()})
    shaped_by = {
        each.id: each.qos_policy_id or inherited.get(each.floating_network_id) for each in found.values()
    }
    rules = qos.rules_of(db, {policy_id for policy_id in shaped_by.values() if policy_id})
    split = [each.id for each in found.values() if each.router_id and not each.port_id]
    forwardings = port_forwardings.of_floating_ips(db, split)
    doors = _doors_of(db, {each.router_id for each in found.values() if each.router_id})
    for floating_ip in found.values():
        policy_id = shaped_by[floating_ip.id]
        qos_rules = rules[policy_id] if policy_id else ()
        joined = doors.get(floating_ip.router_id or "", ())
        if forwardings.get(floating_ip.id):
            desired[floating_ip.id] = compile_forwardings(
                floating_ip, forwardings[floating_ip.id], doors=joined, qos_rules=qos_rules
            )
            continue
        router = router_store.find(db, floating_ip.router_id) if floating_ip.router_id else None
        desired[floating_ip.id] = compile_floating_ip(
            floating_ip,
            router,
            floating_mac=mac_for(floating_ip.id),
            doors=joined,
            qos_rules=qos_rules,
        )
    return desired


def ndp_proxies(db: Reader, ids: Collection[str]) -> DesiredOf:
    """NDP proxies."""
    found = proxy_store.PROXIES.some(db, ids)
    doors = _doors_of(db, {proxy.router_id for proxy in found.values()})
    desired: dict[str, Desired] = {}
    for proxy in found.values():
        router = router_store.find(db, proxy.router_id)
        if router is None or not router.enable_ndp_proxy:
            continue
        way_out = next(
            (
                each
                for each in router.gateways
                if any(ip_version(fixed.ip_address) == 6 for fixed in each.external_fixed_ips)
            ),
            None,
        )
        if way_out is not None:
            desired[proxy.id] = compile_ndp_proxy(
                proxy,
                router,
                network_id=way_out.network_id,
                doors=doors[proxy.router_id],
                mac=mac_for(proxy.id),
            )
    return desired


def local_ips(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Local IPs."""
    found = local_ip_store.LOCAL_IPS.some(db, ids)
    keepers = port_store.some(db, {each.local_port_id for each in found.values()})
    known = _subnets_of(db, keepers.values())
    associations = local_ip_store.associations_of(db, found)
    desired: dict[str, Desired] = {}
    for local_ip in found.values():
        keeper = keepers.get(local_ip.local_port_id)
        for fixed in keeper.fixed_ips if keeper else ():
            if fixed.ip_address == local_ip.local_ip_address and fixed.subnet_id in known:
                desired[local_ip.id] = compile_local_ip(
                    local_ip, known[fixed.subnet_id], associations[local_ip.id], mac=mac_for(local_ip.id)
                )
    return desired


def host_variables(db: Reader, ids: Collection[str]) -> DesiredOf:
    """What differs from host to host."""
    found = local_ip_store.translated_on(db, ids)
    return {host_id: compile_host(HostId(host_id), associations) for host_id, associations in found.items()}


def address_groups(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Address groups."""
    found = address_group_store.some(db, ids)
    return {group_id: compile_address_group(group) for group_id, group in found.items()}


def groups(db: Reader, ids: Collection[str]) -> DesiredOf:
    """Security groups with their rules."""
    found = security_groups.GROUPS.some(db, ids)
    rules = security_groups.rules_of(db, found)
    return {group_id: compile_security_group(group, rules[group_id]) for group_id, group in found.items()}
