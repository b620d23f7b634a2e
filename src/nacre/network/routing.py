"""Routed networks: which hosts a server's ports can be on, by the segments that the hosts reach."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from nacre.kernel.database import Reader
from nacre.kernel.errors import Problem
from nacre.kernel.ids import HostId
from nacre.network.domain.addresses import pool_ranges
from nacre.network.domain.fixed_ips import AnyOf, Wish, addressing, within_reach
from nacre.network.domain.ports import IpAllocation, Port
from nacre.network.domain.subnets import Subnet
from nacre.network.store import addresses, ports, segments, subnets


def objections(db: Reader, nics: Sequence[Port], host_ids: Collection[HostId]) -> Mapping[HostId, str]:
    """Why ports on routed networks cannot be on some of these hosts; hosts that can take them are left out.

    A look, and no claim: the last address of a segment may be given away before the ports are bound.
    """
    network_ids = {port.network_id for port in nics}
    on: dict[str, list[Subnet]] = defaultdict(list)
    for subnet in subnets.on_networks(db, network_ids):
        on[subnet.network_id].append(subnet)
    reached = segments.reached_by(db, host_ids, network_ids)
    room = _Room(db, most=len(nics))
    found: dict[HostId, str] = {}
    for host_id in host_ids:
        taken: Counter[str] = Counter()
        for port in nics:
            placed = ports.replaced(port, binding_host_id=host_id)
            why = _objection(placed, on[port.network_id], reached.get(host_id, frozenset()), room, taken)
            if why:
                found[host_id] = why
    return found


def _objection(
    port: Port, on: Sequence[Subnet], reached: Collection[str], room: _Room, taken: Counter[str]
) -> str:
    """Why one port cannot be on its host; else what it would take of the room there is `taken`."""
    try:
        if port.ip_allocation is IpAllocation.DEFERRED and not port.fixed_ips:
            wishes = addressing(port, on, None, reached).wishes
            full = not all(room.takes(wish, taken) for wish in wishes)
            return f"no address is left on its segment of {port.network_id}" if full else ""
        here = {subnet.id for subnet in within_reach(port, on, reached)} if port.fixed_ips else set()
    except Problem as problem:
        return str(problem)
    if all(fixed.subnet_id in here for fixed in port.fixed_ips):
        return ""
    return f"it is not on the segment of port {port.id}"


@dataclass(frozen=True)
class _Room:
    """How many addresses subnets have left, up to `most`; each is asked once."""

    db: Reader
    most: int
    _known: dict[str, int] = field(default_factory=dict)

    def takes(self, wish: Wish, taken: Counter[str]) -> bool:
        """Whether there is an address for the wish besides those that are `taken`; it is, from then on."""
        if not isinstance(wish, AnyOf):
            return True
        for subnet in wish.subnets:
            if taken[subnet.id] < self._in(subnet):
                taken[subnet.id] += 1
                return True
        return False

    def _in(self, subnet: Subnet) -> int:
        if subnet.id not in self._known:
            ranges = pool_ranges(subnet.allocation_pools)
            free = addresses.lowest_free(self.db, subnet.id, subnet.ip_version, ranges, count=self.most)
            self._known[subnet.id] = len(free)
        return self._known[subnet.id]
