"""The bindings of ports: on which host a port is, and which others are prepared for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import PortId
from nacre.network import policy
from nacre.network.api.attributes import ANY_BODY, Attribute, Whole, fixed, free, read, unwrap
from nacre.network.api.kinds import mapping, or_empty, text
from nacre.network.api.parts import Parts
from nacre.network.api.ports import BOUND_DETAILS, PORTS, VNIC_TYPE
from nacre.network.changes import bindings as changes
from nacre.network.changes.guarantees import settle_ports
from nacre.network.domain.bindings import Binding, active_of
from nacre.network.domain.ports import Port
from nacre.network.store import bindings

_KNOWN: Mapping[str, Attribute] = {
    each.name: each
    for each in (
        fixed("host", text(255, least=1), field="host_id", needed=True),
        free("vnic_type", VNIC_TYPE),
        free("profile", or_empty(mapping, {})),
    )
}


def _view(port: Port, binding: Binding) -> dict[str, Any]:
    is_active = binding.host_id == port.binding_host_id
    return {
        "host": binding.host_id,
        "vif_type": "ovs",
        "vif_details": BOUND_DETAILS,
        "vnic_type": binding.vnic_type,
        "profile": binding.profile,
        "status": "ACTIVE" if is_active else "INACTIVE",
        "project_id": port.project_id,
    }


def index(call: Call[Parts], port_id: str) -> Answer:
    """The host that has a port, and those that are prepared for it. Errors: PortNotFound."""
    with call.database.read() as db:
        port = PORTS.load(call, db, port_id)
        further = bindings.of_ports(db, [port.id]).get(port.id, ())
    active, named = active_of(port), call.all("host")
    every = (*([active] if active else ()), *further)
    return Ok({"bindings": [_view(port, each) for each in every if not named or each.host_id in named]})


def create(call: Call[Parts], ask: Whole, port_id: str) -> Answer:
    """Prepare a host for a port that another one has. Errors: PortNotFound, PortBindingAlreadyExists."""
    given = read(call, _KNOWN, unwrap(ask, "binding"), action=policy.PORT_BIND)
    binding = Binding(port_id=PortId(port_id), **given.said)
    with call.database.write(call.actor) as tx:
        port = PORTS.lock_for(call, tx, port_id)
        changes.prepare(tx, port, binding)
    return Created({"binding": _view(port, binding)})


def update(call: Call[Parts], ask: Whole, port_id: str, host: str) -> Answer:
    """Change what is said of a host. Errors: PortNotFound, PortBindingNotFound."""
    given = read(call, _KNOWN, unwrap(ask, "binding"), action=policy.PORT_BIND)
    with call.database.write(call.actor) as tx:
        port = PORTS.lock_for(call, tx, port_id)
        active = active_of(port)
        had = active if active and active.host_id == host else changes.prepared(tx, port, host)
        binding = msgspec.structs.replace(had, **given.said)
        changes.rewrite(tx, port, had, binding)
    return Ok({"binding": _view(port, binding)})


def delete(call: Call[Parts], port_id: str, host: str) -> Answer:
    """Let a host be prepared no more, or take the port from it, and so from all.

    Errors: PortNotFound, PortBindingNotFound.
    """
    with call.database.write(call.actor) as tx:
        port = PORTS.lock_for(call, tx, port_id)
        changes.forget(tx, port, host)
        settle_ports(tx, call.parts.placement, [port])
    return NoContent()


def activate(call: Call[Parts], port_id: str, host: str) -> Answer:
    """Move a port to a host that is prepared for it; the one that had it stays prepared.

    What it is guaranteed is claimed there instead.

    Errors: PortNotFound, PortBindingNotFound, PortBindingAlreadyActive, QosPlacementAllocationUpdateConflict.
    """
    with call.database.write(call.actor) as tx:
        port = PORTS.lock_for(call, tx, port_id)
        moved = changes.activate(tx, port, host)
        settle_ports(tx, call.parts.placement, [moved])
    binding = active_of(moved)
    assert binding is not None
    return Ok({"binding": _view(moved, binding)})


_PATH = "/v2.0/ports/{port_id}/bindings"
ROUTES = (
    Route("GET", _PATH, index, policy.PORT_BIND),
    Route("POST", _PATH, create, policy.PORT_BIND, ANY_BODY),
    Route("PUT", _PATH + "/{host}", update, policy.PORT_BIND, ANY_BODY),
    Route("DELETE", _PATH + "/{host}", delete, policy.PORT_BIND),
    Route("PUT", _PATH + "/{host}/activate", activate, policy.PORT_BIND),
)
