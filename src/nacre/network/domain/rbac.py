"""Entries that share an object with a project: what may be shared, and for what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec

from nacre.kernel.ids import ProjectId

EVERYBODY = "*"


class Action(StrEnum):
    """What the project of an entry may do with the object: use it as its own, or take it as a way out."""

    SHARED = "access_as_shared"
    EXTERNAL = "access_as_external"


ACTIONS: Mapping[str, frozenset[Action]] = {
    "network": frozenset(Action),
    "subnetpool": frozenset({Action.SHARED}),
    "address_scope": frozenset({Action.SHARED}),
    "address_group": frozenset({Action.SHARED}),
    "security_group": frozenset({Action.SHARED}),
    "qos_policy": frozenset({Action.SHARED}),
}
"""What entries there may be, by the kind of object."""


class RbacPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """An entry. `target_project` is `*` for everybody; `project_id` is whoever made it."""

    id: str
    project_id: ProjectId
    object_type: str
    object_id: str
    action: Action
    target_project: str
    revision_number: int = 0
    updated_at: float = 0.0


def uncovered(users: Collection[str], owner: str, targets: Collection[str]) -> frozenset[str]:
    """The projects among `users` of an object that only an entry for none of `targets` would let use it."""
    return frozenset() if EVERYBODY in targets else frozenset(users) - {owner, "", *targets}
