"""Ranges of segments' numbers: the operator's, since they decide which networks projects get."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, free, project_of, shown
from nacre.network.api.kinds import NAME, boolean, one_of, optional, text
from nacre.network.api.networks import NUMBER
from nacre.network.api.noun import Noun, Policies, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import segment_ranges as changes
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.segments import NUMBERS, NumberUser, SegmentRange, WireAsk, check_number, check_wire
from nacre.network.errors import InvalidInput, NetworkSegmentRangeNotFound
from nacre.network.store import segment_ranges

MOST_SHOWN = 65_536
"""How many free numbers of a range are told; those above them are left out."""

ATTRIBUTES = (
    free("name", NAME),
    shown("default"),
    fixed("shared", boolean),
    fixed("network_type", one_of(*NUMBERS), needed=True),
    fixed("physical_network", optional(text(64))),
    free("minimum", NUMBER, needed=True),
    free("maximum", NUMBER, needed=True),
    shown("used"),
    shown("available"),
)


def _views(db: Reader, items: Sequence[SegmentRange]) -> list[View]:
    users = segment_ranges.users(db, items)
    return [_view(item, users) for item in items]


def _view(item: SegmentRange, users: Sequence[NumberUser]) -> View:
    taken = {user.number for user in users if user.pool == item.pool}
    owner = None if item.shared else item.project_id
    return standard_view(item) | {
        "project_id": owner,
        "tenant_id": owner,
        "name": item.name,
        "default": item.default,
        "shared": item.shared,
        "network_type": str(item.network_type),
        "physical_network": item.physical_network,
        "minimum": item.minimum,
        "maximum": item.maximum,
        "used": {str(user.number): user.project_id for user in item.users_among(users)},
        "available": _free(item, taken),
    }


def _free(item: SegmentRange, taken: set[int]) -> list[int]:
    end = min(item.maximum, item.minimum + MOST_SHOWN + len(taken))
    return [number for number in range(item.minimum, end + 1) if number not in taken][:MOST_SHOWN]


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[SegmentRange]:
    """Errors: InvalidInput, NetworkSegmentRangeOverlaps."""
    made = [_new(call, each) for each in given]
    for each in made:
        changes.create(tx, each)
    return made


def _new(call: Call[Parts], given: Given) -> SegmentRange:
    said = given.without("project_id", "shared", "physical_network")
    shared = given.get("shared", True)
    wanted = SegmentRange(
        id=new_id(),
        project_id=ProjectId("" if shared else project_of(call, given)),
        shared=shared,
        physical_network=given.get("physical_network") or None,
        created_at=call.now,
        updated_at=call.now,
        **said | {"network_type": NetworkType(said["network_type"])},
    )
    place = WireAsk(project_id="", network_type=wanted.network_type, physical_network=wanted.physical_network)
    check_wire(place)
    _check_ends(wanted)
    return wanted


def _check_ends(wanted: SegmentRange) -> None:
    """Raises InvalidInput."""
    for number in (wanted.minimum, wanted.maximum):
        check_number(wanted.network_type, number)
    if wanted.minimum > wanted.maximum:
        raise InvalidInput("minimum must not be above maximum")


def _change(_call: Call[Parts], tx: Tx, item: SegmentRange, given: Given) -> SegmentRange:
    """Errors: InvalidInput, and those of `changes.segment_ranges.update`."""
    after = msgspec.structs.replace(item, **given.said)
    _check_ends(after)
    return changes.update(tx, item, after)


def _remove(_call: Call[Parts], tx: Tx, item: SegmentRange) -> None:
    """Errors: NetworkSegmentRangeDefaultReadOnly, NetworkSegmentRangeReferencedByProject."""
    changes.delete(tx, item)


SEGMENT_RANGES = Noun(
    name="network_segment_range",
    plural="network_segment_ranges",
    attributes=ATTRIBUTES,
    policies=Policies(*[policy.SEGMENT_RANGE_MANAGE] * 4),
    shelf=segment_ranges.RANGES,
    absent=NetworkSegmentRangeNotFound,
    seen_by=segment_ranges.seen_by,
    views=_views,
    lock=segment_ranges.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)
