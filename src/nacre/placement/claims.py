"""What placement answers its neighbours: hosts with room, and room claimed on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NoReturn, TypeVar, final, overload

import numpy as np

from nacre.kernel.database import Reader, Tx
from nacre.kernel.events import Event
from nacre.kernel.ids import HostId, ProjectId, ServerId, UserId
from nacre.placement import parts as host_parts
from nacre.placement.contract import (
    NO_PARTS,
    Candidate,
    Demand,
    Inventory,
    Part,
    PartDemands,
    Rejection,
    provider_id_of,
)
from nacre.placement.domain.amounts import first_objection, usable
from nacre.placement.domain.capacity import HOST, Capacity
from nacre.placement.domain.providers import Provider, Standing
from nacre.placement.errors import ConcurrentUpdate
from nacre.placement.kept import Kept
from nacre.placement.store import allocations, providers
from nacre.placement.store.allocations import Consumer
from nacre.placement.watch import Watch

Made_co = TypeVar("Made_co", covariant=True)
SERVER = "INSTANCE"
"""The consumer type of servers; the word that placement clients know."""


@final
class _Each(Sequence[Made_co]):
    """A sequence whose items are made when they are looked at: of ten thousand, few are."""

    def __init__(self, standings: Sequence[Standing], make: Callable[[Standing], Made_co]) -> None:
        self._standings = standings
        self._make = make

    def __len__(self) -> int:
        return len(self._standings)

    @overload
    def __getitem__(self, index: int) -> Made_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Made_co]: ...
    def __getitem__(self, index: int | slice) -> Made_co | Sequence[Made_co]:
        if isinstance(index, slice):
            return _Each(self._standings[index], self._make)
        return self._make(self._standings[index])

    def __iter__(self) -> Iterator[Made_co]:
        return map(self._make, self._standings)


@final
class Claims:
    """Implements the contract `Placement` over the store and the arrays."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._candidates = Kept(_candidate)

    def ensure_host(
        self,
        tx: Tx,
        host_id: HostId,
        *,
        name: str,
        inventories: Mapping[str, Inventory],
        parts: Sequence[Part] = (),
    ) -> None:
        """Make the provider of a host, its inventories and its parts what they should be.

        Unchanged, it costs three reads, and five more where there are parts.
        """
        provider = providers.find_host(tx, host_id)
        if provider is None:
            provider = _new_host(host_id, name=name, now=tx.now)
            providers.insert_provider(tx, provider)
            is_same = False
        else:
            is_same = provider.name == name and (
                providers.inventories_of(tx, provider.provider_id) == inventories
            )
        todo = host_parts.difference(tx, provider, name=name, parts=parts)
        # Generations are raised in one order everywhere, so that no two wait for each other.
        touched = todo.touched if is_same else todo.touched | {provider.provider_id}
        if touched:
            providers.raise_generations(tx, touched)
        host_parts.settle(tx, provider, name=name, todo=todo)
        if is_same:
            return
        if provider.name != name:
            providers.rename_provider(tx, provider.provider_id, name)
        providers.replace_inventories(tx, provider.provider_id, inventories)
        tx.record(
            Event(
                action="offer",
                kind="host",
                subject=host_id,
                after={each: inventory.total for each, inventory in inventories.items()},
            )
        )

    def candidates(
        self, db: Reader, demand: Demand, *, parts: PartDemands = NO_PARTS
    ) -> tuple[Sequence[Candidate], Sequence[Rejection]]:
        """Every host, with room for `demand` and in its `parts` (emptiest first), or with the reason it has none."""
        wanted = {name: amount for name, amount in demand.items() if amount}
        against: dict[HostId, str] = {}

        def look(capacity: Capacity) -> tuple[Sequence[Standing], Sequence[Standing]]:
            hosts = capacity.flagged(HOST)
            fitting = hosts & capacity.fits(wanted)
            for row in np.flatnonzero(fitting).tolist() if parts else ():
                host_id = _host_id_of(capacity.standing(row))
                against[host_id] = host_parts.first_objection_of(capacity, host_id, parts)
                fitting[row] = not against[host_id]
            order = capacity.emptiest_first(fitting, wanted) if wanted else np.flatnonzero(fitting)
            return capacity.snapshot(order), capacity.snapshot(np.flatnonzero(hosts & ~fitting))

        fit, unfit = self._watch.ask(db, look)
        return _Each(fit, self._candidates.of), _Each(unfit, lambda each: _rejection(each, wanted, against))

    def claim(
        self, tx: Tx, candidate: Candidate, demand: Demand, *, server_id: ServerId, project_id: ProjectId,
        user_id: UserId, parts: PartDemands = NO_PARTS,
    ) -> None:  # fmt: skip
        """Claim room for a server: one conditional write on the provider's generation. Raises Stale."""
        provider_id = provider_id_of(candidate.host_id)
        below = host_parts.claims_on(candidate.host_id, parts)
        for each in sorted([provider_id, *below]):
            if each != provider_id:
                providers.raise_generations(tx, [each])
            elif not providers.raise_generation(tx, provider_id, seen=candidate.generation):
                self._lose(candidate.host_id, [provider_id])
        if short := host_parts.objections(tx, below):
            self._lose(candidate.host_id, short)
        consumer = Consumer(
            consumer_id=server_id, project_id=project_id, user_id=user_id, consumer_type=SERVER, generation=0
        )
        allocations.ensure_consumer(tx, consumer)
        wanted = {name: amount for name, amount in demand.items() if amount}
        allocations.insert_claims(tx, server_id, {provider_id: wanted, **below})

    def _lose(self, host_id: HostId, changed: Collection[str]) -> NoReturn:
        for provider_id in changed:
            self._watch.mark(provider_id)
        raise ConcurrentUpdate(f"Host {host_id}")

    def reclaim(self, tx: Tx, wanted: Mapping[ServerId, Mapping[HostId, PartDemands]]) -> None:
        """Let servers claim this of parts of hosts, in place of what they claim of parts now. Raises NoRoom."""
        host_parts.reclaim(tx, wanted)

    def resize(self, tx: Tx, host_id: HostId, server_id: ServerId, demand: Demand) -> None:
        """Let a server claim this of its host, in place of what it claims of it now. Raises NoRoom."""
        provider_id = provider_id_of(host_id)
        providers.raise_generations(tx, [provider_id])
        claims = {provider_id: {name: amount for name, amount in demand.items() if amount}}
        held = allocations.held_by(tx, [server_id]).get(server_id, {}).get(provider_id)
        before = {provider_id: held.amounts if held else {}}
        host_parts.check_more(tx, [provider_id], {server_id: claims}, {server_id: before})
        allocations.drop_claims(tx, [(server_id, provider_id)])
        allocations.insert_claims(tx, server_id, claims)

    def release(self, tx: Tx, server_id: ServerId) -> None:
        """Give back what a server claimed; safe to repeat."""
        touched = allocations.delete_claims(tx, server_id)
        if touched:
            providers.raise_generations(tx, touched)
        allocations.forget_consumer(tx, server_id)

    def claims_of(self, db: Reader, host_id: HostId) -> Mapping[ServerId, Demand]:
        """What is claimed on a host, for audits."""
        claims, _ = allocations.claims_of_provider(db, provider_id_of(host_id))
        return {ServerId(consumer_id): amounts for consumer_id, amounts in claims.items()}

    def part_claims(self, db: Reader) -> Mapping[ServerId, Mapping[HostId, PartDemands]]:
        """What is claimed of parts of hosts, for audits."""
        return host_parts.claimed(db)

    def usage(self, db: Reader) -> Mapping[HostId, Mapping[str, int]]:
        """Claimed amounts by host and resource class."""
        return {HostId(host_id): amounts for host_id, amounts in allocations.used_by_host(db).items()}


def _new_host(host_id: HostId, *, name: str, now: float) -> Provider:
    provider_id = provider_id_of(host_id)
    return Provider(
        provider_id=provider_id,
        host_id=host_id,
        name=name,
        root_id=provider_id,
        generation=0,
        updated_at=now,
    )


def _candidate(standing: Standing) -> Candidate:
    return Candidate(
        host_id=_host_id_of(standing),
        generation=standing.provider.generation,
        used=standing.used,
        capacity={name: usable(inventory) for name, inventory in standing.inventories.items()},
    )


def _rejection(standing: Standing, demand: Demand, against: Mapping[HostId, str]) -> Rejection:
    """`against` says what speaks against hosts that have room themselves."""
    host_id = _host_id_of(standing)
    why = against.get(host_id) or first_objection(demand, standing.inventories, standing.used)
    return Rejection(host_id=host_id, why=why)


def _host_id_of(standing: Standing) -> HostId:
    host_id = standing.provider.host_id
    assert host_id is not None, "only hosts are candidates"
    return host_id
