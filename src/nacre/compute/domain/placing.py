"""Which hosts may take a server, best first, and why the others may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nacre.compute.domain.hosts import Host
from nacre.kernel.ids import HostId
from nacre.placement.contract import Candidate, Rejection


class GroupRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a server group asks of its members' hosts. `members` counts those on each host already."""

    policy: str
    most_per_host: int
    members: Mapping[HostId, int]


class Ranking(msgspec.Struct, frozen=True):
    """The candidates that may be tried, best first, and the reasons against all other hosts."""

    candidates: tuple[Candidate, ...]
    rejections: Mapping[str, str]


def rank(
    candidates: Sequence[Candidate],
    rejections: Sequence[Rejection],
    hosts: Mapping[HostId, Host],
    *,
    now: float,
    zone: str | None,
    host_name: str | None,
    group: GroupRule | None,
) -> Ranking:
    """Judge every host. The order of `candidates` (emptiest first) is kept, but for soft group rules."""
    reasons: dict[str, str] = {rejection.host_id: rejection.why for rejection in rejections}
    fit = []
    for candidate in candidates:
        host = hosts.get(candidate.host_id)
        why = (
            _objection(host, now=now, zone=zone, host_name=host_name) if host else "it is not a compute host"
        )
        why = why or _group_objection(group, candidate.host_id)
        if why:
            reasons[candidate.host_id] = why
        else:
            fit.append(candidate)
    if group:
        fit.sort(key=lambda candidate: _distance(group, candidate.host_id))
    return Ranking(tuple(fit), reasons)


def _objection(host: Host, *, now: float, zone: str | None, host_name: str | None) -> str:
    if host_name and host_name not in (host.host_id, host.report.hostname):
        return "another host was asked for"
    if zone and zone != host.zone:
        return f"it is in zone {host.zone}, and {zone} was asked for"
    return host.objection(now)


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
