"""Routers, and their legs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.ids import ProjectId, RouterId, new_id
from nacre.kernel.policy import NotAllowed
from nacre.network import policy
from nacre.network.api.attributes import Given, Whole, fixed, free, project_of, shown
from nacre.network.api.kinds import NAME, boolean, many, optional, or_empty, text, thing, uuid
from nacre.network.api.networks import ZONE, always, check_zones
from nacre.network.api.noun import Noun, Policies, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.api.ports import ADDRESS
from nacre.network.api.qos import check_usable
from nacre.network.api.subnets import MOST_ROUTES, ROUTE, SUBNETS
from nacre.network.changes import gateways, ndp_proxies
from nacre.network.changes import routers as changes
from nacre.network.changes.gateways import GatewayAsk
from nacre.network.domain.ports import Port
from nacre.network.domain.routers import ExternalGateway, Router
from nacre.network.errors import (
    BadRequest,
    FlavorDisabled,
    FlavorNotFound,
    HTTPBadRequest,
    NetworkNotFound,
    PortNotFound,
    RouterNotFound,
)
from nacre.network.store import flavors, networks, ports, routers

_GATEWAY = thing(
    {
        "network_id": uuid,
        "enable_snat": boolean,
        "qos_policy_id": optional(uuid),
        "external_fixed_ips": many(ADDRESS, distinct=False, most=10),
    },
    GatewayAsk,
    needed=("network_id",),
)


MOST_GATEWAYS = 16
_UNSAID = ("distributed", "ha", "enable_ndp_proxy")
"""What null says nothing of."""


def _gateway(value: Any) -> GatewayAsk | None:
    """A way out; nothing, or an empty object, means none."""
    ask: GatewayAsk | None = None if value is None or value == {} else _GATEWAY(value)
    return ask


ATTRIBUTES = (
    free("name", NAME),
    free("admin_state_up", boolean),
    shown("status"),
    free("distributed", optional(boolean), admin=True, hidden=True),
    free("ha", optional(boolean), admin=True, hidden=True),
    free("external_gateway_info", _gateway),
    shown("external_gateways"),
    free("enable_default_route_ecmp", or_empty(boolean, False), admin=True),
    free("enable_default_route_bfd", or_empty(boolean, False), admin=True),
    free("enable_ndp_proxy", optional(boolean)),
    free("routes", or_empty(many(ROUTE, most=MOST_ROUTES), ())),
    fixed("flavor_id", optional(uuid)),
    fixed("availability_zone_hints", many(text())),
    shown("availability_zones"),
)


def _views(_db: Reader, items: Sequence[Router]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: Router) -> View:
    return standard_view(item) | {
        "name": item.name,
        "admin_state_up": item.admin_state_up,
        "status": "ACTIVE",
        "distributed": item.distributed,
        "ha": item.ha,
        "external_gateway_info": _gateway_view(item.external_gateway_info),
        "external_gateways": [_gateway_view(each) for each in item.gateways],
        "enable_default_route_ecmp": item.enable_default_route_ecmp,
        "enable_default_route_bfd": item.enable_default_route_bfd,
        "enable_ndp_proxy": item.enable_ndp_proxy,
        "routes": item.routes,
        "flavor_id": item.flavor_id,
        "availability_zone_hints": [],
        "availability_zones": [ZONE],
    }


def _gateway_view(gateway: ExternalGateway | None) -> View | None:
    if gateway is None:
        return None
    return {
        "network_id": gateway.network_id,
        "enable_snat": gateway.enable_snat,
        "qos_policy_id": gateway.qos_policy_id,
        "external_fixed_ips": gateway.external_fixed_ips,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[Router]:
    """Errors: those of `changes.routers.create`, NotAllowed, NetworkNotFound, RouterGatewayNotValid."""
    made = []
    for each in given:
        check_zones(each.get("availability_zone_hints", ()))
        ask = _checked_gateway(call, tx, each)
        _check_flavor(tx, each)
        said = each.without("project_id", "external_gateway_info", "availability_zone_hints")
        said["distributed"] = bool(said.get("distributed"))
        said["ha"] = said.get("ha") is not False
        said["enable_ndp_proxy"] = bool(said.get("enable_ndp_proxy"))
        router = Router(
            id=RouterId(new_id()),
            project_id=ProjectId(project_of(call, each)),
            created_at=call.now,
            updated_at=call.now,
            **said,
        )
        made.append(changes.create(tx, router, ask))
        if router.enable_ndp_proxy:
            ndp_proxies.check_possible(tx, made[-1])
    return made


def _check_flavor(db: Reader, given: Given) -> None:
    """A flavor says what kind of router it is, and nobody else. Raises BadRequest, FlavorNotFound, FlavorDisabled."""
    flavor_id = given.get("flavor_id")
    if flavor_id is None:
        return
    if given.get("distributed") is not None:
        raise BadRequest("router", "A flavor and a kind of router cannot both be specified")
    flavor = flavors.find(db, flavor_id)
    if flavor is None or flavor.service_type != "L3_ROUTER_NAT":
        raise FlavorNotFound(flavor_id)
    if not flavor.enabled:
        raise FlavorDisabled


def _checked_gateway(call: Call[Parts], tx: Tx, given: Given) -> GatewayAsk | None:
    """The way out that is asked for. Source NAT and addresses outside are the operator's to choose.

    Raises QosPolicyNotFound, NotAllowed, NetworkNotFound.
    """
    ask: GatewayAsk | None = given.get("external_gateway_info")
    if ask is not None:
        _check_gateway(call, tx, ask, "external_gateway_info")
    return ask


def _check_gateway(call: Call[Parts], tx: Tx, ask: GatewayAsk, where: str) -> None:
    """Raises QosPolicyNotFound, NotAllowed, NetworkNotFound."""
    if ask.qos_policy_id:
        check_usable(call, tx, Given({"qos_policy_id": ask.qos_policy_id}))
    if policy.ADMINISTER.allows(call.caller, {}):
        return
    for name in ("enable_snat", "external_fixed_ips"):
        if getattr(ask, name) is not None:
            raise NotAllowed(f"{call.route.policy.name}:{where}:{name}")
    network = networks.load(tx, ask.network_id)
    if not (call.sees(network.project_id) or networks.is_seen_by(tx, network, call.project_id)):
        raise NetworkNotFound(network.id)


def _change(call: Call[Parts], tx: Tx, item: Router, given: Given) -> Router:
    """Errors: those of `changes.gateways.with_first` and `changes.routers.update`, NotAllowed, NetworkNotFound,
    RouterGatewayNotValid.
    """
    ask = _checked_gateway(call, tx, given)
    said = given.without("external_gateway_info")
    said = {name: value for name, value in said.items() if value is not None or name not in _UNSAID}
    after = msgspec.structs.replace(item, **said)
    if given.has("external_gateway_info"):
        after = gateways.with_first(tx, after, ask)
    if given.get("enable_ndp_proxy"):
        ndp_proxies.check_possible(tx, after)
    return changes.update(tx, item, after)


def _remove(_call: Call[Parts], tx: Tx, item: Router) -> None:
    """Errors: RouterInUse."""
    changes.delete(tx, item)


ROUTERS = Noun(
    name="router",
    plural="routers",
    attributes=ATTRIBUTES,
    policies=Policies(policy.ROUTER_SHOW, policy.ROUTER_CREATE, policy.ROUTER_UPDATE, policy.ROUTER_DELETE),
    shelf=routers.ROUTERS,
    absent=RouterNotFound,
    seen_by=routers.seen_by,
    rows=routers.ROUTER_ROWS,
    whole=routers.whole,
    views=_views,
    lock=routers.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
    special={"status": always("ACTIVE")},
)


# -- legs ------------------------------------------------------------------------------------------------------


def join(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Give a router a leg: in a subnet, or by a port that exists.

    Errors: RouterNotFound, SubnetNotFound, PortNotFound, PortInUse, BadRequest, IpAddressAlreadyAllocated.
    """
    port_id, subnet_id = _leg_asked(ask)
    if port_id and subnet_id:
        raise BadRequest("router", "Cannot specify both subnet-id and port-id")
    with call.database.write(call.actor) as tx:
        router = ROUTERS.lock_for(call, tx, object_id)
        if port_id:
            port = ports.lock(tx, port_id)
            if not call.sees(port.project_id):
                raise PortNotFound(port_id)
            leg = changes.join_by_port(tx, router, port)
            subnet_id = leg.fixed_ips[0].subnet_id
        else:
            subnet = SUBNETS.load(call, tx, subnet_id or "")
            leg = changes.join_by_subnet(tx, router, subnet)
    return Ok(_leg_view(router, leg, subnet_id or ""))


def leave(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Take a leg from a router, found by its subnet or its port.

    Errors: RouterNotFound, RouterInterfaceNotFound, RouterInterfaceNotFoundForSubnet,
    RouterInterfaceInUseByFloatingIP, RouterInterfaceInUseByRoute.
    """
    port_id, subnet_id = _leg_asked(ask)
    with call.database.write(call.actor) as tx:
        router = ROUTERS.lock_for(call, tx, object_id)
        leg, left = changes.leave(tx, router, port_id=port_id, subnet_id=subnet_id)
    return Ok(_leg_view(router, leg, left))


def _leg_asked(ask: Whole) -> tuple[str | None, str | None]:
    unknown = ask.members.keys() - {"port_id", "subnet_id"}
    if unknown or not ask.members:
        raise BadRequest("router", "Either subnet_id or port_id must be specified")
    try:
        port_id, subnet_id = (optional(uuid)(ask.members.get(name)) for name in ("port_id", "subnet_id"))
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for operation: {error}") from error
    if port_id is None and subnet_id is None:
        raise BadRequest("router", "Either subnet_id or port_id must be specified")
    return port_id, subnet_id


def _leg_view(router: Router, leg: Port, subnet_id: str) -> View:
    return {
        "id": router.id,
        "project_id": router.project_id,
        "tenant_id": router.project_id,
        "port_id": leg.id,
        "network_id": leg.network_id,
        "subnet_id": subnet_id,
        "subnet_ids": [subnet_id],
    }


def add_routes(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Add routes to a router; those it has already change nothing. Errors: RouterNotFound, InvalidRoutes."""
    return _with_routes(call, ask, object_id, adding=True)


def remove_routes(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Take routes from a router; those it has not change nothing. Errors: RouterNotFound."""
    return _with_routes(call, ask, object_id, adding=False)


def _with_routes(call: Call[Parts], ask: Whole, object_id: str, *, adding: bool) -> Answer:
    raw = ask.members.get("router")
    if not isinstance(raw, dict) or raw.keys() != {"routes"}:
        raise HTTPBadRequest("Unable to find 'router' with 'routes' in request body")
    try:
        asked = many(ROUTE, most=MOST_ROUTES)(raw["routes"])
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for routes. Reason: {error}.") from error
    with call.database.write(call.actor) as tx:
        before = ROUTERS.lock_for(call, tx, object_id)
        kept = [route for route in before.routes if route not in asked]
        routes = tuple(kept + list(asked)) if adding else tuple(kept)
        router = changes.update(tx, before, msgspec.structs.replace(before, routes=routes))
    return Ok({"router": _view(router)})


# -- several ways out ------------------------------------------------------------------------------------------


def add_gateways(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Give a router further ways out; the first one, where it has none.

    Errors: RouterNotFound, NotAllowed, QosPolicyNotFound, SeveralGatewaysAndForwardings, and those of
    `changes.gateways.with_more`.
    """

    def added(tx: Tx, router: Router, asks: Sequence[GatewayAsk]) -> Router:
        _check_gateways(call, tx, asks)
        return gateways.with_more(tx, router, asks)

    return _with_gateways(call, ask, object_id, added)


def update_gateways(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Give a router these ways out and no others, in this order; those that it has already stay.

    Errors: RouterNotFound, NotAllowed, QosPolicyNotFound, RouterExternalGatewayInUseByFloatingIp,
    SeveralGatewaysAndForwardings, and those of `changes.gateways.with_these`.
    """

    def renewed(tx: Tx, router: Router, asks: Sequence[GatewayAsk]) -> Router:
        _check_gateways(call, tx, asks)
        return gateways.with_these(tx, router, asks)

    return _with_gateways(call, ask, object_id, renewed)


def remove_gateways(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Take ways out from a router, found by network and address.

    Errors: RouterNotFound, UnableToRemoveGateways, UnableToMatchGateways, RouterExternalGatewayInUseByFloatingIp.
    """
    return _with_gateways(call, ask, object_id, lambda _tx, router, asks: gateways.without(router, asks))


def _check_gateways(call: Call[Parts], tx: Tx, asks: Sequence[GatewayAsk]) -> None:
    for each in asks:
        _check_gateway(call, tx, each, "external_gateways")


def _with_gateways(
    call: Call[Parts],
    ask: Whole,
    object_id: str,
    change: Callable[[Tx, Router, Sequence[GatewayAsk]], Router],
) -> Answer:
    raw = ask.members.get("router")
    if not isinstance(raw, dict) or raw.keys() != {"external_gateways"}:
        raise HTTPBadRequest("Unable to find 'router' with 'external_gateways' in request body")
    try:
        asks = many(_GATEWAY, distinct=False, most=MOST_GATEWAYS)(raw["external_gateways"])
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for external_gateways. Reason: {error}.") from error
    with call.database.write(call.actor) as tx:
        before = ROUTERS.lock_for(call, tx, object_id)
        after = change(tx, before, asks)
        if len(after.gateways) > MOST_GATEWAYS:
            raise BadRequest("router", f"A router has {MOST_GATEWAYS} ways out at most")
        router = changes.update(tx, before, after)
    return Ok({"router": _view(router)})
