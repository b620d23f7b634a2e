"""NDP proxies."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import HISTORIC, Given, fixed, free, project_of
from nacre.network.api.kinds import NAME, ip, optional, uuid
from nacre.network.api.noun import Noun, Policies, View, historic_view
from nacre.network.api.parts import Parts
from nacre.network.changes import ndp_proxies as changes
from nacre.network.domain.ndp_proxies import NdpProxy
from nacre.network.errors import NDPProxyNotFound, PortNotFound, RouterNotFound
from nacre.network.store import ndp_proxies, ports, routers

ATTRIBUTES = (
    free("name", NAME),
    fixed("router_id", uuid, needed=True),
    fixed("port_id", uuid, needed=True),
    fixed("ip_address", optional(ip)),
)


def _views(_db: Reader, items: Sequence[NdpProxy]) -> list[View]:
    return [historic_view(item) for item in items]


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[NdpProxy]:
    """Errors: RouterNotFound, PortNotFound, and those of `changes.ndp_proxies`."""
    made = []
    for each in given:
        # In this order: see `routers.hold`.
        port = ports.lock(tx, each.said["port_id"])
        if not call.sees(port.project_id):
            raise PortNotFound(port.id)
        router = routers.lock(tx, each.said["router_id"])
        if not call.sees(router.project_id):
            raise RouterNotFound(router.id)
        proxy = NdpProxy(
            id=new_id(),
            project_id=ProjectId(project_of(call, each)),
            router_id=router.id,
            port_id=port.id,
            ip_address=changes.address_for(tx, router, port, each.get("ip_address")),
            name=each.get("name", ""),
            description=each.get("description", ""),
            created_at=call.now,
            updated_at=call.now,
        )
        made.append(changes.create(tx, proxy))
    return made


def _change(_call: Call[Parts], tx: Tx, item: NdpProxy, given: Given) -> NdpProxy:
    return changes.update(tx, item, msgspec.structs.replace(item, **given.said))


def _remove(_call: Call[Parts], tx: Tx, item: NdpProxy) -> None:
    changes.delete(tx, item)


NDP_PROXIES = Noun(
    name="ndp_proxy",
    plural="ndp_proxies",
    attributes=ATTRIBUTES,
    standard=HISTORIC,
    policies=Policies(
        policy.NDP_PROXY_SHOW, policy.NDP_PROXY_CREATE, policy.NDP_PROXY_UPDATE, policy.NDP_PROXY_DELETE
    ),
    shelf=ndp_proxies.PROXIES,
    absent=NDPProxyNotFound,
    seen_by=ndp_proxies.seen_by,
    views=_views,
    lock=ndp_proxies.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)
