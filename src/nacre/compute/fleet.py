"""The hosts' door: what should be on them, and what they say is. Speaks of many hosts at once, and never waits.

The agents of real hosts come through `api/agents.py`, one host a request; simulated ones call this directly.
The conversation's rules stand in the agent's `link.py`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from nacre.compute.domain.guests import GuestFacts, HostReport, HostWishes
from nacre.compute.domain.hosts import DEFAULT_ZONE
from nacre.compute.domain.servers import Forget, Server, next_step
from nacre.compute.domain.status import ended_itself, has_launched, status_of
from nacre.compute.guarantees import Guarantees
from nacre.compute.questions import Questions
from nacre.compute.store import facts as facts_store
from nacre.compute.store import hosts, servers, wishes
from nacre.kernel.config import LocalSettings
from nacre.kernel.database import Database, Tx
from nacre.kernel.events import Actor, Event
from nacre.kernel.ids import HostId, PortId
from nacre.network.contract import Networks
from nacre.placement.contract import Inventory, Placement

log = logging.getLogger("nacre.compute.fleet")

SEEN_STEP_S = 10.0
"""How old a host's `seen_at` may grow while the host speaks all the time; less would only write more."""

_TOPIC_PREFIX = hosts.topic_of(HostId(""))


@dataclass
class Fleet:
    """Serves the `AgentLink` of every host, and is the `FleetLink` of simulated ones."""

    database: Database
    networks: Networks
    placement: Placement
    questions: Questions
    local: LocalSettings
    guarantees: Guarantees
    _seen: dict[HostId, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # -- what hosts ask ----------------------------------------------------------------------------------

    def subscribe(self, changed: Callable[[HostId], None]) -> None:
        """Call `changed` when there may be something new for a host; in any thread."""

        def pass_on(topic: str) -> None:
            if topic.startswith(_TOPIC_PREFIX):
                changed(HostId(topic.removeprefix(_TOPIC_PREFIX)))

        self.database.wakes.listen_to_all(pass_on)

    def wishes_of(self, host_id: HostId, *, since: int) -> HostWishes | None:
        """What should be on one host, if that is news to one that knows of generation `since`."""
        return next(iter(self.fleet_wishes({host_id: since})), None)

    def fleet_wishes(self, since: Mapping[HostId, int]) -> Sequence[HostWishes]:
        """What is new for these hosts; those without news, and unknown ones, are left out.

        A host that says 0, or a number from the future (the store was put back), is told everything.
        """
        self._note_heard(since)
        with self.database.read() as db:
            # Read before the guests: what changes in between is told twice, never left out.
            numbers = hosts.generations(db, since)
            complete = {host for host, number in numbers.items() if not 0 < since[host] <= number}
            changed = {host: since[host] for host, number in numbers.items() if number > since[host]}
            guests = wishes.changed(db, changed | dict.fromkeys(complete, -1))
            nics = self.networks.nics_of(db, [g.server_id for g in guests if g.deleted_at is None])
        specs: dict[HostId, list[Any]] = {host: [] for host in [*complete, *changed]}
        for guest in guests:
            specs[guest.host_id].append(wishes.spec_of(guest, nics.get(guest.server_id, ())))
        asked = {host: self.questions.for_host(host) for host in numbers}
        return [
            HostWishes(
                host_id=host,
                generation=number,
                complete=host in complete,
                guests=tuple(specs.get(host, ())),
                questions=asked[host],
            )
            for host, number in numbers.items()
            if host in specs or asked[host]
        ]

    def _note_heard(self, host_ids: Iterable[HostId]) -> None:
        now = self.database.clock.now()
        with self._lock:
            old = [host for host in host_ids if now - self._seen.get(host, float("-inf")) >= SEEN_STEP_S]
            self._seen.update(dict.fromkeys(old, now))
        if old:
            with self.database.write(Actor("hosts")) as tx:
                hosts.note_heard(tx, old)
                self.networks.hear_hosts(tx, old)

    # -- what hosts say ----------------------------------------------------------------------------------

    def report_hosts(self, reports: Sequence[HostReport]) -> None:
        """Take note of what hosts offer; they are known from then on."""
        with self.database.write(Actor("hosts")) as tx:
            hosts.ensure(
                tx, [msgspec.structs.replace(each, chassis=None) for each in reports], zone=DEFAULT_ZONE
            )
            chassis = {report.host_id: report.chassis for report in reports if report.chassis is not None}
            if chassis:
                self.networks.report_chassis(tx, chassis)
            self.networks.hear_wires(tx, {report.host_id: report.physical_networks for report in reports})
            for report in reports:
                self.placement.ensure_host(
                    tx, report.host_id, name=report.hostname, inventories=inventories_of(report, self.local),
                    parts=self.guarantees.parts_of(report.physical_networks),
                )  # fmt: skip

    def report_fleet(self, facts: Mapping[HostId, Sequence[GuestFacts]]) -> None:
        """Take note of what hosts say of their guests, in one transaction. A host speaks for its own alone."""
        said = {fact.guest_id: (host_id, fact) for host_id, every in facts.items() for fact in every}
        if not said:
            return
        actor = Actor(f"host:{next(iter(facts))}" if len(facts) == 1 else "hosts")
        with self.database.write(actor) as tx:
            known = [s for s in servers.lock_many(tx, said) if said[s.server_id][0] == s.host_id]
            ports_before = facts_store.ports_up(tx, [s.server_id for s in known])
            news = [
                _News(server, said[server.server_id][1], ports_before.get(server.server_id, ()))
                for server in known
            ]
            news = [each for each in news if each.is_news]
            facts_store.ensure_many(tx, [each.row(tx.now) for each in news])
            self._report_ports(tx, news)
            servers.derive(tx, [each.after(tx.now) for each in news])
            for each in news:
                _follow(tx, each.after(tx.now), before=each.server)

    def _report_ports(self, tx: Tx, news: Sequence[_News]) -> None:
        up: dict[HostId, set[PortId]] = {}
        down: dict[HostId, set[PortId]] = {}
        for each in news:
            host_id, before, after = each.host_id, set(each.ports_before), set(each.fact.ports_up)
            # A port may have gone and come again before its host said anything: under a new wish all are told.
            came = after if each.answers_a_new_wish else after - before
            if came:
                up.setdefault(host_id, set()).update(came)
            if before - after:
                down.setdefault(host_id, set()).update(PortId(port) for port in before - after)
        for host_id in sorted(up.keys() | down.keys()):
            self.networks.report_ports(tx, host_id, up=up.get(host_id, ()), down=down.get(host_id, ()))

    def answer(self, host_id: HostId, question_id: str, data: bytes) -> None:
        """The answer to a question; one that nobody waits for any more is dropped."""
        self.questions.answer(host_id, question_id, data)


@dataclass(frozen=True)
class _News:
    """What a host says of a guest, beside what was known of it."""

    server: Server
    fact: GuestFacts
    ports_before: Sequence[str]

    @property
    def host_id(self) -> HostId:
        assert self.server.host_id is not None, "only the host of a guest is heard about it"
        return self.server.host_id

    @property
    def is_news(self) -> bool:
        server, fact = self.server, self.fact
        known = (
            server.observed_generation, server.guest_exists, server.guest_power, server.guest_boots,
            server.fault, server.waiting, server.guest_disk, tuple(self.ports_before),
        )  # fmt: skip
        return known != (
            fact.observed_generation, fact.exists, str(fact.power), fact.boots, fact.fault, fact.waiting,
            fact.disk, tuple(fact.ports_up),
        )  # fmt: skip

    @property
    def answers_a_new_wish(self) -> bool:
        """Whether the host speaks of another wish for a guest than the one it had brought it to."""
        return 0 < (self.server.observed_generation or 0) < self.fact.observed_generation

    def _launched_at(self, now: float) -> float | None:
        fact, before = self.fact, self.server.launched_at
        launched = has_launched(
            before=before is not None, observed_generation=fact.observed_generation,
            power=fact.power, fault=fact.fault,
        )  # fmt: skip
        return (before or now) if launched else None

    def row(self, now: float) -> dict[str, Any]:
        fact = self.fact
        return {
            "server_id": fact.guest_id,
            "observed_generation": fact.observed_generation,
            "guest_exists": fact.exists,
            "power": str(fact.power),
            "boots": fact.boots,
            "ports_up": tuple(fact.ports_up),
            "fault": fact.fault,
            "waiting": fact.waiting,
            "disk": fact.disk,
            "launched_at": self._launched_at(now),
            "facts_at": now,
        }

    def after(self, now: float) -> Server:
        """The server as it is once the facts are taken for true."""
        fact = self.fact
        return msgspec.structs.replace(
            self.server, observed_generation=fact.observed_generation, guest_exists=fact.exists,
            guest_power=str(fact.power), guest_boots=fact.boots, fault=fact.fault, waiting=fact.waiting,
            guest_disk=fact.disk, launched_at=self._launched_at(now), facts_at=now,
        )  # fmt: skip


def _follow(tx: Tx, server: Server, *, before: Server) -> None:
    """What follows from new facts: a line in the log, a step of the loop, a spec that follows its guest."""
    shown = status_of(server.wish, server.standing, server.sight)
    if (shown.status, server.fault or "") != (before.status, before.fault or ""):
        after = {"status": shown.status} | ({"fault": server.fault} if server.fault else {})
        tx.record(
            Event(action="report", kind="server", subject=server.server_id, before={"status": before.status},
                  after=after, project_id=server.project_id)
        )  # fmt: skip
    if next_step(server.wish, server.standing, server.sight) == Forget():
        tx.make_due("servers", server.server_id)
    if ended_itself(server.wish, server.sight):
        changed = servers.change(tx, server, {"power": "off"}, tell_host=True)
        tx.record(
            Event(action="rest", kind="server", subject=server.server_id, before={"power": server.power},
                  after={"power": changed.power}, project_id=server.project_id)
        )  # fmt: skip


def inventories_of(report: HostReport, local: LocalSettings) -> Mapping[str, Inventory]:
    """What a host offers to placement. Simulated hosts keep nothing for themselves."""
    real = report.hypervisor_type != "fake"
    memory_reserved = min(local.memory_reserved_mib, report.memory_mib - 1) if real else 0
    disk_reserved = min(local.disk_reserved_gib, report.disk_gib - 1) if real else 0
    return {
        "VCPU": Inventory(total=report.vcpus, max_unit=report.vcpus, allocation_ratio=local.vcpu_ratio),
        "MEMORY_MB": Inventory(
            total=report.memory_mib, reserved=max(0, memory_reserved), max_unit=report.memory_mib
        ),
        "DISK_GB": Inventory(total=report.disk_gib, reserved=max(0, disk_reserved), max_unit=report.disk_gib),
    }
