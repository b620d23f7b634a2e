"""Metering labels: names under which traffic is to be counted, and rules that say which traffic that is."""

from __future__ import annotations

import msgspec

from nacre.kernel.ids import ProjectId
from nacre.network.domain.addresses import parse_cidr


class MeteringLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label of a project, or of all projects where it is shared."""

    id: str
    project_id: ProjectId
    name: str = ""
    description: str = ""
    shared: bool = False


class MeteringLabelRule(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic that a label counts, or with `excluded` does not."""

    id: str
    project_id: ProjectId
    metering_label_id: str
    direction: str = "ingress"
    excluded: bool = False
    remote_ip_prefix: str | None = None
    source_ip_prefix: str | None = None
    destination_ip_prefix: str | None = None


def overlap(one: str, other: str) -> bool:
    """Whether two prefixes have addresses in common."""
    a, b = parse_cidr(one), parse_cidr(other)
    return a.version == b.version and a.first <= b.last and b.first <= a.last
