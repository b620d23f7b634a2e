"""Bindings: the hosts that are prepared for a port, of which one has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.kernel.ids import HostId, PortId
from nacre.network.domain.ports import Port


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A host that a port may move to, or that has it. What `profile` says is between whoever binds and the host."""

    port_id: PortId
    host_id: HostId
    vnic_type: str = "normal"
    profile: Mapping[str, Any] = {}


def active_of(port: Port) -> Binding | None:
    """The binding to the host that has the port; None while none has."""
    if not port.binding_host_id:
        return None
    return Binding(
        port_id=port.id,
        host_id=port.binding_host_id,
        vnic_type=port.binding_vnic_type,
        profile=port.binding_profile,
    )
