"""Servers find a host, and are forgotten when their host has let go of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from nacre.compute.domain.hosts import Host
from nacre.compute.domain.placing import GroupRule, Wanted, in_order, objection
from nacre.compute.domain.servers import AwaitRemoval, Forget, Place, Server, Settle, next_step
from nacre.compute.errors import NoValidHost
from nacre.compute.removal import Removal
from nacre.compute.store import groups, hosts, placements, servers
from nacre.kernel.database import Database, Reader
from nacre.kernel.errors import Problem, Stale
from nacre.kernel.events import Event
from nacre.kernel.loops import AGAIN, SETTLED, Outcome, Wait, current_actor
from nacre.network.contract import Networks
from nacre.placement.contract import Candidate, Demand, Placement

LOOP = "servers"
CANDIDATES_TRIED = 5
FIRST_CHUNK, NEXT_CHUNK = CANDIDATES_TRIED, 512
MOST_REASONS = 100
REMOVAL_RECHECK_S = 120.0
# A host that ails is mostly back within seconds; a server that failed meanwhile would stay failed.
PATIENCE_S = 300.0
PLACE_RECHECK_S = 1.0


@dataclass
class _Found:
    """What a look at the hosts came to."""

    fit: list[tuple[Candidate, Host]] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    may_recover: bool = False


@dataclass
class ServerLoop:
    """Brings each server to a host, or out of the store; one step a call."""

    database: Database
    networks: Networks
    placement: Placement
    removal: Removal
    name: str = LOOP
    at_once: int = 32
    # Placing is looking and then claiming; of two that look at once, one claims in vain.
    _placing: threading.Lock = field(default_factory=threading.Lock)

    def reconcile(self, key: str) -> Outcome:
        with self.database.read() as db:
            server = servers.find(db, key)
        if server is None:
            return SETTLED  # Forgotten while it was queued.
        match next_step(server.wish, server.standing, server.sight):
            case Place():
                with self._placing:
                    return self._place(server)
            case AwaitRemoval(host_id):
                return Wait(REMOVAL_RECHECK_S, f"host {host_id} has not yet said that the guest is gone")
            case Forget():
                return self._forget(server)
            case Settle():
                return SETTLED
            case forgotten:
                assert_never(forgotten)

    def all_keys(self) -> Iterable[str]:
        with self.database.read() as db:
            return servers.unsettled_ids(db)

    def record_fault(self, key: str, problem: Problem) -> None:
        """A server that cannot be placed says why."""
        rejections = problem.rejections if isinstance(problem, NoValidHost) else {}
        with self.database.write(current_actor(LOOP)) as tx:
            server = servers.lock(tx, key)
            if server is None or server.host_id is not None or server.deleted_at is not None:
                return
            placements.keep(
                tx, server.server_id, host_id=None, host_generation=0, zone=None,
                refusal=str(problem), rejections=rejections,
            )  # fmt: skip
            servers.derive(tx, [servers.placed(server, host_id=None, zone=None, refusal=str(problem))])
            tx.record(
                Event(action="refuse", kind="server", subject=key, after={"reason": str(problem)[:1000]},
                      project_id=server.project_id)
            )  # fmt: skip

    def _place(self, server: Server) -> Outcome:
        """Claim the best host that still has room. Raises NoValidHost; Stale when all were taken meanwhile.

        While a host that is only ailing could take it, a young server waits: an answer given now would be final.
        """
        demand = server.demand
        found = self._look(server, demand)
        if not found.fit:
            problem = NoValidHost(found.reasons)
            if found.may_recover and self.database.clock.now() - server.created_at < PATIENCE_S:
                return Wait(PLACE_RECHECK_S, str(problem))
            raise problem
        for candidate, host in found.fit:
            try:
                self._claim(server, candidate, demand, zone=host.zone, reasons=found.reasons)
            except Stale:
                continue
            return SETTLED
        raise Stale(f"every host looked at for {server.server_id} was taken meanwhile")

    def _look(self, server: Server, demand: Demand) -> _Found:
        """The first few hosts that may take a server, and the reasons against those looked at before.

        Hosts are looked at in chunks: of ten thousand with room, the first few mostly do.
        """
        found = _Found()
        now = self.database.clock.now()
        with self.database.read() as db:
            wanted = self._wanted(db, server)
            parts = self.networks.guarantees_of(db, [server.server_id])[server.server_id]
            candidates, rejections = self.placement.candidates(db, demand, parts=parts)
            candidates = in_order(candidates, wanted)
            at, step = 0, FIRST_CHUNK
            while at < len(candidates) and len(found.fit) < CANDIDATES_TRIED:
                chunk = list(candidates[at : at + step])
                at, step = at + step, NEXT_CHUNK
                chunk_ids = [candidate.host_id for candidate in chunk]
                known = hosts.find_many(db, chunk_ids)
                unreached = self.networks.objections(db, server.server_id, chunk_ids, now=now)
                for candidate in chunk:
                    host = known.get(candidate.host_id)
                    why = objection(candidate.host_id, host, wanted, now=now)
                    why = why or unreached.get(candidate.host_id, "")
                    if host is not None and not why:
                        found.fit.append((candidate, host))
                    elif len(found.reasons) < MOST_REASONS:
                        found.reasons[candidate.host_id] = why
                    found.may_recover |= host is not None and host.may_recover(now)
        for rejection in rejections[: MOST_REASONS - len(found.reasons)]:
            found.reasons[rejection.host_id] = rejection.why
        return found

    def _wanted(self, db: Reader, server: Server) -> Wanted:
        rule = None
        if server.group_id and (group := groups.find(db, server.group_id)):
            members = placements.hosts_of_group(db, server.group_id)
            rule = GroupRule(policy=group.policy, most_per_host=group.most_per_host or 1, members=members)
        return Wanted(zone=server.wanted_zone, host_name=server.wanted_host, group=rule)

    def _claim(
        self, server: Server, candidate: Candidate, demand: Demand, *, zone: str, reasons: Mapping[str, str]
    ) -> None:
        """One transaction: the server has a host, or nothing happened."""
        host_id = candidate.host_id
        with self.database.write(current_actor(LOOP)) as tx:
            current = servers.lock(tx, server.server_id)
            if current is None or next_step(current.wish, current.standing, current.sight) != Place():
                return  # Deleted, or placed by somebody else, while we looked.
            # Rows are locked in one order everywhere: server, host, ports, provider.
            number = hosts.raise_generation(tx, host_id)
            parts = self.networks.bind_nics(tx, server.server_id, host_id)
            self.placement.claim(
                tx, candidate, demand, server_id=server.server_id, project_id=server.project_id,
                user_id=server.user_id, parts=parts,
            )  # fmt: skip
            placements.keep(
                tx, server.server_id, host_id=host_id, host_generation=number,
                zone=zone, refusal="", rejections=reasons,
            )  # fmt: skip
            servers.derive(tx, [servers.placed(current, host_id=host_id, zone=zone, refusal=None)])
            tx.record(
                Event(action="place", kind="server", subject=server.server_id, after={"host_id": host_id},
                      project_id=server.project_id)
            )  # fmt: skip

    def _forget(self, server: Server) -> Outcome:
        with self.database.write(current_actor(LOOP)) as tx:
            current = servers.lock(tx, server.server_id)
            if current is not None:
                if next_step(current.wish, current.standing, current.sight) != Forget():
                    return AGAIN
                self.removal.forget(tx, current)
        return SETTLED
