"""The template of rules that new security groups begin with, as rows."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.network.domain.security_groups import DefaultRule
from nacre.network.errors import DefaultSecurityGroupRuleNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import DEFAULT_SECURITY_GROUP_RULE

RULES = Shelf(DEFAULT_SECURITY_GROUP_RULE, DefaultRule)

_ALL = RULES.all.order_by(DEFAULT_SECURITY_GROUP_RULE.c.created_at, DEFAULT_SECURITY_GROUP_RULE.c.id)


def seen_by(_project_id: str) -> sa.ColumnElement[bool]:
    """Everybody may know with which rules groups begin."""
    return sa.true()


def template(db: Reader) -> Sequence[DefaultRule]:
    """All of them, oldest first."""
    return [RULES.of(row) for row in db.rows(_ALL)]


def lock(tx: Tx, rule_id: str) -> DefaultRule:
    """A rule of the template that nobody else changes meanwhile. Raises DefaultSecurityGroupRuleNotFound."""
    rule = RULES.lock(tx, rule_id)
    if rule is None:
        raise DefaultSecurityGroupRuleNotFound(rule_id)
    return rule
