"""Quotas: limits are kept, usage is summed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from nacre.compute.domain.quotas import DEFAULT_SCOPE, DEFAULTS, Usage
from nacre.compute.store.tables import COMPUTE_QUOTA
from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.ids import ProjectId

_LIMITS = sa.select(COMPUTE_QUOTA.c.scope, COMPUTE_QUOTA.c.resource, COMPUTE_QUOTA.c.amount).where(
    COMPUTE_QUOTA.c.scope.in_([DEFAULT_SCOPE, sa.bindparam("scope")])
)
_USAGE = sa.text(
    "SELECT COUNT(*), COALESCE(SUM(vcpus), 0), COALESCE(SUM(memory_mib), 0)"
    " FROM server WHERE project_id = :project_id AND deleted_at IS NULL"
)
_ROOM = sa.text(
    "WITH used AS (SELECT COUNT(*) AS instances, COALESCE(SUM(vcpus), 0) AS cores,"
    " COALESCE(SUM(memory_mib), 0) AS ram FROM server WHERE project_id = :project_id AND deleted_at IS NULL)"
    " SELECT '' AS scope, 'instances' AS resource, instances AS amount FROM used"
    " UNION ALL SELECT '', 'cores', cores FROM used"
    " UNION ALL SELECT '', 'ram', ram FROM used"
    " UNION ALL SELECT scope, resource, amount FROM compute_quota WHERE scope IN (:cloud, :project_id)"
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
    return _merged(db.rows(_LIMITS, scope=scope))


def _merged(rows: Iterable[AnyRow]) -> dict[str, int]:
    """Built-in limits, under those of the cloud, under a project's own."""
    found = dict(DEFAULTS)
    ordered = sorted(rows, key=lambda row: bool(row[0] != DEFAULT_SCOPE))
    found.update({resource: int(amount) for _scope, resource, amount in ordered})
    return found


def room(tx: Tx, project_id: ProjectId) -> tuple[Mapping[str, int], Usage]:
    """The limits of a project and what it has, which nobody else adds to until the transaction ends."""
    _lock_usage(tx, project_id)
    rows = tx.rows(_ROOM, project_id=project_id, cloud=DEFAULT_SCOPE)
    used = {resource: int(amount) for scope, resource, amount in rows if not scope}
    return _merged(row for row in rows if row[0]), Usage(**used)


def usage(db: Reader, project_id: ProjectId | str) -> Usage:
    """What a project has, summed from its servers."""
    row = db.row(_USAGE, project_id=project_id)
    assert row is not None, "a sum has a row"
    return Usage(instances=row[0], cores=int(row[1]), ram=int(row[2]))


def group_count(db: Reader, project_id: ProjectId | str) -> int:
    """How many server groups a project has."""
    count: int = db.scalar(_GROUPS, project_id=project_id)
    return count


def _lock_usage(tx: Tx, project_id: ProjectId) -> None:
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
