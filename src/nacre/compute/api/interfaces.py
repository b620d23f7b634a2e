"""Interfaces and addresses of servers: they are ports of the network service, and come and go while a server runs."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

import msgspec

from nacre.compute.api.common import Parts, Tag, load_server, lock_server, record
from nacre.compute.api.server_views import addresses_view, plain_addresses
from nacre.compute.domain.actions import Action, check_allowed
from nacre.compute.domain.servers import Server
from nacre.compute.errors import InterfaceNotFound, InterfaceRefused, NetworkLabelNotFound, NoNetworkAtHand
from nacre.compute.store import servers
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad, Conflict
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Accepted, Answer, Call, Ok
from nacre.kernel.http.versions import Windows, since
from nacre.kernel.ids import NetworkId, PortId, ServerId, is_uuid
from nacre.kernel.policy import Caller
from nacre.network.contract import NicAsk, NicPlan, PortView, Unstated
from nacre.placement.contract import NoRoom

_WINDOWS = Windows({"tag": since("2.70")})


class FixedAddress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The address that an interface is to have."""

    ip_address: str


class AttachInterface(msgspec.Struct, frozen=True, kw_only=True):
    """An interface on a network, or by a port; on the project's only network if neither is named."""

    net_id: str | None = None
    port_id: str | None = None
    fixed_ips: Annotated[list[FixedAddress], msgspec.Meta(min_length=1, max_length=1)] = []
    tag: Tag | None = None

    @property
    def nic(self) -> NicAsk | None:
        """What is asked of the network service; None if nothing is named. Raises Bad."""
        for name, value in (("net_id", self.net_id), ("port_id", self.port_id)):
            if value is not None and not is_uuid(value):
                raise Bad(f"'{value[:80]}' is not a UUID.", where=f"interfaceAttachment.{name}")
        if self.net_id and self.port_id:
            raise Bad("Must not input both network_id and port_id")
        if self.fixed_ips and not self.net_id:
            raise Bad("Must input network_id when request IP address")
        if not (self.net_id or self.port_id):
            return None
        return NicAsk(
            network_id=NetworkId(self.net_id) if self.net_id else None,
            port_id=PortId(self.port_id) if self.port_id else None,
            fixed_ip=next((_address(each.ip_address) for each in self.fixed_ips), None),
            tag=self.tag,
        )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise Bad(str(error), where="interfaceAttachment.fixed_ips.ip_address") from error


ATTACH = Body(AttachInterface, key="interfaceAttachment", windows={"tag": since("2.49")})


def listed(call: Call[Parts], server_id: str) -> Answer:
    """Every interface."""
    with call.database.read() as db:
        server = load_server(call, db, server_id)
        ports = call.parts.networks.ports_of(db, server.server_id)
    return Ok({"interfaceAttachments": [_view(call, port) for port in ports]})


def show(call: Call[Parts], server_id: str, port_id: str) -> Answer:
    """One interface. Raises InterfaceNotFound."""
    with call.database.read() as db:
        server = load_server(call, db, server_id)
        port = _load(call, db, server.server_id, port_id)
    return Ok({"interfaceAttachment": _view(call, port)})


def attach(call: Call[Parts], ask: AttachInterface, server_id: str) -> Answer:
    """Give a server one more interface: at once if it runs, when it starts if it does not.

    A port made for it goes with the interface; one that was given stays. What the port is guaranteed is claimed
    on the server's host.

    Errors: ServerNotFound, ServerLocked, NotInThisState, NoNetworkAtHand, InterfaceRefused, Bad; those of
    `Networks.plan_nics` and `Networks.claim_nics`.
    Source: Compute API reference, "Create Interface".
    """
    with call.database.read() as db:
        owner = _owner(call, load_server(call, db, server_id))
        plan = _planned(call, db, owner, ask)
    with call.database.write(call.actor) as tx:
        server = _changed(call, tx, server_id, Action.ATTACH_INTERFACE)
        (port_id,) = call.parts.networks.claim_nics(
            tx, plan, server_id=server.server_id, caller=owner, host_name=server.hostname, beside_others=True
        )
        _bind(call, tx, server, port_id)
        record(tx, server, Action.ATTACH_INTERFACE, {}, {"port_id": port_id})
        view = _view(call, _load(call, tx, server.server_id, port_id))
    return Ok({"interfaceAttachment": view})


def _owner(call: Call[Parts], server: Server) -> Caller:
    """Ports for a server are its project's, whoever asks for them."""
    return msgspec.structs.replace(call.caller, project_id=server.project_id)


def _planned(call: Call[Parts], db: Reader, owner: Caller, ask: AttachInterface) -> NicPlan:
    nic = ask.nic
    if nic is not None:
        return call.parts.networks.plan_nics(db, owner, [nic], ())
    try:
        plan = call.parts.networks.plan_nics(db, owner, Unstated.AUTO, ())
    except Conflict as problem:
        raise Bad(str(problem)) from problem
    if not plan:
        raise NoNetworkAtHand(owner.project_id or "")
    return tuple(msgspec.structs.replace(each, tag=ask.tag) for each in plan)


def _changed(call: Call[Parts], tx: Tx, server_id: str, action: Action) -> Server:
    """The server, locked, whose host will hear of the change. Raises ServerNotFound, ServerLocked, NotInThisState."""
    server = lock_server(call, tx, server_id)
    check_allowed(server, action)
    # Rows are locked in one order everywhere: server, host, ports, provider.
    return servers.change(tx, server, {}, tell_host=True)


def _bind(call: Call[Parts], tx: Tx, server: Server, port_id: PortId) -> None:
    """The new port is the server's host's to plug. Raises InterfaceRefused."""
    assert server.host_id is not None, "only servers that have a host are in the states that allow this"
    hindered = call.parts.networks.objections(tx, server.server_id, [server.host_id], now=call.now)
    if hindered:
        raise InterfaceRefused(server.server_id, hindered[server.host_id])
    call.parts.networks.bind_nics(tx, server.server_id, server.host_id, only=port_id)
    _claim(call, tx, server)


def _claim(call: Call[Parts], tx: Tx, server: Server) -> None:
    """What all ports of the server are guaranteed now. Raises InterfaceRefused."""
    try:
        call.parts.placement.reclaim(tx, call.parts.networks.placed_guarantees(tx, [server.server_id]))
    except NoRoom as problem:
        raise InterfaceRefused(server.server_id, problem.why) from problem


def detach(call: Call[Parts], server_id: str, port_id: str) -> Answer:
    """Take an interface from a server. Nothing passes by it from now on, whenever the guest lets go of it.

    Errors: ServerNotFound, ServerLocked, NotInThisState, InterfaceNotFound.
    Source: Compute API reference, "Detach Interface".
    """
    with call.database.write(call.actor) as tx:
        server = _changed(call, tx, server_id, Action.DETACH_INTERFACE)
        _load(call, tx, server.server_id, port_id)
        call.parts.networks.release_nic(tx, server.server_id, PortId(port_id))
        _claim(call, tx, server)
        record(tx, server, Action.DETACH_INTERFACE, {"port_id": port_id}, {})
    return Accepted()


def _load(call: Call[Parts], db: Reader, server_id: ServerId, port_id: str) -> PortView:
    for port in call.parts.networks.ports_of(db, server_id):
        if port.port_id == port_id:
            return port
    raise InterfaceNotFound(port_id)


def no_volumes(call: Call[Parts], server_id: str) -> Answer:
    """The volumes of a server: none, as long as this cloud attaches none."""
    with call.database.read() as db:
        load_server(call, db, server_id)
    return Ok({"volumeAttachments": []})


def _view(call: Call[Parts], port: PortView) -> dict[str, Any]:
    view = {
        "port_id": port.port_id,
        "net_id": port.network_id,
        "mac_addr": port.mac,
        "port_state": port.status,
        "fixed_ips": [{"subnet_id": subnet_id, "ip_address": ip} for subnet_id, ip in port.fixed_ips],
        "tag": port.tag,
    }
    return _WINDOWS.project(view, call.version)


def addresses(call: Call[Parts], server_id: str) -> Answer:
    """Every address, by the name of its network."""
    return Ok({"addresses": _addresses(call, server_id)})


def addresses_on(call: Call[Parts], server_id: str, label: str) -> Answer:
    """The addresses on the network of a name. Raises NetworkLabelNotFound."""
    found = _addresses(call, server_id)
    if label not in found:
        raise NetworkLabelNotFound(label)
    return Ok({label: found[label]})


def _addresses(call: Call[Parts], server_id: str) -> dict[str, list[dict[str, Any]]]:
    with call.database.read() as db:
        server = load_server(call, db, server_id)
        found = call.parts.networks.addresses_of(db, [server.server_id])
    return plain_addresses(addresses_view(found.get(server.server_id, ())))
