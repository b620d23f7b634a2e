"""Letting a user be what a mapping says: the row, the groups until further notice, the projects for good.

What a mapping names and is not here gives nothing, and the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nacre.identity.api.changes import changed
from nacre.identity.api.parts import Parts
from nacre.identity.domain.mappings import DomainName, MappedProject, MappedProperties, MappedUser
from nacre.identity.standing import refused
from nacre.identity.store import assignments, federated_users
from nacre.identity.store.assignments import Assignment
from nacre.identity.store.federated_users import FederatedUser, stable_id
from nacre.identity.store.federation import IdentityProvider
from nacre.identity.store.projects import DOMAINS, PROJECTS, Project, find_by_name, find_domain_id
from nacre.identity.store.users import USERS, User, find_login_by_name
from nacre.kernel.database import Duplicate, Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import new_hex_id

log = logging.getLogger("nacre.identity")

_LONGEST_NAME = 255
_TRIES = 3
"""Several logins of somebody new may race; each but the first finds the row of another on its next try."""


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """A project to be had, with the ids of the roles on it."""

    domain_id: str
    name: str
    role_ids: Sequence[str]


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a mapping says, in ids."""

    domain_id: str
    group_ids: frozenset[str]
    places: Sequence[_Place]


def admit(
    call: Call[Parts], provider: IdentityProvider, protocol_id: str, properties: MappedProperties
) -> str:
    """The id of the user, who is now what the mapping says. Raises LoginRefused."""
    with call.database.read() as db:
        if properties.user.local:
            return _local(db, properties.user)
        found = _found(db, provider, properties)
    who = FederatedUser(
        idp_id=provider.idp_id,
        protocol_id=protocol_id,
        unique_id=properties.user.unique_id,
        user_id=stable_id(provider.idp_id, protocol_id, properties.user.unique_id),
    )
    ends_at = call.parts.sign_on.memberships_end(provider, now=call.now)
    for _ in range(_TRIES):
        try:
            with call.database.write(call.actor) as tx:
                user_id = _ensure_user(tx, who, properties.user, found.domain_id)
                _ensure_groups(tx, user_id, provider.idp_id, found.group_ids, ends_at)
                _ensure_places(tx, user_id, found.places)
        except Duplicate:
            continue
        return user_id
    raise refused(f"user {who.unique_id!r} of {provider.idp_id!r} cannot be written")


# -- reading what the mapping names ------------------------------------------------------------------------


def _local(db: Reader, user: MappedUser) -> str:
    """The id of a user who must be here already. Raises LoginRefused."""
    if user.id is not None:
        found = USERS.find(db, user.id)
    else:
        domain_id = _domain_id(db, user.domain, default=None)
        login = find_login_by_name(db, domain_id, user.name) if domain_id else None
        found = login.user if login else None
    if found is None:
        raise refused(f"there is no local user {user.unique_id!r}")
    return found.user_id


def _found(db: Reader, provider: IdentityProvider, properties: MappedProperties) -> _Found:
    domain_id = _domain_id(db, properties.user.domain, default=provider.domain_id)
    if domain_id is None:
        raise refused(f"there is no domain {properties.user.domain}")
    roles = federated_users.roles_named(
        db, {name for project in properties.projects for name in project.role_names}
    )
    return _Found(
        domain_id=domain_id,
        group_ids=_group_ids(db, provider, properties),
        places=[
            place
            for project in properties.projects
            if (place := _place(db, provider, project, roles)) is not None
        ],
    )


def _domain_id(db: Reader, domain: DomainName | None, *, default: str | None) -> str | None:
    if domain is None or (domain.id is None and domain.name is None):
        return default
    if domain.id is not None:
        found = DOMAINS.find(db, domain.id)
        return found.project_id if found else None
    return find_domain_id(db, domain.name or "")


def _group_ids(db: Reader, provider: IdentityProvider, properties: MappedProperties) -> frozenset[str]:
    names = {name for name, _ in properties.groups}
    known = federated_users.groups_like(db, group_ids=properties.group_ids, names=names)
    found = {group.group_id for group in known if group.group_id in properties.group_ids}
    for group_id in set(properties.group_ids) - found:
        log.warning("mapping of %s: there is no group %s", provider.idp_id, group_id)
    for name, domain in properties.groups:
        same = {group.group_id for group in known if group.name == name and _is_in(group, domain, provider)}
        if not same:
            log.warning("mapping of %s: there is no group %r in its domain", provider.idp_id, name)
        found |= same
    return frozenset(found)


def _is_in(group: federated_users.FoundGroup, domain: DomainName | None, provider: IdentityProvider) -> bool:
    if domain is None or (domain.id is None and domain.name is None):
        return group.domain_id == provider.domain_id
    if domain.id is not None:
        return group.domain_id == domain.id
    return group.domain_name == domain.name


def _place(
    db: Reader, provider: IdentityProvider, project: MappedProject, roles: Mapping[str, str]
) -> _Place | None:
    domain_id = _domain_id(db, project.domain, default=provider.domain_id)
    role_ids = [roles[name] for name in project.role_names if name in roles]
    if domain_id is None or len(role_ids) < len(project.role_names):
        log.warning("mapping of %s: project %r names what is not here", provider.idp_id, project.name)
    if domain_id is None or not 0 < len(project.name) <= 64:
        return None
    return _Place(domain_id=domain_id, name=project.name, role_ids=role_ids)


# -- writing it --------------------------------------------------------------------------------------------


def _ensure_user(tx: Tx, who: FederatedUser, mapped: MappedUser, domain_id: str) -> str:
    before = federated_users.lock_federated(
        tx, idp_id=who.idp_id, protocol_id=who.protocol_id, unique_id=who.unique_id
    )
    if before is None:
        # Whoever was known to a provider that has been deleted and is back is the same user.
        before = USERS.find(tx, who.user_id)
        if before is None:
            return _new_user(tx, who, mapped, domain_id)
        federated_users.add_federated(tx, [who])
    after = msgspec.structs.replace(
        before,
        name=_name(tx, before.domain_id, mapped.name, user_id=before.user_id, present=before.name),
        extra={**before.extra, **_extra(mapped)},
    )
    if after != before:
        USERS.update(tx, after)
        changed(tx, "update", "user", before.user_id, before=before, after=after)
    return before.user_id


def _new_user(tx: Tx, who: FederatedUser, mapped: MappedUser, domain_id: str) -> str:
    DOMAINS.hold(tx, domain_id)
    user = User(
        user_id=who.user_id,
        domain_id=domain_id,
        name=_name(tx, domain_id, mapped.name, user_id=who.user_id),
        extra=_extra(mapped),
        created_at=tx.now,
    )
    USERS.insert(tx, user)
    federated_users.add_federated(tx, [who])
    changed(tx, "create", "user", user.user_id, after=user)
    return user.user_id


def _name(tx: Tx, domain_id: str, wished: str, *, user_id: str, present: str = "") -> str:
    """What the user is called: as the mapping says, or with the id's beginning where somebody else is already."""
    wished = wished[:_LONGEST_NAME]
    if wished == present:
        return present
    if not federated_users.name_in_use(tx, domain_id, wished, but_by=user_id):
        return wished
    mark = f" ({user_id[:12]})"
    return wished[: _LONGEST_NAME - len(mark)] + mark


def _extra(mapped: MappedUser) -> dict[str, Any]:
    return {"email": mapped.email} if mapped.email else {}


def _ensure_groups(tx: Tx, user_id: str, idp_id: str, group_ids: frozenset[str], ends_at: float) -> None:
    moved = federated_users.set_memberships(
        tx, user_id=user_id, idp_id=idp_id, group_ids=group_ids, expires_at=ends_at
    )
    if moved:
        after = {"idp_id": idp_id, "group_ids": sorted(group_ids)}
        changed(tx, "set-federated-groups", "user", user_id, after=after)


def _ensure_places(tx: Tx, user_id: str, places: Sequence[_Place]) -> None:
    for place in places:
        project = find_by_name(tx, place.domain_id, place.name)
        if project is None:
            project = Project(
                project_id=new_hex_id(),
                domain_id=place.domain_id,
                parent_id=place.domain_id,
                name=place.name,
            )
            DOMAINS.hold(tx, place.domain_id)
            PROJECTS.insert(tx, project)
            changed(tx, "create", "project", project.project_id, after=project)
        for role_id in place.role_ids:
            grant = Assignment(
                actor_kind="user",
                actor_id=user_id,
                target_kind="project",
                target_id=project.project_id,
                role_id=role_id,
            )
            if assignments.give(tx, grant):
                changed(tx, "give", "role", role_id, after=grant)
