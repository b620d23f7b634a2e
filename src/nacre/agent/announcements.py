"""Which floating IPs the wires have still to be told of, and when: those that have just come to guests of this host.

OVN announces them too, a second after they came. Until then a switch outside sends what is for a silent guest to
where it heard of the address last. One announcement may be lost, or be undone by what the guest that had the
address before has still under way: so there are several, with pauses that grow.
"""

from __future__ import annotations

import threading
from collections.abc import Collection

import msgspec

from nacre.agent.drivers.base import SwitchDriver
from nacre.compute.domain.guests import GuestSpec, OutsideAddress
from nacre.kernel.clock import Clock
from nacre.kernel.ids import PortId, ServerId

PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Between one announcement of an address and the next."""

ANNOUNCEMENTS = ServerId("announcements")
"""The key under which a host announces, between its guests."""

AT_ONCE = 100
BREATH_S = 0.05
"""The least time before the next ones, when there are more than are told at once."""

_Claim = tuple[PortId, OutsideAddress]


class _Turn(msgspec.Struct, frozen=True):
    """When an address is announced next, and how many times it was."""

    at: float
    told: int = 0


class Announcements:
    """What one host has to announce: at most all of its floating IPs. Safe to use from several threads."""

    def __init__(self, switch: SwitchDriver, clock: Clock) -> None:
        self._switch = switch
        self._clock = clock
        self._lock = threading.Lock()
        self._of_guest: dict[ServerId, frozenset[_Claim]] = {}
        self._turns: dict[_Claim, _Turn] = {}

    def follow(self, spec: GuestSpec, *, is_old: bool) -> None:
        """A guest is to be as `spec` says. What is old was here before this agent, and is not announced."""
        claims = frozenset(
            (nic.port_id, each) for nic in spec.nics for each in nic.outside if spec.present and each.outlets
        )
        with self._lock:
            before = self._replace(spec.guest_id, claims)
            if not is_old:
                self._turns |= dict.fromkeys(claims - before, _Turn(self._clock.now()))

    def leave(self, guest_id: ServerId) -> None:
        """A guest is no longer to be here."""
        with self._lock:
            self._replace(guest_id, frozenset())

    def _replace(self, guest_id: ServerId, claims: frozenset[_Claim]) -> frozenset[_Claim]:
        before = self._of_guest.pop(guest_id, frozenset())
        if claims:
            self._of_guest[guest_id] = claims
        for gone in before - claims:
            self._turns.pop(gone, None)
        return before

    def are_left(self) -> bool:
        """Whether there is anything to announce, be it when a port has come to be."""
        return bool(self._turns)

    def make(self) -> float | None:
        """Announce what is due; in how many seconds to look again. None: not before a port has come to be."""
        now = self._clock.now()
        due = [claim for at, claim in self._waiting() if at <= now][:AT_ONCE]
        if due:
            self._switch.announce([address for _, address in due])
            self._note(due, now)
        left = self._waiting()
        return max(BREATH_S, left[0][0] - now) if left else None

    def _waiting(self) -> list[tuple[float, _Claim]]:
        """The claims whose ports are here, those that are due first at the front."""
        with self._lock:
            here = self._switch.ready_among([port_id for port_id, _ in self._turns])
            waiting = [(turn.at, claim) for claim, turn in self._turns.items() if claim[0] in here]
        return sorted(waiting, key=lambda item: item[0])

    def _note(self, told: Collection[_Claim], now: float) -> None:
        with self._lock:
            for claim in told:
                turn = self._turns.pop(claim, None)  # None: it has left meanwhile.
                if turn is not None and turn.told < len(PAUSES_S):
                    self._turns[claim] = _Turn(now + PAUSES_S[turn.told], turn.told + 1)
