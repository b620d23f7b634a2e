"""The hosts that are prepared for ports besides the ones that have them, as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId, PortId
from nacre.kernel.texts import texts
from nacre.network.domain.bindings import Binding
from nacre.network.store.tables import PORT_BINDING

_HERE = sa.and_(
    PORT_BINDING.c.port_id == sa.bindparam("on_port"), PORT_BINDING.c.host_id == sa.bindparam("on_host")
)
_OF_PORTS = (
    sa.select(PORT_BINDING)
    .where(PORT_BINDING.c.port_id.in_(texts("ids")))
    .order_by(PORT_BINDING.c.port_id, PORT_BINDING.c.host_id)
)
_INSERT = sa.insert(PORT_BINDING)
_FORGET = sa.delete(PORT_BINDING).where(_HERE)
_FORGET_ALL = sa.delete(PORT_BINDING).where(PORT_BINDING.c.port_id == sa.bindparam("on_port"))


def of_ports(db: Reader, port_ids: Collection[str]) -> Mapping[str, Sequence[Binding]]:
    """The prepared hosts of ports, in order."""
    found: dict[str, list[Binding]] = defaultdict(list)
    for port_id, host_id, vnic_type, profile in db.rows(_OF_PORTS, ids=list(port_ids)) if port_ids else ():
        found[port_id].append(
            Binding(port_id=PortId(port_id), host_id=HostId(host_id), vnic_type=vnic_type, profile=profile)
        )
    return found


def insert(tx: Tx, binding: Binding) -> None:
    """Write that a host is prepared. Raises Duplicate."""
    row: dict[str, Any] = {name: getattr(binding, name) for name in binding.__struct_fields__}
    tx.execute_many(_INSERT, [row])


def remove(tx: Tx, binding: Binding) -> None:
    """Forget that a host is prepared; absent is success."""
    tx.execute(_FORGET, on_port=binding.port_id, on_host=binding.host_id)


def remove_all(tx: Tx, port_id: str) -> None:
    """Forget every host that is prepared for a port."""
    tx.execute(_FORGET_ALL, on_port=port_id)
