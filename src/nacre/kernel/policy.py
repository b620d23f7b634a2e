"""Who may do what: named rules with their defaults in code, and the book of those in force.

A service names its operations as `Policy` objects; what stands in the book under the same name overrides their
rule. The rules that others are made of are named as well (`BASE_RULES`), so that no role is named anywhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar, final

import msgspec

from nacre.kernel import errors
from nacre.kernel.ids import ProjectId, UserId
from nacre.kernel.narrowing import RequestRule
from nacre.kernel.rules import NEVER, BadRule, Check, Reason, Target, parse, references

log = logging.getLogger("nacre.policy")

BASE_RULES: Mapping[str, str] = {
    "admin": "role:admin",
    "manager": "role:manager",
    "member": "role:member",
    "reader": "role:reader",
    "service": "role:service",
    "self": "user_id:%(user_id)s",
    "own_reader": "rule:admin or (rule:reader and project_id:%(project_id)s)",
    "own_member": "rule:admin or (rule:member and project_id:%(project_id)s)",
    "own_manager": "rule:admin or (rule:manager and project_id:%(project_id)s)",
    "cloud_admin": "rule:admin and domain_id:None",
    "system_reader": "rule:cloud_admin or (rule:reader and system_scope:all)",
    "domain_reader": "rule:reader and domain_id:%(domain_id)s",
    "domain_manager": "rule:manager and domain_id:%(domain_id)s",
    "subtree_manager": "rule:manager and within:%(project_path)s",
    "role_for_domains": (
        "None:%(role_domain_id)s"
        " and ('manager':%(role_name)s or 'member':%(role_name)s or 'reader':%(role_name)s)"
    ),
    "role_held": "role_ids:%(role_id)s and not 'True':%(role_is_admin)s",
}
"""What all other rules are made of. They can be overridden as these can.

`cloud_admin` is an administrator who has not limited the token to a domain: what is in no domain is theirs alone.
`role_for_domains` are the roles that managers of a domain may give, `role_held` those of managers of a project.
"""


MOST_STEPS = 500
"""How many references a rule may lead through, so that asking it stays quick."""


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

    rules: Rulebook = msgspec.field(default_factory=lambda: DEFAULTS)
    """The rules in force for this caller."""

    only: tuple[RequestRule, ...] | None = None
    """The only requests this caller may make, if the token narrows them."""

    @property
    def system_scope(self) -> str:
        """`all` with a token for the whole system, as rules ask about it."""
        return "all" if self.system else ""


@dataclass(eq=False)
class NotAllowed(errors.Forbidden):
    """A rule says no."""

    code: ClassVar[str] = "nacre.policy"
    policy: str

    def __str__(self) -> str:
        return f"Policy doesn't allow {self.policy} to be performed."


@final
class Policy:
    """A named rule of an operation, such as `compute:servers:show`: `rule:own_reader`.

    A target is what the rule compares the caller with: `project_id`, `user_id`, and so on.
    """

    __slots__ = ("check", "name", "rule")

    def __init__(self, name: str, rule: str) -> None:
        self.name = name
        self.rule = rule
        self.check = parse(rule)

    def allows(self, caller: Caller, target: Target) -> bool:
        """Whether `caller` may do this to `target`."""
        rules = caller.rules
        return rules.check_of(self).holds(caller, target, rules)

    def may_allow(self, caller: Caller) -> bool:
        """Whether there could be anything that `caller` may do this to."""
        rules = caller.rules
        return rules.check_of(self).may_hold(caller, rules) is not False

    def enforce(self, caller: Caller, target: Target) -> None:
        """Raise NotAllowed unless `caller` may do this to `target`."""
        if not self.allows(caller, target):
            raise NotAllowed(self.name)

    def __repr__(self) -> str:
        return f"Policy({self.name!r}, {self.rule!r})"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something is allowed, under which rule, and the parts of it that decide."""

    allowed: bool
    rule: str
    reasons: Sequence[Reason]


@final
class Rulebook:
    """The rules in force: `overrides` by name, over the `defaults` in code. It never changes.

    A rule that cannot be read, or refers to none, holds for nobody: a book read from a store may be of another
    version of this program, and must not let anybody in by mistake.
    """

    def __init__(self, defaults: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> None:
        self.defaults = {**BASE_RULES, **defaults}
        self.overrides = dict(overrides or {})
        self._overriding = {name: _read(name, rule) for name, rule in self.overrides.items()}
        self._named: dict[str, Check] = {}

    def check_of(self, policy: Policy) -> Check:
        """The rule in force for a policy."""
        return self._overriding.get(policy.name) or policy.check

    def named(self, name: str) -> Check:
        """The rule of this name; one that never holds if there is none."""
        check = self._named.get(name)
        if check is None:
            check = self._named[name] = self._overriding.get(name) or _read(
                name, self.defaults.get(name, "!")
            )
        return check

    def text_of(self, name: str) -> str:
        """The rule of this name as it is written. Raises KeyError."""
        return self.overrides.get(name) or self.defaults[name]

    def proposed(self, name: str, rule: str | None) -> Rulebook:
        """This book with another rule of this name; None for the default again."""
        overrides = {key: text for key, text in self.overrides.items() if key != name}
        return Rulebook(self.defaults, overrides if rule is None else {**overrides, name: rule})

    def verdict(self, name: str, caller: Caller, target: Target) -> Verdict:
        """Whether the rule of this name holds, and why. Raises KeyError."""
        check = self.named(name)
        return Verdict(
            allowed=check.holds(caller, target, self),
            rule=self.text_of(name),
            reasons=check.explain(caller, target, self),
        )

    def check_sound(self, name: str) -> None:
        """Raise BadRule unless the rule of this name, and all that it refers to, can be read and come to an end."""
        self._walk(name, (), steps=iter(range(MOST_STEPS)))

    def _walk(self, name: str, through: tuple[str, ...], *, steps: Iterator[int]) -> None:
        text = self.text_of(name)
        if name in through:
            raise BadRule(text, f"it leads back to itself: {' -> '.join((*through, name))}")
        if next(steps, None) is None:
            raise BadRule(text, f"it leads to more than {MOST_STEPS} other rules")
        for other in references(parse(text)):
            if other not in self.defaults:
                raise BadRule(text, f"there is no rule '{other}'")
            self._walk(other, (*through, name), steps=steps)


def _read(name: str, rule: str) -> Check:
    try:
        return parse(rule)
    except BadRule:
        log.exception("the rule %s holds for nobody", name)
        return NEVER


DEFAULTS: Rulebook = Rulebook({})
"""The base rules alone, for whoever calls without a book."""


def policies_in(module: ModuleType) -> Iterable[Policy]:
    """The policies that a service's module of policies names."""
    return [value for value in vars(module).values() if isinstance(value, Policy)]


ADMIN = "rule:admin"
OWN_READER = "rule:own_reader"
OWN_MEMBER = "rule:own_member"
ANYBODY = "@"

PUBLIC = Policy("nacre:public", ANYBODY)
"""For routes that need no token at all: version documents, health, and the door where tokens are made."""
