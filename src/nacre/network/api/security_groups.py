"""Security groups and their rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, SecurityGroupId, SecurityGroupRuleId, new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, free, project_of, shown
from nacre.network.api.kinds import NAME, boolean, number, one_of, optional, protocol, text, uuid
from nacre.network.api.noun import Noun, Policies, Sharing, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import security_groups as changes
from nacre.network.domain.security_groups import Direction, SecurityGroup, SecurityGroupRule, checked_rule
from nacre.network.errors import (
    AddressGroupNotFound,
    SecurityGroupCannotRemoveDefault,
    SecurityGroupCannotUpdateDefault,
    SecurityGroupDefaultAlreadyExists,
    SecurityGroupNotFound,
    SecurityGroupRuleNotFound,
)
from nacre.network.store import address_groups, default_statefulness, security_groups
from nacre.network.store.tables import SECURITY_GROUP

# -- groups ----------------------------------------------------------------------------------------------------

GROUP_ATTRIBUTES = (
    free("name", NAME),
    free("stateful", boolean),
    shown("shared", boolean),
    shown("security_group_rules"),
)


def _group_views(db: Reader, items: Sequence[SecurityGroup]) -> list[View]:
    rules = security_groups.rules_of(db, [item.id for item in items])
    return [_group_view(item, rules[item.id]) for item in items]


def _group_view(item: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> View:
    return standard_view(item) | {
        "name": item.name,
        "stateful": item.stateful,
        "shared": item.shared,
        "security_group_rules": [_rule_view(rule) for rule in rules],
    }


def _is_default(group: SecurityGroup) -> bool:
    return group.id == security_groups.default_id(group.project_id)


def _ensure_default(call: Call[Parts]) -> None:
    """A project has its default group from the first time that anyone looks at its groups."""
    asked = (call.all("project_id") or call.all("tenant_id"))[:1]
    project_id = ProjectId(asked[0]) if asked and call.sees(asked[0]) else call.project_id
    if not project_id:
        return
    with call.database.read() as db:
        known = security_groups.GROUPS.find(db, security_groups.default_id(project_id))
    if known is None:
        with call.database.write(call.actor) as tx:
            changes.ensure_default(tx, project_id)


def _create_groups(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[SecurityGroup]:
    """Errors: SecurityGroupDefaultAlreadyExists, OverQuota."""
    made = []
    for each in given:
        project_id = ProjectId(project_of(call, each))
        changes.ensure_default(tx, project_id)
        if each.get("name", "").lower() == changes.DEFAULT_NAME:
            raise SecurityGroupDefaultAlreadyExists
        group = SecurityGroup(
            id=SecurityGroupId(new_id()),
            project_id=project_id,
            created_at=call.now,
            updated_at=call.now,
            **{"stateful": default_statefulness.holds_for(tx, project_id)} | each.without("project_id"),
        )
        changes.create(tx, group)
        made.append(group)
    return made


def _change_group(_call: Call[Parts], tx: Tx, item: SecurityGroup, given: Given) -> SecurityGroup:
    """Errors: SecurityGroupCannotUpdateDefault, SecurityGroupDefaultAlreadyExists."""
    name = given.get("name", item.name)
    if name != item.name and _is_default(item):
        raise SecurityGroupCannotUpdateDefault
    if name != item.name and name.lower() == changes.DEFAULT_NAME:
        raise SecurityGroupDefaultAlreadyExists
    return changes.update(tx, item, msgspec.structs.replace(item, **given.said))


def _remove_group(call: Call[Parts], tx: Tx, item: SecurityGroup) -> None:
    """Errors: SecurityGroupCannotRemoveDefault, SecurityGroupInUse. The operator may delete a default group."""
    if _is_default(item) and not policy.ADMINISTER.allows(call.caller, {}):
        raise SecurityGroupCannotRemoveDefault
    changes.delete(tx, item)


GROUPS = Noun(
    name="security_group",
    plural="security_groups",
    attributes=GROUP_ATTRIBUTES,
    policies=Policies(policy.GROUP_SHOW, policy.GROUP_CREATE, policy.GROUP_UPDATE, policy.GROUP_DELETE),
    shelf=security_groups.GROUPS,
    absent=SecurityGroupNotFound,
    seen_by=security_groups.seen_by,
    sharing=Sharing("security_group", SECURITY_GROUP.c.id),
    views=_group_views,
    lock=security_groups.lock,
    create_all=_create_groups,
    change=_change_group,
    remove=_remove_group,
    before_list=_ensure_default,
)

# -- rules -----------------------------------------------------------------------------------------------------


RULE_ATTRIBUTES = (
    fixed("security_group_id", text(), needed=True),
    fixed("direction", one_of(*Direction), needed=True),
    fixed("ethertype", text(40)),
    fixed("protocol", optional(protocol)),
    fixed("port_range_min", optional(number(-(1 << 31), 1 << 31))),
    fixed("port_range_max", optional(number(-(1 << 31), 1 << 31))),
    fixed("remote_ip_prefix", optional(text())),
    fixed("remote_group_id", optional(text())),
    fixed("remote_address_group_id", optional(uuid)),
    shown("normalized_cidr"),
    shown("belongs_to_default_sg"),
)


def _rule_views(_db: Reader, items: Sequence[SecurityGroupRule]) -> list[View]:
    return [_rule_view(item) for item in items]


def _rule_view(item: SecurityGroupRule) -> View:
    prefix = item.remote_ip_prefix
    return standard_view(item) | {
        "security_group_id": item.security_group_id,
        "direction": str(item.direction),
        "ethertype": item.ethertype,
        "protocol": item.protocol,
        "port_range_min": item.port_range_min,
        "port_range_max": item.port_range_max,
        "remote_ip_prefix": prefix,
        "remote_group_id": item.remote_group_id,
        "remote_address_group_id": item.remote_address_group_id,
        "normalized_cidr": prefix and str(ipaddress.ip_network(prefix, strict=False)),
        "belongs_to_default_sg": item.security_group_id == security_groups.default_id(item.project_id),
    }


def _create_rules(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[SecurityGroupRule]:
    """Errors: SecurityGroupNotFound, SecurityGroupRuleExists, OverQuota, and what is wrong with a rule."""
    made = [_new_rule(call, each) for each in given]
    named = {rule.security_group_id for rule in made} | {r.remote_group_id for r in made if r.remote_group_id}
    groups = security_groups.lock_some(tx, named)
    for rule in made:
        _check_own(call, groups, rule.security_group_id)
        if rule.remote_group_id is not None:
            _check_seen(call, tx, groups, rule.remote_group_id)
    for address_group_id in sorted({r.remote_address_group_id for r in made if r.remote_address_group_id}):
        _check_address_group(call, tx, address_group_id)
    changes.create_rules(tx, [groups[key] for key in {rule.security_group_id for rule in made}], made)
    return made


def _check_own(call: Call[Parts], groups: Mapping[str, SecurityGroup], group_id: str) -> None:
    group = groups.get(group_id)
    if group is None or not call.sees(group.project_id):
        raise SecurityGroupNotFound(group_id)


def _check_seen(call: Call[Parts], tx: Tx, groups: Mapping[str, SecurityGroup], group_id: str) -> None:
    group = groups.get(group_id)
    if group is None or not (
        call.sees(group.project_id) or security_groups.is_shared_with(tx, group, call.project_id)
    ):
        raise SecurityGroupNotFound(group_id)


def _check_address_group(call: Call[Parts], tx: Tx, group_id: str) -> None:
    """The lock keeps the group from being deleted meanwhile. Raises AddressGroupNotFound."""
    group = address_groups.lock(tx, group_id)
    if not (call.sees(group.project_id) or address_groups.is_shared_with(tx, group, call.project_id)):
        raise AddressGroupNotFound(group_id)


def _new_rule(call: Call[Parts], given: Given) -> SecurityGroupRule:
    said = given.without("project_id")
    said["direction"] = Direction(said["direction"])
    return checked_rule(
        SecurityGroupRule(
            id=SecurityGroupRuleId(new_id()),
            project_id=ProjectId(project_of(call, given)),
            created_at=call.now,
            updated_at=call.now,
            **said,
        )
    )


def _lock_rule(tx: Tx, rule_id: str) -> SecurityGroupRule:
    rule = security_groups.RULES.lock(tx, rule_id)
    if rule is None:
        raise SecurityGroupRuleNotFound(rule_id)
    return rule


def _change_rule(_call: Call[Parts], tx: Tx, item: SecurityGroupRule, given: Given) -> SecurityGroupRule:
    return changes.update_rule(tx, item, msgspec.structs.replace(item, **given.said))


def _remove_rule(_call: Call[Parts], tx: Tx, item: SecurityGroupRule) -> None:
    changes.delete_rule(tx, security_groups.lock(tx, item.security_group_id), item)


RULES = Noun(
    name="security_group_rule",
    plural="security_group_rules",
    attributes=RULE_ATTRIBUTES,
    policies=Policies(policy.RULE_SHOW, policy.RULE_CREATE, policy.RULE_UPDATE, policy.RULE_DELETE),
    shelf=security_groups.RULES,
    absent=SecurityGroupRuleNotFound,
    seen_by=security_groups.rules_seen_by,
    views=_rule_views,
    lock=_lock_rule,
    create_all=_create_rules,
    change=_change_rule,
    remove=_remove_rule,
)
