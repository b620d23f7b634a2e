"""Brings the guests of one host to what is wished for them: one step per call, and no thread of its own.

Whoever drives a keeper decides when: `loop` with threads and a long poll, `fleet` with one thread for
thousands of hosts, tests with a virtual clock.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
from collections.abc import Callable, Collection, Sequence
from typing import assert_never

import msgspec

from nacre.agent.announcements import Announcements
from nacre.agent.domain.sight import (
    GuestSeen,
    MetadataNetwork,
    Surroundings,
    facts_of,
    image_sha256,
    metadata_networks,
    places_of,
)
from nacre.agent.domain.steps import (
    Await,
    Building,
    ChangeNics,
    Changing,
    DefineGuest,
    DropDisks,
    DropSaved,
    FetchImage,
    Forget,
    LimitPackets,
    MakeDisk,
    OpenMetadata,
    Pausing,
    PowerOff,
    PressButton,
    Record,
    Refuse,
    RemoveGuest,
    RemoveRemains,
    Resume,
    Save,
    Settle,
    StandStill,
    StartPaused,
    Step,
    Unstick,
    next_step,
)
from nacre.agent.drivers.base import EngineRefused, HostDrivers, Underway
from nacre.compute.domain.guests import GuestFacts, GuestImage, GuestSpec, HostWishes
from nacre.kernel.clock import Clock
from nacre.kernel.errors import Invalid, NotFound, Problem, Unavailable
from nacre.kernel.ids import HostId, NetworkId, PortId, ServerId
from nacre.kernel.outcome import AGAIN, SETTLED, Outcome, Wait

log = logging.getLogger("nacre.agent")

STEPS_AT_ONCE = 40
"""A guest that has not come to rest after so many steps goes in circles."""

FAULT_AFTER = 4
"""So many refusals in a row are told to the owner as a fault; before, they may pass by themselves."""

BACKOFF_FIRST_S, BACKOFF_MOST_S = 1.0, 60.0
AWAY_BACKOFF_MOST_S = 2.0
"""An engine that was killed is back within a second or two, and its guests should be."""

REFUSED_RECHECK_S = 60.0
UNSTICK_RECHECK_S = 30.0
NICS_RECHECK_S = 5.0
DISK_FAILED = "its disk failed on the host; it is let go again now and then"


class _Rest(msgspec.Struct, frozen=True):
    """What was there when a guest settled. While it is the same, there is nothing to do."""

    spec: GuestSpec
    seen: GuestSeen
    around: frozenset[str]


class Keeper:
    """The guests of one host. Safe to use from several threads, one at a time for one guest."""

    def __init__(
        self,
        host_id: HostId,
        drivers: HostDrivers,
        clock: Clock,
        *,
        on_news: Callable[[], None] | None = None,
    ) -> None:
        """`on_news` is called, in any thread, when `take_news` has something to give."""
        self.host_id = host_id
        self.drivers = drivers
        self._clock = clock
        self._on_news = on_news
        self._lock = threading.Lock()
        self._heard_all = False
        self._wishes: dict[ServerId, GuestSpec] = {}
        self._networks = _Networks()
        self.announcements = Announcements(drivers.switch, clock)
        self._rests: dict[ServerId, _Rest] = {}
        self._failures: dict[ServerId, int] = {}
        self._facts: dict[ServerId, GuestFacts] = {}
        self._unsaid: dict[ServerId, None] = {}  # In the order of what happened.

    # -- what is wished --------------------------------------------------------------------------------

    def hear(self, wishes: HostWishes) -> Collection[ServerId]:
        """Merge an answer of the control plane into the picture. The guests that are due because of it."""
        due: dict[ServerId, None] = {}
        with self._lock:
            is_first = not self._heard_all
            if wishes.complete:
                named = {spec.guest_id for spec in wishes.guests}
                for guest_id in [each for each in self._wishes if each not in named]:
                    self._drop(guest_id)
                    due[guest_id] = None
                self._heard_all = True
                self._unsaid = dict.fromkeys(self._facts)  # They want to hear everything again.
            for spec in wishes.guests:
                self._wishes[spec.guest_id] = spec
                self._networks.follow(spec)
                self.announcements.follow(spec, is_old=is_first)
                self._failures.pop(spec.guest_id, None)
                due[spec.guest_id] = None
        if self._unsaid and self._on_news:
            self._on_news()
        return due.keys()

    def survey(self) -> Collection[ServerId]:
        """Look at everything on the host. The guests that are not as they were when they settled.

        Raises Unavailable when the hypervisor does not answer.
        """
        seen = self.drivers.guests.observe()
        with self._lock:
            wishes = dict(self._wishes)
            orphans = [guest_id for guest_id in seen if guest_id not in wishes] if self._heard_all else []
        moved = [
            guest_id
            for guest_id, spec in wishes.items()
            if not self._rests_still(spec, seen.get(guest_id) or GuestSeen(guest_id=guest_id))
        ]
        return moved + orphans

    def has_spare_networks(self) -> bool:
        """Whether metadata is answered on a network of which no guest should be here."""
        return self._heard_all and bool(self._spare_networks())

    def close_spare_networks(self) -> None:
        """Answer metadata only where a guest of this host may ask."""
        if self._heard_all:
            for network_id in self._spare_networks():
                self.drivers.metadata.remove_network(network_id)

    def sweep(self) -> None:
        """Remove what guests have left behind. Nothing, before the whole list has been heard."""
        if not self._heard_all:
            return
        with self._lock:
            images = {image_sha256(spec.image) for spec in self._wishes.values() if spec.present}
        self.drivers.images.sweep(images)
        self.drivers.switch.remove_strays(self.drivers.guests.observe().keys())

    def _spare_networks(self) -> Collection[NetworkId]:
        return [each for each in self.drivers.metadata.observe() if not self._networks.has_users(each)]

    def owners(self, ports: Collection[PortId]) -> Collection[ServerId]:
        """The guests that should be here and have one of these ports."""
        return {owner: None for port in ports if (owner := self._networks.owner_of(port))}.keys()

    def spec_at(self, network_id: NetworkId, ip: str) -> GuestSpec | None:
        """The guest that has the address `ip` on a network of this host, for the metadata service."""
        guest_id = self._networks.guest_at(network_id, ip)
        return self._wishes.get(guest_id) if guest_id else None

    # -- what is done ----------------------------------------------------------------------------------

    def bring(self, guest_id: ServerId) -> Outcome:
        """Step until the guest settles or has to wait. Never raises but for a kill."""
        for _ in range(STEPS_AT_ONCE):
            outcome = self.reconcile(guest_id)
            if outcome is not AGAIN:
                return outcome
        log.error("guest %s goes in circles", guest_id)
        return Wait(BACKOFF_MOST_S, "its steps undo each other")

    def reconcile(self, guest_id: ServerId) -> Outcome:
        """Perform one step for one guest."""
        spec = self._wishes.get(guest_id)
        if spec is None and not self._heard_all:
            return SETTLED  # Whether it should be here is not yet known.
        view: _View | None = None
        try:
            view = self._look(guest_id, spec)
            outcome = self._perform(next_step(spec, view.seen, view.around), view)
        except Underway as underway:
            self._say(view, waiting=str(underway))
            return Wait(underway.recheck_s, str(underway))
        except Problem as problem:
            return self._failed(guest_id, view, problem)
        except Exception as error:
            log.exception("guest %s: a step failed", guest_id)
            return self._failed(guest_id, view, error)
        if outcome is not AGAIN:
            self._failures.pop(guest_id, None)
        return outcome

    def _look(self, guest_id: ServerId, spec: GuestSpec | None) -> _View:
        seen = self.drivers.guests.observe_guest(guest_id)
        return _View(spec, seen, self._look_around(spec))

    def _look_around(self, spec: GuestSpec | None) -> Surroundings:
        if spec is None or not spec.present:
            return Surroundings(
                now=self._clock.now(), has_image=True, ports_ready=frozenset(), networks_open=frozenset()
            )
        return Surroundings(
            now=self._clock.now(),
            has_image=spec.image is None or self.drivers.images.has(spec.image),
            ports_ready=self.drivers.switch.ready_among([nic.port_id for nic in spec.nics]),
            networks_open=frozenset(
                network.network_id
                for network in metadata_networks(spec)
                if self.drivers.metadata.is_open(self._networks.merged(network))
            ),
            mislimited=frozenset(
                nic.port_id for nic in spec.nics if not self.drivers.switch.keeps_limits(nic)
            ),
        )

    def _perform(self, step: Step, view: _View) -> Outcome:
        if isinstance(step, Building):
            assert view.spec is not None, "only a wish builds"
            self._build(step, view.spec, view)
            return AGAIN
        if isinstance(step, Changing):
            self._change(step, view.seen.guest_id)
            return AGAIN
        if isinstance(step, ChangeNics):
            return self._change_nics(step, view)
        return self._pause(step, view)

    def _build(self, step: Building, spec: GuestSpec, view: _View) -> None:
        match step:
            case FetchImage():
                assert spec.image is not None, "only a guest with an image fetches it"
                self.drivers.images.fetch(spec.image, self._progress_of(spec.image, view))
            case MakeDisk():
                self.drivers.guests.ensure_disk(spec)
            case OpenMetadata(network=network):
                self.drivers.metadata.ensure_network(self._networks.merged(network))
            case LimitPackets(nic=nic):
                self.drivers.switch.limit_packets(spec.guest_id, nic)
            case DefineGuest():
                self.drivers.guests.ensure_defined(spec)
            case StartPaused():
                self.drivers.guests.ensure_paused(spec)
            case forgotten:
                assert_never(forgotten)

    def _change(self, step: Changing, guest_id: ServerId) -> None:
        guests = self.drivers.guests
        match step:
            case Resume(record=record):
                guests.keep_record(guest_id, record)
                guests.ensure_running(guest_id)
            case Record(record=record):
                guests.keep_record(guest_id, record)
            case PressButton(record=record):
                guests.keep_record(guest_id, record)
                guests.press_power_button(guest_id)
            case StandStill():
                guests.ensure_still(guest_id)
            case Save():
                guests.ensure_saved(guest_id)
            case DropSaved():
                guests.remove_saved(guest_id)
            case PowerOff():
                guests.ensure_off(guest_id)
            case DropDisks(disks=disks):
                guests.remove_disks(guest_id, disks)
            case RemoveGuest():
                guests.remove_guest(guest_id)
            case RemoveRemains():
                guests.remove_remains(guest_id)
            case forgotten:
                assert_never(forgotten)

    def _change_nics(self, step: ChangeNics, view: _View) -> Outcome:
        """What a guest does not let go of is cut off at once; what it cannot be given it gets when it starts again."""
        guests, guest_id = self.drivers.guests, view.seen.guest_id
        because = [f"the guest has not yet let go of port {port_id}" for port_id in step.unplug]
        if because:
            # Told before another guest can have the port, so that it is not called down after that one brought it up.
            self._say(view, waiting="; ".join(because))
        for port_id in step.unplug:
            self.drivers.switch.remove_port(port_id)
            with contextlib.suppress(EngineRefused):  # It was asked before, and has not answered.
                guests.ask_unplug(guest_id, port_id)
        for nic in step.plug:
            try:
                guests.ensure_plugged(guest_id, nic)
            except EngineRefused as refused:
                because.append(f"the guest gets port {nic.port_id} when it starts again ({refused})")
        if not because:
            return AGAIN
        self._say(view, waiting="; ".join(because))
        return Wait(NICS_RECHECK_S, "; ".join(because))

    def _pause(self, step: Pausing, view: _View) -> Outcome:
        match step:
            case Settle():
                self._settle(view)
                return SETTLED
            case Forget():
                self._say(view, settled=True)
                return SETTLED
            case Await(recheck_s=recheck_s, because=because):
                self._say(view, waiting=because)
                return Wait(recheck_s, because)
            case Unstick():
                self.drivers.guests.ensure_running(view.seen.guest_id)
                self._say(view, waiting=DISK_FAILED)
                return Wait(UNSTICK_RECHECK_S, DISK_FAILED)
            case Refuse(because=because):
                self._say(view, fault=because)
                return Wait(REFUSED_RECHECK_S, because)
            case forgotten:
                assert_never(forgotten)

    def _failed(self, guest_id: ServerId, view: _View | None, error: Exception) -> Outcome:
        """Back off. What cannot pass by itself is told as a fault, the rest as something waited for."""
        failures = self._failures.get(guest_id, 0) + 1
        self._failures[guest_id] = failures
        because = str(error) if isinstance(error, Problem) else "an unexpected failure on its host"
        away = isinstance(error, Unavailable)
        hopeless = isinstance(error, Invalid | NotFound)
        stubborn = not away and failures >= FAULT_AFTER
        if hopeless or stubborn:
            self._say(view, fault=because)
        else:
            self._say(view, waiting=because)
        longest_s = AWAY_BACKOFF_MOST_S if away else BACKOFF_MOST_S
        pause_s = min(longest_s, BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 20))
        pause_s *= random.uniform(0.5, 1.0)  # noqa: S311 - Spreads load; guards nothing.
        log.warning("guest %s, attempt %d, again in %.1f s: %s", guest_id, failures, pause_s, error)
        return Wait(pause_s, because)

    def _settle(self, view: _View) -> None:
        assert view.spec is not None, "a guest nobody wished for does not settle, it is forgotten"
        self._rests[view.seen.guest_id] = _Rest(view.spec, view.seen, view.around_key)
        self._say(view, settled=True)

    def _rests_still(self, spec: GuestSpec, seen: GuestSeen) -> bool:
        rest = self._rests.get(spec.guest_id)
        if rest is None or rest.spec is not spec or rest.seen != seen:
            return False
        return rest.around == _View(spec, seen, self._look_around(spec)).around_key

    # -- what is said ----------------------------------------------------------------------------------

    def take_news(self, most: int = 500) -> Sequence[GuestFacts]:
        """The facts that have not been said, oldest first. Follow with `said` or `unsaid`."""
        with self._lock:
            guests = list(self._unsaid)[:most]
            for guest_id in guests:
                del self._unsaid[guest_id]
            return [self._facts[guest_id] for guest_id in guests]

    def has_news(self) -> bool:
        """Whether `take_news` has something to give."""
        return bool(self._unsaid)

    def said(self, news: Sequence[GuestFacts]) -> None:
        """The control plane has these facts. What is said of a guest that is gone is not kept."""
        with self._lock:
            for facts in news:
                spec = self._wishes.get(facts.guest_id)
                gone = not facts.exists and (spec is None or not spec.present)
                if gone and self._facts.get(facts.guest_id) is facts:
                    self._drop(facts.guest_id)

    def unsaid(self, news: Sequence[GuestFacts]) -> None:
        """The control plane did not get these facts; they are news again."""
        with self._lock:
            for facts in news:
                if facts.guest_id in self._facts:
                    self._unsaid[facts.guest_id] = None

    def _say(self, view: _View | None, *, settled: bool = False, fault: str = "", waiting: str = "") -> None:
        if view is None or view.spec is None:
            return  # Nothing has been seen, or nobody asked.
        facts = facts_of(
            view.spec, view.seen, view.around, settled=settled, fault=fault[:1000], waiting=waiting[:1000]
        )
        with self._lock:
            if self._facts.get(facts.guest_id) == facts or facts.guest_id not in self._wishes:
                return
            self._facts[facts.guest_id] = facts
            self._unsaid[facts.guest_id] = None
        if self._on_news:
            self._on_news()

    def _progress_of(self, image: GuestImage, view: _View) -> Callable[[int], None]:
        def tell(done_bytes: int) -> None:
            percent = 100 * done_bytes // max(1, image.size_bytes)
            self._say(view, waiting=f"image {image.image_id} is being copied to the host: {percent} %")

        return tell

    def _drop(self, guest_id: ServerId) -> None:
        for table in (self._wishes, self._facts, self._unsaid, self._rests, self._failures):
            table.pop(guest_id, None)
        self._networks.leave(guest_id)
        self.announcements.leave(guest_id)


class _View(msgspec.Struct, frozen=True):
    """All that a step is decided from."""

    spec: GuestSpec | None
    seen: GuestSeen
    around: Surroundings

    @property
    def around_key(self) -> frozenset[str]:
        """The surroundings without the time."""
        mislimited = {f"limits of {port_id}" for port_id in self.around.mislimited}
        return self.around.ports_ready | self.around.networks_open | mislimited


class _Networks:
    """Which networks the guests of this host are on, who is who there, and what answering metadata on them takes.

    Guests may know different subnets of one network, until the newest reaches all of them: its addresses are
    those that any of them names. Others look while this changes: what a guest has before and after is there all
    the time.
    """

    def __init__(self) -> None:
        self._users: dict[NetworkId, set[ServerId]] = {}
        self._merged: dict[NetworkId, MetadataNetwork] = {}
        self._at: dict[tuple[NetworkId, str], ServerId] = {}
        self._owners: dict[PortId, ServerId] = {}
        self._of_guest: dict[ServerId, GuestSpec] = {}

    def follow(self, spec: GuestSpec) -> None:
        before = self._of_guest.get(spec.guest_id)
        if not spec.present:
            self.leave(spec.guest_id)
            return
        self._of_guest[spec.guest_id] = spec
        for network in metadata_networks(spec):
            self._users.setdefault(network.network_id, set()).add(spec.guest_id)
            self._merged[network.network_id] = self._with(network)
        self._at |= dict.fromkeys(places_of(spec), spec.guest_id)
        self._owners |= dict.fromkeys((nic.port_id for nic in spec.nics), spec.guest_id)
        if before is not None:
            self._forget(before, but=spec)

    def leave(self, guest_id: ServerId) -> None:
        spec = self._of_guest.pop(guest_id, None)
        if spec is not None:
            self._forget(spec)

    def _forget(self, old: GuestSpec, *, but: GuestSpec | None = None) -> None:
        """What a guest had, and does not have any more."""
        kept = {network.network_id for network in metadata_networks(but)} if but else set()
        for network in metadata_networks(old):
            users = self._users.get(network.network_id, set())
            if network.network_id not in kept:
                users.discard(old.guest_id)
                if not users:
                    self._users.pop(network.network_id, None)
                    self._merged.pop(network.network_id, None)
        for place in set(places_of(old)) - set(places_of(but) if but else ()):
            if self._at.get(place) == old.guest_id:  # Else somebody else has it by now.
                del self._at[place]
        for port_id in {nic.port_id for nic in old.nics} - {nic.port_id for nic in (but.nics if but else ())}:
            if self._owners.get(port_id) == old.guest_id:
                del self._owners[port_id]

    def guest_at(self, network_id: NetworkId, ip: str) -> ServerId | None:
        return self._at.get((network_id, ip))

    def owner_of(self, port_id: PortId) -> ServerId | None:
        return self._owners.get(port_id)

    def has_users(self, network_id: NetworkId) -> bool:
        return network_id in self._users

    def merged(self, network: MetadataNetwork) -> MetadataNetwork:
        return self._merged.get(network.network_id, network)

    def _with(self, network: MetadataNetwork) -> MetadataNetwork:
        known = self._merged.get(network.network_id)
        if known is None or known == network or known.port_id != network.port_id:
            return network
        more = tuple(address for address in known.addresses if address not in network.addresses)
        return msgspec.structs.replace(network, addresses=tuple(sorted(network.addresses + more, key=str)))
