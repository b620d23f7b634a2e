"""The rules in force: read, overridden, given back to their defaults, and tried before they are.

A change counts on every node as soon as it is durable, and the former rules are kept. No change may take the
policy API out of the hands of the cloud's administrators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import msgspec

from nacre.identity import policy
from nacre.identity.api.changes import changed
from nacre.identity.authority import Authority
from nacre.identity.domain.scopes import Scope
from nacre.identity.errors import Missing
from nacre.identity.seed import LINE_OF_ROLES
from nacre.identity.store import rules as store
from nacre.identity.store.projects import projects_above
from nacre.identity.store.rules import RuleChange
from nacre.kernel.database import Database, Duplicate, Tx
from nacre.kernel.errors import Stale
from nacre.kernel.events import Actor
from nacre.kernel.ids import UserId
from nacre.kernel.policy import Caller, Policy, Rulebook, Verdict
from nacre.kernel.rules import BadRule

_GUARDED: tuple[Policy, ...] = (policy.SHOW_RULES, policy.SET_RULES)
_FIRST_ADMIN = Caller(
    user_id=UserId("admin"),
    user_name="admin",
    user_domain_id="default",
    user_domain_name="Default",
    system=True,
    roles=LINE_OF_ROLES,
)
"""An administrator as every cloud has one at its first start."""


class RuleNotFound(Missing):
    noun = "policy rule"


class RulesMoved(Stale):
    """Another rule was changed at the same moment, and what was checked may hold no more."""

    code: ClassVar[str] = "identity.rules_moved"

    def __str__(self) -> str:
        return "Another rule was changed at the same moment; look again and repeat."


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it stands; `change` is the last one it went through, if any."""

    name: str
    rule: str
    default: str
    change: RuleChange | None


@dataclass(frozen=True)
class Question:
    """Would this user, with a token for this scope, be allowed this policy on this target?

    `rule` is one to try in its place; None asks under the rules in force.
    """

    policy: str
    user_id: str
    scope: Scope
    target: Mapping[str, Any]
    rule: str | None = None


@final
class Rules:
    """What operators read and change. The book itself is the authority's, who gives it to every caller."""

    def __init__(self, database: Database, authority: Authority) -> None:
        self._database = database
        self._authority = authority

    def all(self) -> Sequence[Rule]:
        """Every rule, by name."""
        with self._database.read() as db:
            changes = {change.name: change for change in store.load_standing(db)}
        book = self._authority.rules()
        return [_rule(book, name, changes.get(name)) for name in sorted(book.defaults)]

    def load(self, name: str) -> Rule:
        """One rule. Raises RuleNotFound."""
        history = self.history(name)
        return _rule(self._authority.rules(), name, history[0] if history else None)

    def history(self, name: str) -> Sequence[RuleChange]:
        """The changes of one rule, the newest first. Raises RuleNotFound."""
        self._check_known(name)
        with self._database.read() as db:
            return store.load_history(db, name)

    def set(self, actor: Actor, name: str, rule: str, *, asker: Caller | None = None) -> Rule:
        """Let this be the rule. Raises RuleNotFound, BadRule, RulesMoved.

        `asker` is whose right to change rules must outlive the change; None for the operator of the machine.
        """
        self._check_known(name)
        return self._change(actor, name, rule, keepers=[_FIRST_ADMIN, *([asker] if asker else [])])

    def reset(self, actor: Actor, name: str, *, asker: Caller | None = None) -> Rule:
        """Let the default count again. Raises RuleNotFound, BadRule, RulesMoved."""
        self._check_known(name)
        return self._change(actor, name, None, keepers=[_FIRST_ADMIN, asker] if asker else [])

    def answer(self, question: Question) -> tuple[Caller, Verdict]:
        """Who it is that asks, and the verdict. Raises RuleNotFound, BadRule, LoginRefused.

        The path of a project that the target names is looked up.
        """
        self._check_known(question.policy)
        caller = self._authority.as_if(question.user_id, question.scope)
        book = self._authority.rules()
        if question.rule is not None:
            book = book.proposed(question.policy, question.rule)
            book.check_sound(question.policy)
        return caller, book.verdict(question.policy, caller, self._placed(question.target))

    def _placed(self, target: Mapping[str, Any]) -> Mapping[str, Any]:
        project_id = target.get("project_id")
        if not isinstance(project_id, str) or "project_path" in target:
            return target
        with self._database.read() as db:
            above = [project.project_id for project in projects_above(db, project_id)]
        return {**target, "project_path": above}

    def _change(self, actor: Actor, name: str, rule: str | None, *, keepers: Sequence[Caller]) -> Rule:
        try:
            with self._database.write(actor) as tx:
                return self._changed(tx, name, rule, keepers)
        except Duplicate as error:
            raise RulesMoved from error

    def _changed(self, tx: Tx, name: str, rule: str | None, keepers: Sequence[Caller]) -> Rule:
        """Recorded first: from then on nobody else changes any rule, and what is checked here stays true."""
        change = store.record(tx, name, rule, set_by=tx.actor.name)
        book = Rulebook(self._authority.rules().defaults, store.load_overrides(tx))
        book.check_sound(name)
        _check_kept(book, name, keepers)
        changed(tx, "set" if rule is not None else "reset", "policy-rule", name, after={"rule": rule})
        return _rule(book, name, change)

    def _check_known(self, name: str) -> None:
        if name not in self._authority.rules().defaults:
            raise RuleNotFound(name)


def _check_kept(book: Rulebook, name: str, keepers: Sequence[Caller]) -> None:
    """Raise BadRule if the book locks anybody out of the policy API who must have it."""
    for keeper in keepers:
        caller = msgspec.structs.replace(keeper, rules=book)
        if not all(guarded.allows(caller, {}) for guarded in _GUARDED):
            raise BadRule(book.text_of(name), "it would lock the administrators out of the policy API")


def _rule(book: Rulebook, name: str, change: RuleChange | None) -> Rule:
    rule = change.rule if change is not None and change.rule is not None else book.defaults[name]
    return Rule(name=name, rule=rule, default=book.defaults[name], change=change)
