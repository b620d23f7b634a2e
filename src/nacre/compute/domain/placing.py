"""Which hosts may take a server, in which order they are tried, and why the others may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nacre.compute.domain.hosts import Host
from nacre.kernel.ids import HostId
from nacre.placement.contract import Candidate


class GroupRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a server group asks of its members' hosts. `members` counts those on each host already."""

    policy: str
    most_per_host: int
    members: Mapping[HostId, int]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a server asks of its host beside room. None means that any will do."""

    zone: str | None
    host_name: str | None
    group: GroupRule | None


def objection(host_id: HostId, host: Host | None, wanted: Wanted, *, now: float) -> str:
    """Why a server may not be placed on a host that has room, as a sentence; empty if it may."""
    if host is None:
        return "it is not a compute host"
    if wanted.host_name and wanted.host_name not in (host.host_id, host.report.hostname):
        return "another host was asked for"
    if wanted.zone and wanted.zone != host.zone:
        return f"it is in zone {host.zone}, and {wanted.zone} was asked for"
    return host.objection(now) or _group_objection(wanted.group, host_id)


def in_order(candidates: Sequence[Candidate], wanted: Wanted) -> Sequence[Candidate]:
    """The candidates (emptiest first) in the order in which they should be tried: a soft group comes first."""
    group = wanted.group
    if group is None or not group.policy.startswith("soft-"):
        return candidates
    return sorted(candidates, key=lambda candidate: _distance(group, candidate.host_id))


def _group_objection(group: GroupRule | None, host_id: HostId) -> str:
    if group is None or not group.members:
        return ""
    count = group.members.get(host_id, 0)
    if group.policy == "anti-affinity" and count >= group.most_per_host:
        return "its server group wants to be apart"
    if group.policy == "affinity" and not count:
        return "its server group wants to be together"
    return ""


def _distance(group: GroupRule, host_id: HostId) -> int:
    count = group.members.get(host_id, 0)
    match group.policy:
        case "soft-anti-affinity":
            return count
        case "soft-affinity":
            return -count
        case _:
            return 0
