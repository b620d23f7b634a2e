"""Policies of quality of service, and the rules within them.

Rules of each kind have paths of their own below their policy, and a shorter one that needs only the rule's id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import ProjectId, new_id
from nacre.kernel.policy import NotAllowed
from nacre.network import policy
from nacre.network.api.attributes import Attribute, Given, Whole, free, project_of, read, shown, unwrap
from nacre.network.api.kinds import NAME, boolean, number, one_of
from nacre.network.api.noun import Noun, Policies, Sharing, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import guarantees
from nacre.network.changes import qos as changes
from nacre.network.domain.qos import (
    DSCP_MARKS,
    GUARANTEES,
    WAYS,
    Direction,
    QosPolicy,
    QosRule,
    RuleKind,
)
from nacre.network.errors import (
    PolicyRemoveAuthorizationError,
    QosPolicyNotFound,
    QosRuleNotFound,
    QosRuleTypeNotFound,
)
from nacre.network.store import qos
from nacre.network.store.tables import QOS_POLICY

MOST_KBPS = (1 << 31) - 1
DRIVER = "ovn"


def _dscp_mark(value: Any) -> int:
    mark: int = number(0, 63)(value)
    if mark not in DSCP_MARKS:
        raise ValueError(f"'{mark}' is not in {list(DSCP_MARKS)}")
    return mark


RATE = number(0, MOST_KBPS)
RULE_ATTRIBUTES: Mapping[RuleKind, Sequence[Attribute]] = {
    RuleKind.BANDWIDTH_LIMIT: (
        free("max_kbps", RATE, needed=True),
        free("max_burst_kbps", RATE),
        free("direction", one_of(*WAYS)),
    ),
    RuleKind.DSCP_MARKING: (free("dscp_mark", _dscp_mark, needed=True),),
    RuleKind.MINIMUM_BANDWIDTH: (
        free("min_kbps", RATE, needed=True),
        free("direction", one_of(*WAYS)),
    ),
    RuleKind.MINIMUM_PACKET_RATE: (
        free("min_kpps", RATE, needed=True),
        free("direction", one_of(*Direction)),
    ),
    RuleKind.PACKET_RATE_LIMIT: (
        free("max_kpps", RATE, needed=True),
        free("max_burst_kpps", RATE),
        free("direction", one_of(*WAYS)),
    ),
}

# What clients are told of the values of each rule.
_RATES = {"parameter_type": "range", "parameter_values": {"start": 0, "end": MOST_KBPS}}
_WAYS = {"parameter_name": "direction", "parameter_type": "choices", "parameter_values": list(WAYS)}
_PARAMETERS: Mapping[RuleKind, Sequence[Mapping[str, Any]]] = {
    RuleKind.BANDWIDTH_LIMIT: (
        {"parameter_name": "max_kbps", **_RATES},
        {"parameter_name": "max_burst_kbps", **_RATES},
        _WAYS,
    ),
    RuleKind.DSCP_MARKING: (
        {"parameter_name": "dscp_mark", "parameter_type": "choices", "parameter_values": list(DSCP_MARKS)},
    ),
    RuleKind.MINIMUM_BANDWIDTH: ({"parameter_name": "min_kbps", **_RATES}, _WAYS),
    RuleKind.MINIMUM_PACKET_RATE: (
        {"parameter_name": "min_kpps", **_RATES},
        {**_WAYS, "parameter_values": list(Direction)},
    ),
    RuleKind.PACKET_RATE_LIMIT: (
        {"parameter_name": "max_kpps", **_RATES},
        {"parameter_name": "max_burst_kpps", **_RATES},
        _WAYS,
    ),
}

# -- policies ------------------------------------------------------------------------------------------------

ATTRIBUTES = (
    free("name", NAME, needed=True),
    free("shared", boolean),
    free("is_default", boolean),
    shown("rules"),
)


def _views(db: Reader, items: Sequence[QosPolicy]) -> list[View]:
    rules = qos.rules_of(db, [item.id for item in items])
    return [_view(item, rules[item.id]) for item in items]


def _view(item: QosPolicy, rules: Sequence[QosRule]) -> View:
    return standard_view(item) | {
        "name": item.name,
        "shared": item.shared,
        "is_default": item.is_default,
        "rules": [_rule_view(rule) | {"type": str(rule.kind), "qos_policy_id": item.id} for rule in rules],
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[QosPolicy]:
    """Errors: NotAllowed, QosPolicyDefaultAlreadyExists."""
    if not all(call.sees(project_of(call, each)) for each in given):
        raise NotAllowed(call.route.policy.name)
    made = [
        QosPolicy(
            id=new_id(),
            project_id=ProjectId(project_of(call, each)),
            created_at=call.now,
            updated_at=call.now,
            **each.without("project_id"),
        )
        for each in given
    ]
    for item in made:
        changes.create(tx, item)
    return made


def _change(_call: Call[Parts], tx: Tx, item: QosPolicy, given: Given) -> QosPolicy:
    """Errors: QosPolicyDefaultAlreadyExists, QosPolicyInUse."""
    return changes.update(tx, item, msgspec.structs.replace(item, **given.said))


def _remove(_call: Call[Parts], tx: Tx, item: QosPolicy) -> None:
    """Errors: QosPolicyInUse."""
    changes.delete(tx, item)


QOS_POLICIES = Noun(
    name="policy",
    plural="policies",
    attributes=ATTRIBUTES,
    policies=Policies(policy.QOS_SHOW, policy.QOS_CREATE, policy.QOS_UPDATE, policy.QOS_DELETE),
    shelf=qos.POLICIES,
    absent=QosPolicyNotFound,
    seen_by=qos.seen_by,
    sharing=Sharing("qos_policy", QOS_POLICY.c.id),
    views=_views,
    lock=qos.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)


def check_usable(call: Call[Parts], db: Reader, given: Given, *, had: str | None = None) -> None:
    """Whoever gives a policy to something of theirs must know of it, and so must who takes away the one it `had`.

    Raises QosPolicyNotFound, PolicyRemoveAuthorizationError.
    """
    wanted = given.get("qos_policy_id", had)
    if wanted == had:
        return
    if wanted is not None and not _is_usable(call, db, wanted):
        raise QosPolicyNotFound(wanted)
    if had is not None and not _is_usable(call, db, had):
        raise PolicyRemoveAuthorizationError(had)


def _is_usable(call: Call[Parts], db: Reader, policy_id: str) -> bool:
    item = qos.POLICIES.find(db, policy_id)
    return item is not None and (call.sees(item.project_id) or qos.is_usable_by(db, item, call.project_id))


# -- rules ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """The rules of one kind, as the API has them; as an alias, they are named without their policy."""

    kind: RuleKind
    alias: bool = False

    @property
    def name(self) -> str:
        return f"{'alias_' if self.alias else ''}{self.kind}_rule"

    @property
    def known(self) -> Mapping[str, Attribute]:
        return {each.name: each for each in RULE_ATTRIBUTES[self.kind]}

    def index(self, call: Call[Parts], policy_id: str) -> Answer:
        """The rules of this kind in a policy. Errors: QosPolicyNotFound."""
        with call.database.read() as db:
            QOS_POLICIES.load(call, db, policy_id)
            rules = qos.rules_of(db, [policy_id])[policy_id]
        asked = {name: call.one(name) for name in ("id", *self.known) if call.one(name) is not None}
        views = [_rule_view(rule) for rule in rules if rule.kind is self.kind]
        return Ok(
            {
                f"{self.name}s": [
                    view for view in views if all(str(view[name]) == wanted for name, wanted in asked.items())
                ]
            }
        )

    def show(self, call: Call[Parts], policy_id: str, rule_id: str) -> Answer:
        """One rule. Errors: QosPolicyNotFound, QosRuleNotFound."""
        with call.database.read() as db:
            QOS_POLICIES.load(call, db, policy_id)
            return Ok({self.name: _rule_view(self._load(db, rule_id, policy_id))})

    def create(self, call: Call[Parts], ask: Whole, policy_id: str) -> Answer:
        """Give a policy one more rule.

        Errors: QosPolicyNotFound, QosRulesConflict, QosPlacementAllocationUpdateConflict.
        """
        said = read(call, self.known, unwrap(ask, self.name), action=call.route.policy).said
        with call.database.write(call.actor) as tx:
            item = QOS_POLICIES.lock_for(call, tx, policy_id)
            rule = _new_rule(self.kind, item.id, said)
            changes.add_rule(tx, item, rule)
            self._settle(call, tx, item)
        return Created({self.name: _rule_view(rule)})

    def update(self, call: Call[Parts], ask: Whole, policy_id: str, rule_id: str) -> Answer:
        """Change a rule.

        Errors: QosPolicyNotFound, QosRuleNotFound, QosRulesConflict, QosPlacementAllocationUpdateConflict.
        """
        said = read(call, self.known, unwrap(ask, self.name), action=call.route.policy).said
        with call.database.write(call.actor) as tx:
            item = QOS_POLICIES.lock_for(call, tx, policy_id)
            before = self._load(tx, rule_id, policy_id)
            after = msgspec.structs.replace(before, **_typed(said))
            changes.change_rule(tx, item, before, after)
            self._settle(call, tx, item)
        return Ok({self.name: _rule_view(after)})

    def delete(self, call: Call[Parts], policy_id: str, rule_id: str) -> Answer:
        """Take a rule from a policy. Errors: QosPolicyNotFound, QosRuleNotFound."""
        with call.database.write(call.actor) as tx:
            item = QOS_POLICIES.lock_for(call, tx, policy_id)
            changes.remove_rule(tx, item, self._load(tx, rule_id, policy_id))
            self._settle(call, tx, item)
        return NoContent()

    def _settle(self, call: Call[Parts], tx: Tx, item: QosPolicy) -> None:
        if self.kind in GUARANTEES:
            guarantees.settle_policy(tx, call.parts.placement, item.id)

    def by_id(self, what: Callable[..., Answer]) -> Callable[..., Answer]:
        """The same operation for a caller who names no policy."""

        def answer(call: Call[Parts], *ask: Whole, rule_id: str) -> Answer:
            return what(call, *ask, policy_id=self._policy_of(call, rule_id), rule_id=rule_id)

        answer.__doc__ = what.__doc__
        return answer

    def _policy_of(self, call: Call[Parts], rule_id: str) -> str:
        with call.database.read() as db:
            rule = qos.RULES.find(db, rule_id)
            if rule is None or rule.kind is not self.kind:
                raise QosRuleNotFound("", rule_id)
            try:
                QOS_POLICIES.load(call, db, rule.policy_id)
            except QosPolicyNotFound as problem:
                raise QosRuleNotFound("", rule_id) from problem
        return rule.policy_id

    def _load(self, db: Reader, rule_id: str, policy_id: str) -> QosRule:
        rule = qos.RULES.find(db, rule_id)
        if rule is None or rule.kind is not self.kind or rule.policy_id != policy_id:
            raise QosRuleNotFound(policy_id, rule_id)
        return rule


def _new_rule(kind: RuleKind, policy_id: str, said: Mapping[str, Any]) -> QosRule:
    return QosRule(id=new_id(), policy_id=policy_id, kind=kind, **_typed(said))


def _typed(said: Mapping[str, Any]) -> dict[str, Any]:
    typed = dict(said)
    if "direction" in typed:
        typed["direction"] = Direction(typed["direction"])
    return typed


def _rule_view(rule: QosRule) -> dict[str, Any]:
    names = [attribute.name for attribute in RULE_ATTRIBUTES[rule.kind]]
    return {"id": rule.id} | {name: getattr(rule, name) for name in names}


# -- rule types ----------------------------------------------------------------------------------------------


def list_types(_call: Call[Parts]) -> Answer:
    """The kinds of rules that are carried out here."""
    return Ok({"rule_types": [{"type": str(kind)} for kind in RuleKind]})


def show_type(call: Call[Parts], rule_type: str) -> Answer:
    """What the rules of one kind may say; for the operator alone. Errors: NotAllowed, QosRuleTypeNotFound."""
    if not policy.ADMINISTER.allows(call.caller, {}):
        raise NotAllowed(call.route.policy.name)
    try:
        kind = RuleKind(rule_type)
    except ValueError as error:
        raise QosRuleTypeNotFound(rule_type) from error
    drivers = [{"name": DRIVER, "supported_parameters": _PARAMETERS[kind]}]
    return Ok({"rule_type": {"type": str(kind), "drivers": drivers}})
