"""Roles that imply roles: admin implies manager, which implies member, which implies reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role. One with a `domain_id` is a name a domain uses for the roles it implies; no token shows it."""

    role_id: str
    name: str
    domain_id: str = ""
    description: str = ""
    options: Mapping[str, bool | None] = {}


class RoleGraph(msgspec.Struct, frozen=True, kw_only=True):
    """Every role, and which roles each one implies directly, by id."""

    roles: Mapping[str, Role]
    implied: Mapping[str, frozenset[str]]

    def closure(self, role_ids: Iterable[str]) -> frozenset[str]:
        """These roles and all that they imply, however far; circles do no harm."""
        found: set[str] = set()
        waiting = [role_id for role_id in role_ids if role_id in self.roles]
        while waiting:
            role_id = waiting.pop()
            if role_id not in found:
                found.add(role_id)
                waiting.extend(self.implied.get(role_id, ()))
        return frozenset(found)

    def effective(self, role_ids: Iterable[str]) -> tuple[Role, ...]:
        """What a token shows for roles held: the closure without domains' own roles, by name."""
        everything = (self.roles[role_id] for role_id in self.closure(role_ids))
        return tuple(sorted((role for role in everything if not role.domain_id), key=lambda role: role.name))
