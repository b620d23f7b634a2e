"""Networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import NetworkId, ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, free, project_of, shown
from nacre.network.api.kinds import (
    NAME,
    boolean,
    dns_name,
    many,
    number,
    one_of,
    optional,
    or_empty,
    text,
    thing,
    uuid,
)
from nacre.network.api.noun import Noun, Policies, Sharing, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.api.qos import check_usable
from nacre.network.changes import guarantees
from nacre.network.changes import networks as changes
from nacre.network.changes import segments as segment_changes
from nacre.network.domain.networks import Network, NetworkType, largest_mtu
from nacre.network.domain.segments import Segment, Wire, WireAsk
from nacre.network.errors import InvalidInput, NetworkNotFound
from nacre.network.store import networks, qos, segments
from nacre.network.store.networks import Standing
from nacre.network.store.tables import NETWORK

ZONE = "nova"
NUMBER = number(1, (1 << 24) - 1)
"""The number of a segment, of the type that has the most."""

_WIRE = thing(
    {
        "provider:network_type": one_of(*NetworkType),
        "provider:physical_network": optional(text(64, least=1)),
        "provider:segmentation_id": optional(NUMBER),
    },
    lambda **said: said,
    needed=("provider:network_type",),
)
_TAG_ATTRIBUTES = ("vlan_transparent", "qinq")
_WIRE_ATTRIBUTES = ("provider_network_type", "provider_physical_network", "provider_segmentation_id")

ATTRIBUTES = (
    free("name", NAME),
    free("admin_state_up", boolean),
    shown("status"),
    shown("subnets"),
    free("shared", boolean, admin=True),
    free("router:external", boolean, admin=True),
    free("is_default", boolean, admin=True),
    free("mtu", number(0, 65535)),
    free("port_security_enabled", boolean),
    fixed("vlan_transparent", optional(boolean)),
    fixed("qinq", optional(boolean)),
    free("dns_domain", or_empty(dns_name, "")),
    fixed("availability_zone_hints", many(text())),
    shown("availability_zones"),
    shown("ipv4_address_scope"),
    shown("ipv6_address_scope"),
    shown("l2_adjacency"),
    free("qos_policy_id", optional(uuid)),
    fixed("provider:network_type", one_of(*NetworkType), admin=True, hidden=True),
    fixed("provider:physical_network", optional(text(64, least=1)), admin=True, hidden=True),
    fixed("provider:segmentation_id", optional(NUMBER), admin=True, hidden=True),
    fixed("segments", many(_WIRE, most=50), admin=True, hidden=True),
)


def _views(db: Reader, items: Sequence[Network]) -> list[View]:
    on = networks.standing(db, [item.id for item in items])
    wires = segments.of_networks(db, [item.id for item in items if item.is_physical])
    return [_view(item, on[item.id]) | _provider(item, wires.get(item.id, ())) for item in items]


def _provider(item: Network, wires: Sequence[Segment]) -> View:
    """How its frames travel: by one wire, or by several, each of which is named."""
    if len(wires) > 1:
        return {
            "segments": [
                _wire_view(each.network_type, each.physical_network, each.segmentation_id) for each in wires
            ]
        }
    return _wire_view(
        item.provider_network_type, item.provider_physical_network, item.provider_segmentation_id
    )


def _wire_view(kind: NetworkType, physical_network: str | None, segmentation_id: int | None) -> View:
    return {
        "provider:network_type": str(kind),
        "provider:physical_network": physical_network,
        "provider:segmentation_id": segmentation_id,
    }


def _view(item: Network, on: Standing) -> View:
    return standard_view(item) | {
        "name": item.name,
        "admin_state_up": item.admin_state_up,
        "status": "ACTIVE",
        "subnets": on.subnet_ids,
        "shared": item.shared,
        "router:external": item.router_external,
        "is_default": item.is_default,
        "mtu": item.mtu,
        "port_security_enabled": item.port_security_enabled,
        "vlan_transparent": item.vlan_transparent,
        "qinq": item.qinq,
        "dns_domain": item.dns_domain,
        "availability_zone_hints": [],
        "availability_zones": [ZONE],
        "ipv4_address_scope": on.scopes.get(4),
        "ipv6_address_scope": on.scopes.get(6),
        "l2_adjacency": not on.is_apart,
        "qos_policy_id": item.qos_policy_id,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[Network]:
    """Errors: OverQuota, InvalidInput, QosPolicyNotFound, and those of `changes.segments.Wires.choose`."""
    for each in given:
        check_usable(call, tx, each)
    wires = segment_changes.Wires(tx, call.parts.self_service_types)
    chosen = [[wires.choose(ask) for ask in _asks(call, each)] for each in given]
    made = [_shaped(tx, _new(call, each, held[0]), each) for each, held in zip(given, chosen, strict=True)]
    changes.create(tx, made)
    for network, held in zip(made, chosen, strict=True):
        for wire in held[1:]:
            segment_changes.create(tx, network, segment_of(network, wire, now=call.now))
    return made


def _asks(call: Call[Parts], given: Given) -> list[WireAsk]:
    """What is said of the wire of a network, or of each of several. Raises InvalidInput."""
    several = given.get("segments", ())
    single = {name: given.said[name] for name in _WIRE_ATTRIBUTES if given.has(name)}
    if several and single:
        raise InvalidInput("Plugin does not support both segments and provider attributes")
    project_id = project_of(call, given)
    said = [{name.replace(":", "_"): value for name, value in each.items()} for each in several] or [single]
    return [_ask(project_id, each) for each in said]


def _ask(project_id: str, said: Mapping[str, Any]) -> WireAsk:
    kind, physical_network, segmentation_id = (said.get(name) for name in _WIRE_ATTRIBUTES)
    return WireAsk(
        project_id=project_id,
        network_type=NetworkType(kind) if kind else None,
        physical_network=physical_network,
        segmentation_id=segmentation_id,
    )


def segment_of(network: Network, wire: Wire, *, now: float, **more: Any) -> Segment:
    """A new segment of a network, on a wire."""
    return Segment(
        id=new_id(),
        network_id=network.id,
        network_type=wire.network_type,
        physical_network=wire.physical_network,
        segmentation_id=wire.segmentation_id,
        created_at=now,
        updated_at=now,
        **more,
    )


def _new(call: Call[Parts], given: Given, wire: Wire) -> Network:
    said = given.without(
        "project_id", "segments", "mtu", "availability_zone_hints", *_TAG_ATTRIBUTES, *_WIRE_ATTRIBUTES
    )
    check_zones(given.get("availability_zone_hints", ()))
    _check_tags(given, wire.network_type)
    return Network(
        id=NetworkId(new_id()),
        project_id=ProjectId(project_of(call, given)),
        mtu=_mtu(given, wire.network_type),
        vlan_transparent=bool(given.get("vlan_transparent")),
        qinq=bool(given.get("qinq")),
        provider_network_type=wire.network_type,
        provider_physical_network=wire.physical_network,
        provider_segmentation_id=wire.segmentation_id,
        created_at=call.now,
        updated_at=call.now,
        **said,
    )


def _shaped(db: Reader, network: Network, given: Given) -> Network:
    """The network with its project's default policy where the caller says nothing of it."""
    if given.has("qos_policy_id"):
        return network
    return msgspec.structs.replace(network, qos_policy_id=qos.default_of(db, network.project_id))


def _check_tags(given: Given, kind: NetworkType) -> None:
    """Guests' tags travel under one kind of tag, and a service tag is one of a VLAN. Raises InvalidInput."""
    if not given.get("qinq"):
        return
    if given.get("vlan_transparent"):
        raise InvalidInput("vlan_transparent and qinq cannot both be set")
    if kind is not NetworkType.VLAN:
        raise InvalidInput(f"a network of type {kind} has no VLAN for qinq")


def check_zones(hints: Sequence[str]) -> None:
    """There is one zone. Raises InvalidInput."""
    for hint in hints:
        if hint != ZONE:
            raise InvalidInput(f"AvailabilityZone {hint[:60]} could not be found")


def _mtu(given: Given, kind: NetworkType) -> int:
    """What was said; silence and 0 mean the largest."""
    most = largest_mtu(kind)
    mtu = given.get("mtu") or most
    if mtu > most:
        raise InvalidInput(f"Requested MTU is too big, maximum is {most}")
    return int(mtu)


def _change(call: Call[Parts], tx: Tx, item: Network, given: Given) -> Network:
    """Errors: InvalidSharedSetting, InvalidInput, QosPolicyNotFound."""
    check_usable(call, tx, given, had=item.qos_policy_id)
    said = dict(given.said)
    if "mtu" in said:
        said["mtu"] = _mtu(given, item.provider_network_type)
    after = changes.update(tx, item, msgspec.structs.replace(item, **said))
    if after.qos_policy_id != item.qos_policy_id:
        guarantees.settle_network(tx, call.parts.placement, item.id)
    return after


def _remove(_call: Call[Parts], tx: Tx, item: Network) -> None:
    """Errors: NetworkInUse."""
    changes.delete(tx, item)


def always(*words: str) -> Any:
    """A filter on what is the same for all: everything is asked for, or nothing."""
    return lambda values: sa.true() if set(words) & {value.upper() for value in values} else sa.false()


NETWORKS = Noun(
    name="network",
    plural="networks",
    attributes=ATTRIBUTES,
    policies=Policies(
        policy.NETWORK_SHOW, policy.NETWORK_CREATE, policy.NETWORK_UPDATE, policy.NETWORK_DELETE
    ),
    shelf=networks.NETWORKS,
    absent=NetworkNotFound,
    seen_by=networks.seen_by,
    sharing=Sharing("network", NETWORK.c.id),
    views=_views,
    lock=networks.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
    special={"status": always("ACTIVE")},
)
