"""All that a token's rights depend on: the user, what the token is scoped to, and the roles held there."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.domain.scopes import Scope, ScopeKind
from nacre.identity.store.federated_users import first_end_of, groups_in_force, memberships_in_force
from nacre.identity.store.projects import PROJECTS, Project
from nacre.identity.store.tables import ASSIGNMENT, MEMBERSHIP, PROJECT, USER
from nacre.identity.store.users import USERS, User
from nacre.kernel.database import AnyRow, Reader


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A user, and the target of a scope with its domain, as they are. A domain's own domain is itself."""

    user: User
    user_domain: Project
    target: Project | None = None
    target_domain: Project | None = None
    role_ids: Sequence[str] = ()
    vouched_groups: Sequence[tuple[str, str]] = ()
    """The groups that identity providers have put the user into: each with the provider's id before it."""
    holds_until: float | None = None
    """When the first of those memberships ends, and all of this has to be read again."""


_user_domain = PROJECT.alias("user_domain")
_target_domain = PROJECT.alias("target_domain")
_names = list(PROJECTS.columns)
_WHO = (
    sa.select(
        *USERS.columns.values(),
        *[_user_domain.c[name].label(f"user_domain_{name}") for name in _names],
        *[PROJECT.c[name].label(f"target_{name}") for name in _names],
        *[_target_domain.c[name].label(f"target_domain_{name}") for name in _names],
        first_end_of(sa.bindparam("user_id"), sa.bindparam("now")).label("holds_until"),
    )
    .select_from(USER)
    .join(_user_domain, _user_domain.c.project_id == USER.c.domain_id)
    .outerjoin(PROJECT, PROJECT.c.project_id == sa.bindparam("target_id"))
    .outerjoin(_target_domain, _target_domain.c.project_id == PROJECT.c.domain_id)
    .where(USER.c.user_id == sa.bindparam("user_id"))
)

_actors = sa.union_all(
    sa.select(sa.bindparam("user_id", type_=sa.Text).label("actor_id")),
    sa.select(MEMBERSHIP.c.group_id.label("actor_id")).where(MEMBERSHIP.c.user_id == sa.bindparam("user_id")),
    groups_in_force(sa.bindparam("user_id"), sa.bindparam("now")),
).subquery("actors")
_above = (
    sa.select(PROJECT.c.parent_id.label("project_id"))
    .where(
        PROJECT.c.project_id == sa.bindparam("target_id"), sa.bindparam("kind", type_=sa.Text) == "project"
    )
    .cte("above", recursive=True)
)
_above = _above.union(
    sa.select(PROJECT.c.parent_id).where(
        PROJECT.c.project_id == _above.c.project_id, PROJECT.c.parent_id != ""
    )
)
_ROLES = (
    sa.select(ASSIGNMENT.c.role_id)
    .distinct()
    .where(
        ASSIGNMENT.c.actor_id.in_(sa.select(_actors.c.actor_id)),
        sa.or_(
            sa.and_(
                ASSIGNMENT.c.target_id == sa.bindparam("target_id"),
                ASSIGNMENT.c.target_kind == sa.bindparam("kind"),
                sa.not_(ASSIGNMENT.c.inherited),
            ),
            sa.and_(ASSIGNMENT.c.inherited, ASSIGNMENT.c.target_id.in_(sa.select(_above.c.project_id))),
        ),
    )
)


def find_access(db: Reader, user_id: str, scope: Scope, *, now: float) -> Access | None:
    """What a user may use within a scope, or None if there is no such user.

    Two statements at most, and a third for a user whom an identity provider has put into groups.
    """
    row = db.row(_WHO, user_id=user_id, target_id=scope.target_id, now=now)
    if row is None:
        return None
    width = len(USERS.columns)
    user_domain, target, target_domain = (_project(row, width + at * len(_names)) for at in range(3))
    assert user_domain is not None, "a user's domain cannot be deleted without the user"
    role_ids: Sequence[str] = ()
    if scope.kind is not ScopeKind.UNSCOPED:
        rows = db.rows(_ROLES, user_id=user_id, target_id=scope.target_id, kind=scope.kind.value, now=now)
        role_ids = [found[0] for found in rows]
    return Access(
        user=USERS.of(row),
        user_domain=user_domain,
        target=target,
        target_domain=target_domain or target,
        role_ids=role_ids,
        vouched_groups=memberships_in_force(db, user_id, now=now) if row.holds_until is not None else (),
        holds_until=row.holds_until,
    )


def _project(row: AnyRow, at: int) -> Project | None:
    return None if row[at] is None else Project(**dict(zip(_names, row[at : at + len(_names)], strict=True)))
