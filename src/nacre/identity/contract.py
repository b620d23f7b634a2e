"""What the other services may ask identity.

What a project may have, and whether it may have more, is asked of the functions in `limits`, which work in the
caller's transaction. An `Account` tells them what a service counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from nacre.identity import limits
from nacre.identity.accounts import Account, Measure
from nacre.identity.domain.limits import UNLIMITED, Room
from nacre.kernel.database import Reader
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import Caller


class ProjectName(msgspec.Struct, frozen=True, kw_only=True):
    """A project, as far as neighbours need to know it."""

    project_id: ProjectId
    name: str
    domain_id: str
    enabled: bool


class Identity(Protocol):
    """Who calls, and which projects there are."""

    def authenticate(self, token: str) -> Caller:
        """The caller a token stands for, at once and in memory. Raises Unauthenticated."""
        ...

    def projects(self, db: Reader, project_ids: Collection[ProjectId]) -> Mapping[ProjectId, ProjectName]:
        """Those of the projects that exist."""
        ...


__all__ = ("UNLIMITED", "Account", "Identity", "Measure", "ProjectName", "Room", "limits")
