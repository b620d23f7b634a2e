"""Thousands of simulated hosts in one process, driven by one thread.

Every host has a Keeper and a FakeWorld of its own; they share a queue, the questions to the control plane and
the reports to it, so that a hundred new guests cost a handful of calls.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from nacre.agent.announcements import ANNOUNCEMENTS
from nacre.agent.drivers.fake import FAKE_VERSION, FakeWorld, fake_drivers
from nacre.agent.keeper import Keeper
from nacre.agent.link import FleetLink
from nacre.agent.queue import DueQueue
from nacre.compute.domain.guests import GuestFacts, HostReport, HostWishes
from nacre.kernel.clock import Clock
from nacre.kernel.ids import HostId, ServerId
from nacre.kernel.outcome import Wait

log = logging.getLogger("nacre.agent.fleet")

HOSTS_AT_ONCE = 200
GUESTS_AT_ONCE = 500
REFRESH_S = 30.0
FAILURE_PAUSE_S = 0.5
BREATH_S = 0.01
"""The least time between two turns: under load, many guests share the questions and reports of one."""

VCPUS, MEMORY_MIB, DISK_GIB = 64, 262_144, 4_000
PHYSICAL_NETWORKS = ("public",)


def fake_host_ids(count: int) -> Sequence[HostId]:
    """`fake-0001`, `fake-0002`, ..."""
    return [HostId(f"fake-{number:04d}") for number in range(1, count + 1)]


def fake_report(host_id: HostId) -> HostReport:
    """A generous machine."""
    return HostReport(
        host_id=host_id,
        hostname=host_id,
        address="127.0.0.1",
        vcpus=VCPUS,
        memory_mib=MEMORY_MIB,
        disk_gib=DISK_GIB,
        hypervisor_type="fake",
        hypervisor_version=FAKE_VERSION,
        cpu_model="simulated",
        physical_networks=PHYSICAL_NETWORKS,
    )


class FakeFleet:
    """The agents of `count` simulated hosts.

    `turn` does what is due in the caller's thread; `start` lets a thread do turns whenever something is due.
    """

    def __init__(
        self, link: FleetLink, count: int, clock: Clock, *, worlds: Mapping[HostId, FakeWorld] | None = None
    ) -> None:
        """`worlds` are hosts that an earlier fleet left behind; without them all begin empty."""
        self._link = link
        self._clock = clock
        self._host_ids = fake_host_ids(count)
        self.worlds = worlds or {host_id: FakeWorld(clock) for host_id in self._host_ids}
        self.keepers = {host_id: self._new_keeper(host_id) for host_id in self._host_ids}
        self._since = dict.fromkeys(self._host_ids, 0)
        self._queue: DueQueue[tuple[HostId, ServerId]] = DueQueue(clock)
        self._unknown = list(self._host_ids)  # To the control plane.
        self._refresh_at = clock.now()
        self._refreshed = 0
        self._changed = threading.Condition()
        self._woken: dict[HostId, None] = {}
        self._with_news: dict[HostId, None] = {}
        self._stopping = False
        self._turned_at = 0.0
        self._thread: threading.Thread | None = None
        link.subscribe(self._on_change)

    # -- in the caller's thread ------------------------------------------------------------------------

    def turn(self) -> bool:
        """Introduce, listen, work, report: once each. Whether anything was done. Raises Unavailable."""
        self._introduce()
        hosts = self._take_woken()
        if hosts:
            self._listen(hosts)
        worked = self._work()
        return self._report() or worked or bool(hosts)

    def next_at(self) -> float:
        """When the next turn has something to do, unless it is woken before."""
        due_at = self.next_step_at()
        return self._refresh_at if due_at is None else min(due_at, self._refresh_at)

    def next_step_at(self) -> float | None:
        """When the next step of a guest is due; None while every guest is as wished."""
        return self._queue.next_at()

    def _introduce(self) -> None:
        while self._unknown:
            chunk = self._unknown[:HOSTS_AT_ONCE]
            self._link.report_hosts([fake_report(host_id) for host_id in chunk])
            del self._unknown[: len(chunk)]

    def _take_woken(self) -> Sequence[HostId]:
        """Hosts that may have news, at most as many as are asked about in one call."""
        with self._changed:
            if self._clock.now() >= self._refresh_at:
                self._woken.update(dict.fromkeys(self._next_slice()))
            hosts = list(islice(self._woken, HOSTS_AT_ONCE))
            for host_id in hosts:
                del self._woken[host_id]
            return hosts

    def _next_slice(self) -> Sequence[HostId]:
        """The hosts whose turn it is to be asked about even though nobody woke them."""
        slices = -(-len(self._host_ids) // HOSTS_AT_ONCE)
        begin = self._refreshed % slices * HOSTS_AT_ONCE
        self._refreshed += 1
        # The first round comes at once: nothing is known of any host yet.
        self._refresh_at = self._clock.now() + (REFRESH_S / slices if self._refreshed >= slices else 0.0)
        return self._host_ids[begin : begin + HOSTS_AT_ONCE]

    def _listen(self, hosts: Collection[HostId]) -> None:
        try:
            answers = self._link.fleet_wishes({host_id: self._since[host_id] for host_id in hosts})
            for wishes in answers:
                self._hear(wishes)
        except BaseException:
            with self._changed:
                self._woken.update(dict.fromkeys(hosts))
            raise

    def _hear(self, wishes: HostWishes) -> None:
        keeper = self.keepers[wishes.host_id]
        for guest_id in keeper.hear(wishes):
            self._queue.wake((wishes.host_id, guest_id))
        self._wake_announcements(wishes.host_id)
        self._since[wishes.host_id] = wishes.generation
        for question in wishes.questions:
            data = keeper.drivers.guests.console_tail(question.guest_id, lines=question.lines)
            self._link.answer(wishes.host_id, question.question_id, data)
        if wishes.complete:
            for guest_id in keeper.survey():
                self._queue.wake_idle((wishes.host_id, guest_id))
            keeper.sweep()

    def _work(self) -> bool:
        done = 0
        while done < GUESTS_AT_ONCE and (key := self._queue.take(0)) is not None:
            again_in_s: float | None = FAILURE_PAUSE_S
            try:
                again_in_s = self._bring(*key)
            finally:
                self._queue.done(key, again_in_s=again_in_s)
            done += 1
        return done > 0

    def _bring(self, host_id: HostId, guest_id: ServerId) -> float | None:
        keeper = self.keepers[host_id]
        if guest_id == ANNOUNCEMENTS:
            return keeper.announcements.make()
        outcome = keeper.bring(guest_id)
        self._wake_announcements(host_id)
        keeper.close_spare_networks()
        return outcome.recheck_s if isinstance(outcome, Wait) else None

    def _wake_announcements(self, host_id: HostId) -> None:
        if self.keepers[host_id].announcements.are_left():
            self._queue.wake((host_id, ANNOUNCEMENTS))

    def _report(self) -> bool:
        with self._changed:
            hosts, self._with_news = self._with_news, {}
        news: dict[HostId, Sequence[GuestFacts]] = {}
        for host_id in hosts:
            if facts := self.keepers[host_id].take_news():
                news[host_id] = facts
        if not news:
            return False
        try:
            self._link.report_fleet(news)
        except BaseException:
            for host_id, facts in news.items():
                self.keepers[host_id].unsaid(facts)
                self._on_news(host_id)
            raise
        for host_id, facts in news.items():
            self.keepers[host_id].said(facts)
            if self.keepers[host_id].has_news():
                self._on_news(host_id)
        return True

    # -- in a thread -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="fake-fleet", daemon=True)
        self._thread.start()

    def stop(self, *, grace_s: float = 5.0) -> None:
        """End after the turn under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(grace_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                pause_s = self.next_at() - self._clock.now()
                if pause_s > 0 and not (self._woken or self._with_news or self._stopping):
                    self._changed.wait(pause_s)
                if self._stopping:
                    return
            self._breathe()
            try:
                self.turn()
            except Exception:
                log.exception("a turn of the simulated hosts failed; it is repeated")
                threading.Event().wait(FAILURE_PAUSE_S)

    def _breathe(self) -> None:
        """Let time pass until the last turn is long enough ago."""
        pause_s = self._turned_at + BREATH_S - self._clock.now()
        if pause_s > 0:
            threading.Event().wait(min(pause_s, BREATH_S))
        self._turned_at = self._clock.now()

    # -- wake-ups --------------------------------------------------------------------------------------

    def _on_change(self, host_id: HostId) -> None:
        if host_id not in self.keepers:
            return  # Another host's agent is elsewhere.
        with self._changed:
            self._woken[host_id] = None
            self._changed.notify()

    def _on_news(self, host_id: HostId) -> None:
        with self._changed:
            self._with_news[host_id] = None

    def _on_guest(self, host_id: HostId, guest_id: ServerId | None) -> None:
        if guest_id is None:
            return
        with self._changed:
            self._queue.wake((host_id, guest_id))
            self._changed.notify()

    def _new_keeper(self, host_id: HostId) -> Keeper:
        world = self.worlds[host_id]
        world.watch(lambda guest_id: self._on_guest(host_id, guest_id))
        return Keeper(host_id, fake_drivers(world), self._clock, on_news=lambda: self._on_news(host_id))
