"""Access rules: which requests an application credential is good for.

Source: Identity API v3 reference, "Application credentials", access rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from nacre.identity import policy
from nacre.identity.api.changes import changed
from nacre.identity.api.fields import Id
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.api.token_view import rule_view
from nacre.identity.domain.access_rules import AccessRule, new_rule
from nacre.identity.errors import AccessRuleNotFound, NotPossible
from nacre.identity.store.access_rules import RULES, in_use
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.http.routes import Route

MOST_RULES = 200
"""How many rules one application credential has at most."""

_PATH = "/v3/users/{user_id}/access_rules"


class RuleAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule the user has already, by id; or one by all of what it says."""

    id: Id | None = None
    service: Id | None = None
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] | None = None
    path: Annotated[str, Meta(min_length=1, max_length=225, pattern=r"^/")] | None = None


def asked_rules(call: Call[Parts], asks: Sequence[RuleAsk] | None) -> tuple[AccessRule, ...] | None:
    """The caller's rules that are asked for; None for none, which is no limit. Raises AccessRuleNotFound, Bad."""
    if not asks:
        return None
    known: dict[str, AccessRule] = {}
    ids = [ask.id for ask in asks if ask.id is not None]
    if ids:
        with call.database.read() as db:
            known = {rule.rule_id: rule for rule in RULES.some(db, ids)}
    rules = {rule.rule_id: rule for rule in (_rule(call, ask, known) for ask in asks)}
    return tuple(rules.values())


def _rule(call: Call[Parts], ask: RuleAsk, known: dict[str, AccessRule]) -> AccessRule:
    if ask.id is not None:
        rule = known.get(ask.id)
        if rule is None or rule.user_id != call.caller.user_id:
            raise AccessRuleNotFound(ask.id)
        return rule
    if ask.service is None or ask.method is None or ask.path is None:
        raise Bad("A rule has a service, a method and a path, or an id.", where="access_rules")
    return new_rule(call.caller.user_id, service=ask.service, method=ask.method, path=ask.path)


def list_all(call: Call[Parts], user_id: str) -> Answer:
    """A user's access rules; filters `service`, `method` and `path`."""
    demand(call, user_id=user_id)
    filters = {"user_id": user_id} | text_filters(call, "service", "method", "path")
    with call.database.read() as db:
        page, rows = page_from(db, call, RULES, filters, first="rule_id")
    return listed(call, "access_rules", rows, page, lambda rule: _view(call, rule), id_of=lambda r: r.rule_id)


def show(call: Call[Parts], user_id: str, access_rule_id: str) -> Answer:
    """One of a user's access rules. Errors: AccessRuleNotFound."""
    demand(call, user_id=user_id)
    with call.database.read() as db:
        rule = RULES.load(db, access_rule_id)
    _check_owner(rule, user_id)
    return Ok({"access_rule": _view(call, rule)})


def delete(call: Call[Parts], user_id: str, access_rule_id: str) -> Answer:
    """Forget an access rule. Errors: AccessRuleNotFound; NotPossible while an application credential has it."""
    demand(call, user_id=user_id)
    with call.database.write(call.actor) as tx:
        rule = RULES.lock(tx, access_rule_id)
        _check_owner(rule, user_id)
        if in_use(tx, rule):
            raise NotPossible("An application credential still has this access rule.")
        RULES.remove(tx, access_rule_id)
        changed(tx, "delete", "access_rule", access_rule_id, before=rule)
    return NoContent()


def _check_owner(rule: AccessRule, user_id: str) -> None:
    if rule.user_id != user_id:
        raise AccessRuleNotFound(rule.rule_id)


def _view(call: Call[Parts], rule: AccessRule) -> dict[str, Any]:
    path = f"/v3/users/{rule.user_id}/access_rules/{rule.rule_id}"
    return rule_view(rule) | {"links": self_link(call, path)}


ROUTES = (
    Route("GET", _PATH, list_all, policy.LIST_ACCESS_RULES),
    Route("GET", f"{_PATH}/{{access_rule_id}}", show, policy.GET_ACCESS_RULE),
    Route("DELETE", f"{_PATH}/{{access_rule_id}}", delete, policy.DELETE_ACCESS_RULE),
)
