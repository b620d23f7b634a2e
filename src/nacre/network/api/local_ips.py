"""Local IPs, and the ports that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import (
    ANY_BODY,
    HISTORIC,
    Given,
    Whole,
    fixed,
    free,
    project_of,
    read,
    unwrap,
)
from nacre.network.api.kinds import NAME, ip, one_of, optional, text, uuid
from nacre.network.api.noun import Noun, Policies, View, historic_view
from nacre.network.api.parts import Parts
from nacre.network.changes import local_ips as changes
from nacre.network.domain.local_ips import Association, IpMode, LocalIp
from nacre.network.domain.ports import Port
from nacre.network.errors import (
    BadRequest,
    LocalIPNotFound,
    LocalIPPortOrNetworkRequired,
    NetworkNotFound,
    PortNotFound,
)
from nacre.network.store import local_ips, networks, ports, subnets

ATTRIBUTES = (
    free("name", NAME),
    fixed("local_port_id", optional(uuid)),
    fixed("network_id", optional(uuid)),
    fixed("local_ip_address", optional(ip)),
    fixed("ip_mode", one_of(*IpMode)),
)


def _views(_db: Reader, items: Sequence[LocalIp]) -> list[View]:
    return [historic_view(item) for item in items]


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[LocalIp]:
    """Errors: LocalIPPortOrNetworkRequired, PortNotFound, NetworkNotFound, BadRequest, and those of
    `changes.local_ips`.
    """
    made = []
    for each in given:
        local_ip_id = new_id()
        keeper, address = _keeper(call, tx, each, local_ip_id)
        local_ip = LocalIp(
            id=local_ip_id,
            project_id=ProjectId(project_of(call, each)),
            local_port_id=keeper.id,
            network_id=keeper.network_id,
            local_ip_address=address,
            ip_mode=IpMode(each.get("ip_mode", IpMode.TRANSLATE)),
            name=each.get("name", ""),
            description=each.get("description", ""),
            created_at=call.now,
            updated_at=call.now,
        )
        made.append(changes.create(tx, local_ip))
    return made


def _keeper(call: Call[Parts], tx: Tx, given: Given, local_ip_id: str) -> tuple[Port, str]:
    """The port that keeps the address, and the address: a port that is given, or a new one on a network.

    Where a port is given, what is said of a network besides means nothing.
    """
    asked, network_id = given.get("local_ip_address"), given.get("network_id")
    if given.get("local_port_id") is not None:
        port = _seen_port(call, tx, given.said["local_port_id"])
        address = changes.address_of(port, asked).ip_address
        return changes.keep_by(tx, local_ip_id, port), address
    if network_id is None:
        raise LocalIPPortOrNetworkRequired
    network = networks.load(tx, network_id)
    if not (call.sees(network.project_id) or networks.is_seen_by(tx, network, call.project_id)):
        raise NetworkNotFound(network_id)
    if all(subnet.ip_version != 4 for subnet in subnets.on_networks(tx, [network_id])):
        raise BadRequest("local_ip", f"Network {network_id} does not contain any IPv4 subnet")
    port = changes.keep_new(tx, local_ip_id, network.id, asked)
    return port, port.addresses[0]


def _seen_port(call: Call[Parts], tx: Tx, port_id: str) -> Port:
    """Who owns the network sees the ports of others on it. Raises PortNotFound."""
    port = ports.lock(tx, port_id)
    if not (call.sees(port.project_id) or call.sees(networks.load(tx, port.network_id).project_id)):
        raise PortNotFound(port_id)
    return port


def _change(_call: Call[Parts], tx: Tx, item: LocalIp, given: Given) -> LocalIp:
    return changes.update(tx, item, msgspec.structs.replace(item, **given.said))


def _remove(_call: Call[Parts], tx: Tx, item: LocalIp) -> None:
    """Errors: LocalIPInUse."""
    changes.delete(tx, item)


LOCAL_IPS = Noun(
    name="local_ip",
    plural="local_ips",
    attributes=ATTRIBUTES,
    standard=HISTORIC,
    policies=Policies(
        policy.LOCAL_IP_SHOW, policy.LOCAL_IP_CREATE, policy.LOCAL_IP_UPDATE, policy.LOCAL_IP_DELETE
    ),
    shelf=local_ips.LOCAL_IPS,
    absent=LocalIPNotFound,
    seen_by=local_ips.seen_by,
    views=_views,
    lock=local_ips.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)

# -- the ports that they lead to ---------------------------------------------------------------------------------

NAME_OF_ONE = "port_association"
KNOWN = {
    each.name: each
    for each in (
        fixed("fixed_port_id", uuid, needed=True),
        fixed("fixed_ip", optional(ip)),
        fixed("project_id", text()),
        fixed("tenant_id", text(), field="project_id"),
    )
}
_FILTERS = ("fixed_port_id", "fixed_ip", "local_ip_address", "host")


def _view(local_ip: LocalIp, item: Association) -> dict[str, Any]:
    return {
        "local_ip_id": local_ip.id,
        "local_ip_address": local_ip.local_ip_address,
        "fixed_port_id": item.fixed_port_id,
        "fixed_ip": item.fixed_ip,
        "host": item.host_id,
    }


def index(call: Call[Parts], local_ip_id: str) -> Answer:
    """The ports that a local IP leads to. Errors: LocalIPNotFound."""
    with call.database.read() as db:
        local_ip = LOCAL_IPS.load(call, db, local_ip_id)
        found = local_ips.associations_of(db, [local_ip_id])[local_ip_id]
    views = [_view(local_ip, each) for each in found]
    asked = {name: wanted for name in _FILTERS if (wanted := call.one(name)) is not None}
    shown = [view for view in views if all(view[name] == wanted for name, wanted in asked.items())]
    return Ok({f"{NAME_OF_ONE}s": shown})


def show(call: Call[Parts], local_ip_id: str, fixed_port_id: str) -> Answer:
    """One port that a local IP leads to. Errors: LocalIPNotFound, LocalIPAssociationNotFound."""
    with call.database.read() as db:
        local_ip = LOCAL_IPS.load(call, db, local_ip_id)
        return Ok({NAME_OF_ONE: _view(local_ip, local_ips.load_association(db, local_ip_id, fixed_port_id))})


def create(call: Call[Parts], ask: Whole, local_ip_id: str) -> Answer:
    """Let a local IP lead to a port, from the port's host.

    Errors: LocalIPNotFound, PortNotFound, and those of `changes.local_ips.associate`.
    """
    given = read(call, KNOWN, unwrap(ask, NAME_OF_ONE), action=call.route.policy)
    with call.database.write(call.actor) as tx:
        local_ip = LOCAL_IPS.lock_for(call, tx, local_ip_id)
        port = _seen_port(call, tx, given.said["fixed_port_id"])
        made = changes.associate(tx, local_ip, port, given.get("fixed_ip"))
    return Created({NAME_OF_ONE: _view(local_ip, made)})


def update(call: Call[Parts], ask: Whole, local_ip_id: str, fixed_port_id: str) -> Answer:
    """There is nothing about an association that could change; to say nothing is no error.

    Errors: HTTPBadRequest, LocalIPNotFound, LocalIPAssociationNotFound.
    """
    read(call, KNOWN, unwrap(ask, NAME_OF_ONE), action=call.route.policy)
    with call.database.write(call.actor) as tx:
        local_ip = LOCAL_IPS.lock_for(call, tx, local_ip_id)
        return Ok({NAME_OF_ONE: _view(local_ip, local_ips.load_association(tx, local_ip_id, fixed_port_id))})


def delete(call: Call[Parts], local_ip_id: str, fixed_port_id: str) -> Answer:
    """Let a local IP lead to a port no longer. Errors: LocalIPNotFound, LocalIPAssociationNotFound."""
    with call.database.write(call.actor) as tx:
        local_ip = LOCAL_IPS.lock_for(call, tx, local_ip_id)
        changes.dissociate(tx, local_ip, local_ips.load_association(tx, local_ip_id, fixed_port_id))
    return NoContent()


_PATH = "/v2.0/local_ips/{local_ip_id}/port_associations"
ROUTES = (
    Route("GET", _PATH, index, policy.LOCAL_IP_SHOW),
    Route("POST", _PATH, create, policy.LOCAL_IP_UPDATE, ANY_BODY),
    Route("GET", _PATH + "/{fixed_port_id}", show, policy.LOCAL_IP_SHOW),
    Route("PUT", _PATH + "/{fixed_port_id}", update, policy.LOCAL_IP_UPDATE, ANY_BODY),
    Route("DELETE", _PATH + "/{fixed_port_id}", delete, policy.LOCAL_IP_UPDATE),
)
