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
    uuid,
)
from nacre.network.api.noun import Noun, Policies, Sharing, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.api.qos import check_usable
from nacre.network.changes import networks as changes
from nacre.network.domain.networks import Network, NetworkType, largest_mtu
from nacre.network.errors import InvalidInput, NetworkNotFound
from nacre.network.store import address_scopes, networks, qos
from nacre.network.store.tables import NETWORK

ZONE = "nova"

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
    free("dns_domain", or_empty(dns_name, "")),
    fixed("availability_zone_hints", many(text())),
    shown("availability_zones"),
    shown("ipv4_address_scope"),
    shown("ipv6_address_scope"),
    shown("l2_adjacency"),
    free("qos_policy_id", optional(uuid)),
    fixed("provider:network_type", one_of(*NetworkType), admin=True, hidden=True),
    fixed("provider:physical_network", optional(text(64, least=1)), admin=True, hidden=True),
    fixed("provider:segmentation_id", optional(number(1, 4094)), admin=True, hidden=True),
)


def _views(db: Reader, items: Sequence[Network]) -> list[View]:
    ids = [item.id for item in items]
    subnets, scopes = networks.subnet_ids(db, ids), address_scopes.of_networks(db, ids)
    return [_view(item, subnets[item.id], scopes) for item in items]


def _view(item: Network, subnets: Sequence[str], scopes: Mapping[tuple[str, int], str]) -> View:
    return standard_view(item) | {
        "name": item.name,
        "admin_state_up": item.admin_state_up,
        "status": "ACTIVE",
        "subnets": subnets,
        "shared": item.shared,
        "router:external": item.router_external,
        "is_default": item.is_default,
        "mtu": item.mtu,
        "port_security_enabled": item.port_security_enabled,
        "vlan_transparent": item.vlan_transparent,
        "dns_domain": item.dns_domain,
        "availability_zone_hints": [],
        "availability_zones": [ZONE],
        "ipv4_address_scope": scopes.get((item.id, 4)),
        "ipv6_address_scope": scopes.get((item.id, 6)),
        "l2_adjacency": True,
        "provider:network_type": str(item.provider_network_type),
        "provider:physical_network": item.provider_physical_network,
        "provider:segmentation_id": item.provider_segmentation_id,
        "qos_policy_id": item.qos_policy_id,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[Network]:
    """Errors: OverQuota, FlatNetworkInUse, VlanIdInUse, InvalidInput, QosPolicyNotFound."""
    for each in given:
        check_usable(call, tx, each)
    made = [_shaped(tx, _new(call, each), each) for each in given]
    changes.create(tx, made)
    return made


def _new(call: Call[Parts], given: Given) -> Network:
    said = given.without("project_id", "mtu", "availability_zone_hints", "vlan_transparent")
    check_zones(given.get("availability_zone_hints", ()))
    said["provider_network_type"] = kind = NetworkType(
        said.get("provider_network_type") or _kind_unsaid(said.get("provider_physical_network"))
    )
    _check_provider(kind, said.get("provider_physical_network"), said.get("provider_segmentation_id"))
    return Network(
        id=NetworkId(new_id()),
        project_id=ProjectId(project_of(call, given)),
        mtu=_mtu(given, kind),
        vlan_transparent=bool(given.get("vlan_transparent")),
        created_at=call.now,
        updated_at=call.now,
        **said,
    )


def _shaped(db: Reader, network: Network, given: Given) -> Network:
    """The network with its project's default policy where the caller says nothing of it."""
    if given.has("qos_policy_id"):
        return network
    return msgspec.structs.replace(network, qos_policy_id=qos.default_of(db, network.project_id))


def _kind_unsaid(physical_network: str | None) -> NetworkType:
    if physical_network is not None:
        raise InvalidInput("network_type required")
    return NetworkType.GENEVE


def _check_provider(kind: NetworkType, physical_network: str | None, segmentation_id: int | None) -> None:
    if kind is NetworkType.GENEVE:
        if physical_network is not None:
            raise InvalidInput("provider:physical_network specified for geneve network")
        return
    if physical_network is None:
        raise InvalidInput(f"physical_network required for {kind} provider network")
    if kind is NetworkType.VLAN and segmentation_id is None:
        raise InvalidInput("segmentation_id required for VLAN provider network")
    if kind is NetworkType.FLAT and segmentation_id is not None:
        raise InvalidInput("provider:segmentation_id specified for flat network")


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
    check_usable(call, tx, given)
    said = dict(given.said)
    if "mtu" in said:
        said["mtu"] = _mtu(given, item.provider_network_type)
    return changes.update(tx, item, msgspec.structs.replace(item, **said))


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
