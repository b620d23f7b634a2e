"""Who may do what: named rules in the oslo.policy language, with their defaults in code."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, final

import msgspec
from oslo_policy import policy as oslo

from nacre.kernel import errors
from nacre.kernel.ids import ProjectId, UserId


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, as proven by a token. `project_id` is empty without a project scope; ids are as identity shows them.

    `expires_at` and `issued_at` are seconds since the epoch.
    """

    user_id: UserId
    user_name: str
    user_domain_id: str
    user_domain_name: str
    project_id: ProjectId = ProjectId("")
    project_name: str = ""
    project_domain_id: str = ""
    project_domain_name: str = ""
    domain_id: str = ""
    domain_name: str = ""
    system: bool = False
    roles: tuple[str, ...] = ()
    role_ids: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    audit_ids: tuple[str, ...] = ()
    issued_at: float = 0.0
    expires_at: float = 0.0

    @property
    def credentials(self) -> dict[str, Any]:
        """What rules may ask about."""
        return {
            "user_id": self.user_id,
            "project_id": self.project_id,
            "domain_id": self.domain_id,
            "user_domain_id": self.user_domain_id,
            "project_domain_id": self.project_domain_id,
            "roles": self.roles,
            "system_scope": "all" if self.system else None,
        }


@dataclass(eq=False)
class NotAllowed(errors.Forbidden):
    """A rule says no."""

    code: ClassVar[str] = "nacre.policy"
    policy: str

    def __str__(self) -> str:
        return f"Policy doesn't allow {self.policy} to be performed."


@final
class Policy:
    """A named rule, such as `compute:servers:show`: `role:admin or project_id:%(project_id)s`.

    A target is what the rule compares the caller with: `project_id`, `user_id`, and so on.
    """

    __slots__ = ("_check", "name", "rule")

    def __init__(self, name: str, rule: str) -> None:
        self.name = name
        self.rule = rule
        self._check = _parse(rule)

    def allows(self, caller: Caller, target: Mapping[str, Any]) -> bool:
        """Whether `caller` may do this to `target`."""
        return bool(self._check(target, caller.credentials, _NO_RULES))

    def enforce(self, caller: Caller, target: Mapping[str, Any]) -> None:
        """Raise NotAllowed unless `caller` may do this to `target`."""
        if not self.allows(caller, target):
            raise NotAllowed(self.name)

    def __repr__(self) -> str:
        return f"Policy({self.name!r}, {self.rule!r})"


_NO_RULES = SimpleNamespace(rules={})


@functools.cache
def _parse(rule: str) -> Any:
    return oslo.Rules.from_dict({"this": rule})["this"]


ADMIN = "role:admin"
OWN_READER = "role:admin or (role:reader and project_id:%(project_id)s)"
OWN_MEMBER = "role:admin or (role:member and project_id:%(project_id)s)"
ANYBODY = "@"

PUBLIC = Policy("nacre:public", ANYBODY)
"""For routes that need no token at all: version documents, health, and the door where tokens are made."""
