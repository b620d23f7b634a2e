"""Port forwardings of floating IPs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.kernel.database import Tx
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_id
from nacre.network.api.attributes import Given, Whole, fixed, free, read, shown, unwrap
from nacre.network.api.floating_ips import FLOATING_IPS
from nacre.network.api.kinds import DESCRIPTION, ip, number, one_of, text, uuid
from nacre.network.api.parts import Parts
from nacre.network.changes import port_forwardings as changes
from nacre.network.domain.addresses import ip_version
from nacre.network.domain.port_forwardings import (
    MOST_PORTS,
    PROTOCOLS,
    PortForwarding,
    PortRange,
    parse_range,
)
from nacre.network.domain.ports import Port
from nacre.network.errors import BadRequest, HTTPBadRequest, PortNotFound
from nacre.network.store import port_forwardings, ports

NAME = "port_forwarding"
_PORT = number(1, 65535)


def _range(value: Any) -> str:
    return str(parse_range(str(text(40)(str(value)))))


ATTRIBUTES = (
    shown("id"),
    free("protocol", one_of(*PROTOCOLS), needed=True),
    free("internal_port_id", uuid, needed=True),
    free("internal_ip_address", ip),
    free("internal_port", _PORT),
    free("internal_port_range", _range),
    free("external_port", _PORT),
    free("external_port_range", _range),
    free("description", DESCRIPTION),
    fixed("project_id", text()),
    fixed("tenant_id", text(), field="project_id"),
)
KNOWN = {each.name: each for each in ATTRIBUTES}


def index(call: Call[Parts], floating_ip_id: str) -> Answer:
    """The forwardings of a floating IP. Errors: FloatingIPNotFound."""
    with call.database.read() as db:
        FLOATING_IPS.load(call, db, floating_ip_id)
        found = port_forwardings.of_floating_ips(db, [floating_ip_id])[floating_ip_id]
    asked = {name: call.one(name) for name in KNOWN if call.one(name) is not None}
    views = [view_of(each) for each in found]
    shown_ones = [v for v in views if all(str(v.get(name)) == wanted for name, wanted in asked.items())]
    return Ok({f"{NAME}s": shown_ones})


def show(call: Call[Parts], floating_ip_id: str, forwarding_id: str) -> Answer:
    """One forwarding. Errors: FloatingIPNotFound, PortForwardingNotFound."""
    with call.database.read() as db:
        FLOATING_IPS.load(call, db, floating_ip_id)
        return Ok({NAME: view_of(port_forwardings.load(db, floating_ip_id, forwarding_id))})


def create(call: Call[Parts], ask: Whole, floating_ip_id: str) -> Answer:
    """Let some ports of a floating IP lead inside.

    Errors: FloatingIPNotFound, PortNotFound, and those of `changes.port_forwardings.create`.
    """
    given = read(call, KNOWN, unwrap(ask, NAME), action=call.route.policy)
    outside, inside = _ranges(given, None)
    with call.database.write(call.actor) as tx:
        floating_ip = FLOATING_IPS.lock_for(call, tx, floating_ip_id)
        port = _target(call, tx, given.said["internal_port_id"])
        made = PortForwarding(
            id=new_id(),
            floating_ip_id=floating_ip.id,
            internal_port_id=port.id,
            internal_ip_address=_address(port, given.get("internal_ip_address")),
            protocol=given.said["protocol"],
            external_ports=outside,
            internal_ports=inside,
            description=given.get("description", ""),
        )
        changes.create(tx, floating_ip, made, port)
    return Created({NAME: view_of(made)})


def update(call: Call[Parts], ask: Whole, floating_ip_id: str, forwarding_id: str) -> Answer:
    """Change a forwarding.

    Errors: FloatingIPNotFound, PortForwardingNotFound, PortNotFound, and those of `changes.port_forwardings.update`.
    """
    given = read(call, KNOWN, unwrap(ask, NAME), action=call.route.policy)
    with call.database.write(call.actor) as tx:
        floating_ip = FLOATING_IPS.lock_for(call, tx, floating_ip_id)
        before = port_forwardings.load(tx, floating_ip_id, forwarding_id)
        outside, inside = _ranges(given, before)
        port = _target(call, tx, given.get("internal_port_id", before.internal_port_id))
        kept = before.internal_ip_address if port.id == before.internal_port_id else None
        after = msgspec.structs.replace(
            before,
            internal_port_id=port.id,
            internal_ip_address=_address(port, given.get("internal_ip_address", kept)),
            protocol=given.get("protocol", before.protocol),
            external_ports=outside,
            internal_ports=inside,
            description=given.get("description", before.description),
        )
        changes.update(tx, floating_ip, before, after, port)
    return Ok({NAME: view_of(after)})


def delete(call: Call[Parts], floating_ip_id: str, forwarding_id: str) -> Answer:
    """Let these ports lead nowhere. Errors: FloatingIPNotFound, PortForwardingNotFound."""
    with call.database.write(call.actor) as tx:
        floating_ip = FLOATING_IPS.lock_for(call, tx, floating_ip_id)
        changes.delete(tx, floating_ip, port_forwardings.load(tx, floating_ip_id, forwarding_id))
    return NoContent()


def view_of(item: PortForwarding) -> dict[str, Any]:
    """A forwarding as clients see it; a single port is also shown as such."""
    return {
        "id": item.id,
        "protocol": item.protocol,
        "internal_port_id": item.internal_port_id,
        "internal_ip_address": item.internal_ip_address,
        "internal_port": _single(item.internal_ports),
        "internal_port_range": str(item.internal_ports),
        "external_port": _single(item.external_ports),
        "external_port_range": str(item.external_ports),
        "description": item.description,
    }


def _single(ports: PortRange) -> int | None:
    return ports.first if ports.first == ports.last else None


def _ranges(given: Given, before: PortForwarding | None) -> tuple[PortRange, PortRange]:
    """The ports outside and inside. Raises HTTPBadRequest, BadRequest."""
    outside = _range_of(given, "external", before.external_ports if before else None)
    inside = _range_of(given, "internal", before.internal_ports if before else None)
    if len(inside) not in (1, len(outside)):
        raise BadRequest(NAME, "The internal ports must be one, or as many as the external ones")
    if len(outside) > MOST_PORTS:
        raise BadRequest(NAME, f"A forwarding spans {MOST_PORTS} ports at most")
    return outside, inside


def _range_of(given: Given, end: str, before: PortRange | None) -> PortRange:
    said: Mapping[str, Any] = {
        name: given.said[name] for name in (f"{end}_port", f"{end}_port_range") if given.has(name)
    }
    if len(said) > 1:
        raise HTTPBadRequest(f"Say either {end}_port or {end}_port_range, not both")
    if said:
        return parse_range(str(next(iter(said.values()))))
    if before is None:
        raise HTTPBadRequest(f"Failed to parse request. Required attribute '{end}_port' not specified")
    return before


def _target(call: Call[Parts], tx: Tx, port_id: str) -> Port:
    port = ports.lock(tx, port_id)
    if not call.sees(port.project_id):
        raise PortNotFound(port_id)
    return port


def _address(port: Port, asked: str | None) -> str:
    usable = [address for address in port.addresses if ip_version(address) == 4]
    if asked is None and len(usable) == 1:
        return usable[0]
    if asked in usable:
        return str(asked)
    if asked is None:
        raise BadRequest(NAME, f"Port {port.id} has {len(usable)} IPv4 addresses: say which one is meant")
    raise BadRequest(NAME, f"Port {port.id} does not have the IPv4 address {asked}")
