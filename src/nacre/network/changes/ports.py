"""Ports come and go, and get their addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from nacre.kernel.database import Tx
from nacre.kernel.ids import SubnetId
from nacre.network.changes import events, floating_ips, local_ips, ndp_proxies, port_forwardings
from nacre.network.changes.loops import PORTS, ROUTERS, SUBNETS, make_due
from nacre.network.changes.security_groups import ensure_default
from nacre.network.contract import NICS
from nacre.network.domain.addresses import new_mac, pool_ranges
from nacre.network.domain.fixed_ips import AddressAsk, AnyOf, Wish, addressing, is_routed, within_reach
from nacre.network.domain.ports import AddressPair, DeviceOwner, FixedIp, IpAllocation, Port, Slot
from nacre.network.domain.subnets import Subnet
from nacre.network.errors import (
    HostNotCompatibleWithFixedIps,
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
    MacAddressInUse,
)
from nacre.network.hindrances import of_service_port, of_trunked, refuse
from nacre.network.store import addresses, bindings, ports, quotas, security_groups, segments, subnets, trunks
from nacre.network.store.prospects import prospects_of
from nacre.network.store.shelf import serialise

UNBOUND_S = 5.0
"""When the switches hear of a server's port although the server has found no host."""


class NewPort(msgspec.Struct, frozen=True):
    """A port to be made. Its MAC is empty when nobody chose one; `asks` is None when nobody asked for addresses.

    `default_group`: it is also in its project's default group. `on` are the subnets of its network, where they have
    been read.
    """

    port: Port
    asks: tuple[AddressAsk, ...] | None = None
    default_group: bool = False
    on: tuple[Subnet, ...] | None = None


def create(
    tx: Tx, wanted: Sequence[NewPort], *, made_for_server: bool = False, slots: Sequence[Slot] = ()
) -> list[Port]:
    """Make ports, all or none: the same few statements, however many there are.

    `slots` are theirs among the interfaces of a server.

    Errors: OverQuota, MacAddressInUse, IpAddressAlreadyAllocated, IpAddressGenerationFailure, InvalidInput, ...
    """
    if not wanted:
        return []
    made = _settle_prospects(tx, wanted, [_begun(new) for new in wanted])
    made = _with_addresses(tx, wanted, list(map(_with_pairs, made)))
    ports.insert(tx, made, made_for_server=made_for_server, slots=slots)
    for port in made:
        events.created(tx, "port", port)
    for port in made:
        # A server's port is due when it gets a host, which is at once; looking before that would be in vain.
        tx.make_due(PORTS, port.id, in_s=UNBOUND_S if made_for_server else 0.0)
    return made


def _begun(new: NewPort) -> Port:
    """The port with a MAC and its groups, all that can be said without looking."""
    groups = new.port.security_groups
    if new.default_group:
        groups = tuple(dict.fromkeys((*groups, security_groups.default_id(new.port.project_id))))
    return ports.replaced(new.port, mac_address=new.port.mac_address or new_mac(), security_groups=groups)


def _settle_prospects(tx: Tx, wanted: Sequence[NewPort], made: list[Port]) -> list[Port]:
    """Quota, default groups and MACs: one question for each project. Raises OverQuota, MacAddressInUse."""
    network_ids = {port.network_id for port in made}
    macs = {port.mac_address for port in made}
    crowded = len({(port.network_id, port.mac_address) for port in made}) < len(made)
    for project_id in sorted({port.project_id for port in made}):
        own = [new for new in wanted if new.port.project_id == project_id]
        quotas.hold(tx, project_id, "port")
        found = prospects_of(
            tx,
            project_id,
            wanted=len(own),
            default_group_id=security_groups.default_id(project_id),
            network_ids=network_ids,
            macs=macs,
        )
        if not found.fits:
            quotas.check_room(tx, project_id, "port", wanted=len(own))
        if not found.has_default_group and any(new.default_group for new in own):
            ensure_default(tx, project_id)
        crowded = crowded or found.is_mac_used
    return _apart(tx, wanted, made) if crowded else made


def _apart(tx: Tx, wanted: Sequence[NewPort], made: Sequence[Port]) -> list[Port]:
    """The ports with other MACs where chance gave them one in use. Raises MacAddressInUse where one was asked for."""
    seen = set(ports.used_macs(tx, {port.network_id for port in made}, {port.mac_address for port in made}))
    apart = []
    for new, begun in zip(wanted, made, strict=True):
        port = begun
        while (port.network_id, port.mac_address) in seen:
            if new.port.mac_address:
                raise MacAddressInUse(port.network_id, port.mac_address)
            port = ports.replaced(port, mac_address=new_mac())
        seen.add((port.network_id, port.mac_address))
        apart.append(port)
    return apart


def _unused_mac(tx: Tx, network_id: str) -> str:
    mac = new_mac()
    while ports.used_macs(tx, [network_id], [mac]):
        mac = new_mac()
    return mac


def _with_pairs(port: Port) -> Port:
    """Allowed pairs without a MAC mean the port's own."""
    if all(pair.mac_address for pair in port.allowed_address_pairs):
        return port
    pairs = tuple(
        AddressPair(pair.ip_address, pair.mac_address or port.mac_address)
        for pair in port.allowed_address_pairs
    )
    return ports.replaced(port, allowed_address_pairs=pairs)


def _with_addresses(tx: Tx, wanted: Sequence[NewPort], made: Sequence[Port]) -> list[Port]:
    on = _subnets_by_network(tx, {new.port.network_id for new in wanted if new.on is None})
    grounds = [on[new.port.network_id] if new.on is None else new.on for new in wanted]
    reached = _reached(tx, made, grounds)
    plans = [
        addressing(port, ground, new.asks, reached.get(port.binding_host_id, ()))
        for new, port, ground in zip(wanted, made, grounds, strict=True)
    ]
    given = allocate(tx, [(port, plan.wishes) for port, plan in zip(made, plans, strict=True)])
    return [
        ports.replaced(port, fixed_ips=fixed, ip_allocation=plan.allocation)
        for port, fixed, plan in zip(made, given, plans, strict=True)
    ]


def _reached(
    tx: Tx, placed: Sequence[Port], grounds: Sequence[Sequence[Subnet]]
) -> Mapping[str, frozenset[str]]:
    """The segments that the hosts of ports reach, where their networks are routed."""
    routed = [port for port, ground in zip(placed, grounds, strict=True) if is_routed(ground)]
    return segments.reached_by(
        tx, {port.binding_host_id for port in routed}, {port.network_id for port in routed}
    )


def _subnets_by_network(tx: Tx, network_ids: Collection[str]) -> Mapping[str, list[Subnet]]:
    found: dict[str, list[Subnet]] = {network_id: [] for network_id in network_ids}
    for subnet in subnets.on_networks(tx, network_ids):
        found[subnet.network_id].append(subnet)
    return found


def allocate(tx: Tx, wanted: Sequence[tuple[Port, Sequence[Wish]]]) -> list[tuple[FixedIp, ...]]:
    """Addresses for the wishes of ports: one question for each subnet, however many ports there are.

    The lowest free ones are given. Errors: IpAddressAlreadyAllocated, IpAddressGenerationFailure.
    """
    allocation = _Allocation(tx, [(port, wish) for port, wishes in wanted for wish in wishes])
    return [tuple(allocation.give(port, wish) for wish in wishes) for port, wishes in wanted]


class _Allocation:
    """Addresses given away within one transaction."""

    def __init__(self, tx: Tx, wanted: Iterable[tuple[Port, Wish]]) -> None:
        self._tx = tx
        self._promised: dict[SubnetId, set[str]] = defaultdict(set)
        self._free: dict[SubnetId, list[str]] = {}
        self._needed: dict[SubnetId, int] = defaultdict(int)
        for port, wish in wanted:
            match wish:
                case AnyOf(subnets=choices):
                    if not choices:
                        raise IpAddressGenerationFailure(port.network_id)
                    self._needed[choices[0].id] += 1
                case FixedIp(subnet_id=subnet_id, ip_address=ip):
                    if ip in self._promised[subnet_id]:
                        raise IpAddressAlreadyAllocated(ip, subnet_id)
                    self._promised[subnet_id].add(ip)
        for subnet_id in sorted({*self._promised, *self._needed}):
            serialise(tx, f"addresses {subnet_id}")
        for subnet_id, ips in self._promised.items():
            for ip in sorted(addresses.used_among(tx, subnet_id, ips)):
                raise IpAddressAlreadyAllocated(ip, subnet_id)

    def give(self, port: Port, wish: Wish) -> FixedIp:
        if isinstance(wish, FixedIp):
            return wish
        for subnet in wish.subnets:
            ip = self._next(subnet)
            if ip is not None:
                self._promised[subnet.id].add(ip)
                return FixedIp(subnet.id, ip)
        only = wish.subnets[0].id if len(wish.subnets) == 1 else ""
        raise IpAddressGenerationFailure(port.network_id, only)

    def _next(self, subnet: Subnet) -> str | None:
        if subnet.id not in self._free:
            if subnet.id not in self._needed:
                serialise(self._tx, f"addresses {subnet.id}")
            self._free[subnet.id] = addresses.lowest_free(
                self._tx,
                subnet.id,
                subnet.ip_version,
                pool_ranges(subnet.allocation_pools),
                count=max(1, sum(self._needed.values())),
                but=self._promised[subnet.id],
            )[::-1]
        free = self._free[subnet.id]
        return free.pop() if free else None


def update(tx: Tx, before: Port, after: Port, *, asks: Sequence[AddressAsk] | None = None) -> Port:
    """Change a locked port; `asks` replaces its addresses, of which those that fit stay. No MAC asks for another one.

    Floating IPs that led to an address it no longer has lead nowhere from then on.
    Errors: as for `create`; HostNotCompatibleWithFixedIps.
    """
    if not after.mac_address:
        after = ports.replaced(after, mac_address=_unused_mac(tx, after.network_id))
    elif after.mac_address != before.mac_address and ports.used_macs(
        tx, [after.network_id], [after.mac_address]
    ):
        raise MacAddressInUse(after.network_id, after.mac_address)
    after = _with_pairs(after)
    if asks is not None:
        after = _renewed(tx, after, asks)
    elif after.binding_host_id and after.binding_host_id != before.binding_host_id:
        (after,) = _settled(tx, [after])
    return write(tx, before, after)


def address_deferred(tx: Tx, port_ids: Collection[str]) -> None:
    """Give ports that have just got a host the addresses that waited for it.

    Errors: IpAddressGenerationFailure, HostNotConnectedToAnySegment, HostConnectedToMultipleSegments.
    """
    waiting = [port for port in ports.lock_some(tx, port_ids).values() if _awaits_addresses(port)]
    if not waiting:
        return
    for before, after in zip(waiting, _settled(tx, waiting), strict=True):
        write(tx, before, after)


def _awaits_addresses(port: Port) -> bool:
    return port.ip_allocation is IpAllocation.DEFERRED and not port.fixed_ips


def _settled(tx: Tx, placed: Sequence[Port]) -> list[Port]:
    """Ports with the addresses that their hosts allow. Raises HostNotCompatibleWithFixedIps where they have others."""
    on = _subnets_by_network(tx, {port.network_id for port in placed})
    reached = _reached(tx, placed, [on[port.network_id] for port in placed])
    wanted: list[tuple[Port, Sequence[Wish]]] = []
    for port in placed:
        here, segment_ids = on[port.network_id], reached.get(port.binding_host_id, ())
        if _awaits_addresses(port):
            wanted.append((port, addressing(port, here, None, segment_ids).wishes))
        elif port.fixed_ips:
            _check_compatible(port, within_reach(port, here, segment_ids))
    given = {port.id: fixed_ips for (port, _), fixed_ips in zip(wanted, allocate(tx, wanted), strict=True)}
    return [ports.replaced(port, fixed_ips=given.get(port.id, port.fixed_ips)) for port in placed]


def _check_compatible(port: Port, here: Sequence[Subnet]) -> None:
    usable = {subnet.id for subnet in here}
    if any(fixed.subnet_id not in usable for fixed in port.fixed_ips):
        raise HostNotCompatibleWithFixedIps(port.binding_host_id, port.id)


def write(tx: Tx, before: Port, after: Port, *, slot: Slot | None = None) -> Port:
    """Write a port whose addresses are settled, and make due what follows from the difference.

    `slot` is its own among the interfaces of a server.
    """
    beside = ports.beside(slot) if slot else {}
    if before.binding_host_id != after.binding_host_id and not after.is_trusted:
        after = ports.replaced(after, status="DOWN")
    after = ports.update(tx, before, after, **beside)
    events.updated(tx, "port", before, after)
    tx.make_due(PORTS, after.id)
    if after.is_plugged and (before.fixed_ips, before.mac_address) != (after.fixed_ips, after.mac_address):
        tx.make_due(NICS, after.device_id)
    if before.qos_policy_id != after.qos_policy_id:
        limited_anew(tx, [after.id])
    if before.binding_host_id != after.binding_host_id:
        if not after.binding_host_id:
            bindings.remove_all(tx, after.id)
        below = trunks.bind_below(tx, [after.id], after.binding_host_id)
        make_due(tx, PORTS, below)
        local_ips.rebind(tx, [after.id, *below], after.binding_host_id)
        if after.binding_host_id:
            address_deferred(tx, below)
    lost = set(before.addresses) - set(after.addresses)
    if lost:
        floating_ips.disassociate_all(tx, [after.id], addresses=lost)
        port_forwardings.forget_targets(tx, [after.id], addresses=lost)
        ndp_proxies.forget_targets(tx, [after.id], addresses=lost)
        local_ips.forget_targets(tx, [after.id], addresses=lost)
    if after.is_on_router:
        tx.make_due(ROUTERS, after.device_id)
    if after.device_owner == DeviceOwner.METADATA:
        dhcp_changed(
            tx, after.network_id, {fixed.subnet_id for fixed in (*before.fixed_ips, *after.fixed_ips)}
        )
    return after


def tell_hosts(tx: Tx, changed: Iterable[Port]) -> None:
    """Let the hosts hear that these are not, or not as they were, among the interfaces of their guests."""
    make_due(tx, NICS, {port.device_id: None for port in changed if port.is_plugged})


def limited_anew(tx: Tx, port_ids: Collection[str]) -> None:
    """Let the hosts of these ports, or of those that carry them, hear how many packets they may pass."""
    carriers = {each.parent_id for each in trunks.carried(tx, port_ids).values()}
    make_due(tx, NICS, ports.servers_plugged(tx, {*port_ids, *carriers}))


def dhcp_changed(tx: Tx, network_id: str, subnet_ids: Iterable[str]) -> None:
    """What DHCP tells on these subnets of a network has changed."""
    make_due(tx, SUBNETS, subnet_ids)
    make_due(tx, PORTS, ports.ids_with_own_dhcp(tx, network_id))


def _renewed(tx: Tx, port: Port, asks: Sequence[AddressAsk]) -> Port:
    """A port whose `asks` are met: what it has already is kept where it fits."""
    on = subnets.on_networks(tx, [port.network_id])
    reached = _reached(tx, [port], [on]).get(port.binding_host_id, ())
    plan = addressing(port, on, asks, reached)
    had = list(port.fixed_ips)
    kept: dict[int, FixedIp] = {}
    wishes: dict[int, Wish] = {}
    for place, wish in enumerate(plan.wishes):
        choices = {subnet.id for subnet in wish.subnets} if isinstance(wish, AnyOf) else set()
        match = next((fixed for fixed in had if fixed == wish or fixed.subnet_id in choices), None)
        if match is None:
            wishes[place] = wish
        else:
            had.remove(match)
            kept[place] = match
    given = allocate(tx, [(port, list(wishes.values()))])[0]
    fresh = dict(zip(wishes, given, strict=True))
    fixed_ips = tuple((kept | fresh)[place] for place in range(len(asks)))
    return ports.replaced(port, fixed_ips=fixed_ips, ip_allocation=plan.allocation)


def delete(tx: Tx, gone: Sequence[Port]) -> None:
    """Delete locked ports of any kind; floating IPs that led to them lead nowhere from then on.

    Errors: PortInUseAsTrunkParent, PortInUseAsSubPort.
    """
    ids = [port.id for port in gone]
    check_in_no_trunk(tx, ids)
    floating_ips.disassociate_all(tx, ids)
    port_forwardings.forget_targets(tx, ids)
    local_ips.forget_targets(tx, ids)
    ndp_proxies.forget_targets(tx, [port.id for port in gone if any(":" in ip for ip in port.addresses)])
    ports.remove(tx, ids)
    for port in gone:
        events.deleted(tx, "port", port)
        if port.is_on_router:
            tx.make_due(ROUTERS, port.device_id)
    make_due(tx, PORTS, ids)


def check_in_no_trunk(tx: Tx, port_ids: Collection[str]) -> None:
    """What is in a trunk is in no other, and stays. Raises PortInUseAsTrunkParent, PortInUseAsSubPort."""
    refuse(of_trunked(tx, port_ids))


def check_deletable(tx: Tx, port: Port) -> None:
    """Ports of the cloud itself are deleted with what they serve. Raises ServicePortInUse."""
    refuse(of_service_port(tx, port))
