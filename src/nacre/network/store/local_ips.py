"""Local IPs, as rows, and the ports that they lead to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.local_ips import Association, IpMode, LocalIp
from nacre.network.errors import LocalIPAssociationNotFound, LocalIPNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import LOCAL_IP, LOCAL_IP_ASSOCIATION, LOCAL_IP_HOST

LOCAL_IPS = Shelf(LOCAL_IP, LocalIp)

_TABLE = LOCAL_IP_ASSOCIATION
_NAMES = Association.__struct_fields__
_ALL = sa.select(*[_TABLE.c[name] for name in _NAMES]).order_by(_TABLE.c.local_ip_id, _TABLE.c.fixed_port_id)
_ids = texts("ids")
_OF_LOCAL_IPS = _ALL.where(_TABLE.c.local_ip_id.in_(_ids))
_ON_HOSTS = (
    _ALL.join(LOCAL_IP, LOCAL_IP.c.id == _TABLE.c.local_ip_id)
    .where(_TABLE.c.host_id.in_(_ids))
    .where(LOCAL_IP.c.ip_mode == str(IpMode.TRANSLATE))
)
_HOSTS = sa.select(LOCAL_IP_HOST.c.host_id)
_KNOWN = _HOSTS.where(LOCAL_IP_HOST.c.host_id.in_(_ids))
_NOTE_HOST = sa.text("INSERT INTO local_ip_host (host_id) VALUES (:host_id) ON CONFLICT (host_id) DO NOTHING")
_ELSEWHERE = _ALL.where(_TABLE.c.fixed_port_id.in_(_ids), _TABLE.c.host_id != sa.bindparam("host"))
_INSERT = sa.insert(_TABLE)
_REBIND = sa.update(_TABLE).where(_TABLE.c.fixed_port_id.in_(_ids)).values(host_id=sa.bindparam("host"))
_REMOVE = sa.delete(_TABLE).where(
    _TABLE.c.local_ip_id == sa.bindparam("local_ip_id"), _TABLE.c.fixed_port_id == sa.bindparam("port_id")
)
_FORGET = (
    sa.delete(_TABLE).where(_TABLE.c.fixed_port_id.in_(_ids)).returning(*[_TABLE.c[name] for name in _NAMES])
)


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The local IPs a project may know of: its own."""
    return LOCAL_IP.c.project_id == project_id


def lock(tx: Tx, local_ip_id: str) -> LocalIp:
    """A local IP that nobody else changes before this transaction ends. Raises LocalIPNotFound."""
    found = LOCAL_IPS.lock(tx, local_ip_id)
    if found is None:
        raise LocalIPNotFound(local_ip_id)
    return found


def associations_of(db: Reader, local_ip_ids: Collection[str]) -> Mapping[str, list[Association]]:
    """The ports that local IPs lead to."""
    found: dict[str, list[Association]] = {each: [] for each in local_ip_ids}
    for each in _read(db.rows(_OF_LOCAL_IPS, ids=list(local_ip_ids)) if local_ip_ids else ()):
        found[each.local_ip_id].append(each)
    return found


def load_association(db: Reader, local_ip_id: str, port_id: str) -> Association:
    """One association. Raises LocalIPAssociationNotFound."""
    for each in associations_of(db, [local_ip_id])[local_ip_id]:
        if each.fixed_port_id == port_id:
            return each
    raise LocalIPAssociationNotFound(local_ip_id, port_id)


def translated_on(db: Reader, host_ids: Collection[str]) -> Mapping[str, list[Association]]:
    """The associations of ports on those of the hosts that have ever had any, of local IPs that are translated."""
    found: dict[str, list[Association]] = {
        row[0]: [] for row in (db.rows(_KNOWN, ids=list(host_ids)) if host_ids else ())
    }
    for each in _read(db.rows(_ON_HOSTS, ids=list(host_ids)) if host_ids else ()):
        found[each.host_id].append(each)
    return found


def hosts(db: Reader) -> list[str]:
    """The hosts on which local IPs lead to ports, or ever did."""
    return [row[0] for row in db.rows(_HOSTS)]


def not_on(db: Reader, port_ids: Collection[str], host_id: str) -> list[Association]:
    """Those associations of ports of which it is written that they are elsewhere than on a host."""
    return _read(db.rows(_ELSEWHERE, ids=list(port_ids), host=host_id)) if port_ids else []


def note_host(tx: Tx, host_id: str) -> None:
    """Local IPs lead to ports of this host from now on; safe to repeat."""
    tx.execute(_NOTE_HOST, host_id=host_id)


def insert(tx: Tx, association: Association) -> None:
    """Write a new association. Raises Duplicate."""
    tx.execute(_INSERT, **msgspec.structs.asdict(association))


def rebind(tx: Tx, port_ids: Collection[str], host_id: str) -> None:
    """Write where ports are that local IPs lead to."""
    tx.execute(_REBIND, ids=list(port_ids), host=host_id)


def remove(tx: Tx, association: Association) -> None:
    """Delete one association; absent is success."""
    tx.execute(_REMOVE, local_ip_id=association.local_ip_id, port_id=association.fixed_port_id)


def forget_ports(tx: Tx, port_ids: Collection[str]) -> list[Association]:
    """Delete all associations of ports; what they were."""
    return _read(tx.rows(_FORGET, ids=list(port_ids))) if port_ids else []


def _read(rows: Sequence[AnyRow]) -> list[Association]:
    return [msgspec.convert(dict(zip(_NAMES, row, strict=True)), Association) for row in rows]
