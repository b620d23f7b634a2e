"""What stands in the way of a delete: the one home of these rules, for those who refuse and those who explain.

Each function yields what hinders, one by one: whoever deletes refuses at the first, and pays for no other; whoever
explains reads them all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from nacre.kernel.database import Reader
from nacre.kernel.errors import Problem
from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.ports import DeviceOwner, FixedIp, Port
from nacre.network.domain.rbac import EVERYBODY, Action, RbacPolicy
from nacre.network.domain.routers import Router
from nacre.network.domain.segments import Segment, SegmentRange
from nacre.network.domain.subnets import Subnet
from nacre.network.domain.trunks import Trunk
from nacre.network.errors import (
    AddressGroupInUse,
    AddressScopeInUse,
    FlavorInUse,
    FloatingIpInUse,
    LocalIPInUse,
    NetworkInUse,
    NetworkSegmentRangeDefaultReadOnly,
    NetworkSegmentRangeReferencedByProject,
    PortInUseAsSubPort,
    PortInUseAsTrunkParent,
    QosPolicyInUse,
    RbacPolicyInUse,
    RouterExternalGatewayInUseByFloatingIp,
    RouterInterfaceInUseAsGatewayByFloatingIP,
    RouterInterfaceInUseByFloatingIP,
    RouterInterfaceInUseByNDPProxy,
    RouterInterfaceInUseByRoute,
    RouterInUse,
    SecurityGroupInUse,
    SegmentInUse,
    ServicePortInUse,
    ServiceProfileInUse,
    SubnetInUse,
    SubnetPoolInUse,
    TrunkDisabled,
)
from nacre.network.store import (
    address_groups,
    address_scopes,
    flavors,
    local_ips,
    ndp_proxies,
    port_forwardings,
    ports,
    qos,
    rbac,
    routers,
    security_groups,
    segment_ranges,
    segments,
    subnets,
    trunks,
)
from nacre.network.store.rbac import SharedObject

GOES_WITH_NETWORK = frozenset({DeviceOwner.METADATA})


class Hindrance(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the way, and the command that takes it away.

    `problem` is what a delete that meets it says. `subject` is the id of what is in the way; with `goes` the command
    leaves nothing of it, so that it is in the way of nothing else either. `first` names what may hinder that command
    in turn: a rule of `explain.py` and the id it is about.
    """

    problem: Problem
    what: str
    clear: str
    subject: str = ""
    goes: bool = False
    first: tuple[str, str] | None = None


def refuse(hindrances: Iterable[Hindrance]) -> None:
    """Raise what the first of them says, if there is one."""
    for hindrance in hindrances:
        raise hindrance.problem


# -- networks, subnets, ports ------------------------------------------------------------------------------


def of_network(db: Reader, network_id: str, standing: Sequence[Port]) -> Iterator[Hindrance]:
    """Ports on a network that do not go with it."""
    for port in standing:
        if port.device_owner not in GOES_WITH_NETWORK:
            yield _port_on(db, port, NetworkInUse(network_id))


def of_subnet(db: Reader, subnet: Subnet, holding: Iterable[Port]) -> Iterator[Hindrance]:
    """Ports that hold on to their address: all but the metadata port, and hosts that made it themselves."""
    for port in holding:
        if port.device_owner == DeviceOwner.METADATA or (subnet.makes_own_addresses and not port.is_trusted):
            continue
        yield _port_on(db, port, SubnetInUse(subnet.id))


def of_service_port(db: Reader, port: Port) -> Iterator[Hindrance]:
    """Ports of the cloud itself are deleted with what they serve."""
    if port.is_trusted and port.device_id:
        yield _port_on(db, port, ServicePortInUse(port.id, f"has device owner {port.device_owner}"))


def of_trunked(db: Reader, port_ids: Collection[str]) -> Iterator[Hindrance]:
    """Trunks that ports are in, as their parent or below it."""
    for port_id, (trunk_id, is_parent) in trunks.roles_of(db, port_ids).items():
        if is_parent:
            problem: Problem = PortInUseAsTrunkParent(port_id, trunk_id)
            what, clear = f"trunk {trunk_id} on it", f"openstack network trunk delete {trunk_id}"
        else:
            problem = PortInUseAsSubPort(port_id, trunk_id)
            what = f"trunk {trunk_id}, which carries it"
            clear = f"openstack network trunk unset --subport {port_id} {trunk_id}"
        first = ("trunk", trunk_id)
        yield Hindrance(
            problem=problem, what=what, clear=clear, subject=trunk_id, goes=is_parent, first=first
        )


def of_trunk(trunk: Trunk) -> Iterator[Hindrance]:
    """A trunk that is down stays as it is."""
    if not trunk.admin_state_up:
        clear = f"openstack network trunk set --enable {trunk.id}"
        yield Hindrance(problem=TrunkDisabled(trunk.id), what="that it is disabled", clear=clear)


def _port_on(db: Reader, port: Port, problem: Problem) -> Hindrance:
    """A port in the way, taken away together with what it serves."""
    what, subject, device = f"port {port.id}", str(port.id), port.device_id
    first: tuple[str, str] | None
    match port.device_owner if device else "":
        case DeviceOwner.ROUTER_INTERFACE:
            what = f"{what}, a leg of router {device}"
            clear, first = f"openstack router remove port {device} {port.id}", ("router leg", port.id)
        case DeviceOwner.ROUTER_GATEWAY:
            what = f"{what}, the way out of router {device}"
            clear, first = f"openstack router unset --external-gateway {device}", ("router gateway", port.id)
        case DeviceOwner.FLOATING_IP:
            what, subject = f"{what} of floating IP {device}", device
            clear, first = f"openstack floating ip delete {device}", ("floating-ip", device)
        case DeviceOwner.LOCAL_IP:
            what, subject = f"{what} of local IP {device}", device
            clear, first = f"openstack local ip delete {device}", ("local-ip", device)
        case owner if owner.startswith("compute:") and ports.is_made_for_server(db, port.id):
            what, subject = f"{what} of server {device}", device
            clear, first = f"openstack server delete {device}", None
        case _:
            clear, first = f"openstack port delete {port.id}", ("port", port.id)
    return Hindrance(problem=problem, what=what, clear=clear, subject=subject, goes=True, first=first)


# -- routers and floating IPs ------------------------------------------------------------------------------


def of_router(db: Reader, router_id: str, own: Iterable[Port]) -> Iterator[Hindrance]:
    """Legs of a router; its way out goes with it."""
    for port in own:
        if port.device_owner == DeviceOwner.ROUTER_INTERFACE:
            yield _port_on(db, port, RouterInUse(router_id, "ports"))


def of_leg(db: Reader, router: Router, subnet: Subnet) -> Iterator[Hindrance]:
    """What goes through a router to a subnet that it is to leave: routes, addresses it answers for, floating IPs."""
    network = ipaddress.ip_network(subnet.cidr)
    for route in router.routes:
        if ipaddress.ip_address(route.nexthop) in network:
            spelled = f"destination={route.destination},gateway={route.nexthop}"
            yield Hindrance(
                problem=RouterInterfaceInUseByRoute(router.id, subnet.id),
                what=f"the route of router {router.id} to {route.destination} by {route.nexthop}",
                clear=f"openstack router remove route --route {spelled} {router.id}",
            )
    for proxy in ndp_proxies.of_router(db, router.id):
        if ipaddress.ip_address(proxy.ip_address) in network:
            yield Hindrance(
                problem=RouterInterfaceInUseByNDPProxy(router.id, subnet.id),
                what=f"NDP proxy {proxy.id}",
                clear=f"openstack router ndp proxy delete {proxy.id}",
            )
    yield from _floating_ips_by(db, router, subnet)


def _floating_ips_by(db: Reader, router: Router, subnet: Subnet) -> Iterator[Hindrance]:
    carried = routers.floating_ips_of_router(db, router.id)
    only_door = routers.networks_outside(db, router.id).count(subnet.network_id) == 1
    for each in carried:
        if only_door and each.floating_network_id == subnet.network_id:
            yield _leading(each, RouterInterfaceInUseAsGatewayByFloatingIP(router.id, subnet.id))
    for each in carried:
        for port_id, address in _led_to(db, each):
            if FixedIp(subnet.id, address) in ports.load(db, port_id).fixed_ips:
                yield _leading(each, RouterInterfaceInUseByFloatingIP(router.id, subnet.id))
                break


def of_ways_out(db: Reader, router_id: str, outside: Collection[str]) -> Iterator[Hindrance]:
    """Floating IPs that lead through a router from networks that are not `outside` of it any more."""
    for each in routers.floating_ips_of_router(db, router_id):
        if each.floating_network_id not in outside:
            yield _leading(each, RouterExternalGatewayInUseByFloatingIp(router_id, each.floating_network_id))


def _leading(floating_ip: FloatingIp, problem: Problem) -> Hindrance:
    """A floating IP that leads somewhere, as a whole or port by port."""
    what = f"floating IP {floating_ip.floating_ip_address}"
    if floating_ip.port_id is None:
        clear, first = f"openstack floating ip delete {floating_ip.id}", ("floating-ip", floating_ip.id)
        return Hindrance(
            problem=problem, what=what, clear=clear, subject=floating_ip.id, goes=True, first=first
        )
    what = f"{what}, which leads to port {floating_ip.port_id}"
    clear = f"openstack floating ip unset --port {floating_ip.id}"
    return Hindrance(problem=problem, what=what, clear=clear, subject=floating_ip.id)


def _led_to(db: Reader, floating_ip: FloatingIp) -> list[tuple[str, str]]:
    """The ports and addresses that a floating IP leads to, as a whole or by forwardings."""
    if floating_ip.port_id is not None and floating_ip.fixed_ip_address is not None:
        return [(floating_ip.port_id, floating_ip.fixed_ip_address)]
    forwardings = port_forwardings.of_floating_ips(db, [floating_ip.id])[floating_ip.id]
    return [(each.internal_port_id, each.internal_ip_address) for each in forwardings]


def of_floating_ip(db: Reader, floating_ip_id: str) -> Iterator[Hindrance]:
    """Ports of a floating IP that are forwarded."""
    for each in port_forwardings.of_floating_ips(db, [floating_ip_id])[floating_ip_id]:
        yield Hindrance(
            problem=FloatingIpInUse(floating_ip_id, "some of its ports are forwarded"),
            what=f"its forwarding {each.id} of {each.protocol} {each.external_ports}",
            clear=f"openstack floating ip port forwarding delete {floating_ip_id} {each.id}",
        )


def of_local_ip(db: Reader, local_ip_id: str) -> Iterator[Hindrance]:
    """Ports that a local IP leads to."""
    for each in local_ips.associations_of(db, [local_ip_id])[local_ip_id]:
        yield Hindrance(
            problem=LocalIPInUse(local_ip_id),
            what=f"that it leads to port {each.fixed_port_id}",
            clear=f"openstack local ip association delete {local_ip_id} {each.fixed_port_id}",
        )


# -- rules, pools and policies -----------------------------------------------------------------------------


def of_security_group(db: Reader, group_id: str) -> Iterator[Hindrance]:
    """Ports in a group, and rules that would let its members through to every new group."""
    problem = SecurityGroupInUse(group_id)
    for port_id in ports.ids_in_group(db, group_id):
        yield _member(group_id, port_id, problem)
    yield from _naming(
        problem, [(rule_id, True) for rule_id in security_groups.naming_in_template(db, group_id)]
    )


def _member(group_id: str, port_id: str, problem: Problem) -> Hindrance:
    clear = f"openstack port unset --security-group {group_id} {port_id}"
    what = f"port {port_id}, which is in it"
    return Hindrance(problem=problem, what=what, clear=clear, subject=port_id)


def of_address_group(db: Reader, group_id: str) -> Iterator[Hindrance]:
    """Rules that name a group of addresses."""
    yield from _naming(AddressGroupInUse(group_id), address_groups.naming(db, group_id))


def _naming(problem: Problem, rules: Iterable[tuple[str, bool]]) -> Iterator[Hindrance]:
    for rule_id, is_template in rules:
        if is_template:
            what, noun = f"rule {rule_id} of the template for new groups", "default security group rule"
        else:
            what, noun = f"rule {rule_id}, which names it", "security group rule"
        yield Hindrance(problem=problem, what=what, clear=f"openstack {noun} delete {rule_id}")


def of_address_scope(db: Reader, scope_id: str) -> Iterator[Hindrance]:
    """Pools in a scope."""
    for pool_id in address_scopes.pools_in(db, scope_id):
        yield _pool(pool_id, AddressScopeInUse(scope_id))


def _pool(pool_id: str, problem: Problem) -> Hindrance:
    clear = f"openstack subnet pool set --no-address-scope {pool_id}"
    return Hindrance(problem=problem, what=f"subnet pool {pool_id} in it", clear=clear)


def of_subnet_pool(db: Reader, pool_id: str) -> Iterator[Hindrance]:
    """Subnets that were cut from a pool."""
    for subnet_id in subnets.ids_cut_from(db, pool_id):
        yield _subnet(subnet_id, SubnetPoolInUse(pool_id), "which was cut from it")


def of_segment(db: Reader, segment: Segment) -> Iterator[Hindrance]:
    """Subnets bound to a segment; and the first one goes with its network alone."""
    for subnet_id in segments.subnets_on(db, segment.id):
        problem = SegmentInUse(segment.id, "one or more subnets are bound to it")
        yield _subnet(subnet_id, problem, "which is bound to it")
    if segment.place == 0:
        network_id = segment.network_id
        yield Hindrance(
            problem=SegmentInUse(segment.id, "it is the first of its network, which goes with the network"),
            what=f"that it is the first of network {network_id}",
            clear=f"openstack network delete {network_id}",
            first=("network", network_id),
        )


def of_segment_range(db: Reader, held: SegmentRange) -> Iterator[Hindrance]:
    """Networks that have numbers of a range; and a default one goes with the configuration alone."""
    if held.default:
        yield Hindrance(
            problem=NetworkSegmentRangeDefaultReadOnly(held.id),
            what="that it is a default range",
            clear=f"take it out of segments.{held.network_type} in the configuration",
        )
    for user in held.users_among(segment_ranges.users(db, [held])):
        yield Hindrance(
            problem=NetworkSegmentRangeReferencedByProject(held.id),
            what=f"network {user.network_id}, which has its number {user.number}",
            clear=f"openstack network delete {user.network_id}",
            subject=user.network_id,
            goes=True,
            first=("network", user.network_id),
        )


def _subnet(subnet_id: str, problem: Problem, why: str) -> Hindrance:
    clear = f"openstack subnet delete {subnet_id}"
    what, first = f"subnet {subnet_id}, {why}", ("subnet", subnet_id)
    return Hindrance(problem=problem, what=what, clear=clear, subject=subnet_id, goes=True, first=first)


_WITHOUT_POLICY = {
    "port": "openstack port unset --qos-policy",
    "network": "openstack network set --no-qos-policy",
    "floatingip": "openstack floating ip unset --qos-policy",
    "router": "openstack router unset --qos-policy",
}


def of_qos_policy(db: Reader, policy_id: str) -> Iterator[Hindrance]:
    """What a policy shapes."""
    for kind, object_id in qos.users(db, policy_id):
        yield _shaped(kind, object_id, QosPolicyInUse(policy_id, kind, object_id))


def _shaped(kind: str, object_id: str, problem: Problem) -> Hindrance:
    clear = f"{_WITHOUT_POLICY[kind]} {object_id}"
    return Hindrance(problem=problem, what=f"{kind} {object_id}, which it shapes", clear=clear)


def of_flavor(db: Reader, flavor_id: str) -> Iterator[Hindrance]:
    """Routers of a flavor."""
    for router_id in flavors.routers_of(db, flavor_id):
        yield Hindrance(
            problem=FlavorInUse(flavor_id),
            what=f"router {router_id}, which is of it",
            clear=f"openstack router delete {router_id}",
            first=("router", router_id),
        )


def of_service_profile(db: Reader, profile_id: str) -> Iterator[Hindrance]:
    """Flavors that stand for a profile."""
    for flavor_id in flavors.standing_for(db, profile_id):
        clear = f"openstack network flavor remove profile {flavor_id} {profile_id}"
        yield Hindrance(
            problem=ServiceProfileInUse(profile_id),
            what=f"flavor {flavor_id}, which stands for it",
            clear=clear,
        )


# -- entries that share ------------------------------------------------------------------------------------


def of_rbac_policy(db: Reader, policy: RbacPolicy, shared: SharedObject) -> Iterator[Hindrance]:
    """That an entry makes a network the default way out, and what is used of the object by nothing but the entry."""
    if policy.action is Action.EXTERNAL and policy.target_project == EVERYBODY and shared.is_default_way_out:
        yield Hindrance(
            problem=RbacPolicyInUse(shared.id, "the network is the default external network"),
            what=f"that network {shared.id} is the default external network",
            clear=f"openstack network set --no-default {shared.id}",
        )
    yield from of_shared_use(db, policy, shared)


def of_shared_use(
    db: Reader, policy: RbacPolicy, shared: SharedObject, *, besides: Collection[str] = ()
) -> Iterator[Hindrance]:
    """What projects have on or of an object that only this entry lets them use, if it did not name those `besides`."""
    left = [
        each.target_project
        for each in rbac.of_object(db, policy.object_type, policy.object_id)
        if each.action is policy.action and each.id != policy.id
    ]
    cut_off = rbac.cut_off_by(db, shared, policy.object_type, policy.action, [*left, *besides])
    if not cut_off:
        return
    problem = RbacPolicyInUse(policy.object_id, f"it is used by {', '.join(sorted(cut_off))}")
    for kind, user_id in rbac.uses_of(db, policy.object_type, policy.object_id, policy.action, cut_off):
        yield _using(db, policy, kind, user_id, problem)


def _using(db: Reader, policy: RbacPolicy, kind: str, user_id: str, problem: Problem) -> Hindrance:
    match policy.object_type, kind:
        case "network", "floatingip":
            clear, first = f"openstack floating ip delete {user_id}", ("floating-ip", user_id)
            what = f"floating IP {user_id}"
            return Hindrance(problem=problem, what=what, clear=clear, subject=user_id, goes=True, first=first)
        case "network", _:
            return _port_on(db, ports.load(db, user_id), problem)
        case "subnetpool", _:
            return _subnet(user_id, problem, "which was cut from it")
        case "address_scope", _:
            return _pool(user_id, problem)
        case "security_group", "port":
            return _member(policy.object_id, user_id, problem)
        case "qos_policy", _:
            return _shaped(kind, user_id, problem)
    return next(_naming(problem, [(user_id, False)]))
