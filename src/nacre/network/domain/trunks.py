"""Trunks: a port that carries further ports, its subports, each under a VLAN tag of its own."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from nacre.kernel.ids import PortId, ProjectId

SUBPORT_OWNER = "trunk:subport"
"""The device owner of subports."""


class SegmentationType(StrEnum):
    """How a subport's frames are told from others: under a tag, or under that of the subport's own network."""

    VLAN = "vlan"
    INHERIT = "inherit"


class SubPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port that a trunk carries, and its tag there. One that inherits its tag has none until it is looked up."""

    port_id: PortId
    segmentation_type: SegmentationType
    segmentation_id: int | None = None


class Trunk(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk, as Networking v2.0 shows it. One that is down is not changed; its packets flow all the same."""

    id: str
    project_id: ProjectId
    port_id: PortId
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    sub_ports: tuple[SubPort, ...] = ()
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


class Carried(msgspec.Struct, frozen=True):
    """By which parent port a subport is carried, and under which tag."""

    parent_id: PortId
    tag: int


def first_repeated(sub_ports: Sequence[SubPort]) -> SubPort | None:
    """The first whose tag another before it has."""
    seen: set[int] = set()
    for each in sub_ports:
        if each.segmentation_id is None:
            continue
        if each.segmentation_id in seen:
            return each
        seen.add(each.segmentation_id)
    return None
