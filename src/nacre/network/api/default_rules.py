"""The template of rules that new security groups begin with: the operator's to write, everybody's to read."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, shown
from nacre.network.api.kinds import (
    DESCRIPTION,
    boolean,
    number,
    one_of,
    optional,
    or_empty,
    protocol,
    text,
    uuid,
)
from nacre.network.api.noun import Noun, Policies, View
from nacre.network.api.parts import Parts
from nacre.network.changes import events
from nacre.network.domain.security_groups import (
    PARENT,
    DefaultRule,
    Direction,
    checked_default_rule,
    is_same_default,
)
from nacre.network.errors import (
    AddressGroupNotFound,
    DefaultSecurityGroupRuleExists,
    DefaultSecurityGroupRuleNotFound,
    SecurityGroupNotFound,
)
from nacre.network.store import address_groups, default_rules, security_groups
from nacre.network.store.shelf import serialise

KIND = "default_security_group_rule"
_PORT = optional(number(-(1 << 31), 1 << 31))

ATTRIBUTES = (
    fixed("description", or_empty(DESCRIPTION, "")),
    fixed("direction", one_of(*Direction), needed=True),
    fixed("ethertype", text(40)),
    fixed("protocol", optional(protocol)),
    fixed("port_range_min", _PORT),
    fixed("port_range_max", _PORT),
    fixed("remote_ip_prefix", optional(text())),
    fixed("remote_group_id", optional(text())),
    fixed("remote_address_group_id", optional(uuid)),
    fixed("used_in_default_sg", boolean),
    fixed("used_in_non_default_sg", boolean),
)


def _views(_db: Reader, items: Sequence[DefaultRule]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: DefaultRule) -> View:
    return {
        "id": item.id,
        "description": item.description,
        "direction": str(item.direction),
        "ethertype": item.ethertype,
        "protocol": item.protocol,
        "port_range_min": item.port_range_min,
        "port_range_max": item.port_range_max,
        "remote_ip_prefix": item.remote_ip_prefix,
        "remote_group_id": item.remote_group_id,
        "remote_address_group_id": item.remote_address_group_id,
        "used_in_default_sg": item.used_in_default_sg,
        "used_in_non_default_sg": item.used_in_non_default_sg,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[DefaultRule]:
    """Errors: DefaultSecurityGroupRuleExists, SecurityGroupNotFound, AddressGroupNotFound, and what is wrong."""
    serialise(tx, KIND)
    made = []
    for each in given:
        rule = _new(call, each)
        _check_remotes(tx, rule)
        for other in default_rules.template(tx):
            if is_same_default(rule, other):
                raise DefaultSecurityGroupRuleExists(other.id)
        default_rules.RULES.insert(tx, [rule])
        events.created(tx, KIND, rule)
        made.append(rule)
    return made


def _new(call: Call[Parts], given: Given) -> DefaultRule:
    said = {**given.said, "direction": Direction(given.said["direction"])}
    return checked_default_rule(DefaultRule(id=new_id(), created_at=call.now, updated_at=call.now, **said))


def _check_remotes(tx: Tx, rule: DefaultRule) -> None:
    """What the template names must stay: the locks keep it from being deleted meanwhile."""
    if rule.remote_group_id not in (None, PARENT):
        group_id = str(rule.remote_group_id)
        if group_id not in security_groups.lock_some(tx, [group_id]):
            raise SecurityGroupNotFound(group_id)
    if rule.remote_address_group_id is not None and rule.remote_address_group_id not in address_groups.some(
        tx, [rule.remote_address_group_id]
    ):
        raise AddressGroupNotFound(rule.remote_address_group_id)


def _change(_call: Call[Parts], _tx: Tx, item: DefaultRule, _given: Given) -> DefaultRule:
    """Rules of the template are made anew; there is no route to change one."""
    return item


def _remove(_call: Call[Parts], tx: Tx, item: DefaultRule) -> None:
    default_rules.RULES.remove(tx, item.id)
    events.deleted(tx, KIND, item)


DEFAULT_RULES = Noun(
    name=KIND,
    plural="default_security_group_rules",
    attributes=ATTRIBUTES,
    standard=(shown("id"),),
    policies=Policies(
        policy.DEFAULT_RULE_SHOW,
        policy.DEFAULT_RULE_CREATE,
        policy.DEFAULT_RULE_CREATE,
        policy.DEFAULT_RULE_DELETE,
    ),
    shelf=default_rules.RULES,
    absent=DefaultSecurityGroupRuleNotFound,
    seen_by=default_rules.seen_by,
    views=_views,
    lock=default_rules.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)
