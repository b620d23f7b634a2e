"""NDP proxies, as rows."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.ndp_proxies import NdpProxy
from nacre.network.errors import NDPProxyNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import NDP_PROXY

PROXIES = Shelf(NDP_PROXY, NdpProxy)

_OF_PORTS = PROXIES.all.where(NDP_PROXY.c.port_id.in_(texts("ids")))
_OF_ROUTER = PROXIES.all.where(NDP_PROXY.c.router_id == sa.bindparam("router_id")).order_by(NDP_PROXY.c.id)


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The proxies a project may know of: its own."""
    return NDP_PROXY.c.project_id == project_id


def lock(tx: Tx, proxy_id: str) -> NdpProxy:
    """A proxy that nobody else changes before this transaction ends. Raises NDPProxyNotFound."""
    proxy = PROXIES.lock(tx, proxy_id)
    if proxy is None:
        raise NDPProxyNotFound(proxy_id)
    return proxy


def of_ports(db: Reader, port_ids: Collection[str]) -> list[NdpProxy]:
    """The proxies for addresses of ports."""
    return [PROXIES.of(row) for row in db.rows(_OF_PORTS, ids=list(port_ids))] if port_ids else []


def of_router(db: Reader, router_id: str) -> list[NdpProxy]:
    """The proxies of a router."""
    return [PROXIES.of(row) for row in db.rows(_OF_ROUTER, router_id=router_id)]
