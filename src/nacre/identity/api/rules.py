"""The rules of policy: read, changed, and tried on a user before they are.

The same handlers answer to administrators over the API, and to whoever may use the unix socket of the machine;
the latter has no token, and gets in even where a rule has gone wrong.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nacre.identity import policy
from nacre.identity.api.fields import Id, LongName
from nacre.identity.api.lists import self_link, whole
from nacre.identity.api.parts import Parts
from nacre.identity.domain.scopes import SYSTEM, UNSCOPED, Scope, ScopeKind
from nacre.identity.errors import LoginRefused
from nacre.identity.rules import Question, Rule
from nacre.identity.store.rules import RuleChange
from nacre.kernel.clock import iso_micro
from nacre.kernel.errors import Bad
from nacre.kernel.events import Actor
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC, Caller
from nacre.kernel.rules import LONGEST_RULE, Reason

RuleText = Annotated[str, Meta(min_length=1, max_length=LONGEST_RULE, pattern=r"\S")]


class SetRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in the language of `kernel/rules.py`. An empty one would let everybody in; say `@` if you mean that."""

    rule: RuleText


class ScopeAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of these, or nothing for a token without a scope."""

    project_id: Id | None = None
    domain_id: Id | None = None
    system: bool = False

    def scope(self) -> Scope:
        """As one value. Raises Bad for several."""
        if (self.project_id is not None) + (self.domain_id is not None) + self.system > 1:
            raise Bad("A scope is a project, a domain or the system, not several.", where="check.scope")
        if self.project_id is not None:
            return Scope(ScopeKind.PROJECT, self.project_id)
        if self.domain_id is not None:
            return Scope(ScopeKind.DOMAIN, self.domain_id)
        return SYSTEM if self.system else UNSCOPED


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`target` holds what the rule compares with, such as `project_id`; `rule` is one to try in place of its own."""

    policy: LongName
    user_id: Id
    scope: ScopeAsk = ScopeAsk()
    target: dict[str, str | tuple[str, ...] | None] = {}
    rule: RuleText | None = None


SET = Body(SetRule, key="policy")
CHECK = Body(Check, key="check")


def list_all(call: Call[Parts]) -> Answer:
    """Every rule by name: as it stands, its default, and when and by whom it was last changed."""
    return whole(call, "policies", [_view(call, rule) for rule in call.parts.rules.all()])


def show(call: Call[Parts], name: str) -> Answer:
    """One rule. Errors: RuleNotFound."""
    return Ok({"policy": _view(call, call.parts.rules.load(name))})


def set_rule(call: Call[Parts], ask: SetRule, name: str) -> Answer:
    """Override a rule; it counts at once, on every node.

    Errors: RuleNotFound; BadRule for one that cannot be read, refers to none, leads back to itself, or would lock
    administrators out of the policy API; RulesMoved.
    """
    return Ok({"policy": _view(call, call.parts.rules.set(_actor(call), name, ask.rule, asker=_asker(call)))})


def reset(call: Call[Parts], name: str) -> Answer:
    """Let the default count again; safe to repeat. Errors: RuleNotFound, BadRule, RulesMoved."""
    return Ok({"policy": _view(call, call.parts.rules.reset(_actor(call), name, asker=_asker(call)))})


def history(call: Call[Parts], name: str) -> Answer:
    """Every change of a rule, the newest first. Errors: RuleNotFound."""
    return whole(call, "changes", [_change_view(change) for change in call.parts.rules.history(name)])


def check(call: Call[Parts], ask: Check) -> Answer:
    """Would this user be allowed, under the rules in force or a proposed one, and which part decides?

    Errors: RuleNotFound, BadRule; Bad for a user who can have no token for that scope.
    """
    question = Question(
        policy=ask.policy, user_id=ask.user_id, scope=ask.scope.scope(), target=ask.target, rule=ask.rule
    )
    try:
        caller, verdict = call.parts.rules.answer(question)
    except LoginRefused as error:
        raise Bad("This user can have no token for this scope.", where="check") from error
    return Ok(
        {
            "check": {
                "policy": ask.policy,
                "allowed": verdict.allowed,
                "rule": verdict.rule,
                "proposed": ask.rule is not None,
                "user": {"id": caller.user_id, "name": caller.user_name},
                "roles": caller.roles,
                "reasons": [_reason_view(reason) for reason in verdict.reasons],
            }
        }
    )


def _asker(call: Call[Parts]) -> Caller | None:
    return None if call.route.policy is PUBLIC else call.caller


def _actor(call: Call[Parts]) -> Actor:
    return call.actor if _asker(call) else Actor("operator", trace_id=call.request_id)


def _view(call: Call[Parts], rule: Rule) -> dict[str, Any]:
    change = rule.change
    return {
        "name": rule.name,
        "rule": rule.rule,
        "default": rule.default,
        "overridden": change is not None and change.rule is not None,
        "edition": change.edition if change else 0,
        "set_at": iso_micro(change.set_at) if change else None,
        "set_by": change.set_by if change else None,
        "links": self_link(call, f"/v3/nacre/policies/{rule.name}"),
    }


def _change_view(change: RuleChange) -> dict[str, Any]:
    return {
        "edition": change.edition,
        "rule": change.rule,
        "set_at": iso_micro(change.set_at),
        "set_by": change.set_by,
    }


def _reason_view(reason: Reason) -> dict[str, Any]:
    return {"part": reason.part, "holds": reason.holds, "why": reason.why, "through": reason.through}


ROUTES = (
    Route("GET", "/v3/nacre/policies", list_all, policy.SHOW_RULES),
    Route("GET", "/v3/nacre/policies/{name}", show, policy.SHOW_RULES),
    Route("PUT", "/v3/nacre/policies/{name}", set_rule, policy.SET_RULES, SET),
    Route("DELETE", "/v3/nacre/policies/{name}", reset, policy.SET_RULES),
    Route("GET", "/v3/nacre/policies/{name}/history", history, policy.SHOW_RULES),
    Route("POST", "/v3/nacre/policy_checks", check, policy.CHECK_RULES, CHECK),
)

LOCAL_ROUTES = tuple(
    Route(route.method, route.path.removeprefix("/v3/nacre"), route.handler, PUBLIC, route.body)
    for route in ROUTES
)
"""The same for the operator of the machine, whom the unix socket's file rights let in."""
