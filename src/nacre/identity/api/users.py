"""Users and their passwords."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.fields import UNSET, Extra, Id, LongName, Password, Text, Unset
from nacre.identity.api.guard import demand, domain_in_sight
from nacre.identity.api.lists import flag_filters, listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.authority import refused
from nacre.identity.errors import UserNotFound
from nacre.identity.store.projects import DOMAINS
from nacre.identity.store.users import (
    USERS,
    User,
    find_login_by_id,
    remove_user,
    set_password,
)
from nacre.kernel.errors import Bad, NotImplementedHere
from nacre.kernel.events import Actor
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import ProjectId, UserId, new_hex_id


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of the site's password rules does not apply to a user."""

    ignore_change_password_upon_first_use: bool | Unset | None = UNSET
    ignore_lockout_failure_attempts: bool | Unset | None = UNSET
    ignore_password_expiry: bool | Unset | None = UNSET
    ignore_user_inactivity: bool | Unset | None = UNSET
    lock_password: bool | Unset | None = UNSET
    multi_factor_auth_enabled: bool | Unset | None = UNSET
    multi_factor_auth_rules: tuple[tuple[Text, ...], ...] | Unset | None = UNSET

    def given(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value is not UNSET}


class CreateUser(msgspec.Struct, frozen=True, kw_only=True):
    name: LongName
    domain_id: Id | None = None
    password: Password | None = None
    enabled: bool = True
    default_project_id: Id | None = None
    options: Options = Options()
    federated: list[Any] = []
    extra: Extra = {}


class UpdateUser(msgspec.Struct, frozen=True, kw_only=True):
    name: LongName | Unset = UNSET
    domain_id: str | Unset = UNSET
    password: Password | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    default_project_id: Id | Unset | None = UNSET
    options: Options | Unset = UNSET
    federated: list[Any] = []
    extra: Extra = {}


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True):
    original_password: Password
    password: Password


CREATE = Body(CreateUser, key="user", rest="extra")
UPDATE = Body(UpdateUser, key="user", rest="extra")
CHANGE_PASSWORD = Body(ChangePassword, key="user")


class NoFederation(NotImplementedHere):
    """Users of other identity providers are left out."""

    def __str__(self) -> str:
        return "Federated users are not implemented."


async def create(call: Call[Parts], ask: CreateUser) -> Answer:
    """A new user, without any role. Errors: DomainNotFound, Taken, TooManyLogins."""
    demand(call)
    _check_federated(ask.federated)
    password_hash = None if ask.password is None else await call.parts.passwords.hash(ask.password)
    return await call.in_thread(_create, call, ask, password_hash)


def _create(call: Call[Parts], ask: CreateUser, password_hash: str | None) -> Answer:
    caller = call.caller
    domain_id = ask.domain_id or caller.domain_id or caller.project_domain_id or caller.user_domain_id
    user = User(
        user_id=new_hex_id(),
        domain_id=domain_id,
        name=ask.name,
        enabled=ask.enabled,
        default_project_id=ask.default_project_id,
        options=ask.options.given(),
        extra=ask.extra,
        created_at=call.now,
    )
    with name_free("user", ask.name), call.database.write(call.actor) as tx:
        DOMAINS.hold(tx, domain_id)
        at = None if password_hash is None else tx.now
        USERS.insert(tx, user, password_hash=password_hash, password_set_at=at)
        changed(tx, "create", "user", user.user_id, after=user)
    return Created({"user": user_view(call, user)})


def list_all(call: Call[Parts]) -> Answer:
    """Users in the caller's sight, by name; filters `name`, `domain_id` and `enabled`."""
    own = domain_in_sight(call)
    filters = text_filters(call, "name", "domain_id") | flag_filters(call, "enabled")
    conditions = [] if own is None else [USERS.table.c.domain_id == own]
    with call.database.read() as db:
        page, rows = page_from(db, call, USERS, filters, *conditions)
    return listed(
        call, "users", rows, page, lambda user: user_view(call, user), id_of=lambda user: user.user_id
    )


def show(call: Call[Parts], user_id: str) -> Answer:
    """A user. Errors: UserNotFound."""
    with call.database.read() as db:
        user = USERS.find(db, user_id)
    demand(call, user_id=user_id, domain_id=user.domain_id if user else "\0")
    if user is None:
        raise UserNotFound(user_id)
    return Ok({"user": user_view(call, user)})


async def update(call: Call[Parts], ask: UpdateUser, user_id: str) -> Answer:
    """Change what is given. A new password, or being disabled, voids the user's tokens at once.

    Errors: UserNotFound, Taken, TooManyLogins.
    """
    demand(call)
    _check_federated(ask.federated)
    password_hash = await call.parts.passwords.hash(ask.password) if isinstance(ask.password, str) else None
    return await call.in_thread(_update, call, ask, user_id, password_hash)


def _update(call: Call[Parts], ask: UpdateUser, user_id: str, password_hash: str | None) -> Answer:
    with name_free("user", str(ask.name)), call.database.write(call.actor) as tx:
        before = USERS.lock(tx, user_id)
        if ask.domain_id not in (UNSET, before.domain_id):
            raise Bad("Update of `domain_id` is not allowed.")
        after = updated(before, ask)
        if before.enabled and not after.enabled:
            after = msgspec.structs.replace(after, epoch=before.epoch + 1)
        USERS.update(tx, after)
        if ask.password is not UNSET:
            set_password(tx, user_id, password_hash)
        changed(tx, "update", "user", user_id, before=before, after=after)
    return Ok({"user": user_view(call, after)})


def delete(call: Call[Parts], user_id: str) -> Answer:
    """Delete a user with roles, memberships and application credentials. Errors: UserNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = USERS.lock(tx, user_id)
        remove_user(tx, user_id)
        changed(tx, "delete", "user", user_id, before=before)
    return NoContent()


async def change_own_password(call: Call[Parts], ask: ChangePassword, user_id: str) -> Answer:
    """Change a password by knowing it; no token is needed, and every token of the user is void afterwards.

    Errors: LoginRefused, in the same words and time for every reason; TooManyLogins.
    """
    login = await call.in_thread(_find_login, call, user_id)
    right = await call.parts.passwords.matches(ask.original_password, login.password_hash if login else None)
    if login is None or not right or not login.user.enabled:
        raise refused("wrong original password, or a disabled user")
    password_hash = await call.parts.passwords.hash(ask.password)
    return await call.in_thread(_set_own_password, call, login, password_hash)


def _find_login(call: Call[Parts], user_id: str) -> Any:
    with call.database.read() as db:
        return find_login_by_id(db, user_id)


def _set_own_password(call: Call[Parts], login: Any, password_hash: str) -> Answer:
    user_id = login.user.user_id
    with call.database.write(Actor.user(UserId(user_id), ProjectId(""), call.request_id)) as tx:
        # Nobody may have changed the password while the two hashes were worked out.
        if USERS.lock(tx, user_id).epoch != login.user.epoch:
            raise refused("the password was changed meanwhile")
        set_password(tx, user_id, password_hash)
        changed(tx, "change-password", "user", user_id)
    return NoContent()


def _check_federated(federated: list[Any]) -> None:
    if federated:
        raise NoFederation


def user_view(call: Call[Any], user: User) -> dict[str, Any]:
    """A user as callers see it."""
    view = dict(user.extra) | {
        "id": user.user_id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": user.enabled,
        "options": user.options,
        "password_expires_at": None,
        "links": self_link(call, f"/v3/users/{user.user_id}"),
    }
    if user.default_project_id:
        view["default_project_id"] = user.default_project_id
    return view
