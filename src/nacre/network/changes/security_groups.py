"""Security groups and rules come and go."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Tx
from nacre.kernel.ids import ProjectId, SecurityGroupId
from nacre.network.changes import events
from nacre.network.changes.loops import SECURITY_GROUPS
from nacre.network.domain.security_groups import SecurityGroup, SecurityGroupRule, usual_rules
from nacre.network.errors import (
    SecurityGroupInUse,
    SecurityGroupRuleExists,
)
from nacre.network.hindrances import of_security_group, refuse
from nacre.network.store import default_rules, default_statefulness, ports, quotas, rbac, security_groups
from nacre.network.store.shelf import serialise

DEFAULT_NAME = "default"


def ensure_default(tx: Tx, project_id: ProjectId) -> SecurityGroupId:
    """The group of a project's ports when nobody says otherwise; made on first use."""
    group_id = security_groups.default_id(project_id)
    if security_groups.GROUPS.find(tx, group_id) is None:
        serialise(tx, f"default group {project_id}")
        if security_groups.GROUPS.find(tx, group_id) is None:
            _make_default(tx, group_id, project_id)
    return group_id


def _make_default(tx: Tx, group_id: SecurityGroupId, project_id: ProjectId) -> None:
    group = SecurityGroup(
        id=group_id,
        project_id=project_id,
        name=DEFAULT_NAME,
        description="Default security group",
        stateful=default_statefulness.holds_for(tx, project_id),
        created_at=tx.now,
        updated_at=tx.now,
    )
    _insert(tx, group, usual_rules(group, default_rules.template(tx), is_default=True))


def create(tx: Tx, group: SecurityGroup) -> Sequence[SecurityGroupRule]:
    """Make a group, with the rules of the template. Errors: OverQuota."""
    quotas.check_room(tx, group.project_id, "security_group")
    rules = usual_rules(group, default_rules.template(tx), is_default=False)
    quotas.check_room(tx, group.project_id, "security_group_rule", wanted=len(rules))
    _insert(tx, group, rules)
    return rules


def _insert(tx: Tx, group: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> None:
    security_groups.GROUPS.insert(tx, [group])
    security_groups.insert_rules(tx, rules)
    events.created(tx, "security_group", group)
    tx.make_due(SECURITY_GROUPS, group.id)


def update(tx: Tx, before: SecurityGroup, after: SecurityGroup) -> SecurityGroup:
    """Change a locked group; `stateful` only before ports are in it. Errors: SecurityGroupInUse."""
    if before.stateful != after.stateful and ports.ids_in_group(tx, before.id):
        raise SecurityGroupInUse(before.id)
    after = security_groups.GROUPS.update(tx, before, after)
    events.updated(tx, "security_group", before, after)
    if before.stateful != after.stateful:
        tx.make_due(SECURITY_GROUPS, after.id)
    return after


def delete(tx: Tx, group: SecurityGroup) -> None:
    """Delete a group that no port is in, with the rules of other groups that let its members through: nobody is left
    for whom they would mean anything, and groups that name each other could never go. Errors: SecurityGroupInUse."""
    refuse(of_security_group(tx, group.id))
    rbac.forget(tx, "security_group", group.id)
    naming = security_groups.naming_elsewhere(tx, group.id)
    security_groups.remove(tx, group.id)
    for rule in naming:
        events.deleted(tx, "security_group_rule", rule)
        tx.make_due(SECURITY_GROUPS, rule.security_group_id)
    events.deleted(tx, "security_group", group)
    tx.make_due(SECURITY_GROUPS, group.id)


def create_rules(tx: Tx, groups: Sequence[SecurityGroup], rules: Sequence[SecurityGroupRule]) -> None:
    """Add rules to locked groups, whose revisions count up. Errors: OverQuota, SecurityGroupRuleExists."""
    for project_id in dict.fromkeys(rule.project_id for rule in rules):
        wanted = sum(rule.project_id == project_id for rule in rules)
        quotas.check_room(tx, project_id, "security_group_rule", wanted=wanted)
    for group_id in dict.fromkeys(rule.security_group_id for rule in rules):
        same = security_groups.find_same(tx, [r for r in rules if r.security_group_id == group_id])
        if same is not None:
            raise SecurityGroupRuleExists(same)
        tx.make_due(SECURITY_GROUPS, group_id)
    security_groups.insert_rules(tx, rules)
    for group in groups:
        security_groups.GROUPS.update(tx, group, group)
    for rule in rules:
        events.created(tx, "security_group_rule", rule)


def update_rule(tx: Tx, before: SecurityGroupRule, after: SecurityGroupRule) -> SecurityGroupRule:
    """Change what people say of a rule; what it lets through stays."""
    after = security_groups.RULES.update(tx, before, after)
    events.updated(tx, "security_group_rule", before, after)
    return after


def delete_rule(tx: Tx, group: SecurityGroup, rule: SecurityGroupRule) -> None:
    """Take a rule from its locked group, whose revision counts up."""
    security_groups.RULES.remove(tx, rule.id)
    security_groups.GROUPS.update(tx, group, group)
    events.deleted(tx, "security_group_rule", rule)
    tx.make_due(SECURITY_GROUPS, rule.security_group_id)
