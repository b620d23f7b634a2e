"""Ranges of segments' numbers come and go. Nothing is taken from under the networks that are numbered by them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Tx
from nacre.kernel.ids import new_id
from nacre.network.changes import events
from nacre.network.changes.segments import HELD, Wires
from nacre.network.domain.segments import SegmentRange, WireAsk
from nacre.network.errors import (
    NetworkSegmentRangeDefaultReadOnly,
    NetworkSegmentRangeOverlaps,
    NetworkSegmentRangeReferencedByProject,
)
from nacre.network.hindrances import of_segment_range, refuse
from nacre.network.store import segment_ranges
from nacre.network.store.shelf import serialise

KIND = "network_segment_range"


def create(tx: Tx, wanted: SegmentRange) -> None:
    """Make a range. Errors: NetworkSegmentRangeOverlaps."""
    _check_apart(tx, wanted)
    segment_ranges.RANGES.insert(tx, [wanted])
    events.created(tx, KIND, wanted)


def update(tx: Tx, before: SegmentRange, after: SegmentRange) -> SegmentRange:
    """Change a locked range.

    Errors: NetworkSegmentRangeDefaultReadOnly, NetworkSegmentRangeOverlaps, NetworkSegmentRangeReferencedByProject.
    """
    if before.default:
        raise NetworkSegmentRangeDefaultReadOnly(before.id)
    if (before.minimum, before.maximum) != (after.minimum, after.maximum):
        _check_apart(tx, after)
        users = before.users_among(segment_ranges.users(tx, [before]))
        if any(not after.minimum <= user.number <= after.maximum for user in users):
            raise NetworkSegmentRangeReferencedByProject(before.id)
    after = segment_ranges.RANGES.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    return after


def delete(tx: Tx, gone: SegmentRange) -> None:
    """Delete a locked range. Errors: NetworkSegmentRangeDefaultReadOnly, NetworkSegmentRangeReferencedByProject."""
    serialise(tx, HELD)
    refuse(of_segment_range(tx, gone))
    segment_ranges.RANGES.remove(tx, gone.id)
    events.deleted(tx, KIND, gone)


def _check_apart(tx: Tx, wanted: SegmentRange) -> None:
    """A number is in one range besides the default ones. Raises NetworkSegmentRangeOverlaps."""
    serialise(tx, HELD)
    for other in segment_ranges.everything(tx):
        if not other.default and other.id != wanted.id and other.overlaps(wanted):
            raise NetworkSegmentRangeOverlaps(other.id)


# -- when the cloud begins -----------------------------------------------------------------------------------


def ensure_defaults(tx: Tx, wanted: Sequence[SegmentRange]) -> None:
    """Let the default ranges be those of the configuration; safe to repeat."""
    present = {(each.pool, each.minimum): each for each in segment_ranges.defaults(tx)}
    for each in wanted:
        before = present.pop((each.pool, each.minimum), None)
        if before is None:
            made = msgspec.structs.replace(each, id=new_id(), created_at=tx.now, updated_at=tx.now)
            segment_ranges.RANGES.insert(tx, [made])
        elif before.maximum != each.maximum:
            after = msgspec.structs.replace(before, maximum=each.maximum)
            segment_ranges.RANGES.update(tx, before, after)
    for left in present.values():
        segment_ranges.RANGES.remove(tx, left.id)


def number_older(tx: Tx) -> None:
    """Give networks in tunnels that were made before there were numbers one each; safe to repeat."""
    wires = Wires(tx)
    chosen = {
        network_id: wires.choose(WireAsk(project_id=project_id, network_type=kind))
        for network_id, kind, project_id in segment_ranges.unnumbered(tx)
    }
    segment_ranges.number(
        tx, {key: wire.segmentation_id for key, wire in chosen.items() if wire.segmentation_id is not None}
    )
