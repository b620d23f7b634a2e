"""Intent against claims, ports and facts: every difference, as a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nacre.compute.domain.servers import Server, next_step
from nacre.compute.domain.status import Shown, status_of
from nacre.compute.store import hosts, servers
from nacre.kernel.database import Reader
from nacre.kernel.ids import HostId, ServerId
from nacre.network.contract import Networks
from nacre.placement.contract import Demand, PartDemands, Placement


def audit_compute(db: Reader, *, placement: Placement, networks: Networks) -> Sequence[str]:
    """Every difference there is at this moment. What is under way is named too; ask again to see whether it stays."""
    known = {server.server_id: server for server in servers.listed(db, servers.SELECT)}
    claims = {host.host_id: placement.claims_of(db, host.host_id) for host in hosts.listed(db)}
    guaranteed = networks.placed_guarantees(db, [each for each, server in known.items() if server.host_id])
    return [
        *_states(known),
        *_claims(known, claims),
        *_guarantees(guaranteed, placement.part_claims(db)),
        *_guests(known),
    ]


def _states(known: dict[ServerId, Server]) -> Iterator[str]:
    for server in known.values():
        shown = status_of(server.wish, server.standing, server.sight)
        kept = Shown(server.status, server.vm_state, server.task_state, server.power_state)
        if shown != kept:
            yield f"server {server.server_id} is kept as {kept.status} ({kept.task_state}), and is {shown.status}"


def _claims(
    known: dict[ServerId, Server], claims: Mapping[HostId, Mapping[ServerId, Demand]]
) -> Iterator[str]:
    claimed: dict[ServerId, tuple[HostId, Demand]] = {}
    for host_id, found in claims.items():
        for server_id, demand in found.items():
            claimed[server_id] = (host_id, demand)
            server = known.get(server_id)
            if server is None:
                yield f"host {host_id} has a claim for {server_id}, which is no server"
            elif server.host_id != host_id:
                yield f"server {server_id} is on {server.host_id}, and claims room on {host_id}"
    for server in known.values():
        if server.host_id is None:
            continue
        wanted = server.demand
        if server.server_id not in claimed:
            yield f"server {server.server_id} is on {server.host_id} without a claim"
        elif dict(claimed[server.server_id][1]) != wanted:
            yield f"server {server.server_id} needs {wanted}, and claims {dict(claimed[server.server_id][1])}"


def _guarantees(
    guaranteed: Mapping[ServerId, Mapping[HostId, PartDemands]],
    claims: Mapping[ServerId, Mapping[HostId, PartDemands]],
) -> Iterator[str]:
    for server_id in sorted({*guaranteed, *claims}):
        wanted, held = guaranteed.get(server_id, {}), claims.get(server_id, {})
        if held != wanted:
            yield f"the ports of server {server_id} are guaranteed {wanted}, and {held} is claimed for them"


def _guests(known: dict[ServerId, Server]) -> Iterator[str]:
    for server in known.values():
        step = type(next_step(server.wish, server.standing, server.sight)).__name__
        if server.deleted_at is not None:
            yield f"server {server.server_id} is deleted and still here (next: {step}, host {server.host_id})"
        elif server.host_id and server.sight.launched and not server.sight.exists:
            yield f"server {server.server_id} is wanted, and host {server.host_id} says it has nothing of it"
        elif server.host_id and (server.waiting or server.sight.observed_generation < server.generation):
            yield f"server {server.server_id} waits for host {server.host_id}: {server.waiting or 'no answer yet'}"
