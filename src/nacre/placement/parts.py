"""Parts of hosts: providers of their own below a host, made with it and claimed together with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import HostId, ServerId
from nacre.placement.contract import Part, PartDemands, part_id_of
from nacre.placement.domain.amounts import first_objection, objection
from nacre.placement.domain.capacity import Capacity
from nacre.placement.domain.providers import Provider, Standing
from nacre.placement.errors import NoRoom
from nacre.placement.store import allocations, names, providers
from nacre.placement.store.allocations import Claims

Amounts = Mapping[str, int]
_id_of = lru_cache(maxsize=1 << 16)(part_id_of)


class Difference(msgspec.Struct, frozen=True):
    """What is to be done about the parts of a host: to make or change some, to let others go."""

    wanted: Sequence[tuple[Part, Standing | None]] = ()
    stale: Sequence[Provider] = ()

    @property
    def touched(self) -> set[str]:
        """The providers that are there already, and change."""
        changed = {each.provider.provider_id for _, each in self.wanted if each is not None}
        return changed | {each.provider_id for each in self.stale}


def difference(tx: Tx, host: Provider, *, name: str, parts: Sequence[Part]) -> Difference:
    """What has to change for a host called `name` to have these parts and no others."""
    host_id = _host_id(host)
    ids = {_id_of(host_id, part.name): part for part in parts}
    known = {each.provider.provider_id: each for each in providers.standings(tx, ids)} if ids else {}
    wanted = [
        (part, known.get(part_id))
        for part_id, part in ids.items()
        if not _is_as_wanted(known.get(part_id), part, name=_name_of(name, part.name))
    ]
    below = [each for each in providers.tree_of(tx, host.root_id) if _is_part_of(host_id, each)]
    return Difference(wanted, [each for each in below if each.provider_id not in ids])


def _host_id(host: Provider) -> HostId:
    assert host.host_id is not None, "only hosts have parts"
    return host.host_id


def _name_of(host_name: str, part_name: str) -> str:
    return f"{host_name}:{part_name}"


def _label(provider: Provider) -> str:
    return provider.name.partition(":")[2]


def _is_part_of(host_id: HostId, provider: Provider) -> bool:
    return _id_of(host_id, _label(provider)) == provider.provider_id


def _is_as_wanted(standing: Standing | None, part: Part, *, name: str) -> bool:
    return (
        standing is not None
        and standing.provider.name == name
        and standing.inventories == part.inventories
        and standing.traits == frozenset(part.traits)
    )


def settle(tx: Tx, host: Provider, *, name: str, todo: Difference) -> None:
    """Do what has to be done. The generations of what is touched were raised before."""
    for part, standing in todo.wanted:
        _ensure(tx, host, part, standing, name=_name_of(name, part.name))
    parents = {each.parent_id for each in todo.stale}
    for each in sorted(todo.stale, key=lambda provider: provider.provider_id in parents):
        _retire(tx, each.provider_id)


def _ensure(tx: Tx, host: Provider, part: Part, standing: Standing | None, *, name: str) -> None:
    part_id = _id_of(_host_id(host), part.name)
    if standing is None:
        parent_id = _id_of(_host_id(host), part.below) if part.below else host.provider_id
        made = Provider(
            provider_id=part_id,
            name=name,
            parent_id=parent_id,
            root_id=host.root_id,
            generation=0,
            updated_at=tx.now,
        )
        providers.insert_provider(tx, made)
    elif standing.provider.name != name:
        providers.rename_provider(tx, part_id, name)
    for trait in sorted(part.traits):
        names.add_trait(tx, trait)
    providers.replace_inventories(tx, part_id, part.inventories)
    providers.replace_traits(tx, part_id, part.traits)


def _retire(tx: Tx, part_id: str) -> None:
    """What is claimed of it stays claimed until it is released; nothing more is given."""
    if allocations.is_claimed_from(tx, part_id) or providers.has_children(tx, part_id):
        providers.replace_inventories(tx, part_id, {})
    else:
        providers.delete_provider(tx, part_id)


# -- claiming ----------------------------------------------------------------------------------------------


def first_objection_of(capacity: Capacity, host_id: HostId, demands: PartDemands) -> str:
    """The first reason why the parts of a host cannot give this; empty if they can."""
    for name, demand in demands.items():
        standing = capacity.find(_id_of(host_id, name))
        why = _objection(standing, demand)
        if why:
            return f"{name}: {why}"
    return ""


def _objection(standing: Standing | None, demand: Amounts) -> str:
    return first_objection(
        demand, standing.inventories if standing else {}, standing.used if standing else {}
    )


def claims_on(host_id: HostId, demands: PartDemands) -> dict[str, dict[str, int]]:
    """What is claimed of each provider when this is claimed of parts; nothing is not claimed."""
    wanted = {
        _id_of(host_id, name): {each: amount for each, amount in demand.items() if amount}
        for name, demand in demands.items()
    }
    return {part_id: amounts for part_id, amounts in wanted.items() if amounts}


def objections(tx: Tx, claims: Mapping[str, Amounts]) -> dict[str, str]:
    """Why some providers, which this transaction has locked, cannot give this on top of what they have given."""
    found = {each.provider.provider_id: each for each in providers.standings(tx, claims)} if claims else {}
    whys = {part_id: _objection(found.get(part_id), amounts) for part_id, amounts in claims.items()}
    return {part_id: why for part_id, why in whys.items() if why}


def reclaim(tx: Tx, wanted: Mapping[ServerId, Mapping[HostId, PartDemands]]) -> None:
    """See `Placement.reclaim`: a dozen statements, however many servers. Raises NoRoom."""
    held = allocations.held_by(tx, wanted)
    after: dict[ServerId, dict[str, dict[str, int]]] = {}
    before: dict[ServerId, dict[str, dict[str, int]]] = {}
    for server_id, by_host in wanted.items():
        mine = held.get(server_id, {})
        if not any(claim.provider.host_id for claim in mine.values()):
            continue
        claims = {
            part_id: amounts
            for host_id, demands in by_host.items()
            for part_id, amounts in claims_on(host_id, demands).items()
        }
        had = {
            part_id: claim.amounts
            for part_id, claim in mine.items()
            if claim.host_id and _is_part_of(claim.host_id, claim.provider)
        }
        if claims != had:
            after[server_id], before[server_id] = claims, had
    touched = {part_id for each in (*after.values(), *before.values()) for part_id in each}
    if not touched:
        return
    providers.raise_generations(tx, touched)
    check_more(tx, touched, after, before)
    allocations.drop_claims(
        tx, [(server_id, part_id) for server_id, claims in before.items() for part_id in claims]
    )
    for server_id, claims in after.items():
        allocations.insert_claims(tx, server_id, claims)


def claimed(db: Reader) -> dict[ServerId, dict[HostId, dict[str, dict[str, int]]]]:
    """What everybody has claimed of parts of hosts."""
    found: dict[ServerId, dict[HostId, dict[str, dict[str, int]]]] = {}
    for consumer_id, host_id, provider, resource_class, used in allocations.below_hosts(db):
        if _is_part_of(host_id, provider):
            of_host = found.setdefault(ServerId(consumer_id), {}).setdefault(host_id, {})
            of_host.setdefault(_label(provider), {})[resource_class] = used
    return found


def check_more(
    tx: Tx, touched: Collection[str], after: Mapping[ServerId, Claims], before: Mapping[ServerId, Claims]
) -> None:
    """Refuse what is asked beyond what was held, where all together have no room for it."""
    found = {each.provider.provider_id: each for each in providers.standings(tx, touched)}
    had, wanted = _sums(before.values()), _sums(after.values())
    for server_id, claims in after.items():
        for part_id, amounts in claims.items():
            for name, amount in amounts.items():
                slot = (part_id, name)
                own = before[server_id].get(part_id, {}).get(name, 0)
                if amount <= own or wanted[slot] <= had[slot]:
                    continue
                standing = found.get(part_id)
                others = (standing.used.get(name, 0) if standing else 0) - had[slot] + wanted[slot] - amount
                why = objection(name, amount, standing.inventories.get(name) if standing else None, others)
                if why:
                    raise NoRoom(part_id, why)


def _sums(claims: Iterable[Claims]) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for each in claims:
        for part_id, amounts in each.items():
            for name, amount in amounts.items():
                sums[part_id, name] += amount
    return sums
