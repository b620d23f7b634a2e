"""Policies of quality of service come and go; whoever is shaped by one hears of its rules."""

from __future__ import annotations

from nacre.kernel.database import Duplicate, Tx
from nacre.network.changes import events, rbac
from nacre.network.changes.loops import FLOATING_IPS, PORTS, make_due
from nacre.network.changes.ports import limited_anew
from nacre.network.domain.qos import QosPolicy, QosRule, RuleKind
from nacre.network.domain.rbac import Action
from nacre.network.errors import QosPolicyDefaultAlreadyExists, QosPolicyInUse, QosRulesConflict
from nacre.network.hindrances import of_qos_policy, refuse
from nacre.network.store import qos
from nacre.network.store import rbac as rbac_store


def create(tx: Tx, policy: QosPolicy) -> None:
    """Make a policy without rules. Errors: QosPolicyDefaultAlreadyExists."""
    try:
        qos.POLICIES.insert(tx, [policy])
    except Duplicate as problem:
        raise QosPolicyDefaultAlreadyExists(policy.project_id) from problem
    events.created(tx, "qos_policy", policy)
    if policy.shared:
        rbac.share_new(tx, "qos_policy", policy.id, policy.project_id, Action.SHARED)


def update(tx: Tx, before: QosPolicy, after: QosPolicy) -> QosPolicy:
    """Change a locked policy. Errors: QosPolicyDefaultAlreadyExists, QosPolicyInUse."""
    if before.shared != after.shared:
        _reshare(tx, before, wanted=after.shared)
    try:
        after = qos.POLICIES.update(tx, before, after)
    except Duplicate as problem:
        raise QosPolicyDefaultAlreadyExists(after.project_id) from problem
    events.updated(tx, "qos_policy", before, after)
    return after


def _reshare(tx: Tx, policy: QosPolicy, *, wanted: bool) -> None:
    if not wanted:
        # Clients expect that even what its owner uses stays shared.
        left = rbac.left_without_everybody(tx, "qos_policy", policy.id, Action.SHARED)
        if rbac_store.users(tx, "qos_policy", policy.id, Action.SHARED).difference(left):
            raise QosPolicyInUse(policy.id, "project", "others")
    rbac.set_flag(tx, "qos_policy", policy.id, policy.project_id, Action.SHARED, wanted=wanted)


def delete(tx: Tx, policy: QosPolicy) -> None:
    """Delete a locked policy that shapes nothing. Errors: QosPolicyInUse."""
    refuse(of_qos_policy(tx, policy.id))
    qos.forget(tx, policy.id)
    rbac_store.forget(tx, "qos_policy", policy.id)
    events.deleted(tx, "qos_policy", policy)


def add_rule(tx: Tx, policy: QosPolicy, rule: QosRule) -> None:
    """Give a locked policy one more rule. Errors: QosRulesConflict."""
    _check_alone(tx, rule)
    try:
        qos.RULES.insert(tx, [rule], slot=rule.slot)
    except Duplicate as problem:
        raise QosRulesConflict(policy.id, rule.kind) from problem
    _ruled(tx, policy, None, rule)


def change_rule(tx: Tx, policy: QosPolicy, before: QosRule, after: QosRule) -> None:
    """Change a rule of a locked policy. Errors: QosRulesConflict."""
    _check_alone(tx, after)
    try:
        qos.replace_rule(tx, after)
    except Duplicate as problem:
        raise QosRulesConflict(policy.id, after.kind) from problem
    _ruled(tx, policy, before, after)


def remove_rule(tx: Tx, policy: QosPolicy, rule: QosRule) -> None:
    """Take a rule from a locked policy."""
    qos.RULES.remove(tx, rule.id)
    _ruled(tx, policy, rule, None)


def _check_alone(tx: Tx, rule: QosRule) -> None:
    if any(rule.contradicts(other) for other in qos.rules_of(tx, [rule.policy_id])[rule.policy_id]):
        raise QosRulesConflict(rule.policy_id, rule.kind)


def _ruled(tx: Tx, policy: QosPolicy, before: QosRule | None, after: QosRule | None) -> None:
    """The policy has changed: its revision counts up, and whoever is shaped by it is due."""
    qos.POLICIES.update(tx, policy, policy)
    events.within(tx, "qos_policy", policy, part="rule", before=before, after=after)
    shaped = qos.ports_shaped_by(tx, policy.id)
    make_due(tx, PORTS, shaped)
    if any(rule.kind is RuleKind.PACKET_RATE_LIMIT for rule in (before, after) if rule):
        limited_anew(tx, shaped)
    make_due(tx, FLOATING_IPS, qos.floating_ips_shaped_by(tx, policy.id))
