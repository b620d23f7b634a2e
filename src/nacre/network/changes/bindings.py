"""Ports are prepared on further hosts, and move to one of them."""

from __future__ import annotations

from nacre.kernel.database import Tx
from nacre.kernel.ids import HostId
from nacre.network.changes import events
from nacre.network.changes import ports as port_changes
from nacre.network.changes.loops import PORTS
from nacre.network.domain.bindings import Binding, active_of
from nacre.network.domain.ports import Port
from nacre.network.errors import PortBindingAlreadyActive, PortBindingAlreadyExists, PortBindingNotFound
from nacre.network.store import bindings, ports


def prepared(tx: Tx, port: Port, host_id: str) -> Binding:
    """A host that is prepared for a locked port and does not have it. Raises PortBindingNotFound."""
    for binding in bindings.of_ports(tx, [port.id]).get(port.id, ()):
        if binding.host_id == host_id:
            return binding
    raise PortBindingNotFound(port.id, host_id)


def prepare(tx: Tx, port: Port, binding: Binding) -> None:
    """Prepare a further host for a locked port. Errors: PortBindingAlreadyExists."""
    known = bindings.of_ports(tx, [port.id]).get(port.id, ())
    if binding.host_id in (port.binding_host_id, *(each.host_id for each in known)):
        raise PortBindingAlreadyExists(port.id, binding.host_id)
    bindings.insert(tx, binding)
    events.within(tx, "port", port, part="binding", before=None, after=binding)
    tx.make_due(PORTS, port.id)


def rewrite(tx: Tx, port: Port, before: Binding, after: Binding) -> None:
    """Change what is said of a host that is prepared for a locked port, or has it."""
    if before.host_id == port.binding_host_id:
        _rebind(tx, port, after)
        return
    bindings.remove(tx, before)
    bindings.insert(tx, after)
    events.within(tx, "port", port, part="binding", before=before, after=after)


def forget(tx: Tx, port: Port, host_id: str) -> None:
    """Let a host be prepared no more; if it has the port, all are forgotten. Errors: PortBindingNotFound."""
    if host_id == port.binding_host_id:
        _rebind(tx, port, Binding(port_id=port.id, host_id=HostId("")))
        return
    binding = prepared(tx, port, host_id)
    bindings.remove(tx, binding)
    events.within(tx, "port", port, part="binding", before=binding, after=None)
    tx.make_due(PORTS, port.id)


def activate(tx: Tx, port: Port, host_id: str) -> Port:
    """Move a locked port to a host that is prepared; the one that had it stays prepared. The port as it is there.

    Errors: PortBindingNotFound, PortBindingAlreadyActive.
    """
    if host_id == port.binding_host_id:
        raise PortBindingAlreadyActive(port.id, host_id)
    binding = prepared(tx, port, host_id)
    bindings.remove(tx, binding)
    had = active_of(port)
    if had is not None:
        bindings.insert(tx, had)
    return _rebind(tx, port, binding)


def _rebind(tx: Tx, port: Port, binding: Binding) -> Port:
    after = ports.replaced(
        port,
        binding_host_id=binding.host_id,
        binding_vnic_type=binding.vnic_type,
        binding_profile=binding.profile,
    )
    return port_changes.update(tx, port, after)
