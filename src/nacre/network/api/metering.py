"""Metering labels and their rules, for the operator: what is to be counted is written down and told.

Nothing is counted here: the switches keep no counters by label. Whoever counts reads the labels from this API.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import OWNED, Given, fixed, project_of, shown
from nacre.network.api.kinds import DESCRIPTION, NAME, boolean, cidr, one_of, optional, uuid
from nacre.network.api.noun import Noun, Policies, View
from nacre.network.api.parts import Parts
from nacre.network.changes import events
from nacre.network.domain.metering import MeteringLabel, MeteringLabelRule, overlap
from nacre.network.errors import (
    HTTPBadRequest,
    MeteringLabelNotFound,
    MeteringLabelRuleNotFound,
    MeteringLabelRuleOverlaps,
)
from nacre.network.store import metering

LABEL_ATTRIBUTES = (
    fixed("name", NAME),
    fixed("description", DESCRIPTION),
    fixed("shared", boolean),
)
RULE_ATTRIBUTES = (
    fixed("metering_label_id", uuid, needed=True),
    fixed("direction", one_of("ingress", "egress")),
    fixed("excluded", boolean),
    fixed("remote_ip_prefix", optional(cidr)),
    fixed("source_ip_prefix", optional(cidr)),
    fixed("destination_ip_prefix", optional(cidr)),
)
POLICIES = Policies(
    policy.METERING_MANAGE, policy.METERING_MANAGE, policy.METERING_MANAGE, policy.METERING_MANAGE
)


def _label_views(_db: Reader, items: Sequence[MeteringLabel]) -> list[View]:
    return [asdict(item) | {"tenant_id": item.project_id} for item in items]


def _create_labels(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[MeteringLabel]:
    made = [
        MeteringLabel(id=new_id(), project_id=ProjectId(project_of(call, each)), **each.without("project_id"))
        for each in given
    ]
    metering.LABELS.insert(tx, made)
    for label in made:
        events.created(tx, "metering_label", label)
    return made


def _remove_label(_call: Call[Parts], tx: Tx, item: MeteringLabel) -> None:
    """Its rules go with it."""
    metering.forget(tx, item.id)
    events.deleted(tx, "metering_label", item)


METERING_LABELS = Noun(
    name="metering_label",
    plural="metering_labels",
    attributes=LABEL_ATTRIBUTES,
    standard=OWNED,
    policies=POLICIES,
    shelf=metering.LABELS,
    absent=MeteringLabelNotFound,
    seen_by=metering.seen_by,
    views=_label_views,
    lock=metering.lock_label,
    create_all=_create_labels,
    change=lambda _call, _tx, item, _given: item,  # Labels are made anew; there is no route to change one.
    remove=_remove_label,
)


def _rule_views(_db: Reader, items: Sequence[MeteringLabelRule]) -> list[View]:
    return [{name: value for name, value in asdict(item).items() if name != "project_id"} for item in items]


def _create_rules(_call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[MeteringLabelRule]:
    """Errors: HTTPBadRequest, MeteringLabelNotFound, MeteringLabelRuleOverlaps."""
    made = []
    for each in given:
        label = metering.lock_label(tx, each.said["metering_label_id"])
        rule = MeteringLabelRule(id=new_id(), project_id=label.project_id, **each.said)
        _check_prefixes(tx, rule)
        metering.RULES.insert(tx, [rule])
        events.created(tx, "metering_label_rule", rule)
        made.append(rule)
    return made


def _check_prefixes(tx: Tx, rule: MeteringLabelRule) -> None:
    ends = rule.source_ip_prefix or rule.destination_ip_prefix
    if bool(rule.remote_ip_prefix) == bool(ends):
        raise HTTPBadRequest(
            "A metering label rule needs either remote_ip_prefix, or source_ip_prefix or destination_ip_prefix."
        )
    for other in metering.rules_of(tx, rule.metering_label_id) if rule.remote_ip_prefix else ():
        both = rule.remote_ip_prefix and other.remote_ip_prefix and other.direction == rule.direction
        if both and overlap(str(rule.remote_ip_prefix), str(other.remote_ip_prefix)):
            raise MeteringLabelRuleOverlaps(str(rule.remote_ip_prefix))


def _remove_rule(_call: Call[Parts], tx: Tx, item: MeteringLabelRule) -> None:
    metering.RULES.remove(tx, item.id)
    events.deleted(tx, "metering_label_rule", item)


METERING_LABEL_RULES = Noun(
    name="metering_label_rule",
    plural="metering_label_rules",
    attributes=RULE_ATTRIBUTES,
    standard=(shown("id"),),
    policies=POLICIES,
    shelf=metering.RULES,
    absent=MeteringLabelRuleNotFound,
    seen_by=metering.seen_by,
    views=_rule_views,
    lock=metering.lock_rule,
    create_all=_create_rules,
    change=lambda _call, _tx, item, _given: item,  # As for labels.
    remove=_remove_rule,
)
