"""Which limits bound a project, and how much they leave.

A limit of a project or domain bounds what it and all below it use together. Where a project has no limit of its own,
the registered default bounds what it uses itself. Nodes above it bound it only by limits of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

import msgspec

UNLIMITED = -1


class Said(msgspec.Struct, frozen=True):
    """An amount that the site has set: a limit of a node `above` steps up (0 is the project itself), or a default.

    `region` is empty where it is said for all regions; what is said for one counts before that.
    """

    node_id: str
    above: int
    resource: str
    region: str
    amount: int


class Bound(msgspec.Struct, frozen=True):
    """Something that limits a project, `above` steps up. `whole` bounds count what is below the node as well."""

    node_id: str
    above: int
    limit: int
    whole: bool


class Room(msgspec.Struct, frozen=True):
    """What is left of a resource by the tightest bound; an unlimited one belongs to no node."""

    resource: str
    node_id: str
    limit: int
    used: int
    left: int

    def refuses(self, asked: int) -> bool:
        """Whether `asked` is more than is left. Asking for nothing is never refused."""
        return asked > 0 and asked > self.left


def amounts(default: Mapping[str, int], said: Iterable[Said]) -> dict[str, int]:
    """For each resource the amount that counts; of several, the one said for a region."""
    found = dict(default)
    found.update((each.resource, each.amount) for each in sorted(said, key=lambda each: each.region))
    return found


def bounds(
    project_id: str,
    resources: Iterable[str],
    *,
    builtin: Mapping[str, int],
    registered: Sequence[Said],
    limits: Sequence[Said],
) -> dict[str, tuple[Bound, ...]]:
    """What bounds each resource of a project, its own bound first and then upwards. Unlimited is no bound."""
    defaults = amounts(builtin, registered)
    steps: dict[int, list[Said]] = {}
    for each in limits:
        steps.setdefault(each.above, []).append(each)
    found: dict[str, list[Bound]] = {resource: [] for resource in resources}
    own = amounts({}, steps.pop(0, ()))
    for resource, on in found.items():
        limit = own.get(resource, defaults.get(resource, UNLIMITED))
        if limit != UNLIMITED:
            on.append(Bound(project_id, 0, limit, whole=resource in own))
    for above, step in sorted(steps.items()):
        for resource, limit in amounts({}, step).items():
            if limit != UNLIMITED and resource in found:
                found[resource].append(Bound(step[0].node_id, above, limit, whole=True))
    return {resource: tuple(on) for resource, on in found.items()}


def tightest(resource: str, on: Sequence[Bound], used: Mapping[Bound, int], *, own: int, unit: int) -> Room:
    """The room that the tightest bound leaves, in the measure's own amount.

    `used` is what counts against each bound, and `own` what the project uses itself.
    """
    rooms = [
        Room(
            resource,
            bound.node_id,
            bound.limit,
            in_units(used[bound], unit),
            bound.limit * unit - used[bound],
        )
        for bound in on
    ]
    endless = Room(resource, "", UNLIMITED, in_units(own, unit), sys.maxsize)
    return min(rooms, key=lambda room: room.left, default=endless)


def in_units(amount: int, unit: int) -> int:
    """Begun units count."""
    return -(-amount // unit)
