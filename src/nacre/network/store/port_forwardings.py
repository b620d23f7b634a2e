"""Port forwardings, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.port_forwardings import PortForwarding, PortRange
from nacre.network.errors import PortForwardingNotFound
from nacre.network.store.tables import PORT_FORWARDING as TABLE

_PLAIN = ("id", "floating_ip_id", "internal_port_id", "internal_ip_address", "protocol", "description")
_ENDS = ("external_first", "external_last", "internal_first", "internal_last")
_ALL = sa.select(*[TABLE.c[name] for name in (*_PLAIN, *_ENDS)])
_OF_FLOATING_IPS = _ALL.where(TABLE.c.floating_ip_id.in_(texts("ids"))).order_by(
    TABLE.c.protocol, TABLE.c.external_first
)
_OF_PORTS = _ALL.where(TABLE.c.internal_port_id.in_(texts("ids")))
_ONE = _ALL.where(TABLE.c.id == sa.bindparam("id"), TABLE.c.floating_ip_id == sa.bindparam("floating_ip_id"))
_INSERT = sa.insert(TABLE)
_UPDATE = (
    sa.update(TABLE)
    .where(TABLE.c.id == sa.bindparam("this"))
    .values({name: sa.bindparam(name) for name in (*_PLAIN[1:], *_ENDS)})
)
_REMOVE = sa.delete(TABLE).where(TABLE.c.id.in_(texts("ids")))


def load(db: Reader, floating_ip_id: str, forwarding_id: str) -> PortForwarding:
    """A forwarding of a floating IP. Raises PortForwardingNotFound."""
    row = db.row(_ONE, id=forwarding_id, floating_ip_id=floating_ip_id)
    if row is None:
        raise PortForwardingNotFound(forwarding_id)
    return _of(row)


def of_floating_ips(db: Reader, floating_ip_ids: Collection[str]) -> Mapping[str, list[PortForwarding]]:
    """The forwardings of floating IPs."""
    found: dict[str, list[PortForwarding]] = {each: [] for each in floating_ip_ids}
    for row in db.rows(_OF_FLOATING_IPS, ids=list(floating_ip_ids)) if floating_ip_ids else ():
        found[row[1]].append(_of(row))
    return found


def of_ports(db: Reader, port_ids: Collection[str]) -> list[PortForwarding]:
    """The forwardings that lead to ports."""
    return [_of(row) for row in db.rows(_OF_PORTS, ids=list(port_ids))] if port_ids else []


def insert(tx: Tx, item: PortForwarding) -> None:
    """Write a new forwarding."""
    tx.execute(_INSERT, **_row(item))


def update(tx: Tx, item: PortForwarding) -> None:
    """Write a forwarding over the one with its id."""
    row = _row(item)
    tx.execute(_UPDATE, this=row.pop("id"), **row)


def remove(tx: Tx, ids: Collection[str]) -> None:
    """Delete forwardings; absent is success."""
    tx.execute(_REMOVE, ids=list(ids))


def _of(row: AnyRow) -> PortForwarding:
    ends = row[len(_PLAIN) :]
    return PortForwarding(
        **dict(zip(_PLAIN, row, strict=False)),
        external_ports=PortRange(ends[0], ends[1]),
        internal_ports=PortRange(ends[2], ends[3]),
    )


def _row(item: PortForwarding) -> dict[str, Any]:
    ends = (item.external_ports, item.internal_ports)
    values = [value for each in ends for value in (each.first, each.last)]
    return {name: getattr(item, name) for name in _PLAIN} | dict(zip(_ENDS, values, strict=True))
