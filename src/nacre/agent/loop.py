"""The agent of one host: listens, works and reports, each at its own pace.

`poll`, `work`, `report` and `pass_once` do everything in the caller's thread; `start` runs them in threads:
one that waits for wishes, one that reports, and eight that work on guests. At rest all of them sleep.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection

import msgspec

from nacre.agent.announcements import ANNOUNCEMENTS
from nacre.agent.drivers.base import HostDrivers
from nacre.agent.keeper import Keeper
from nacre.agent.link import AgentLink
from nacre.agent.queue import DueQueue
from nacre.compute.domain.guests import HostReport, HostWishes, Question
from nacre.kernel.clock import Clock
from nacre.kernel.errors import Problem, Unavailable
from nacre.kernel.ids import HostId, PortId, ServerId
from nacre.kernel.outcome import Wait

log = logging.getLogger("nacre.agent")

WORKERS = 8
LONG_POLL_S = 30.0
SURVEY_S = 10.0
AILING_SURVEY_S = 1.0
REPORT_AT_ONCE = 500
BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.1, 2.0
EMPTY_ANSWER_PAUSE_S = 0.5

HOST = ServerId("")
"""The key under which the host itself is looked at, between its guests."""


class Agent:
    """Keeps one host as its control plane wishes."""

    def __init__(
        self,
        link: AgentLink,
        drivers: HostDrivers,
        clock: Clock,
        *,
        host_id: HostId,
        describe: Callable[[], HostReport],
    ) -> None:
        """`describe` says what the host offers now; it is asked often, and what it says is told when it changes."""
        self.host_id = host_id
        self.keeper = Keeper(host_id, drivers, clock, on_news=self._on_news)
        self._link = link
        self._drivers = drivers
        self._describe = describe
        self._queue: DueQueue[ServerId] = DueQueue(clock)
        self._since = 0
        self._told: HostReport | None = None
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        drivers.guests.watch(self._on_guest)
        drivers.switch.watch(self._on_ports)

    # -- in the caller's thread ------------------------------------------------------------------------

    def poll(self, *, wait_s: float) -> bool:
        """Hear what is wished, and answer what is asked. Whether there was anything. Raises Unavailable."""
        try:
            self._introduce()
            wishes = self._link.wishes(self.host_id, since=self._since, wait_s=wait_s)
            self._since = wishes.generation
            self._hear(wishes)
            for question in wishes.questions:
                self._answer(question)
        except Unavailable:
            self._since = 0  # Begin again with the whole list.
            raise
        return bool(wishes.complete or wishes.guests or wishes.questions)

    def _hear(self, wishes: HostWishes) -> None:
        for guest_id in self.keeper.hear(wishes):
            self._queue.wake(guest_id)
        if wishes.complete:
            self._queue.wake(HOST)
        self._wake_announcements()

    def work(self, *, wait_s: float) -> bool:
        """Bring one due guest as far as it goes now. Whether there was one within `wait_s` real seconds."""
        key = self._queue.take(wait_s)
        if key is None:
            return False
        again_in_s: float | None = SURVEY_S
        try:
            again_in_s = self._perform(key)
        finally:
            self._queue.done(key, again_in_s=again_in_s)
        return True

    def _perform(self, key: ServerId) -> float | None:
        if key == HOST:
            return self._survey()
        return self.keeper.announcements.make() if key == ANNOUNCEMENTS else self._bring(key)

    def _wake_announcements(self) -> None:
        if self.keeper.announcements.are_left():
            self._queue.wake(ANNOUNCEMENTS)

    def _bring(self, guest_id: ServerId) -> float | None:
        outcome = self.keeper.bring(guest_id)
        self._wake_announcements()  # Its ports may have come to be.
        if self.keeper.has_spare_networks():
            self._queue.wake(HOST)
        return outcome.recheck_s if isinstance(outcome, Wait) else None

    def report(self) -> None:
        """Say what has changed, of the host and of its guests. Raises Unavailable."""
        self._introduce()
        while news := self.keeper.take_news(REPORT_AT_ONCE):
            try:
                self._link.report_guests(self.host_id, news)
            except BaseException:
                self.keeper.unsaid(news)
                raise
            self.keeper.said(news)

    def pass_once(self) -> None:
        """Listen without waiting, look at everything, do all that is due, report. The link may be down."""
        self._queue.wake(HOST)
        try:
            self.poll(wait_s=0)
        except Unavailable as problem:
            log.warning("%s", problem)
        while self.work(wait_s=0):
            pass
        try:
            self.report()
        except Unavailable as problem:
            self._since = 0
            log.warning("%s", problem)

    def _introduce(self) -> None:
        report = self._described()
        if report != self._told:
            self._link.report_host(report)
            self._told = report

    def _described(self) -> HostReport:
        return msgspec.structs.replace(self._describe(), chassis=self._drivers.chassis.facts())

    def _answer(self, question: Question) -> None:
        try:
            data = self._drivers.guests.console_tail(question.guest_id, lines=question.lines)
        except Problem as problem:
            data = f"[{problem}]\n".encode()
        self._link.answer(self.host_id, question.question_id, data)

    def _survey(self) -> float:
        """Look at the whole host; in how many seconds to look again."""
        well = self._look(self._drivers.chassis.survey)
        self._look(self._survey_guests)
        report = self._described()
        if report != self._told:
            self._news.set()
        return SURVEY_S if well and report.healthy else AILING_SURVEY_S

    def _survey_guests(self) -> bool:
        for guest_id in self.keeper.survey():
            self._queue.wake_idle(guest_id)
        self.keeper.close_spare_networks()
        self.keeper.sweep()
        self._wake_announcements()
        return True

    def _look(self, look: Callable[[], bool]) -> bool:
        """Whether a look at the host found all well. One that fails keeps no other from being made."""
        try:
            return look()
        except Problem as problem:
            log.warning("the host could not be surveyed: %s", problem)
        except Exception:
            log.exception("the host could not be surveyed")
        return False

    # -- in threads ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work, in threads of its own."""
        self._queue.wake(HOST)
        tasks: list[Callable[[], None]] = [self._listen, self._tell, *[self._labour] * WORKERS]
        for number, task in enumerate(tasks):
            name = f"agent-{task.__name__.strip('_')}-{number}"
            self._threads.append(threading.Thread(target=task, name=name, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self, *, grace_s: float = 5.0) -> None:
        """Begin no further step, and wait up to `grace_s` for those under way. Guests run on."""
        self._stopping.set()
        self._news.set()
        self._queue.close()
        deadline = time.monotonic() + grace_s
        for thread in self._threads[1:]:  # The listener may sit in a long poll; nothing is lost with it.
            thread.join(max(0.0, deadline - time.monotonic()))

    def _listen(self) -> None:
        pause_s = BACKOFF_FIRST_S
        while not self._stopping.is_set():
            try:
                begun = time.monotonic()
                if not self.poll(wait_s=LONG_POLL_S) and time.monotonic() - begun < EMPTY_ANSWER_PAUSE_S:
                    self._stopping.wait(EMPTY_ANSWER_PAUSE_S)  # It does not wait for news as it should.
                pause_s = BACKOFF_FIRST_S
            except Unavailable as problem:
                log.warning("%s", problem)
                pause_s = self._back_off(pause_s)
            except Exception:
                log.exception("an answer of the control plane could not be taken in")
                pause_s = self._back_off(pause_s)

    def _tell(self) -> None:
        pause_s = BACKOFF_FIRST_S
        while not self._stopping.is_set():
            self._news.wait()
            self._news.clear()
            try:
                self.report()
                pause_s = BACKOFF_FIRST_S
            except Exception as error:  # noqa: BLE001 - Around a whole report, which is repeated.
                log.warning("facts could not be reported: %s", error)
                self._news.set()
                pause_s = self._back_off(pause_s)

    def _labour(self) -> None:
        while not self._stopping.is_set():
            try:
                self.work(wait_s=3600.0)
            except Exception:
                log.exception("a look at the host failed; it is repeated")

    def _back_off(self, pause_s: float) -> float:
        """Pause; the next pause to make."""
        self._stopping.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - Spreads load; guards nothing.
        return min(BACKOFF_MOST_S, pause_s * 2)

    # -- wake-ups --------------------------------------------------------------------------------------

    def _on_news(self) -> None:
        self._news.set()

    def _on_guest(self, guest_id: ServerId | None) -> None:
        self._queue.wake(guest_id or HOST)

    def _on_ports(self, ports: Collection[PortId]) -> None:
        for guest_id in self.keeper.owners(ports):
            self._queue.wake(guest_id)
