"""What a token is good for: one project, one domain, the whole system, or nothing yet."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ScopeKind(StrEnum):
    """The kinds of things roles are held on."""

    UNSCOPED = ""
    PROJECT = "project"
    DOMAIN = "domain"
    SYSTEM = "system"


class Scope(msgspec.Struct, frozen=True, array_like=True):
    """`target_id` is a project's or domain's id, `all` for the system, and empty without a scope."""

    kind: ScopeKind = ScopeKind.UNSCOPED
    target_id: str = ""


UNSCOPED = Scope()
SYSTEM = Scope(ScopeKind.SYSTEM, "all")
