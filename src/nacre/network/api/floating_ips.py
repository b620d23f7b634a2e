"""Floating IPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import FloatingIpId, PortId, ProjectId, SubnetId, new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, free, project_of, shown
from nacre.network.api.kinds import dns_name, ip, optional, or_empty, uuid
from nacre.network.api.noun import Noun, Policies, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.api.qos import check_usable
from nacre.network.changes import floating_ips as changes
from nacre.network.domain.fixed_ips import AddressAsk
from nacre.network.domain.floating_ips import FloatingIp
from nacre.network.domain.port_forwardings import PortForwarding
from nacre.network.domain.ports import Port
from nacre.network.errors import (
    BadRequest,
    FloatingIPNotFound,
    NetworkNotFound,
    PortNotFound,
    RouterNotFound,
)
from nacre.network.store import networks, port_forwardings, ports, qos, routers
from nacre.network.store.tables import FLOATING_IP

ATTRIBUTES = (
    fixed("floating_network_id", uuid, needed=True),
    fixed("floating_ip_address", optional(ip), admin=True),
    fixed("subnet_id", optional(uuid)),
    free("port_id", optional(uuid)),
    free("fixed_ip_address", optional(ip)),
    free("qos_policy_id", optional(uuid)),
    shown("qos_network_policy_id"),
    free("router_id", optional(uuid)),
    shown("status"),
    shown("port_details"),
    shown("port_forwardings"),
    fixed("dns_name", or_empty(dns_name, "")),
    fixed("dns_domain", or_empty(dns_name, "")),
)


def _views(db: Reader, items: Sequence[FloatingIp]) -> list[View]:
    targets = ports.some(db, {item.port_id for item in items if item.port_id})
    # A floating IP with a router leads to one port as a whole, or to several by forwardings.
    split = [item.id for item in items if item.router_id and not item.port_id]
    forwardings = port_forwardings.of_floating_ips(db, split)
    inherited = qos.of_networks(db, {item.floating_network_id for item in items})
    return [
        _view(item, targets, forwardings.get(item.id, ()))
        | {"qos_network_policy_id": inherited.get(item.floating_network_id)}
        for item in items
    ]


def _view(item: FloatingIp, targets: Mapping[str, Port], forwardings: Sequence[PortForwarding]) -> View:
    target = targets.get(item.port_id or "")
    return standard_view(item) | {
        "floating_network_id": item.floating_network_id,
        "floating_ip_address": item.floating_ip_address,
        "port_id": item.port_id,
        "fixed_ip_address": item.fixed_ip_address,
        "router_id": item.router_id,
        "status": "ACTIVE" if item.router_id else "DOWN",
        "port_forwardings": [_forwarding(each) for each in forwardings],
        "port_details": _details(target) if target else None,
        "dns_name": item.dns_name,
        "dns_domain": item.dns_domain,
        "qos_policy_id": item.qos_policy_id,
    }


def _forwarding(item: PortForwarding) -> View:
    """The part of a forwarding that is shown with its floating IP: ranges only where there are several ports."""
    ends = {"external": item.external_ports, "internal": item.internal_ports}
    return {
        "id": item.id,
        "protocol": item.protocol,
        "internal_port_id": item.internal_port_id,
        "internal_ip_address": item.internal_ip_address,
        **{f"{end}_port": each.first for end, each in ends.items() if len(each) == 1},
        **{f"{end}_port_range": str(each) for end, each in ends.items() if len(each) > 1},
    }


def _details(port: Port) -> View:
    return {
        "name": port.name,
        "network_id": port.network_id,
        "mac_address": port.mac_address,
        "admin_state_up": port.admin_state_up,
        "status": port.status,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[FloatingIp]:
    """Errors: those of `changes.floating_ips`, NetworkNotFound, PortNotFound, QosPolicyNotFound, RouterNotFound."""
    for each in given:
        check_usable(call, tx, each)
    return [_create_one(call, tx, each) for each in given]


def _create_one(call: Call[Parts], tx: Tx, given: Given) -> FloatingIp:
    network = networks.load(tx, given.said["floating_network_id"])
    if not (call.sees(network.project_id) or networks.is_seen_by(tx, network, call.project_id)):
        raise NetworkNotFound(network.id)
    if not network.router_external:
        raise BadRequest("floatingip", f"Network {network.id} is not a valid external network")
    new = FloatingIp(
        id=FloatingIpId(new_id()),
        project_id=ProjectId(project_of(call, given)),
        floating_network_id=network.id,
        floating_ip_address="",
        floating_port_id=PortId(""),
        description=given.get("description", ""),
        dns_name=given.get("dns_name", ""),
        dns_domain=given.get("dns_domain", ""),
        qos_policy_id=given.get("qos_policy_id"),
        created_at=call.now,
        updated_at=call.now,
    )
    aimed = _aimed(call, tx, new, given)
    return changes.create(tx, aimed, _address_asked(given))


def _address_asked(given: Given) -> AddressAsk:
    subnet_id, address = given.get("subnet_id"), given.get("floating_ip_address")
    if subnet_id is None and address is None:
        return AddressAsk(ip_version=4)
    return AddressAsk(subnet_id=SubnetId(subnet_id) if subnet_id else None, ip_address=address)


def _aimed(call: Call[Parts], tx: Tx, item: FloatingIp, given: Given) -> FloatingIp:
    """The floating IP as it leads where the caller says; as before where the caller says nothing."""
    if not any(given.has(name) for name in ("port_id", "fixed_ip_address", "router_id")):
        return item
    port_id = given.get("port_id", item.port_id)
    if port_id is None:
        for name in ("fixed_ip_address", "router_id"):
            if given.get(name) is not None:
                raise BadRequest("floatingip", f"{name} cannot be specified without a port_id")
        if item.port_id is None:
            return item
        return msgspec.structs.replace(item, port_id=None, fixed_ip_address=None, router_id=None)
    port = ports.lock(tx, port_id)
    # Who owns the network sees the ports of others on it.
    if not (call.sees(port.project_id) or call.sees(networks.load(tx, port.network_id).project_id)):
        raise PortNotFound(port_id)
    if port.project_id != item.project_id and not policy.ADMINISTER.allows(call.caller, {}):
        reason = f"Port {port_id} is associated with a different tenant than Floating IP {item.id}"
        raise BadRequest("floatingip", reason)
    router_id = given.get("router_id")
    if router_id is not None and not call.sees(routers.load(tx, router_id).project_id):
        raise RouterNotFound(router_id)
    kept = item.fixed_ip_address if not (given.has("port_id") or given.has("fixed_ip_address")) else None
    return changes.aimed(tx, item, port, given.get("fixed_ip_address", kept), router_id=router_id)


def _change(call: Call[Parts], tx: Tx, item: FloatingIp, given: Given) -> FloatingIp:
    """To say nothing at all means that it leads nowhere: old clients take the association away like this.

    Errors: those of `changes.floating_ips`, PortNotFound, QosPolicyNotFound, RouterNotFound.
    """
    check_usable(call, tx, given, had=item.qos_policy_id)
    after = _aimed(call, tx, item, given if given.said else Given({"port_id": None}))
    return changes.change(
        tx,
        item,
        port_id=after.port_id,
        fixed_ip_address=after.fixed_ip_address,
        router_id=after.router_id,
        description=given.get("description", item.description),
        qos_policy_id=given.get("qos_policy_id", item.qos_policy_id),
    )


def _remove(_call: Call[Parts], tx: Tx, item: FloatingIp) -> None:
    """Errors: FloatingIpInUse."""
    changes.delete(tx, item)


def _by_status(values: Sequence[str]) -> sa.ColumnElement[bool]:
    wanted = {value.upper() for value in values}
    conditions = []
    if "ACTIVE" in wanted:
        conditions.append(FLOATING_IP.c.router_id.is_not(None))
    if "DOWN" in wanted:
        conditions.append(FLOATING_IP.c.router_id.is_(None))
    return sa.or_(sa.false(), *conditions)


FLOATING_IPS = Noun(
    name="floatingip",
    plural="floatingips",
    attributes=ATTRIBUTES,
    policies=Policies(
        policy.FLOATING_IP_SHOW,
        policy.FLOATING_IP_CREATE,
        policy.FLOATING_IP_UPDATE,
        policy.FLOATING_IP_DELETE,
    ),
    shelf=routers.FLOATING_IPS,
    absent=FloatingIPNotFound,
    seen_by=routers.floating_ips_seen_by,
    views=_views,
    lock=routers.lock_floating_ip,
    create_all=_create,
    change=_change,
    remove=_remove,
    special={"status": _by_status},
)
