"""Segments of networks: the operator's, since they are about wires."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.network import policy
from nacre.network.api.attributes import STANDARD, Given, fixed, free
from nacre.network.api.kinds import one_of, optional, text, uuid
from nacre.network.api.networks import NUMBER, segment_of
from nacre.network.api.noun import Noun, Policies, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import segments as changes
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.segments import Segment, WireAsk
from nacre.network.errors import SegmentNotFound
from nacre.network.store import networks, segments

ATTRIBUTES = (
    free("name", optional(text(255))),
    fixed("network_id", uuid, needed=True),
    fixed("network_type", one_of(*NetworkType), needed=True),
    fixed("physical_network", optional(text(64, least=1))),
    fixed("segmentation_id", optional(NUMBER)),
)
_OWNERS = ("project_id", "tenant_id")


def _views(_db: Reader, items: Sequence[Segment]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: Segment) -> View:
    shown = {name: value for name, value in standard_view(item).items() if name not in _OWNERS}
    return shown | {
        "name": item.name,
        "network_id": item.network_id,
        "network_type": str(item.network_type),
        "physical_network": item.physical_network,
        "segmentation_id": item.segmentation_id,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[Segment]:
    """Errors: NetworkNotFound, InvalidInput, and those of `changes.segments.Wires.choose`."""
    wires = changes.Wires(tx)
    made = []
    for each in given:
        network = networks.lock(tx, each.said["network_id"])
        ask = WireAsk(
            project_id=network.project_id,
            network_type=NetworkType(each.said["network_type"]),
            physical_network=each.get("physical_network"),
            segmentation_id=each.get("segmentation_id"),
        )
        said = each.without("network_id", "network_type", "physical_network", "segmentation_id")
        segment = segment_of(network, wires.choose(ask), now=call.now, **said)
        made.append(changes.create(tx, network, segment))
    return made


def _change(_call: Call[Parts], tx: Tx, item: Segment, given: Given) -> Segment:
    return changes.update(tx, item, msgspec.structs.replace(item, **given.said))


def _remove(_call: Call[Parts], tx: Tx, item: Segment) -> None:
    """Errors: SegmentInUse."""
    changes.delete(tx, item)


SEGMENTS = Noun(
    name="segment",
    plural="segments",
    attributes=ATTRIBUTES,
    standard=tuple(each for each in STANDARD if each.name not in _OWNERS),
    policies=Policies(
        policy.SEGMENT_MANAGE, policy.SEGMENT_MANAGE, policy.SEGMENT_MANAGE, policy.SEGMENT_MANAGE
    ),
    shelf=segments.SEGMENTS,
    absent=SegmentNotFound,
    seen_by=segments.seen_by,
    views=_views,
    lock=segments.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)
