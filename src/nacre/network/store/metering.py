"""Metering labels and their rules, as rows."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.network.domain.metering import MeteringLabel, MeteringLabelRule
from nacre.network.errors import MeteringLabelNotFound, MeteringLabelRuleNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import METERING_LABEL, METERING_LABEL_RULE

LABELS = Shelf(METERING_LABEL, MeteringLabel)
RULES = Shelf(METERING_LABEL_RULE, MeteringLabelRule)

_OF_LABEL = RULES.all.where(METERING_LABEL_RULE.c.metering_label_id == sa.bindparam("label_id"))
_FORGET_RULES = sa.delete(METERING_LABEL_RULE).where(
    METERING_LABEL_RULE.c.metering_label_id == sa.bindparam("label_id")
)


def seen_by(_project_id: str) -> sa.ColumnElement[bool]:
    """Nobody but the operator knows of labels."""
    return sa.false()


def lock_label(tx: Tx, label_id: str) -> MeteringLabel:
    """A label that nobody else changes before this transaction ends. Raises MeteringLabelNotFound."""
    label = LABELS.lock(tx, label_id)
    if label is None:
        raise MeteringLabelNotFound(label_id)
    return label


def lock_rule(tx: Tx, rule_id: str) -> MeteringLabelRule:
    """A rule that nobody else changes before this transaction ends. Raises MeteringLabelRuleNotFound."""
    rule = RULES.lock(tx, rule_id)
    if rule is None:
        raise MeteringLabelRuleNotFound(rule_id)
    return rule


def rules_of(db: Reader, label_id: str) -> list[MeteringLabelRule]:
    """The rules of a label."""
    return [RULES.of(row) for row in db.rows(_OF_LABEL, label_id=label_id)]


def forget(tx: Tx, label_id: str) -> None:
    """Delete a label with its rules."""
    tx.execute(_FORGET_RULES, label_id=label_id)
    LABELS.remove(tx, label_id)
