"""Segments come and go. OVN joins several wires to one network where no host is on two of them."""

from __future__ import annotations

import msgspec

from nacre.kernel.database import Tx
from nacre.network.changes import events
from nacre.network.changes.loops import NETWORKS
from nacre.network.domain.networks import Network, NetworkType
from nacre.network.domain.segments import Segment
from nacre.network.errors import FlatNetworkInUse, InvalidInput, SegmentInUse, VlanIdInUse
from nacre.network.store import segments
from nacre.network.store.shelf import serialise

KIND = "segment"


def create(tx: Tx, network: Network, segment: Segment) -> Segment:
    """Give a locked network one more segment. Errors: InvalidInput, FlatNetworkInUse, VlanIdInUse."""
    present = segments.of_networks(tx, [network.id])[network.id]
    if not network.is_physical or segment.network_type is NetworkType.GENEVE:
        raise InvalidInput("a network in tunnels has one segment, which reaches every host")
    if segment.physical_network in {each.physical_network for each in present}:
        raise InvalidInput(f"network {network.id} is on physical network {segment.physical_network} already")
    place = max((each.place for each in present), default=-1) + 1
    segment = msgspec.structs.replace(segment, place=place)
    check_wire(tx, segment)
    insert(tx, segment)
    return segment


def insert(tx: Tx, segment: Segment) -> None:
    """Write a segment whose wire was found to be free."""
    segments.SEGMENTS.insert(tx, [segment])
    events.created(tx, KIND, segment)
    tx.make_due(NETWORKS, segment.network_id)


def check_wire(tx: Tx, segment: Segment) -> None:
    """Nobody else is on the wire under its tag. Raises FlatNetworkInUse, VlanIdInUse."""
    wire, vlan = segment.physical_network, segment.segmentation_id
    assert wire is not None, "a physical network has a wire"
    serialise(tx, f"wire {wire}")
    if segments.is_wire_taken(tx, wire, vlan):
        if segment.network_type is NetworkType.FLAT:
            raise FlatNetworkInUse(wire)
        raise VlanIdInUse(vlan or 0, wire)


def update(tx: Tx, before: Segment, after: Segment) -> Segment:
    """Change what people say of a locked segment."""
    after = segments.SEGMENTS.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    return after


def delete(tx: Tx, segment: Segment) -> None:
    """Delete a locked segment that no subnet is bound to, and that is not the first. Errors: SegmentInUse."""
    if segments.has_subnets(tx, segment.id):
        raise SegmentInUse(segment.id, "one or more subnets are bound to it")
    if segment.place == 0:
        raise SegmentInUse(segment.id, "it is the first of its network, which goes with the network")
    segments.SEGMENTS.remove(tx, segment.id)
    events.deleted(tx, KIND, segment)
    tx.make_due(NETWORKS, segment.network_id)
