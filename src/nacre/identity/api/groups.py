"""Groups and their members."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.fields import UNSET, Description, Extra, Id, ShortName, Unset
from nacre.identity.api.guard import demand, known, sight
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.api.users import target_of as user_target
from nacre.identity.api.users import user_view
from nacre.identity.errors import GroupNotFound, MembershipNotFound
from nacre.identity.store import groups as store
from nacre.identity.store.directories import demand_own
from nacre.identity.store.groups import GROUPS, Group
from nacre.identity.store.projects import DOMAINS
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.users import USERS, User
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id


class CreateGroup(msgspec.Struct, frozen=True, kw_only=True):
    name: ShortName
    description: Description | None = None
    domain_id: Id | None = None
    extra: Extra = {}


class UpdateGroup(msgspec.Struct, frozen=True, kw_only=True):
    name: ShortName | Unset = UNSET
    description: Description | Unset | None = UNSET
    domain_id: str | Unset = UNSET
    extra: Extra = {}


CREATE = Body(CreateGroup, key="group", rest="extra")
UPDATE = Body(UpdateGroup, key="group", rest="extra")

_AN_ID = re.compile(r"[0-9a-f-]{32,64}")
"""What can be a group's id. That anything else is none tells nobody which ones there are."""


def create(call: Call[Parts], ask: CreateGroup) -> Answer:
    """A new group, empty. Errors: DomainNotFound, Taken, FromDirectory."""
    caller = call.caller
    domain_id = ask.domain_id or caller.domain_id or caller.project_domain_id or caller.user_domain_id
    demand(call, domain_id=domain_id)
    group = Group(
        group_id=new_hex_id(),
        domain_id=domain_id,
        name=ask.name,
        description=ask.description or "",
        extra=ask.extra,
    )
    call.parts.directories.demand_own(group.domain_id)
    with name_free("group", ask.name), call.database.write(call.actor) as tx:
        DOMAINS.hold(tx, group.domain_id)
        GROUPS.insert(tx, group)
        changed(tx, "create", "group", group.group_id, after=group)
    return Created({"group": group_view(call, group)})


def list_all(call: Call[Parts]) -> Answer:
    """Groups in the caller's sight, by name; filters `name` and `domain_id`."""
    shown = sight(call)
    conditions = [] if shown.domain_id is None else [GROUPS.table.c.domain_id == shown.domain_id]
    with call.database.read() as db:
        page, rows = page_from(db, call, GROUPS, text_filters(call, "name", "domain_id"), *conditions)
    return _listed(call, rows, page)


def list_of_user(call: Call[Parts], user_id: str) -> Answer:
    """The groups a user is in. Errors: UserNotFound."""
    with call.database.read() as db:
        known(call, lambda: USERS.load(db, user_id), user_target)
        conditions = [store.with_member(user_id, now=call.now), *_in_own_domain(call, GROUPS)]
        page, rows = page_from(db, call, GROUPS, text_filters(call, "name"), *conditions)
    return _listed(call, rows, page)


def _listed(call: Call[Parts], rows: list[Group], page: Any) -> Answer:
    return listed(
        call, "groups", rows, page, lambda group: group_view(call, group), id_of=lambda group: group.group_id
    )


def show(call: Call[Parts], group_id: str) -> Answer:
    """A group. Errors: GroupNotFound."""
    with call.database.read() as db:
        return Ok({"group": group_view(call, _in_sight(db, call, group_id))})


def update(call: Call[Parts], ask: UpdateGroup, group_id: str) -> Answer:
    """Change what is given. Errors: GroupNotFound, Taken, FromDirectory."""
    with name_free("group", str(ask.name)), call.database.write(call.actor) as tx:
        before = known(call, lambda: GROUPS.lock(tx, group_id), target_of)
        demand_own(tx, group_id)
        if ask.domain_id not in (UNSET, before.domain_id):
            raise Bad("Update of `domain_id` is not allowed.")
        after = updated(before, ask)
        after = msgspec.structs.replace(after, description=after.description or "")
        GROUPS.update(tx, after)
        changed(tx, "update", "group", group_id, before=before, after=after)
    return Ok({"group": group_view(call, after)})


def delete(call: Call[Parts], group_id: str) -> Answer:
    """Delete a group with its roles; its members lose them. Errors: GroupNotFound, FromDirectory."""
    if not _AN_ID.fullmatch(group_id):
        raise GroupNotFound(group_id)
    with call.database.write(call.actor) as tx:
        before = known(call, lambda: GROUPS.lock(tx, group_id), target_of)
        demand_own(tx, group_id, absent_too=False)
        store.remove_group(tx, group_id)
        changed(tx, "delete", "group", group_id, before=before)
    return NoContent()


# -- members -----------------------------------------------------------------------------------------------


def list_members(call: Call[Parts], group_id: str) -> Answer:
    """The users in a group. Errors: GroupNotFound."""
    with call.database.read() as db:
        _in_sight(db, call, group_id)
        conditions = [store.within_group(group_id, now=call.now), *_in_own_domain(call, USERS)]
        page, rows = page_from(db, call, USERS, text_filters(call, "name"), *conditions)
    return listed(
        call, "users", rows, page, lambda user: user_view(call, user), id_of=lambda user: user.user_id
    )


def check_member(call: Call[Parts], group_id: str, user_id: str) -> Answer:
    """204 if the user is in the group. Errors: GroupNotFound, UserNotFound, MembershipNotFound."""
    with call.database.read() as db:
        _pair(call, lambda: GROUPS.load(db, group_id), lambda: USERS.load(db, user_id))
        if not store.is_member(db, user_id, group_id, now=call.now):
            raise MembershipNotFound(user_id)
    return NoContent()


def add_member(call: Call[Parts], group_id: str, user_id: str) -> Answer:
    """Put a user into a group; safe to repeat. Errors: GroupNotFound, UserNotFound, FromDirectory."""
    with call.database.write(call.actor) as tx:
        _pair(call, lambda: GROUPS.hold(tx, group_id), lambda: USERS.hold(tx, user_id))
        demand_own(tx, group_id)
        store.add_member(tx, user_id, group_id)
        changed(tx, "add-member", "group", group_id, after={"user_id": user_id})
    return NoContent()


def remove_member(call: Call[Parts], group_id: str, user_id: str) -> Answer:
    """Take a user out of a group. Errors: GroupNotFound, UserNotFound, MembershipNotFound, FromDirectory."""
    with call.database.write(call.actor) as tx:
        _pair(call, lambda: GROUPS.hold(tx, group_id), lambda: USERS.hold(tx, user_id))
        demand_own(tx, group_id)
        if not store.remove_member(tx, user_id, group_id):
            raise MembershipNotFound(user_id)
        changed(tx, "remove-member", "group", group_id, before={"user_id": user_id})
    return NoContent()


# -- shared ------------------------------------------------------------------------------------------------


def target_of(group: Group) -> Mapping[str, Any]:
    """What rules may ask about a group."""
    return {"domain_id": group.domain_id}


def _in_sight(db: Reader, call: Call[Parts], group_id: str) -> Group:
    return known(call, lambda: GROUPS.load(db, group_id), target_of)


def _pair(call: Call[Parts], load_group: Callable[[], Group], load_user: Callable[[], User]) -> None:
    """Raise NotAllowed, GroupNotFound or UserNotFound unless the caller may do this to both together."""

    def target(both: tuple[Group, User]) -> Mapping[str, Any]:
        group, user = both
        return {**target_of(group), "member_domain_id": user.domain_id, "user_id": user.user_id}

    known(call, lambda: (load_group(), load_user()), target)


def _in_own_domain(call: Call[Parts], shelf: Shelf[Any]) -> list[sa.ColumnElement[bool]]:
    """A token for a domain shows what is in it."""
    own = call.caller.domain_id
    return [shelf.table.c.domain_id == own] if own else []


def group_view(call: Call[Any], group: Group) -> dict[str, Any]:
    """A group as callers see it."""
    return dict(group.extra) | {
        "id": group.group_id,
        "name": group.name,
        "domain_id": group.domain_id,
        "description": group.description,
        "links": self_link(call, f"/v3/groups/{group.group_id}"),
    }
