"""The contract: ports as servers need them, within the transactions of the compute service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Stale
from nacre.kernel.events import Event
from nacre.kernel.ids import HostId, NetworkId, PortId, ProjectId, SecurityGroupId, ServerId, new_id
from nacre.kernel.policy import Caller
from nacre.network import chassis, policy, routing
from nacre.network.changes import local_ips
from nacre.network.changes import ports as port_changes
from nacre.network.changes.loops import PORTS, make_due
from nacre.network.changes.ports import NewPort
from nacre.network.changes.security_groups import DEFAULT_NAME
from nacre.network.contract import (
    Address,
    ChassisFacts,
    MetadataPort,
    Nic,
    NicAsk,
    NicPlan,
    Outlet,
    OutsideAddress,
    PlannedNic,
    PortView,
    ShownAddress,
    Standing,
    Unstated,
)
from nacre.network.domain.addresses import ip_version, mac_for
from nacre.network.domain.fixed_ips import AddressAsk, is_host_address
from nacre.network.domain.networks import Network
from nacre.network.domain.ovn import names
from nacre.network.domain.ports import DeviceOwner, IpAllocation, Port, Slot
from nacre.network.domain.segments import Segment
from nacre.network.domain.trunks import SUBPORT_OWNER
from nacre.network.errors import (
    AddressNotOnServer,
    ExternalNetworkAttachForbidden,
    HostNotConnectedToAnySegment,
    InvalidIpForNetwork,
    IpAddressGenerationFailure,
    NetworkAmbiguous,
    NetworkNotFound,
    NetworkRequiresSubnet,
    NotOnNetwork,
    NoUniqueMatch,
    PortInUse,
    PortNotFound,
    SecurityGroupNotFound,
)
from nacre.network.explain import explain
from nacre.network.store import (
    agents,
    guarantees,
    hosts,
    networks,
    packet_limits,
    ports,
    routers,
    security_groups,
    segments,
    subnets,
    trunks,
)
from nacre.network.store.prospects import Ground, grounds, grounds_at_hand
from nacre.placement.contract import PartDemands

OWNER_OF_SERVERS = "compute:nova"
"""What clients of the Networking API look for to find the ports of servers."""


@dataclass(frozen=True)
class Nics:
    """Is the contract `Networks`."""

    compare: Callable[[Reader], Sequence[str]]
    ask_everything: Callable[[Tx], None]

    # -- asked before and within the transaction that makes a server ---------------------------------------

    def plan_nics(
        self, db: Reader, caller: Caller, asks: Sequence[NicAsk] | Unstated, security_groups: Sequence[str]
    ) -> NicPlan:
        if isinstance(asks, Unstated):
            on = _only_ground(db, caller, asks)
            asks = [NicAsk(network_id=NetworkId(network_id)) for network_id in on]
        else:
            on = _usable_grounds(db, caller, asks)
        groups = _group_ids(db, caller.project_id, security_groups)
        adopted = _adoptable(db, caller, [ask.port_id for ask in asks if ask.port_id])
        return tuple(
            _adopting(adopted[ask.port_id], ask)
            if ask.port_id
            else _making(on[ask.network_id or ""], ask, groups)
            for ask in asks
        )

    def claim_nics(
        self,
        tx: Tx,
        plan: NicPlan,
        *,
        server_id: ServerId,
        caller: Caller,
        host_name: str = "",
        beside_others: bool = False,
    ) -> Sequence[PortId]:
        first = ports.next_place(tx, server_id) if beside_others else 0
        slots = [Slot(place=first + place, tag=nic.tag) for place, nic in enumerate(plan)]
        places = [place for place, nic in enumerate(plan) if nic.port_id is None]
        made = port_changes.create(
            tx,
            [_new_port(plan[place], server_id, caller.project_id, tx.now, host_name) for place in places],
            made_for_server=True,
            slots=[slots[place] for place in places],
        )
        claimed = {place: port.id for place, port in zip(places, made, strict=True)}
        for place, nic in enumerate(plan):
            if nic.port_id is not None:
                _adopt(tx, nic.port_id, server_id, slots[place])
                claimed[place] = nic.port_id
        return [claimed[place] for place in range(len(plan))]

    # -- asked by the loops of servers ---------------------------------------------------------------------

    def guarantees_of(self, db: Reader, server_ids: Collection[ServerId]) -> Mapping[ServerId, PartDemands]:
        return guarantees.of_servers(db, server_ids)

    def placed_guarantees(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Mapping[HostId, PartDemands]]:
        return guarantees.of_placed(db, server_ids)

    def bind_nics(
        self, tx: Tx, server_id: ServerId, host_id: HostId, *, only: PortId | None = None
    ) -> PartDemands:
        own = ports.bind(tx, server_id, host_id, only=only)
        below = trunks.bind_below(tx, own, host_id)
        make_due(tx, PORTS, [*own, *below])
        local_ips.rebind(tx, [*own, *below], host_id)
        for port_id in [*own, *below]:
            tx.record(Event(action="bind", kind="port", subject=port_id, after={"binding_host_id": host_id}))
        waiting = [port_id for port_id, allocation in own.items() if allocation is IpAllocation.DEFERRED]
        try:
            port_changes.address_deferred(tx, [*waiting, *below])
        except (IpAddressGenerationFailure, HostNotConnectedToAnySegment) as problem:
            raise Stale(f"host {host_id} has no address left for server {server_id}") from problem
        guarantees.hold(tx, alone=False)
        return self.guarantees_of(tx, [server_id])[server_id]

    def objections(
        self, db: Reader, server_id: ServerId, host_ids: Collection[HostId], *, now: float
    ) -> Mapping[HostId, str]:
        under = hosts.segments_under(db, server_id)
        routed = any(segment.has_subnets for segment in under)
        nics = list(ports.routed_nics(db, server_id).values()) if routed else []
        unreached = routing.objections(db, nics, host_ids) if routed else {}
        return {**unreached, **chassis.objections(db, under, host_ids, now=now)}

    def release_nics(self, tx: Tx, server_id: ServerId) -> None:
        _release(tx, ports.lock_nics(tx, server_id))

    # -- asked when servers that exist get interfaces and addresses, or lose them ----------------------------

    def release_nic(self, tx: Tx, server_id: ServerId, port_id: PortId) -> None:
        held = [(port, is_made) for port, is_made in ports.lock_nics(tx, server_id) if port.id == port_id]
        if not held:
            raise PortNotFound(port_id)
        _release(tx, held)
        guarantees.hold(tx, alone=False)

    def add_address(self, tx: Tx, server_id: ServerId, network_id: NetworkId) -> None:
        on = [port for port, _ in ports.lock_nics(tx, server_id) if port.network_id == network_id]
        if not on:
            raise NotOnNetwork(server_id, network_id)
        port = on[0]
        subnet_ids = [fixed.subnet_id for fixed in port.fixed_ips]
        more = AddressAsk(subnet_id=subnet_ids[0]) if subnet_ids else AddressAsk()
        port_changes.update(tx, port, port, asks=[*_asks(port), more])

    def remove_address(self, tx: Tx, server_id: ServerId, ip: str) -> None:
        on = [port for port, _ in ports.lock_nics(tx, server_id) if ip in port.addresses]
        if not on:
            raise AddressNotOnServer(server_id, ip)
        kept = [ask for ask in _asks(on[0]) if ask.ip_address != ip]
        port_changes.update(tx, on[0], on[0], asks=kept)

    # -- what servers show, and what hosts plug --------------------------------------------------------------

    def nics_of(self, db: Reader, server_ids: Collection[ServerId]) -> Mapping[ServerId, Sequence[Nic]]:
        held = {
            server_id: [(port, slot) for port, slot in each if port.binding_host_id]
            for server_id, each in ports.nics_of(db, server_ids).items()
        }
        network_ids = {port.network_id for each in held.values() for port, _ in each}
        on = networks.NETWORKS.some(db, network_ids)
        metadata = {port.network_id: port for port in ports.owned_on(db, network_ids, DeviceOwner.METADATA)}
        prefixes = {subnet.id: subnet.prefix_length for subnet in subnets.on_networks(db, network_ids)}
        outside = _outside_addresses(db, [port.id for each in held.values() for port, _ in each])
        limits = packet_limits.of_servers(db, server_ids)

        def addresses(port: Port) -> tuple[Address, ...]:
            return tuple(Address(fixed.ip_address, prefixes[fixed.subnet_id]) for fixed in port.fixed_ips)

        metadata_ports = {
            network_id: MetadataPort(port_id=port.id, mac=port.mac_address, addresses=addresses(port))
            for network_id, port in metadata.items()
        }

        def nic(port: Port, slot: Slot) -> Nic:
            return Nic(
                port_id=port.id,
                network_id=port.network_id,
                mac=port.mac_address,
                mtu=on[port.network_id].mtu,
                addresses=addresses(port),
                tag=slot.tag,
                outside=tuple(outside.get(port.id, ())),
                metadata=metadata_ports.get(port.network_id),
                packet_limits=limits.get(port.id, ()),
            )

        return {ServerId(server_id): [nic(*each) for each in own] for server_id, own in held.items()}

    def addresses_of(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Sequence[ShownAddress]]:
        floating: dict[tuple[str, str], list[str]] = defaultdict(list)
        for port_id, fixed, outside in ports.floating_of_devices(db, server_ids):
            floating[port_id, fixed].append(outside)
        shown: dict[ServerId, list[ShownAddress]] = {server_id: [] for server_id in server_ids}
        for server_id, port_id, name, mac, ip in ports.fixed_of_devices(db, server_ids):
            for kind, address in [("fixed", ip), *(("floating", each) for each in floating[port_id, ip])]:
                shown[server_id].append(
                    ShownAddress(
                        network_name=name, ip=address, version=ip_version(address), mac=mac, kind=kind
                    )
                )
        return shown

    def ports_of(self, db: Reader, server_id: ServerId) -> Sequence[PortView]:
        return [
            PortView(
                port_id=port.id,
                network_id=port.network_id,
                mac=port.mac_address,
                status=port.status,
                fixed_ips=tuple((fixed.subnet_id, fixed.ip_address) for fixed in port.fixed_ips),
                tag=slot.tag,
            )
            for port, slot in ports.nics_of(db, [server_id])[server_id]
        ]

    def security_groups_of(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Sequence[str]]:
        names = security_groups.names_of_devices(db, server_ids)
        return {server_id: names.get(server_id, []) for server_id in server_ids}

    # -- what hosts say ----------------------------------------------------------------------------------------

    def report_ports(
        self, tx: Tx, host_id: HostId, *, up: Collection[PortId], down: Collection[PortId]
    ) -> None:
        statuses: dict[str, str] = dict.fromkeys(down, "DOWN")
        statuses |= dict.fromkeys(up, "ACTIVE")
        ports.report(tx, host_id, statuses)
        trunks.report_below(tx, host_id, statuses)

    def hear_wires(self, tx: Tx, wires: Mapping[HostId, Collection[str]]) -> None:
        chassis.hear_wires(tx, wires)

    def hear_hosts(self, tx: Tx, host_ids: Collection[HostId]) -> None:
        agents.note_heard(tx, host_ids)

    def report_chassis(self, tx: Tx, facts: Mapping[HostId, ChassisFacts]) -> None:
        chassis.report(tx, facts)

    def ailing_hosts(self, db: Reader, *, now: float) -> Mapping[HostId, Standing]:
        return chassis.ailing(db, now=now)

    def ensure_gateway_host(self, tx: Tx, host_id: HostId) -> None:
        if hosts.ensure_gateway_host(tx, host_id):
            make_due(tx, PORTS, routers.doors(tx))

    def remove_gateway_host(self, tx: Tx, host_id: HostId) -> None:
        if hosts.remove_gateway_host(tx, host_id):
            make_due(tx, PORTS, routers.doors(tx))

    def explain_delete(self, db: Reader, noun: str, name_or_id: str) -> Mapping[str, Any]:
        return explain(db, noun, name_or_id)

    def audit(self, db: Reader) -> Sequence[str]:
        return self.compare(db)

    def ask_repair(self, tx: Tx) -> None:
        self.ask_everything(tx)


def _outside_addresses(db: Reader, port_ids: Sequence[str]) -> Mapping[str, list[OutsideAddress]]:
    """The floating IPs that lead to ports, as their hosts are told of them: at most three statements."""
    found = routers.floating_ips_of_ports(db, port_ids)
    router_ids = {each.router_id for each in found if each.router_id}
    distributed = {key for key, router in routers.ROUTERS.some(db, router_ids).items() if router.distributed}
    on = {each.floating_network_id for each in found if each.router_id in distributed}
    wires = segments.of_networks(db, on)
    told: dict[str, list[OutsideAddress]] = defaultdict(list)
    for each in found:
        address = OutsideAddress(
            ip=each.floating_ip_address, fixed_ip=each.fixed_ip_address or "", revision=each.revision_number
        )
        if each.router_id in distributed:
            outlets = _outlets(wires.get(each.floating_network_id, ()))
            address = replace(address, mac=mac_for(each.id), outlets=outlets)
        told[each.port_id or ""].append(address)
    return told


def _outlets(wires: Sequence[Segment]) -> tuple[Outlet, ...]:
    """None for a network in tunnels, which is on no wire."""
    return tuple(
        Outlet(names.wire(each.id if each.place else each.network_id).key, each.segmentation_id)
        for each in wires
        if each.physical_network
    )


def _only_ground(db: Reader, caller: Caller, unstated: Unstated) -> Mapping[str, Ground]:
    """The one network that is meant when none is named; none if there is none. Raises NetworkAmbiguous."""
    if unstated is Unstated.NONE:
        return {}
    candidates = grounds_at_hand(db, caller.project_id)
    if len(candidates) > 1:
        raise NetworkAmbiguous
    return candidates


def _group_ids(db: Reader, project_id: ProjectId, words: Sequence[str]) -> tuple[SecurityGroupId, ...]:
    """The groups meant by names or ids; the default one when nothing is said."""
    default = security_groups.default_id(project_id)
    others = {word for word in words if word != DEFAULT_NAME}
    known = security_groups.named(db, project_id, others)
    found: dict[SecurityGroupId, None] = {}
    for word in words or (DEFAULT_NAME,):
        if word == DEFAULT_NAME:
            found[default] = None
            continue
        matches = [group_id for group_id, name in known if word in (group_id, name)]
        if not matches:
            raise SecurityGroupNotFound(word)
        if len(matches) > 1:
            raise NoUniqueMatch(word)
        found[SecurityGroupId(matches[0])] = None
    return tuple(found)


def _adoptable(db: Reader, caller: Caller, port_ids: Sequence[PortId]) -> Mapping[str, Port]:
    found = ports.some(db, port_ids)
    for place, port_id in enumerate(port_ids):
        port = found.get(port_id)
        if port is None or not policy.PORT_UPDATE.allows(caller, {"project_id": port.project_id}):
            raise PortNotFound(port_id)
        if port.device_id or port_id in port_ids[:place]:
            raise PortInUse(port_id, port.network_id, port.device_id)
    return found


def _usable_grounds(db: Reader, caller: Caller, asks: Sequence[NicAsk]) -> Mapping[str, Ground]:
    named = [ask for ask in asks if ask.network_id and not ask.port_id]
    found = grounds(db, {ask.network_id for ask in named if ask.network_id})
    for ask in named:
        network_id = ask.network_id or ""
        ground = found.get(network_id)
        if ground is None or not _is_seen(db, ground.network, caller):
            raise NetworkNotFound(network_id)
        if not _takes_ports(db, ground.network, caller):
            raise ExternalNetworkAttachForbidden(network_id)
        if not ground.subnets:
            raise NetworkRequiresSubnet(network_id)
        fixed_ip = ask.fixed_ip
        if fixed_ip is not None and not any(is_host_address(each, fixed_ip) for each in ground.subnets):
            raise InvalidIpForNetwork(fixed_ip)
    return found


def _is_seen(db: Reader, network: Network, caller: Caller) -> bool:
    return _is_own(network, caller) or networks.is_seen_by(db, network, caller.project_id)


def _takes_ports(db: Reader, network: Network, caller: Caller) -> bool:
    return _is_own(network, caller) or networks.takes_ports_of(db, network, caller.project_id)


def _is_own(network: Network, caller: Caller) -> bool:
    return policy.PORT_CREATE.allows(caller, {"project_id": network.project_id})


def _adopting(port: Port, ask: NicAsk) -> PlannedNic:
    return PlannedNic(
        network_id=port.network_id,
        port_id=port.id,
        fixed_ip=None,
        tag=ask.tag,
        security_group_ids=port.security_groups,
        port_security_enabled=port.port_security_enabled,
    )


def _making(ground: Ground, ask: NicAsk, groups: tuple[SecurityGroupId, ...]) -> PlannedNic:
    guarded = ground.network.port_security_enabled
    return PlannedNic(
        network_id=ground.network.id,
        port_id=None,
        fixed_ip=ask.fixed_ip,
        tag=ask.tag,
        security_group_ids=groups if guarded else (),
        port_security_enabled=guarded,
        subnets=ground.subnets,
    )


def _asks(port: Port) -> list[AddressAsk]:
    """For the addresses that a port has."""
    return [AddressAsk(subnet_id=fixed.subnet_id, ip_address=fixed.ip_address) for fixed in port.fixed_ips]


def _release(tx: Tx, held: Sequence[tuple[Port, bool]]) -> None:
    """Delete those of the locked ports that were made for their server, but for trunks; let go of the others."""
    trunked = trunks.roles_of(tx, [port.id for port, is_made in held if is_made])
    gone = [port for port, is_made in held if is_made and port.id not in trunked]
    port_changes.delete(tx, gone)
    for port, _ in held:
        if port not in gone:
            free = ports.replaced(port, device_id="", device_owner="", binding_host_id=HostId(""))
            port_changes.write(tx, port, free, slot=Slot())


def _new_port(
    nic: PlannedNic, server_id: ServerId, project_id: ProjectId, now: float, host_name: str
) -> NewPort:
    default = security_groups.default_id(project_id)
    port = Port(
        id=PortId(new_id()),
        network_id=nic.network_id,
        project_id=project_id,
        mac_address="",
        security_groups=tuple(SecurityGroupId(group_id) for group_id in nic.security_group_ids),
        port_security_enabled=nic.port_security_enabled,
        device_id=server_id,
        device_owner=OWNER_OF_SERVERS,
        dns_name=host_name,
        created_at=now,
        updated_at=now,
    )
    return NewPort(
        port,
        None if nic.fixed_ip is None else (AddressAsk(ip_address=nic.fixed_ip),),
        default_group=default in nic.security_group_ids,
        on=nic.subnets,
    )


def _adopt(tx: Tx, port_id: PortId, server_id: ServerId, slot: Slot) -> None:
    port = ports.lock(tx, port_id)
    if port.device_id and port.device_id != server_id:
        raise PortInUse(port_id, port.network_id, port.device_id)
    if port.device_owner == SUBPORT_OWNER and trunks.carried(tx, [port_id]):
        raise PortInUse(port_id, port.network_id, port.device_id)
    adopted = ports.replaced(port, device_id=server_id, device_owner=OWNER_OF_SERVERS)
    port_changes.write(tx, port, adopted, slot=slot)
