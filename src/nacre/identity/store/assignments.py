"""Role assignments: who holds which role on what. An inherited one counts below its target, not on it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.store.federated_users import groups_in_force
from nacre.identity.store.tables import ASSIGNMENT, MEMBERSHIP, PROJECT
from nacre.kernel.database import Reader, Tx


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """`actor_kind` is user or group; `target_kind` project, domain or system (whose id is `all`)."""

    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    role_id: str
    inherited: bool = False


_COLUMNS = [ASSIGNMENT.c[name] for name in Assignment.__struct_fields__]
_ALL = sa.select(*_COLUMNS)
_GIVE = sa.text(
    "INSERT INTO identity_assignment (actor_kind, actor_id, target_kind, target_id, role_id, inherited)"
    " VALUES (:actor_kind, :actor_id, :target_kind, :target_id, :role_id, :inherited) ON CONFLICT DO NOTHING"
)
_same = [
    ASSIGNMENT.c[name] == sa.bindparam(f"this_{name}")
    for name in ("actor_id", "target_id", "role_id", "inherited")
]
_FIND = _ALL.where(*_same)
_TAKE = sa.delete(ASSIGNMENT).where(*_same)


def _named(assignment: Assignment) -> dict[str, object]:
    values = msgspec.structs.asdict(assignment)
    return {f"this_{name}": values[name] for name in ("actor_id", "target_id", "role_id", "inherited")}


def give(tx: Tx, assignment: Assignment) -> bool:
    """Let it be so; whether it was not before."""
    return tx.execute(_GIVE, **msgspec.structs.asdict(assignment)) > 0


def take(tx: Tx, assignment: Assignment) -> bool:
    """Let it be so no more; whether it was."""
    return tx.execute(_TAKE, **_named(assignment)) > 0


def exists(db: Reader, assignment: Assignment) -> bool:
    return db.row(_FIND, **_named(assignment)) is not None


def find_assignments(
    db: Reader,
    *,
    actor_ids: Sequence[str] | None = None,
    held_by: str | None = None,
    target_ids: Sequence[str] | None = None,
    role_id: str | None = None,
    target_kind: str | None = None,
    inherited: bool | None = None,
    now: float,
) -> Sequence[Assignment]:
    """The assignments that meet all conditions given; `held_by` a user means own and through groups, now."""
    conditions: list[sa.ColumnElement[bool]] = []
    if actor_ids is not None:
        conditions.append(ASSIGNMENT.c.actor_id.in_(actor_ids))
    if held_by is not None:
        conditions.append(_held_by(held_by, now))
    if target_ids is not None:
        conditions.append(ASSIGNMENT.c.target_id.in_(target_ids))
    if role_id is not None:
        conditions.append(ASSIGNMENT.c.role_id == role_id)
    if target_kind is not None:
        conditions.append(ASSIGNMENT.c.target_kind == target_kind)
    if inherited is not None:
        conditions.append(ASSIGNMENT.c.inherited == inherited)
    return [_assignment(row) for row in db.rows(_ALL.where(*conditions))]


def _assignment(row: sa.Row[*tuple[object, ...]]) -> Assignment:
    return Assignment(**dict(zip(Assignment.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]


# -- where a user may work ---------------------------------------------------------------------------------


def _held_by(user_id: str, now: float) -> sa.ColumnElement[bool]:
    """The condition that an assignment is a user's own, or that of a group the user is in."""
    groups = sa.select(MEMBERSHIP.c.group_id).where(MEMBERSHIP.c.user_id == user_id)
    return sa.or_(
        ASSIGNMENT.c.actor_id == user_id,
        ASSIGNMENT.c.actor_id.in_(groups),
        ASSIGNMENT.c.actor_id.in_(groups_in_force(user_id, now)),
    )


def _targets_of(user_id: str, kind: str, now: float) -> sa.Select[str]:
    return sa.select(ASSIGNMENT.c.target_id).where(
        _held_by(user_id, now), ASSIGNMENT.c.target_kind == kind, sa.not_(ASSIGNMENT.c.inherited)
    )


def project_ids_of(user_id: str, *, now: float) -> sa.ColumnElement[bool]:
    """The condition that a user holds a role on a project: directly, through a group, or handed down."""
    handed_down = (
        sa.select(PROJECT.c.project_id)
        .join(ASSIGNMENT, ASSIGNMENT.c.target_id == PROJECT.c.parent_id)
        .where(_held_by(user_id, now), ASSIGNMENT.c.inherited)
        .cte("handed_down", recursive=True)
    )
    handed_down = handed_down.union(
        sa.select(PROJECT.c.project_id).where(PROJECT.c.parent_id == handed_down.c.project_id)
    )
    return sa.or_(
        PROJECT.c.project_id.in_(_targets_of(user_id, "project", now)),
        PROJECT.c.project_id.in_(sa.select(handed_down.c.project_id)),
    )


def domain_ids_of(user_id: str, *, now: float) -> sa.ColumnElement[bool]:
    """The condition that a user holds a role on a domain, directly or through a group."""
    return PROJECT.c.project_id.in_(_targets_of(user_id, "domain", now))


def holds_system_role(db: Reader, user_id: str, *, now: float) -> bool:
    """Whether a user holds a role on the system, directly or through a group."""
    return db.row(_targets_of(user_id, "system", now).limit(1)) is not None
