"""The rules that override a default, and every one that ever did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.store.tables import RULE_CHANGE
from nacre.kernel.database import AnyRow, Reader, Tx


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `edition` counts the changes of all rules; without a `rule`, the default counts again."""

    edition: int
    name: str
    rule: str | None
    set_at: float
    set_by: str


_COLUMNS = [RULE_CHANGE.c[name] for name in RuleChange.__struct_fields__]
_newest = sa.select(sa.func.max(RULE_CHANGE.c.edition)).group_by(RULE_CHANGE.c.name)
_STANDING = sa.select(*_COLUMNS).where(RULE_CHANGE.c.edition.in_(_newest))
_HISTORY = (
    sa.select(*_COLUMNS)
    .where(RULE_CHANGE.c.name == sa.bindparam("name"))
    .order_by(RULE_CHANGE.c.edition.desc())
    .limit(sa.bindparam("most"))
)
_LAST = sa.select(sa.func.max(RULE_CHANGE.c.edition))
_INSERT = sa.insert(RULE_CHANGE)

MOST_HISTORY = 1000
"""How many former rules one answer holds at most."""


def load_standing(db: Reader) -> Sequence[RuleChange]:
    """The newest change of each rule that was ever changed."""
    return [_of(row) for row in db.rows(_STANDING)]


def load_overrides(db: Reader) -> Mapping[str, str]:
    """The rules that override a default, by name."""
    return {change.name: change.rule for change in load_standing(db) if change.rule is not None}


def load_history(db: Reader, name: str) -> Sequence[RuleChange]:
    """The changes of one rule, the newest first."""
    return [_of(row) for row in db.rows(_HISTORY, name=name, most=MOST_HISTORY)]


def record(tx: Tx, name: str, rule: str | None, *, set_by: str) -> RuleChange:
    """Let this be the rule from now on. Raises Duplicate when another change of any rule comes first."""
    edition = (tx.scalar(_LAST) or 0) + 1
    change = RuleChange(edition=edition, name=name, rule=rule, set_at=tx.now, set_by=set_by)
    tx.execute(_INSERT, **msgspec.structs.asdict(change))
    return change


def _of(row: AnyRow) -> RuleChange:
    return RuleChange(**dict(zip(RuleChange.__struct_fields__, row, strict=True)))
