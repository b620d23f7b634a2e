"""`nacre explain NOUN NAME_OR_ID`: what a delete would be refused for, and the commands that clear it, in order.

What hinders stands in `hindrances.py`, where the deletes themselves look. Here is only how one leads to another: a
command may be refused in turn, and what hinders it comes before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad, Problem
from nacre.network import errors, hindrances
from nacre.network.domain.ports import Port
from nacre.network.hindrances import Hindrance
from nacre.network.store import (
    ports,
    rbac,
    routers,
    segment_ranges,
    segments,
    subnets,
    trunks,
)
from nacre.network.store import tables as t

MOST_STEPS = 1000

Rule = Callable[[Reader, str], Iterable[Hindrance]]


@dataclass(frozen=True)
class Noun:
    """One kind of object that can be explained: where it is, what deletes it, and what hinders that."""

    table: sa.Table
    delete: str
    rule: Rule
    absent: Callable[[str], Problem]


def explain(db: Reader, noun: str, name_or_id: str) -> Mapping[str, Any]:
    """What has to be done before one object can be deleted, in the order in which it works.

    Errors: Bad for a noun that cannot be explained, or a name that several bear; the noun's own NotFound.
    """
    found = NOUNS.get(noun)
    if found is None:
        raise Bad(f"{noun[:60]} cannot be explained; these can: {', '.join(sorted(NOUNS))}.", where="noun")
    object_id = _id_of(db, found, name_or_id)
    walk = _Walk(db)
    walk.clear(noun, object_id)
    return {
        "noun": noun,
        "id": object_id,
        "hindered": bool(walk.steps),
        "steps": [
            {"clears": step.what, "refusal": str(step.problem), "do": step.clear} for step in walk.steps
        ],
        "complete": not walk.is_cut_off,
        "then": f"openstack {found.delete} delete {object_id}",
    }


@dataclass
class _Walk:
    """From what is to be deleted to what hinders it, and on; written down on the way back."""

    db: Reader
    steps: list[Hindrance] = field(default_factory=list)
    is_cut_off: bool = False
    _met: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)

    def clear(self, rule: str, object_id: str) -> None:
        for hindrance in RULES[rule](self.db, object_id):
            if len(self._met) >= MOST_STEPS:
                self.is_cut_off = True
                return
            if hindrance.clear in self._met or hindrance.subject in self._gone:
                continue
            self._met.add(hindrance.clear)
            if hindrance.first is not None:
                self.clear(*hindrance.first)
            self.steps.append(hindrance)
            if hindrance.goes:
                self._gone.add(hindrance.subject)


# -- what hinders, by id -----------------------------------------------------------------------------------


def _network(db: Reader, network_id: str) -> Iterator[Hindrance]:
    """Floating IPs that lead nowhere go with the network, but for those of which ports are forwarded."""
    unused = routers.unused_floating_ips(db, network_id)
    for floating_ip in unused:
        yield from hindrances.of_floating_ip(db, floating_ip.id)
    gone = {floating_ip.floating_port_id for floating_ip in unused}
    standing = [port for port in ports.of_network(db, network_id) if port.id not in gone]
    yield from hindrances.of_network(db, network_id, _in_order(standing))


def _subnet(db: Reader, subnet_id: str) -> Iterator[Hindrance]:
    holding = ports.some(db, {port_id for _ip, port_id, _owner in ports.addresses_from(db, subnet_id)})
    yield from hindrances.of_subnet(db, subnets.load(db, subnet_id), _in_order(holding.values()))


def _in_order(standing: Iterable[Port]) -> list[Port]:
    """What leads to ports before the ports: with a port goes what led to it, and could not be taken away again."""
    return sorted(standing, key=lambda port: (not port.is_trusted, port.id))


def _port(db: Reader, port_id: str) -> Iterator[Hindrance]:
    yield from hindrances.of_service_port(db, ports.load(db, port_id))
    yield from hindrances.of_trunked(db, [port_id])


def _router(db: Reader, router_id: str) -> Iterator[Hindrance]:
    yield from hindrances.of_router(db, router_id, ports.of_devices(db, [router_id])[router_id])


def _leg(db: Reader, port_id: str) -> Iterator[Hindrance]:
    port = ports.load(db, port_id)
    router = routers.load(db, port.device_id)
    for fixed in port.fixed_ips:
        yield from hindrances.of_leg(db, router, subnets.load(db, fixed.subnet_id))


def _gateway(db: Reader, port_id: str) -> Iterator[Hindrance]:
    """As if the router had no way out by this port."""
    port = ports.load(db, port_id)
    outside = list(routers.networks_outside(db, port.device_id))
    if port.network_id in outside:
        outside.remove(port.network_id)
    yield from hindrances.of_ways_out(db, port.device_id, outside)


def _trunk(db: Reader, trunk_id: str) -> Iterator[Hindrance]:
    for trunk in trunks.whole(db, db.rows(trunks.TRUNKS.all.where(t.TRUNK.c.id == trunk_id))):
        yield from hindrances.of_trunk(trunk)


def _segment(db: Reader, segment_id: str) -> Iterator[Hindrance]:
    segment = segments.SEGMENTS.find(db, segment_id)
    if segment is not None:
        yield from hindrances.of_segment(db, segment)


def _segment_range(db: Reader, range_id: str) -> Iterator[Hindrance]:
    held = segment_ranges.RANGES.find(db, range_id)
    if held is not None:
        yield from hindrances.of_segment_range(db, held)


def _rbac_policy(db: Reader, policy_id: str) -> Iterator[Hindrance]:
    """Legs and ways out come before ports, as for networks."""
    policy = rbac.POLICIES.find(db, policy_id)
    shared = rbac.find_object(db, policy.object_type, policy.object_id) if policy else None
    if policy is not None and shared is not None:
        found = islice(hindrances.of_rbac_policy(db, policy, shared), MOST_STEPS + 1)
        yield from sorted(found, key=lambda each: each.first is not None and each.first[0] == "port")


def _nothing(_db: Reader, _object_id: str) -> Iterator[Hindrance]:
    """What it has goes with it."""
    return iter(())


NOUNS: Mapping[str, Noun] = {
    "network": Noun(t.NETWORK, "network", _network, errors.NetworkNotFound),
    "subnet": Noun(t.SUBNET, "subnet", _subnet, errors.SubnetNotFound),
    "port": Noun(t.PORT, "port", _port, errors.PortNotFound),
    "router": Noun(t.ROUTER, "router", _router, errors.RouterNotFound),
    "floating-ip": Noun(t.FLOATING_IP, "floating ip", hindrances.of_floating_ip, errors.FloatingIPNotFound),
    "local-ip": Noun(t.LOCAL_IP, "local ip", hindrances.of_local_ip, errors.LocalIPNotFound),
    "security-group": Noun(
        t.SECURITY_GROUP, "security group", hindrances.of_security_group, errors.SecurityGroupNotFound
    ),
    "address-group": Noun(
        t.ADDRESS_GROUP, "address group", hindrances.of_address_group, errors.AddressGroupNotFound
    ),
    "address-scope": Noun(
        t.ADDRESS_SCOPE, "address scope", hindrances.of_address_scope, errors.AddressScopeNotFound
    ),
    "subnet-pool": Noun(t.SUBNET_POOL, "subnet pool", hindrances.of_subnet_pool, errors.SubnetPoolNotFound),
    "qos-policy": Noun(
        t.QOS_POLICY, "network qos policy", hindrances.of_qos_policy, errors.QosPolicyNotFound
    ),
    "segment": Noun(t.NETWORK_SEGMENT, "network segment", _segment, errors.SegmentNotFound),
    "segment-range": Noun(
        t.NETWORK_SEGMENT_RANGE,
        "network segment range",
        _segment_range,
        errors.NetworkSegmentRangeNotFound,
    ),
    "trunk": Noun(t.TRUNK, "network trunk", _trunk, errors.TrunkNotFound),
    "flavor": Noun(t.NETWORK_FLAVOR, "network flavor", hindrances.of_flavor, errors.FlavorNotFound),
    "service-profile": Noun(
        t.SERVICE_PROFILE,
        "network flavor profile",
        hindrances.of_service_profile,
        errors.ServiceProfileNotFound,
    ),
    "rbac-policy": Noun(t.NETWORK_RBAC, "network rbac", _rbac_policy, errors.RbacPolicyNotFound),
    "metering-label": Noun(t.METERING_LABEL, "network meter", _nothing, errors.MeteringLabelNotFound),
}
"""By the words of the command line."""

RULES: Mapping[str, Rule] = {
    **{name: noun.rule for name, noun in NOUNS.items()},
    "router leg": _leg,
    "router gateway": _gateway,
}


def _id_of(db: Reader, noun: Noun, name_or_id: str) -> str:
    """Raises the noun's NotFound; Bad for a name that several bear."""
    columns = noun.table.c
    if db.row(sa.select(columns.id).where(columns.id == name_or_id)) is not None:
        return name_or_id
    known = _by_name(columns, name_or_id)
    ids = [str(row[0]) for row in db.rows(sa.select(columns.id).where(known).order_by(columns.id))]
    if len(ids) > 1:
        raise Bad(f"Several are called {name_or_id[:255]}: {', '.join(ids[:20])}.")
    if not ids:
        raise noun.absent(name_or_id[:255])
    return ids[0]


def _by_name(columns: Any, name: str) -> sa.ColumnElement[bool]:
    """What people call an object: its name, or the address that it is."""
    for column in ("name", "floating_ip_address"):
        if column in columns:
            named: sa.ColumnElement[bool] = columns[column] == name
            return named
    return sa.false()
