"""Interfaces and addresses of servers, as the network service tells them."""

from __future__ import annotations

from typing import Any

from nacre.compute.api.common import Parts, load_server
from nacre.compute.api.server_views import addresses_view, plain_addresses
from nacre.compute.errors import InterfaceNotFound, LeftOut, NetworkLabelNotFound
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.versions import Windows, since
from nacre.network.contract import PortView

_WINDOWS = Windows({"tag": since("2.70")})


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
        ports = call.parts.networks.ports_of(db, server.server_id)
    for port in ports:
        if port.port_id == port_id:
            return Ok({"interfaceAttachment": _view(call, port)})
    raise InterfaceNotFound(port_id)


def left_out(call: Call[Parts], server_id: str, **_path: str) -> Answer:
    """Interfaces come and go with their server, for the time being. Raises LeftOut."""
    with call.database.read() as db:
        load_server(call, db, server_id)
    raise LeftOut("os-interface attach and detach")


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
        "tag": None,
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
