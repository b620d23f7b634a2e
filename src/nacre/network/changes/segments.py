"""Segments come and go, and get their wires. OVN joins several wires to one network where no host is on two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Tx
from nacre.network.changes import events
from nacre.network.changes.loops import NETWORKS
from nacre.network.domain.networks import OVERLAYS, Network, NetworkType
from nacre.network.domain.segments import (
    Segment,
    SegmentRange,
    Wire,
    WireAsk,
    check_wire,
    common_intervals,
    own_intervals,
)
from nacre.network.errors import (
    FlatNetworkInUse,
    InvalidInput,
    NoNetworkAvailable,
    TunnelIdInUse,
    VlanIdInUse,
)
from nacre.network.hindrances import of_segment, refuse
from nacre.network.store import segment_ranges, segments
from nacre.network.store.shelf import serialise

KIND = "segment"
HELD = "wires"
"""What is held by whoever decides which wires and numbers are whose."""


class Wires:
    """Finds wires for segments that are made in one transaction: what it has given out it does not give again."""

    def __init__(self, tx: Tx, self_service: Sequence[NetworkType] = ()) -> None:
        """`self_service` are the types of networks whose makers say nothing of a wire, in the order they are tried."""
        self._tx = tx
        self._self_service = self_service
        self._promised: dict[tuple[NetworkType, str | None], set[int]] = defaultdict(set)
        self._known: list[SegmentRange] | None = None
        self._is_held = False

    def choose(self, ask: WireAsk) -> Wire:
        """The wire that was asked for; a number that nobody named is taken from the ranges, the project's own first.

        Errors: InvalidInput, FlatNetworkInUse, VlanIdInUse, TunnelIdInUse, NoNetworkAvailable.
        """
        check_wire(ask)
        self._hold()
        kind = ask.network_type
        if kind is None:
            return self._any(ask.project_id)
        if kind is not NetworkType.FLAT and ask.segmentation_id is None:
            return self._numbered(ask.project_id, kind, ask.physical_network)
        wire = Wire(kind, ask.physical_network, ask.segmentation_id)
        self._check_free(wire)
        self._promised[kind, wire.physical_network].add(wire.segmentation_id or 0)
        return wire

    def _hold(self) -> None:
        """One lock for all wires: whoever makes networks in tunnels waits for the others anyway."""
        if not self._is_held:
            serialise(self._tx, HELD)
            self._is_held = True

    def _numbered(self, project_id: str, kind: NetworkType, name: str | None) -> Wire:
        if not self._ranges(kind, name):
            raise InvalidInput(f"segmentation_id required for {kind} provider network")
        wire = self._own(project_id, kind, name) or self._common(kind, name)
        if wire is None:
            raise NoNetworkAvailable
        return wire

    def _any(self, project_id: str) -> Wire:
        """Of a range of the project if it has one, of whichever type; else of the ranges for everybody."""
        places = [(kind, name) for kind in self._self_service for name in self._names(kind)]
        for kind, name in places:
            if wire := self._own(project_id, kind, name):
                return wire
        for kind, name in places:
            if wire := self._common(kind, name):
                return wire
        raise NoNetworkAvailable

    def _names(self, kind: NetworkType) -> list[str | None]:
        """The physical networks on which there are ranges of a type."""
        return list(
            dict.fromkeys(each.physical_network for each in self._ranges() if each.network_type is kind)
        )

    def _own(self, project_id: str, kind: NetworkType, name: str | None) -> Wire | None:
        ranges = [each for each in self._ranges(kind, name) if each.is_of(project_id)]
        return self._take(kind, name, own_intervals(ranges, project_id), ranges)

    def _common(self, kind: NetworkType, name: str | None) -> Wire | None:
        ranges = self._ranges(kind, name)
        return self._take(kind, name, common_intervals(ranges), [each for each in ranges if each.shared])

    def _take(
        self,
        kind: NetworkType,
        name: str | None,
        intervals: Sequence[tuple[int, int]],
        of: Sequence[SegmentRange],
    ) -> Wire | None:
        if not intervals:
            return None
        promised = self._promised[kind, name]
        number = segment_ranges.lowest_free(self._tx, kind, name, intervals, but=promised, search=of[0].id)
        if number is None:
            return None
        promised.add(number)
        return Wire(kind, name, number)

    def _ranges(self, kind: NetworkType | None = None, name: str | None = None) -> list[SegmentRange]:
        if self._known is None:
            self._known = segment_ranges.everything(self._tx)
        if kind is None:
            return self._known
        return [each for each in self._known if each.pool == (kind, name)]

    def _check_free(self, wire: Wire) -> None:
        """Nobody else has the wire, or its number. Raises FlatNetworkInUse, VlanIdInUse, TunnelIdInUse."""
        kind, name, number = wire.network_type, wire.physical_network, wire.segmentation_id or 0
        if number in self._promised[kind, name] or segments.is_taken(self._tx, wire):
            if kind in OVERLAYS:
                raise TunnelIdInUse(number)
            raise VlanIdInUse(number, name or "") if number else FlatNetworkInUse(name or "")


def create(tx: Tx, network: Network, segment: Segment) -> Segment:
    """Give a locked network one more segment, whose wire has been chosen. Errors: InvalidInput."""
    present = segments.of_networks(tx, [network.id])[network.id]
    if not network.is_physical or segment.network_type in OVERLAYS:
        raise InvalidInput("a network in tunnels has one segment, which reaches every host")
    if segment.physical_network in {each.physical_network for each in present}:
        raise InvalidInput(f"network {network.id} is on physical network {segment.physical_network} already")
    place = max((each.place for each in present), default=-1) + 1
    segment = msgspec.structs.replace(segment, place=place)
    insert(tx, segment)
    return segment


def insert(tx: Tx, segment: Segment) -> None:
    """Write a segment whose wire was found to be free."""
    segments.SEGMENTS.insert(tx, [segment])
    events.created(tx, KIND, segment)
    tx.make_due(NETWORKS, segment.network_id)


def update(tx: Tx, before: Segment, after: Segment) -> Segment:
    """Change what people say of a locked segment."""
    after = segments.SEGMENTS.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    return after


def delete(tx: Tx, segment: Segment) -> None:
    """Delete a locked segment that no subnet is bound to, and that is not the first. Errors: SegmentInUse."""
    refuse(of_segment(tx, segment))
    segments.SEGMENTS.remove(tx, segment.id)
    _give_back(segment)
    events.deleted(tx, KIND, segment)
    tx.make_due(NETWORKS, segment.network_id)


def forget_all(tx: Tx, network_id: str) -> None:
    """Delete the segments of a network that is deleted."""
    for segment in segments.of_networks(tx, [network_id])[network_id]:
        _give_back(segment)
    segments.forget(tx, network_id)


def _give_back(segment: Segment) -> None:
    if segment.segmentation_id is not None:
        segment_ranges.given_back(segment.segmentation_id)
