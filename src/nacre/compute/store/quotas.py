"""Quotas: limits are kept, usage is summed."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from nacre.compute.domain.quotas import DEFAULT_SCOPE, DEFAULTS, Usage
from nacre.compute.store.tables import COMPUTE_QUOTA
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import ProjectId

_LIMITS = sa.select(COMPUTE_QUOTA.c.scope, COMPUTE_QUOTA.c.resource, COMPUTE_QUOTA.c.amount).where(
    COMPUTE_QUOTA.c.scope.in_([DEFAULT_SCOPE, sa.bindparam("scope")])
)
_USAGE = sa.text(
    "SELECT COUNT(*), COALESCE(SUM(vcpus), 0), COALESCE(SUM(memory_mib), 0)"
    " FROM server WHERE project_id = :project_id AND deleted_at IS NULL"
)
_GROUPS = sa.text("SELECT COUNT(*) FROM server_group WHERE project_id = :project_id")
_ENSURE = sa.text(
    "INSERT INTO compute_quota (scope, resource, amount) VALUES (:scope, :resource, :amount)"
    " ON CONFLICT (scope, resource) DO UPDATE SET amount = excluded.amount"
)
_DELETE = sa.text("DELETE FROM compute_quota WHERE scope = :scope")
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('compute_quota'), hashtext(:project_id))")


def limits(db: Reader, scope: str) -> Mapping[str, int]:
    """The limit of each resource for a project (or a project's user): its own, the cloud's, or the built-in one."""
    found = dict(DEFAULTS)
    rows = sorted(db.rows(_LIMITS, scope=scope), key=lambda row: bool(row[0] != DEFAULT_SCOPE))
    found.update({resource: amount for _scope, resource, amount in rows})
    return found


def usage(db: Reader, project_id: ProjectId | str) -> Usage:
    """What a project has, summed from its servers."""
    row = db.row(_USAGE, project_id=project_id)
    assert row is not None, "a sum has a row"
    return Usage(instances=row[0], cores=int(row[1]), ram=int(row[2]))


def group_count(db: Reader, project_id: ProjectId | str) -> int:
    """How many server groups a project has."""
    count: int = db.scalar(_GROUPS, project_id=project_id)
    return count


def lock_usage(tx: Tx, project_id: ProjectId) -> None:
    """Keep others from adding servers to the project until the transaction ends.

    SQLite has one writer anyway. PostgreSQL would let two requests see the same sum and both be accepted.
    """
    if tx.dialect == "postgresql":
        tx.execute(_LOCK, project_id=project_id)


def ensure(tx: Tx, scope: str, amounts: Mapping[str, int]) -> None:
    """Set limits."""
    tx.execute_many(
        _ENSURE,
        [{"scope": scope, "resource": name, "amount": amount} for name, amount in sorted(amounts.items())],
    )


def delete(tx: Tx, scope: str) -> None:
    """Go back to the cloud's own limits."""
    tx.execute(_DELETE, scope=scope)
