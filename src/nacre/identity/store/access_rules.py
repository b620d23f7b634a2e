"""The access rules that users have given their application credentials so far."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.domain.access_rules import AccessRule
from nacre.identity.errors import AccessRuleNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ACCESS_RULE, APPLICATION_CREDENTIAL
from nacre.kernel.database import Reader, Tx

RULES = Shelf(ACCESS_RULE, AccessRule, key="rule_id", missing=AccessRuleNotFound)

_ENSURE = sa.text(
    "INSERT INTO identity_access_rule (rule_id, user_id, service, method, path)"
    " VALUES (:rule_id, :user_id, :service, :method, :path) ON CONFLICT (rule_id) DO NOTHING"
)
_IN_USE = sa.select(APPLICATION_CREDENTIAL.c.rules).where(
    APPLICATION_CREDENTIAL.c.user_id == sa.bindparam("user_id"), APPLICATION_CREDENTIAL.c.rules.is_not(None)
)


def ensure_rules(tx: Tx, rules: Sequence[AccessRule]) -> None:
    """Let there be these rules."""
    tx.execute_many(_ENSURE, [msgspec.structs.asdict(rule) for rule in rules])


def in_use(db: Reader, rule: AccessRule) -> bool:
    """Whether one of its user's application credentials has this rule."""
    rows = db.rows(_IN_USE, user_id=rule.user_id)
    return any(had.rule_id == rule.rule_id for row in rows for had in row[0])
