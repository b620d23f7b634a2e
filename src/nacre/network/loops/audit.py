"""What is wanted against what is, whole: named for the operator, and mended by period or when asked.

The loops of the nouns change what they have heard is wrong. What they cannot hear of is who holds a row: the engine
does not tell us each time a switch gets a port. Here it is asked, for all rows at once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nacre.kernel import due
from nacre.kernel.database import Database, Reader, Tx
from nacre.kernel.errors import Problem
from nacre.kernel.ids import HostId
from nacre.kernel.loops import AGAIN, SETTLED, Outcome, Wait, current_actor
from nacre.network.changes import loops as names
from nacre.network.domain.rows import NOTHING, Desired, Owner, owner_of
from nacre.network.drivers.base import Difference, DriverAway, Fault, NetworkDriver, Realised
from nacre.network.loops.nouns import AWAY_S, IN_ONE_READ, NOUNS, Noun
from nacre.network.store import hosts
from nacre.network.store.audit import OffWire, PortWish, known_hosts, port_wishes, ports_off_wire

log = logging.getLogger(__name__)

EVERYTHING = "everything"
"""The only key: all is compared at once."""
ROUNDS, ROUND_S = 3, 2.0
"""What is mended may be what the next difference waited for; what is still changing is looked at by the next pass."""
MENDED_IN_ONE_STEP = 200

_BY_OWNER: Mapping[str, Noun] = {noun.owner: noun for noun in NOUNS}


def everything(db: Reader) -> Mapping[Owner, Desired]:
    """All there should be, by owner."""
    wanted: dict[Owner, Desired] = {}
    for noun in NOUNS:
        ids = noun.ids(db)
        for start in range(0, len(ids), IN_ONE_READ):
            for key, wish in noun.desired(db, ids[start : start + IN_ONE_READ]).items():
                if wish != NOTHING:
                    wanted[owner_of(noun.owner, key)] = wish
    return wanted


def compare(db: Reader, driver: NetworkDriver) -> Sequence[str]:
    """A sentence for every difference, in the rows of the engine and on the hosts. Raises DriverAway."""
    rows = [str(difference) for difference in driver.audit(everything(db))]
    rows += _off_wire(ports_off_wire(db))
    realised = driver.observe_realised()
    if realised is None:
        return rows
    return [
        *rows,
        *_unrealised(port_wishes(db), realised),
        *_strangers(known_hosts(db), hosts.gateway_hosts(db), realised),
        *_short_of_tunnels(hosts.tunnels_of_hosts(db), realised),
    ]


def ask_repair(tx: Tx) -> None:
    """Let everything be compared and mended now."""
    tx.make_due(names.AUDIT, EVERYTHING)


def _unrealised(wishes: Iterable[PortWish], realised: Realised) -> Iterator[str]:
    """Ports that are elsewhere than they should be, or not in force where they should be."""
    for wish in wishes:
        there = realised.chassis_of.get(wish.port_id)
        if there and wish.host_id and there != wish.host_id:
            yield f"port/{wish.port_id}: is realised on {there}, should be on {wish.host_id}"
        elif wish.is_active and not there:
            yield f"port/{wish.port_id}: is ACTIVE and realised on no host"
        elif wish.is_active and wish.port_id not in realised.up:
            yield f"port/{wish.port_id}: is ACTIVE and not up on {there}"


def _off_wire(ports: Iterable[OffWire]) -> Iterator[str]:
    """Ports that reach nobody outside their host. Only the host can mend that, so how is told."""
    for port in ports:
        wires = " or ".join(port.wires)
        yield (
            f"port/{port.port_id}: needs physical network {wires}, and host {port.host_id} is not on it: give it a"
            f" bridge there by `local.bridge_mappings`, and start its agent again"
        )


def _strangers(known: Collection[str], gateways: Iterable[str], realised: Realised) -> Iterator[str]:
    """Chassis that are no host of ours, and hosts that should carry gateways and are no chassis."""
    for chassis in sorted(realised.chassis - set(known)):
        yield f"chassis/{chassis}: no host of this name is known"
    for host_id in gateways:
        if host_id not in realised.chassis:
            yield f"chassis/{host_id}: should carry gateways and is missing"


def _short_of_tunnels(tunnels: Mapping[HostId, int], realised: Realised) -> Iterator[str]:
    """Hosts that report fewer tunnels than there are other chassis."""
    others = len(realised.chassis) - 1
    for host_id, count in sorted(tunnels.items()):
        if host_id in realised.chassis and count < others:
            yield f"chassis/{host_id}: has tunnels to {count} of {others} others"


@dataclass(frozen=True)
class AuditLoop:
    """Mends what others changed in the engine behind our back. One at a time; it disturbs no change under way."""

    database: Database
    driver: NetworkDriver
    name: str = names.AUDIT
    at_once: int = 1
    _rounds: list[int] = field(default_factory=lambda: [0])

    def reconcile(self, key: str) -> Outcome:
        with self.database.read() as db:
            wanted = everything(db)
        try:
            found = self.driver.audit(wanted)
            mended = self._mend_misplaced(found)
        except DriverAway as problem:
            return Wait(recheck_s=AWAY_S, because=str(problem))
        self._hand_over({difference.owner for difference in found}, mended)
        if len(mended) == MENDED_IN_ONE_STEP:
            return AGAIN
        if not found or self._rounds[0] + 1 == ROUNDS:
            self._rounds[0] = 0
            return SETTLED
        self._rounds[0] += 1
        return Wait(recheck_s=ROUND_S, because=f"{len(found)} differences were found, the first: {found[0]}")

    def all_keys(self) -> Iterable[str]:
        return (EVERYTHING,)

    def record_fault(self, key: str, problem: Problem) -> None:
        log.error("networks could not be compared: %s", problem)

    def _mend_misplaced(self, found: Sequence[Difference]) -> list[Owner]:
        """What only asking the engine shows is mended here."""
        misplaced = [each.owner for each in found if each.fault is Fault.MISPLACED]
        owners = list(dict.fromkeys(misplaced))[:MENDED_IN_ONE_STEP]
        for owner in owners:
            noun, key = _noun_of(owner)
            with self.database.read() as db:
                wish = noun.desired(db, [key]).get(key, NOTHING)
            try:
                self.driver.apply(owner, wish, verify=True)
            except DriverAway:
                raise
            except Problem as problem:
                log.warning("%s could not be mended: %s", owner, problem)
        return owners

    def _hand_over(self, owners: Collection[Owner], mended: Collection[Owner]) -> None:
        """Let the loops of the nouns mend the rest, and look once more at what changed while we mended it."""
        if not owners:
            return
        with self.database.write(current_actor(self.name)) as tx:
            for owner in sorted(mended):
                noun, key = _noun_of(owner)
                tx.make_due(noun.loop, key)
            rest = [_noun_of(owner) for owner in sorted(set(owners).difference(mended)) if _is_ours(owner)]
            if rest:
                tx.execute_many(
                    due.MAKE_DUE_IF_ABSENT,
                    [due.new_row(noun.loop, key, now=tx.now, at=tx.now, trace_id="") for noun, key in rest],
                )
            for loop in {noun.loop for noun, _ in rest}:
                tx.wake(due.topic_of(loop))


def _noun_of(owner: Owner) -> tuple[Noun, str]:
    kind, _, key = owner.partition("/")
    return _BY_OWNER[kind], key


def _is_ours(owner: Owner) -> bool:
    """Whether a loop of ours writes for it. Rows of an owner of no known kind are named and left alone."""
    return owner.partition("/")[0] in _BY_OWNER
