"""Roles given to a user or group on a project, on a domain, or on the system.

The same handlers answer at every such path; which ids the path holds says what is meant. Paths that end in
`inherited_to_projects` speak of the roles that count below their target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nacre.identity.api.changes import changed
from nacre.identity.api.guard import known
from nacre.identity.api.lists import whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import Placed, load_placed
from nacre.identity.api.roles import makes_admin, role_view
from nacre.identity.api.roles import target_of as role_target
from nacre.identity.domain.roles import Role
from nacre.identity.errors import AssignmentNotFound, DomainNotFound, NotPossible
from nacre.identity.store import assignments as store
from nacre.identity.store.assignments import Assignment
from nacre.identity.store.groups import GROUPS, Group
from nacre.identity.store.projects import Project, hold_above, projects_above
from nacre.identity.store.roles import ROLES
from nacre.identity.store.users import USERS, User
from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Answer, Call, NoContent


def give(call: Call[Parts], *, role_id: str, **where: str) -> Answer:
    """Give a role; safe to repeat. Errors: RoleNotFound, UserNotFound, ProjectNotFound, and so on.

    Managers of a domain give some roles on what is in it to whoever is in it; managers of a project give roles
    that they hold themselves there, and below, to anybody.
    """
    grant = _grant(call, role_id, where)
    with call.database.write(call.actor) as tx:
        ends = known(call, lambda: _held(tx, grant), lambda ends: _target(call, ends))
        foreign = ends.role is not None and ends.role.domain_id not in ("", ends.domain_id)
        if foreign and grant.target_kind == "project":
            raise NotPossible(f"Role {role_id} belongs to another domain.")
        if store.give(tx, grant):
            changed(tx, "give", "role", role_id, after=grant)
    return NoContent()


def check(call: Call[Parts], *, role_id: str, **where: str) -> Answer:
    """204 if the role is given just so; not if it is implied or handed down. Errors: AssignmentNotFound."""
    grant = _grant(call, role_id, where)
    with call.database.read() as db:
        known(call, lambda: _ends(db, grant), lambda ends: _target(call, ends))
        if not store.exists(db, grant):
            raise AssignmentNotFound(role_id)
    return NoContent()


def take(call: Call[Parts], *, role_id: str, **where: str) -> Answer:
    """Take a role away; it is void at once. Errors: RoleNotFound, AssignmentNotFound."""
    grant = _grant(call, role_id, where)
    with call.database.write(call.actor) as tx:
        known(call, lambda: _ends(tx, grant), lambda ends: _target(call, ends))
        if not store.take(tx, grant):
            raise AssignmentNotFound(role_id)
        changed(tx, "take", "role", role_id, before=grant)
    return NoContent()


def list_roles(call: Call[Parts], **where: str) -> Answer:
    """The roles given just so. Errors: UserNotFound, GroupNotFound, ProjectNotFound, DomainNotFound."""
    grant = _grant(call, "", where)
    with call.database.read() as db:
        known(call, lambda: _ends(db, grant), lambda ends: _target(call, ends))
        given = store.find_assignments(
            db,
            actor_ids=[grant.actor_id],
            target_ids=[grant.target_id],
            target_kind=grant.target_kind,
            inherited=grant.inherited,
            now=call.now,
        )
        roles = ROLES.some(db, [each.role_id for each in given])
    return whole(call, "roles", [role_view(call, role) for role in sorted(roles, key=lambda r: r.name)])


def _grant(call: Call[Parts], role_id: str, where: dict[str, str]) -> Assignment:
    """What the path speaks of."""
    target_kind = next((kind for kind in ("project", "domain") if f"{kind}_id" in where), "system")
    actor_kind = "user" if "user_id" in where else "group"
    return Assignment(
        actor_kind=actor_kind,
        actor_id=where[f"{actor_kind}_id"],
        target_kind=target_kind,
        target_id=where.get(f"{target_kind}_id", "all"),
        role_id=role_id,
        inherited="inherited_to_projects" in call.route.path,
    )


# -- both ends of a grant ----------------------------------------------------------------------------------


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a grant is to, on what, and of which role; a list of grants is of none. The system has no `placed`."""

    actor: User | Group
    placed: Placed | None
    role: Role | None

    @property
    def domain_id(self) -> str:
        """The domain of what the role is held on; empty for the system."""
        project = self.placed.project if self.placed else None
        return (project.domain_id or project.project_id) if project else ""


def _ends(db: Reader, grant: Assignment) -> Ends:
    """Raises the NotFound of whoever, or whatever, is not there."""
    role = ROLES.load(db, grant.role_id) if grant.role_id else None
    actor = (USERS if grant.actor_kind == "user" else GROUPS).load(db, grant.actor_id)
    if grant.target_kind == "system":
        return Ends(actor=actor, placed=None, role=role)
    return Ends(actor=actor, placed=_placed(projects_above(db, grant.target_id), grant), role=role)


def _held(tx: Tx, grant: Assignment) -> Ends:
    """The same; all of it stays until this transaction ends."""
    role = ROLES.hold(tx, grant.role_id)
    actor = (USERS if grant.actor_kind == "user" else GROUPS).hold(tx, grant.actor_id)
    if grant.target_kind == "system":
        return Ends(actor=actor, placed=None, role=role)
    return Ends(actor=actor, placed=_placed(hold_above(tx, grant.target_id), grant), role=role)


def _placed(found: Sequence[Project], grant: Assignment) -> Placed:
    if grant.target_kind == "project":
        return load_placed(found, grant.target_id)
    domain = next((each for each in found if each.is_domain and each.project_id == grant.target_id), None)
    if domain is None:
        raise DomainNotFound(grant.target_id)
    return Placed(project=domain, above=())


def _target(call: Call[Parts], ends: Ends) -> Mapping[str, Any]:
    """What rules may ask about a grant."""
    target: dict[str, Any] = {"actor_domain_id": ends.actor.domain_id}
    if ends.placed is not None:
        target |= ends.placed.target
    if ends.role is not None:
        implied = call.parts.authority.graph().effective([ends.role.role_id])
        is_admin = makes_admin(call.caller.rules, [ends.role, *implied])
        target |= {**role_target(ends.role), "role_is_admin": is_admin}
    return target
