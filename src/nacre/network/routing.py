"""Routed networks: which hosts a server's ports can be on, by the segments that the hosts reach."""

from __future__ import annotations

from collections import defaultdict
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
    room = _Room(db)
    found: dict[HostId, str] = {}
    for host_id in host_ids:
        for port in nics:
            placed = ports.replaced(port, binding_host_id=host_id)
            why = _objection(placed, on[port.network_id], reached.get(host_id, frozenset()), room)
            if why:
                found[host_id] = why
    return found


def _objection(port: Port, on: Sequence[Subnet], reached: Collection[str], room: _Room) -> str:
    try:
        if port.ip_allocation is IpAllocation.DEFERRED and not port.fixed_ips:
            wishes = addressing(port, on, None, reached).wishes
            return (
                ""
                if all(map(room.has, wishes))
                else f"no address is left on its segment of {port.network_id}"
            )
        here = {subnet.id for subnet in within_reach(port, on, reached)} if port.fixed_ips else set()
    except Problem as problem:
        return str(problem)
    if all(fixed.subnet_id in here for fixed in port.fixed_ips):
        return ""
    return f"it is not on the segment of port {port.id}"


@dataclass(frozen=True)
class _Room:
    """Whether subnets have an address left; each is asked once."""

    db: Reader
    _known: dict[str, bool] = field(default_factory=dict)

    def has(self, wish: Wish) -> bool:
        return not isinstance(wish, AnyOf) or any(map(self._in, wish.subnets))

    def _in(self, subnet: Subnet) -> bool:
        if subnet.id not in self._known:
            ranges = pool_ranges(subnet.allocation_pools)
            free = addresses.lowest_free(self.db, subnet.id, subnet.ip_version, ranges, count=1)
            self._known[subnet.id] = bool(free)
        return self._known[subnet.id]
