"""What hosts report of their own part in networks, and which servers it makes unwelcome where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from nacre.kernel.database import Reader, Tx
from nacre.kernel.events import Event
from nacre.kernel.ids import HostId
from nacre.network.domain.agents import ALIVE_S
from nacre.network.domain.chassis import ChassisFacts, Needs, Standing, standings
from nacre.network.store import hosts, segments
from nacre.network.store.hosts import SegmentUnder


def report(tx: Tx, facts: Mapping[HostId, ChassisFacts]) -> None:
    """Take note of what hosts say; that something broke, or is well again, is a line of the event log."""
    before = hosts.chassis_of(tx, facts)
    hosts.put_chassis(tx, facts)
    for host_id, said in facts.items():
        was = before.get(host_id)
        old, new = (_spelled(each) if each else [] for each in (was, said))
        if old != new:
            tx.record(
                Event(
                    action="report",
                    kind="chassis",
                    subject=host_id,
                    before={"faults": old},
                    after={"faults": new},
                )
            )


def hear_wires(tx: Tx, wires: Mapping[HostId, Collection[str]]) -> None:
    """Take note of the physical networks that hosts are on: one statement, unless that has changed.

    That a host is on others than before is a line of the event log.
    """
    before = segments.wires_of(tx, wires)
    segments.put_wires(tx, before, wires)
    for host_id, after in wires.items():
        if before[host_id] != frozenset(after):
            tx.record(
                Event(
                    action="report",
                    kind="chassis",
                    subject=host_id,
                    before={"physical_networks": sorted(before[host_id])},
                    after={"physical_networks": sorted(after)},
                )
            )


def _spelled(facts: ChassisFacts) -> list[str]:
    return [fault.what for fault in facts.faults] + [
        f"{each.host_id}: {each.what}" for each in facts.unreached
    ]


def ailing(db: Reader, *, now: float) -> Mapping[HostId, Standing]:
    """The hosts that are alive and not well, and what is wrong. One statement while all are well."""
    found = hosts.ailing_chassis(db)
    if not found:
        return {}
    named = {each.host_id for facts in found.values() for each in facts.unreached}
    facts = {**hosts.chassis_of(db, named - found.keys()), **found}
    return standings(facts, hosts.heard_since(db, facts, now - ALIVE_S))


def objections(
    db: Reader, under: Sequence[SegmentUnder], host_ids: Collection[HostId], *, now: float
) -> Mapping[HostId, str]:
    """Why some of these hosts should not get a server with ports on such segments; hosts that may are left out."""
    needs = _needs_of(under)
    on = segments.wires_of(db, host_ids) if needs.wires else {}
    sick = ailing(db, now=now)
    told = {
        host_id: needs.missed(on.get(host_id, frozenset())) or sick.get(host_id, Standing()).objection(needs)
        for host_id in host_ids
    }
    return {host_id: why for host_id, why in told.items() if why}


def _needs_of(under: Sequence[SegmentUnder]) -> Needs:
    wires: dict[str, set[str | None]] = defaultdict(set)
    for segment in under:
        wires[segment.network_id].add(segment.physical_network)
    tunnelled = {network_id for network_id, names in wires.items() if None in names}
    bound = [frozenset(filter(None, names)) for each, names in wires.items() if each not in tunnelled]
    return Needs(tunnels=bool(tunnelled), wires=tuple(bound))
