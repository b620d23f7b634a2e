"""Ports."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call
from nacre.kernel.ids import HostId, PortId, ProjectId, SubnetId, new_id
from nacre.kernel.policy import NotAllowed
from nacre.network import policy
from nacre.network.api.attributes import Attribute, Given, fixed, free, project_of, shown
from nacre.network.api.kinds import (
    NAME,
    boolean,
    dns_name,
    ip,
    ip_or_cidr,
    mac,
    many,
    mapping,
    one_of,
    optional,
    or_empty,
    text,
    thing,
    uuid,
    version,
)
from nacre.network.api.noun import Noun, Policies, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.api.qos import check_usable
from nacre.network.api.tags import TAGS
from nacre.network.changes import guarantees as guarantee_changes
from nacre.network.changes import ports as changes
from nacre.network.changes.ports import NewPort
from nacre.network.domain.addresses import ip_number
from nacre.network.domain.dhcp_options import ExtraDhcpOption, check_option
from nacre.network.domain.dns import assignments
from nacre.network.domain.fixed_ips import AddressAsk
from nacre.network.domain.guarantees import Guarantee
from nacre.network.domain.networks import Network
from nacre.network.domain.ports import AddressPair, Port
from nacre.network.errors import (
    AddressPairAndPortSecurityRequired,
    NetworkNotFound,
    PortNotFound,
    PortSecurityPortHasSecurityGroup,
    SecurityGroupConflict,
    SecurityGroupNotFound,
)
from nacre.network.store import guarantees, networks, ports, rbac, security_groups, trunks
from nacre.network.store.ip_text import ip_text
from nacre.network.store.prospects import Ground, grounds
from nacre.network.store.tables import PORT, PORT_ADDRESS, PORT_SECURITY_GROUP
from nacre.placement.contract import part_id_of


class OptionAsk(msgspec.Struct, frozen=True):
    """An option that a caller gives to a port, or takes away by giving it no value."""

    opt_name: str
    opt_value: str | None
    ip_version: int = 4


MOST_ADDRESSES, MOST_PAIRS, MOST_OPTIONS = 50, 200, 50
LONGEST_ADDRESS = 45

ADDRESS = thing({"subnet_id": optional(uuid), "ip_address": optional(ip)}, AddressAsk)
PAIR = thing(
    {"ip_address": ip_or_cidr, "mac_address": optional(mac)},
    lambda ip_address, mac_address=None: AddressPair(ip_address, mac_address or ""),
    needed=("ip_address",),
)

DHCP_OPTION = thing(
    {"opt_name": text(64, least=1), "opt_value": optional(text(255, least=1)), "ip_version": version},
    OptionAsk,
    needed=("opt_name", "opt_value"),
)

VNIC_TYPE = one_of("normal")

ATTRIBUTES = (
    free("name", NAME),
    fixed("network_id", uuid, needed=True),
    free("admin_state_up", boolean),
    free("mac_address", or_empty(mac, "")),
    free("fixed_ips", or_empty(many(ADDRESS, distinct=False, most=MOST_ADDRESSES), ())),
    free("security_groups", or_empty(many(uuid), ())),
    free("port_security_enabled", boolean),
    free("allowed_address_pairs", or_empty(many(PAIR, most=MOST_PAIRS), ())),
    free("extra_dhcp_opts", or_empty(many(DHCP_OPTION, distinct=False, most=MOST_OPTIONS), ())),
    free("device_id", or_empty(text(255), "")),
    free("device_owner", or_empty(text(255), "")),
    free("dns_name", or_empty(dns_name, "")),
    free("dns_domain", or_empty(dns_name, "")),
    shown("dns_assignment"),
    shown("trunk_details"),
    free("qos_policy_id", optional(uuid)),
    shown("qos_network_policy_id"),
    shown("resource_request", hidden=True),
    shown("ip_allocation"),
    shown("status"),
    fixed("tags", TAGS),
    Attribute(name="data_plane_status", kind=optional(one_of("ACTIVE", "DOWN")), put=True, admin=True),
    free("binding:host_id", or_empty(text(255), ""), admin=True, hidden=True),
    free("binding:profile", or_empty(mapping, {}), admin=True, hidden=True),
    free("binding:vnic_type", VNIC_TYPE),
    shown("binding:vif_type", hidden=True),
    shown("binding:vif_details", hidden=True),
)
OF_NETWORK_OWNER = ("mac_address", "port_security_enabled", "allowed_address_pairs")
"""What on a network of others only its owner may choose, since it could disturb the neighbours."""

BOUND_DETAILS: View = {"port_filter": True, "bridge_name": "br-int"}
"""How a host plugs a port that it has."""

MATTERS_TO_GUARANTEES = ("qos_policy_id", "device_id", "device_owner", "binding_host_id")


def _views(db: Reader, items: Sequence[Port]) -> list[View]:
    inherited = networks.passed_on(db, {item.network_id for item in items})
    details = trunks.details_of(db, [item.id for item in items])
    shaped = [item.id for item in items if item.qos_policy_id or inherited.get(item.network_id, (None,))[0]]
    guaranteed = guarantees.of_ports(db, shaped)
    views: list[View] = []
    for item in items:
        view = _view(item, *inherited.get(item.network_id, (None, "")))
        if item.id in details:
            view["trunk_details"] = details[item.id]
        if guaranteed.get(item.id):
            view.update(_guarantees_view(item, guaranteed[item.id]))
        views.append(view)
    return views


def _view(item: Port, network_policy_id: str | None, domain: str) -> View:
    bound = bool(item.binding_host_id)
    return {
        **standard_view(item),
        "name": item.name,
        "network_id": item.network_id,
        "admin_state_up": item.admin_state_up,
        "mac_address": item.mac_address,
        "fixed_ips": item.fixed_ips,
        "security_groups": item.security_groups,
        "port_security_enabled": item.port_security_enabled,
        "allowed_address_pairs": item.allowed_address_pairs,
        "extra_dhcp_opts": item.extra_dhcp_opts,
        "device_id": item.device_id,
        "device_owner": item.device_owner,
        "dns_name": item.dns_name,
        "dns_domain": item.dns_domain,
        "dns_assignment": assignments(item.dns_name, item.addresses, item.dns_domain, domain),
        "qos_policy_id": item.qos_policy_id,
        "qos_network_policy_id": network_policy_id,
        "resource_request": None,
        "ip_allocation": item.ip_allocation,
        "status": item.status,
        "data_plane_status": item.data_plane_status,
        "binding:host_id": item.binding_host_id,
        "binding:profile": item.binding_profile,
        "binding:vnic_type": item.binding_vnic_type,
        "binding:vif_type": "ovs" if bound else "unbound",
        "binding:vif_details": BOUND_DETAILS if bound else {},
    }


def _guarantees_view(item: Port, guaranteed: Sequence[Guarantee]) -> View:
    """What must be left where the port is; and once it is somewhere, which provider gives it."""
    groups = [
        {"id": each.group_id, "required": each.required, "resources": each.resources} for each in guaranteed
    ]
    request = {"request_groups": groups, "same_subtree": [each.group_id for each in guaranteed]}
    if not item.is_plugged:
        return {"resource_request": request}
    given = {each.group_id: part_id_of(item.binding_host_id, each.part) for each in guaranteed}
    return {"resource_request": request, "binding:profile": {**item.binding_profile, "allocation": given}}


# -- create ----------------------------------------------------------------------------------------------------


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[Port]:
    """Errors: NetworkNotFound, NotAllowed, SecurityGroupNotFound, QosPolicyNotFound, of `changes.ports.create`."""
    for each in given:
        check_usable(call, tx, each)
    on = grounds(tx, {each.said["network_id"] for each in given})
    for each in given:
        ground = on.get(each.said["network_id"])
        _check_network(call, tx, ground.network if ground else None, each)
    for wanted in {frozenset(each.get("security_groups", ())) for each in given}:
        _check_groups(call, tx, set(wanted))
    made = changes.create(tx, [_new(call, each, on[each.said["network_id"]]) for each in given])
    guarantee_changes.settle_ports(tx, call.parts.placement, made)
    return made


def _check_network(call: Call[Parts], db: Reader, network: Network | None, given: Given) -> None:
    if network is None:
        raise NetworkNotFound(given.said["network_id"])
    if call.sees(network.project_id):
        return
    if not networks.is_seen_by(db, network, call.project_id):
        raise NetworkNotFound(network.id)
    if not networks.takes_ports_of(db, network, call.project_id):
        raise NotAllowed(policy.PORT_CREATE.name)
    _check_guest(given, has_address=any(ask.ip_address for ask in given.get("fixed_ips", ())))


def _check_guest(given: Given, *, has_address: bool) -> None:
    """Refuse what only the owner of the network may choose. Raises NotAllowed."""
    for name in OF_NETWORK_OWNER:
        if given.has(name):
            raise NotAllowed(f"{policy.PORT_CREATE.name}:{name}")
    if has_address:
        raise NotAllowed(f"{policy.PORT_CREATE.name}:fixed_ips:ip_address")


def _guarded(given: Given, network: Network) -> bool:
    if str(given.get("device_owner", "")).startswith("network:"):
        return False
    return bool(given.get("port_security_enabled", network.port_security_enabled))


def _check_groups(call: Call[Parts], tx: Tx, group_ids: set[str], *, had: Sequence[str] = ()) -> None:
    """Groups must be the caller's to use. Raises SecurityGroupNotFound, SecurityGroupConflict."""
    found = security_groups.GROUPS.some(tx, group_ids)
    if len({each.stateful for each in found.values()}) > 1:
        raise SecurityGroupConflict
    foreign = [each.id for each in found.values() if not (each.shared or call.sees(each.project_id))]
    shared = rbac.shared_with(tx, call.project_id, "security_group", foreign)
    for group_id in sorted(group_ids.difference(had)):
        group = found.get(group_id)
        if group is None or not (call.sees(group.project_id) or group.shared or group_id in shared):
            raise SecurityGroupNotFound(group_id)


def _new(call: Call[Parts], given: Given, ground: Ground) -> NewPort:
    _check_owner(call, given)
    guarded = _guarded(given, ground.network)
    said = given.without(
        "project_id",
        "fixed_ips",
        "security_groups",
        "port_security_enabled",
        "allowed_address_pairs",
        "extra_dhcp_opts",
        "tags",
    )
    port = Port(
        id=PortId(new_id()),
        project_id=ProjectId(project_of(call, given)),
        security_groups=tuple(dict.fromkeys(given.get("security_groups", ()))),
        port_security_enabled=guarded,
        extra_dhcp_opts=_told((), given),
        tags=tuple(dict.fromkeys(given.get("tags", ()))),
        created_at=call.now,
        updated_at=call.now,
        **{"mac_address": ""} | said,
    )
    port = _paired(port, given)
    _check_guarded(port)
    return NewPort(
        port,
        given.get("fixed_ips"),
        default_group=guarded and not given.has("security_groups"),
        on=ground.subnets,
    )


def _check_owner(call: Call[Parts], given: Given) -> None:
    """Ports of the cloud's own kinds are trusted, so only the operator may call a port one. Raises NotAllowed."""
    owner = str(given.get("device_owner", ""))
    if owner.startswith("network:") and not policy.ADMINISTER.allows(call.caller, {}):
        raise NotAllowed(f"{call.route.policy.name}:device_owner")


def _told(had: Sequence[ExtraDhcpOption], given: Given) -> tuple[ExtraDhcpOption, ...]:
    """What DHCP tells the port besides, once the caller's options are added and those without a value taken away.

    Raises Bad.
    """
    options = {(each.ip_version, each.opt_name): each for each in had}
    for ask in given.get("extra_dhcp_opts", ()):
        key = (ask.ip_version, ask.opt_name)
        if ask.opt_value is None:
            options.pop(key, None)
            continue
        options[key] = ExtraDhcpOption(ask.opt_name, ask.opt_value, ask.ip_version)
        try:
            check_option(options[key])
        except ValueError as error:
            raise Bad(str(error), where="extra_dhcp_opts") from error
    return tuple(options.values())


def _paired(port: Port, given: Given) -> Port:
    """The port with its allowed address pairs; a pair without a MAC means the port's own."""
    pairs = given.get("allowed_address_pairs")
    return port if pairs is None else ports.replaced(port, allowed_address_pairs=pairs)


def _check_guarded(port: Port) -> None:
    """Groups and pairs mean something only where senders are checked.

    Raises PortSecurityPortHasSecurityGroup, AddressPairAndPortSecurityRequired.
    """
    if not port.port_security_enabled:
        if port.security_groups:
            raise PortSecurityPortHasSecurityGroup
        if port.allowed_address_pairs:
            raise AddressPairAndPortSecurityRequired


# -- change ----------------------------------------------------------------------------------------------------


def _change(call: Call[Parts], tx: Tx, item: Port, given: Given) -> Port:
    """Errors: NotAllowed, SecurityGroupNotFound, InvalidInput, and those of `changes.ports.update`."""
    check_usable(call, tx, given, had=item.qos_policy_id)
    if given.get("device_owner", item.device_owner) != item.device_owner:
        _check_owner(call, given)
    network = networks.load(tx, item.network_id)
    if not call.sees(network.project_id):
        had = set(item.addresses)
        asked = {ask.ip_address for ask in given.get("fixed_ips", ()) if ask.ip_address}
        _check_guest(given, has_address=bool(asked - had))
    said = given.without("fixed_ips", "security_groups", "allowed_address_pairs", "extra_dhcp_opts")
    after = _paired(msgspec.structs.replace(item, **said), given)
    after = ports.replaced(after, extra_dhcp_opts=_told(item.extra_dhcp_opts, given))
    if given.has("security_groups"):
        _check_groups(call, tx, set(given.said["security_groups"]), had=item.security_groups)
        after = ports.replaced(after, security_groups=tuple(sorted(set(given.said["security_groups"]))))
    _check_guarded(after)
    if "binding_host_id" in said:
        after = ports.replaced(after, binding_host_id=HostId(said["binding_host_id"]))
    after = changes.update(tx, item, after, asks=given.get("fixed_ips"))
    if item.device_id != after.device_id:
        changes.tell_hosts(tx, [item, after])
    if any(getattr(item, name) != getattr(after, name) for name in MATTERS_TO_GUARANTEES):
        guarantee_changes.settle_ports(tx, call.parts.placement, [item, after])
    return after


def _remove(call: Call[Parts], tx: Tx, item: Port) -> None:
    """Errors: ServicePortInUse."""
    changes.check_deletable(tx, item)
    changes.delete(tx, [item])
    changes.tell_hosts(tx, [item])
    guarantee_changes.settle_ports(tx, call.parts.placement, [item])


# -- filters ---------------------------------------------------------------------------------------------------


def _by_addresses(values: Sequence[str]) -> sa.ColumnElement[bool]:
    """`fixed_ips=subnet_id=ID`, `fixed_ips=ip_address=IP` and `fixed_ips=ip_address_substr=PART`: any of the values of
    each, and all of these.
    """
    asked: dict[str, list[str]] = {}
    for value in values:
        name, _, wanted = value.partition("=")
        asked.setdefault(name, []).append(wanted)
    conditions = [_by_address(name, wanted) for name, wanted in asked.items()]
    return PORT.c.id.in_(sa.select(PORT_ADDRESS.c.port_id).where(*conditions))


def _by_address(name: str, wanted: Sequence[str]) -> sa.ColumnElement[bool]:
    if name == "subnet_id":
        return PORT_ADDRESS.c.subnet_id.in_([SubnetId(each) for each in wanted])
    if name == "ip_address":
        return PORT_ADDRESS.c.ip.in_([each for each in wanted if _is_address(each)])
    if name == "ip_address_substr":
        written = ip_text(PORT_ADDRESS.c.ip)
        parts = [each for each in wanted if len(each) <= LONGEST_ADDRESS]
        return sa.or_(sa.false(), *(written.contains(part, autoescape=True) for part in parts))
    raise Bad(
        f"'{name[:60]}' is none of subnet_id, ip_address and ip_address_substr, by which ports are found.",
        where="fixed_ips",
    )


def _is_address(value: str) -> bool:
    try:
        ip_number(value)
    except (ValueError, UnicodeError):
        return False
    return True


def _by_groups(values: Sequence[str]) -> sa.ColumnElement[bool]:
    members = sa.select(PORT_SECURITY_GROUP.c.port_id)
    return PORT.c.id.in_(members.where(PORT_SECURITY_GROUP.c.security_group_id.in_(values)))


PORTS = Noun(
    name="port",
    plural="ports",
    attributes=ATTRIBUTES,
    policies=Policies(policy.PORT_SHOW, policy.PORT_CREATE, policy.PORT_UPDATE, policy.PORT_DELETE),
    shelf=ports.PORTS,
    absent=PortNotFound,
    seen_by=ports.seen_by,
    whole=ports.whole,
    views=_views,
    lock=ports.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
    guardian=lambda db, port: networks.load(db, port.network_id).project_id,
    special={
        "fixed_ips": _by_addresses,
        "security_groups": _by_groups,
        "mac_address": lambda values: PORT.c.mac_address.in_([value.lower() for value in values]),
    },
)
