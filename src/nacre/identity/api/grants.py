"""Roles given to a user or group on a project, on a domain, or on the system.

The same handlers answer at every such path; which ids the path holds says what is meant. Paths that end in
`inherited_to_projects` speak of the roles that count below their target.
"""

from __future__ import annotations

from nacre.identity.api.changes import changed
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.roles import role_view
from nacre.identity.errors import AssignmentNotFound, NotPossible
from nacre.identity.store import assignments as store
from nacre.identity.store.assignments import Assignment
from nacre.identity.store.groups import GROUPS
from nacre.identity.store.projects import DOMAINS, PROJECTS
from nacre.identity.store.roles import ROLES
from nacre.identity.store.users import USERS
from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Answer, Call, NoContent


def give(call: Call[Parts], *, role_id: str, **where: str) -> Answer:
    """Give a role; safe to repeat. Errors: RoleNotFound, UserNotFound, ProjectNotFound, and so on."""
    demand(call)
    grant = _grant(call, role_id, where)
    with call.database.write(call.actor) as tx:
        role = ROLES.hold(tx, role_id)
        domain_id = _held_domain(tx, grant)
        if role.domain_id and role.domain_id != domain_id:
            raise NotPossible(f"Role {role_id} belongs to another domain.")
        if store.give(tx, grant):
            changed(tx, "give", "role", role_id, after=grant)
    return NoContent()


def check(call: Call[Parts], *, role_id: str, **where: str) -> Answer:
    """204 if the role is given just so; not if it is implied or handed down. Errors: AssignmentNotFound."""
    demand(call)
    grant = _grant(call, role_id, where)
    with call.database.read() as db:
        ROLES.load(db, role_id)
        _check_ends(db, grant)
        if not store.exists(db, grant):
            raise AssignmentNotFound(role_id)
    return NoContent()


def take(call: Call[Parts], *, role_id: str, **where: str) -> Answer:
    """Take a role away; it is void at once. Errors: RoleNotFound, AssignmentNotFound."""
    demand(call)
    grant = _grant(call, role_id, where)
    with call.database.write(call.actor) as tx:
        ROLES.hold(tx, role_id)
        if not store.take(tx, grant):
            raise AssignmentNotFound(role_id)
        changed(tx, "take", "role", role_id, before=grant)
    return NoContent()


def list_roles(call: Call[Parts], **where: str) -> Answer:
    """The roles given just so. Errors: UserNotFound, GroupNotFound, ProjectNotFound, DomainNotFound."""
    demand(call)
    grant = _grant(call, "", where)
    with call.database.read() as db:
        _check_ends(db, grant)
        given = store.find_assignments(
            db,
            actor_ids=[grant.actor_id],
            target_ids=[grant.target_id],
            target_kind=grant.target_kind,
            inherited=grant.inherited,
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


def _check_ends(db: Reader, grant: Assignment) -> None:
    """Raise the NotFound of whoever, or whatever, is not there."""
    (USERS if grant.actor_kind == "user" else GROUPS).load(db, grant.actor_id)
    if grant.target_kind != "system":
        _TARGETS[grant.target_kind].load(db, grant.target_id)


def _held_domain(tx: Tx, grant: Assignment) -> str:
    """The target's domain, empty for the system. Both ends stay until this transaction ends."""
    (USERS if grant.actor_kind == "user" else GROUPS).hold(tx, grant.actor_id)
    if grant.target_kind == "system":
        return ""
    target = _TARGETS[grant.target_kind].hold(tx, grant.target_id)
    return target.domain_id or target.project_id


_TARGETS = {"project": PROJECTS, "domain": DOMAINS}
