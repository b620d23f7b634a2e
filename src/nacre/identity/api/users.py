"""Users and their passwords."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity import hashes, policy
from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.elsewhere import login_elsewhere, prove_elsewhere
from nacre.identity.api.federation.people import Federated, elsewhere_view, set_elsewhere
from nacre.identity.api.fields import UNSET, Extra, Id, LongName, Password, Text, Unset
from nacre.identity.api.guard import demand, known, sight
from nacre.identity.api.lists import flag_filters, listed, page_from, self_link, text_filters
from nacre.identity.api.login import PasswordUser
from nacre.identity.api.logins import Attempt, prove_password
from nacre.identity.api.parts import Parts
from nacre.identity.domain.passwords import NewPasswordRefused
from nacre.identity.errors import FromDirectory
from nacre.identity.standing import refused
from nacre.identity.store.directories import demand_own
from nacre.identity.store.federated_users import FederatedUser, federated_of, is_federated
from nacre.identity.store.logins import unlock
from nacre.identity.store.projects import DOMAINS
from nacre.identity.store.users import (
    USERS,
    Login,
    PasswordSet,
    User,
    find_login_by_id,
    keep_former_hashes,
    lock_login,
    remove_user,
    replace_password,
    update_user,
)
from nacre.kernel.clock import iso_micro
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
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
    password_hash: str | None = None
    default_project_id: Id | None = None
    options: Options = Options()
    federated: Federated = ()
    extra: Extra = {}


class UpdateUser(msgspec.Struct, frozen=True, kw_only=True):
    name: LongName | Unset = UNSET
    domain_id: str | Unset = UNSET
    password: Password | Unset | None = UNSET
    password_hash: str | Unset = UNSET
    enabled: bool | Unset = UNSET
    default_project_id: Id | Unset | None = UNSET
    options: Options | Unset = UNSET
    federated: Federated | Unset = UNSET
    extra: Extra = {}


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True):
    original_password: Password
    password: Password


_OURS = frozenset({"id", "links", "password_expires_at"})
"""What an answer says beside the caller's own fields; sent back to us it means nothing."""

CREATE = Body(CreateUser, key="user", rest="extra")
UPDATE = Body(UpdateUser, key="user", rest="extra")
CHANGE_PASSWORD = Body(ChangePassword, key="user")


async def create(call: Call[Parts], ask: CreateUser) -> Answer:
    """A new user, without any role.

    Errors: DomainNotFound, Taken, NewPasswordRefused, FromDirectory, TooManyLogins.
    """
    demand(call, domain_id=ask.domain_id)
    given = await _given_hash(call, ask.password, ask.password_hash)
    return await call.in_thread(_create, call, ask, given)


def _domain_of(call: Call[Parts], ask: CreateUser) -> str:
    caller = call.caller
    return ask.domain_id or caller.domain_id or caller.project_domain_id or caller.user_domain_id


def _create(call: Call[Parts], ask: CreateUser, given: str | None) -> Answer:
    domain_id = _domain_of(call, ask)
    call.parts.directories.demand_own(domain_id)
    user = User(
        user_id=new_hex_id(),
        domain_id=domain_id,
        name=ask.name,
        enabled=ask.enabled,
        default_project_id=ask.default_project_id,
        options={name: value for name, value in ask.options.given().items() if value is not None},
        extra=_own(ask.extra),
        created_at=call.now,
    )
    with name_free("user", ask.name), call.database.write(call.actor) as tx:
        DOMAINS.hold(tx, domain_id)
        user, beside = _with_password(call, user, given, now=tx.now)
        USERS.insert(tx, user, **beside)
        elsewhere = set_elsewhere(tx, user.user_id, ask.federated) if ask.federated else ()
        changed(tx, "create", "user", user.user_id, after=user)
    return Created({"user": user_view(call, user) | elsewhere_view(elsewhere)})


async def _given_hash(
    call: Call[Parts], password: str | Unset | None, ready: str | Unset | None
) -> str | None:
    """The hash of a password that an administrator gives, or the one given in its place; None for neither."""
    if isinstance(ready, str):
        policy.IMPORT_PASSWORD_HASH.enforce(call.caller, {})
        if isinstance(password, str):
            raise Bad("Give either a password or its hash.", where="user.password_hash")
        try:
            hashes.read(ready)
        except hashes.Unreadable as error:
            raise Bad(f"It cannot be used: {error}.", where="user.password_hash") from error
        return ready
    if isinstance(password, str):
        call.parts.password_rules.check_strength(password)
        return await call.parts.passwords.hash(password)
    return None


def _with_password(
    call: Call[Parts], user: User, given: str | None, *, now: float
) -> tuple[User, dict[str, Any]]:
    """A user with the password that an administrator sets, and the columns that the user does not show."""
    expires_at = None
    if given is not None:
        expires_at = call.parts.password_rules.expires_at(user.options, now=now, own_choice=False)
    set_at = None if given is None else now
    beside = {"password_hash": given, "password_set_at": set_at, "password_chosen_at": None}
    return msgspec.structs.replace(user, password_expires_at=expires_at), beside


def list_all(call: Call[Parts]) -> Answer:
    """Users in the caller's sight, by name.

    Filters: `name`, `domain_id`, `enabled`, `password_expires_at`; `idp_id`, `protocol_id` and `unique_id`, by
    which they are known elsewhere.
    """
    shown = sight(call)
    filters = text_filters(call, "name", "domain_id") | flag_filters(call, "enabled")
    conditions = [_expiry(text) for text in call.all("password_expires_at")]
    if shown.domain_id is not None:
        conditions.append(USERS.table.c.domain_id == shown.domain_id)
    known_as = text_filters(call, "idp_id", "protocol_id", "unique_id")
    if known_as:
        conditions.append(is_federated(known_as))
    with call.database.read() as db:
        page, rows = page_from(db, call, USERS, filters, *conditions)
        elsewhere = {} if shown.brief else federated_of(db, [user.user_id for user in rows])

    def view(user: User) -> dict[str, Any]:
        if shown.brief:
            return brief_view(call, user)
        return user_view(call, user) | elsewhere_view(elsewhere.get(user.user_id, ()))

    return listed(call, "users", rows, page, view, id_of=lambda user: user.user_id)


_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge,
    "eq": operator.eq, "neq": operator.ne,
}  # fmt: skip


def _expiry(text: str) -> sa.ColumnElement[bool]:
    """`lt:2026-01-31T09:30:00Z`: when passwords expire, compared. Raises Bad."""
    name, _, moment = text.partition(":")
    try:
        compare = _COMPARISONS[name]
        moment_s = dt.datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (KeyError, ValueError) as error:
        reason = f"Expected {'|'.join(_COMPARISONS)}, a colon, and a time such as 2026-01-31T09:30:00Z."
        raise Bad(reason, where="password_expires_at") from error
    condition: sa.ColumnElement[bool] = compare(USERS.table.c.password_expires_at, moment_s)
    return condition


def show(call: Call[Parts], user_id: str) -> Answer:
    """A user. Errors: UserNotFound."""
    with call.database.read() as db:
        user = known(call, lambda: USERS.load(db, user_id), target_of)
        elsewhere = federated_of(db, [user_id]).get(user_id, ())
    return Ok({"user": user_view(call, user) | elsewhere_view(elsewhere)})


def target_of(user: User) -> Mapping[str, Any]:
    """What rules may ask about a user."""
    return {"user_id": user.user_id, "domain_id": user.domain_id}


async def update(call: Call[Parts], ask: UpdateUser, user_id: str) -> Answer:
    """Change what is given. A new password, or being disabled, voids the user's tokens at once.

    A new password, or being enabled, also lets the user in who was locked out for too many wrong ones. How old
    the password is and which ones came before does not bind an administrator. Of a directory's user only the
    options and the default project can be changed.

    Errors: UserNotFound, Taken, NewPasswordRefused, FromDirectory, TooManyLogins.
    """
    await call.in_thread(_check_in_reach, call, user_id)
    if not _says_something(ask):
        raise Bad("Nothing to change is given.", where="user")
    given = await _given_hash(call, ask.password, ask.password_hash)
    return await call.in_thread(_update, call, ask, user_id, given)


def _check_in_reach(call: Call[Parts], user_id: str) -> None:
    """Raise UserNotFound or NotAllowed before time is spent on a password."""
    with call.database.read() as db:
        known(call, lambda: USERS.load(db, user_id), target_of)


def _update(call: Call[Parts], ask: UpdateUser, user_id: str, given: str | None) -> Answer:
    sets_password = ask.password is not UNSET or ask.password_hash is not UNSET
    with name_free("user", str(ask.name)), call.database.write(call.actor) as tx:
        login = lock_login(tx, user_id)
        before = login.user
        _check_unmoved(before, ask)
        if login.is_mirrored and not _is_ours_alone(ask):
            raise FromDirectory
        after = updated(before, msgspec.structs.replace(ask, extra=_own(ask.extra)))
        beside: dict[str, Any] = {}
        if sets_password:
            after, beside = _with_password(call, after, given, now=tx.now)
            _keep_former(call, tx, login)
        if sets_password or (before.enabled and not after.enabled):
            after = msgspec.structs.replace(after, epoch=before.epoch + 1)
        if ask.enabled is True:
            after = msgspec.structs.replace(after, active_at=tx.now)
        if login.failures and (sets_password or ask.enabled is True):
            unlock(tx, user_id)
        update_user(tx, after, **beside)
        elsewhere: Sequence[FederatedUser] = ()
        if isinstance(ask.federated, tuple):
            elsewhere = set_elsewhere(tx, user_id, ask.federated)
        elif login.is_elsewhere:
            elsewhere = federated_of(tx, [user_id])[user_id]
        changed(tx, "update", "user", user_id, before=before, after=after)
    return Ok({"user": user_view(call, after) | elsewhere_view(elsewhere)})


def _says_something(ask: UpdateUser) -> bool:
    return bool(ask.extra) or any(
        getattr(ask, name) is not UNSET for name in ask.__struct_fields__ if name != "extra"
    )


def _is_ours_alone(ask: UpdateUser) -> bool:
    """Whether nothing is to be changed that a directory would know better."""
    ours = ("default_project_id", "options", "federated")
    return not ask.extra and all(
        getattr(ask, name) is UNSET for name in ask.__struct_fields__ if name not in (*ours, "extra")
    )


def _check_unmoved(before: User, ask: UpdateUser) -> None:
    """Raise Bad where an id or a domain is to be changed: both are for life."""
    if ask.domain_id not in (UNSET, before.domain_id):
        raise Bad("Update of `domain_id` is not allowed.")
    if ask.extra.get("id", before.user_id) != before.user_id:
        raise Bad("A user's id cannot be changed.", where="user.id")


def _keep_former(call: Call[Parts], tx: Tx, login: Login) -> None:
    """Remember the password that gives way, as far as the site compares new ones with those before."""
    kept = call.parts.password_rules.remembered(login.password_hash, login.former_hashes)
    if kept or login.former_hashes:
        keep_former_hashes(tx, login.user.user_id, kept)


def delete(call: Call[Parts], user_id: str) -> Answer:
    """Delete a user with all that was theirs: roles, memberships, credentials, trusts.

    Errors: UserNotFound; FromDirectory for one that a directory has.
    """
    with call.database.write(call.actor) as tx:
        before = known(call, lambda: USERS.lock(tx, user_id), target_of)
        demand_own(tx, user_id, absent_too=False)
        remove_user(tx, user_id)
        changed(tx, "delete", "user", user_id, before=before)
    return NoContent()


def revoke_tokens(call: Call[Parts], user_id: str) -> Answer:
    """Void every token of a user, the caller's own among them: for whoever has no password here to change.

    Errors: UserNotFound.
    """
    with call.database.write(call.actor) as tx:
        before = known(call, lambda: USERS.lock(tx, user_id), target_of)
        after = msgspec.structs.replace(before, epoch=before.epoch + 1)
        USERS.update(tx, after)
        changed(tx, "revoke", "user", user_id, before=before, after=after)
    return NoContent()


async def change_own_password(call: Call[Parts], ask: ChangePassword, user_id: str) -> Answer:
    """Change a password by knowing it; no token is needed, and every token of the user is void afterwards.

    An expired password will do. Errors: LoginRefused, in the same words and time for every reason; then
    NewPasswordRefused, where the site's rules do not allow the new one, or not yet; FromDirectory, where it is
    another's to change; TooManyLogins.
    """
    found = await call.in_thread(_find_login, call, user_id)
    who = PasswordUser(id=user_id, password=ask.original_password)
    elsewhere = await call.in_thread(login_elsewhere, call, found, who)
    if elsewhere is not None:
        await prove_elsewhere(call, elsewhere)
        raise FromDirectory
    attempt = Attempt(login=found, named=user_id, password=ask.original_password)
    login = await prove_password(call, attempt, even_expired=True)
    rules, passwords = call.parts.password_rules, call.parts.passwords
    rules.check_own_change(login.user.options, chosen_at=login.chosen_at, now=call.now)
    rules.check_strength(ask.password)
    if await passwords.matches_any(ask.password, rules.compared(login.password_hash, login.former_hashes)):
        raise NewPasswordRefused(f"It must differ from the last {rules.distinct}.")
    given = await passwords.hash(ask.password)
    return await call.in_thread(_set_own_password, call, login, given)


def _find_login(call: Call[Parts], user_id: str) -> Login | None:
    with call.database.read() as db:
        return find_login_by_id(db, user_id)


def _set_own_password(call: Call[Parts], login: Login, given: str) -> Answer:
    user_id = login.user.user_id
    with call.database.write(Actor.user(UserId(user_id), ProjectId(""), call.request_id)) as tx:
        ends_at = call.parts.password_rules.expires_at(login.user.options, now=tx.now, own_choice=True)
        new = PasswordSet(
            password_hash=given,
            password_set_at=tx.now,
            password_expires_at=ends_at,
            password_chosen_at=tx.now,
        )
        # Nobody may have changed the password while the hashes were worked out.
        if not replace_password(tx, login, new):
            raise refused("the password was changed meanwhile")
        _keep_former(call, tx, login)
        changed(tx, "change-password", "user", user_id)
    return NoContent()


def brief_view(call: Call[Any], user: User) -> dict[str, Any]:
    """A user as far as whoever gives roles needs to know: that there is one of this name, and the id."""
    return {
        "id": user.user_id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": user.enabled,
        "options": {},
        "password_expires_at": None,
        "links": self_link(call, f"/v3/users/{user.user_id}"),
    }


def user_view(call: Call[Any], user: User) -> dict[str, Any]:
    """A user as callers see it."""
    view = dict(user.extra) | {
        "id": user.user_id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": user.enabled,
        "options": user.options,
        "password_expires_at": _shown(user.password_expires_at),
        "links": self_link(call, f"/v3/users/{user.user_id}"),
    }
    if user.default_project_id:
        view["default_project_id"] = user.default_project_id
    return view


def _shown(moment_s: float | None) -> str | None:
    return None if moment_s is None else iso_micro(moment_s, zulu=False)


def _own(extra: Mapping[str, Any]) -> dict[str, Any]:
    """What callers add of their own, without what they copied from an answer of ours."""
    return {name: value for name, value in extra.items() if name not in _OURS}
