"""Proving a user by password: at the same cost and in the same words whatever is wrong with it."""

from __future__ import annotations

import msgspec

from nacre.identity.api.parts import Parts
from nacre.identity.domain.passwords import has_expired
from nacre.identity.errors import PasswordExpired
from nacre.identity.standing import refused
from nacre.identity.store import logins
from nacre.identity.store.users import Login, User, renew_hash
from nacre.kernel.events import Actor, Event
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, UserId


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A password that is said to be a user's. `named` is what the user was called by; nobody may be called so."""

    login: Login | None
    named: str
    password: str


async def prove_password(call: Call[Parts], attempt: Attempt, *, even_expired: bool = False) -> Login:
    """The user whose password it is.

    Whether somebody is unknown, disabled, locked out or without a password, or the password is wrong: one hash is
    worked out, the attempt is counted where the site counts, and the refusal is the same. Of many attempts at once,
    a right one only holds if it is told right before too many wrong ones are counted, here or on another node.

    Errors: LoginRefused; TooManyLogins; PasswordExpired for one that is right, unless `even_expired`.
    """
    login, passwords = attempt.login, call.parts.passwords
    known = login.password_hash if login else None
    right = await passwords.matches(attempt.password, known)
    right = right and login is not None and login.user.enabled
    if login is None or known is None or not right or not await call.in_thread(_admit, call, login):
        await call.in_thread(_count_failure, call, attempt)
        raise refused("the user is unknown, disabled or locked out, or the password is wrong")
    renewed = await passwords.renewed(attempt.password, known)
    if renewed is not None:
        await call.in_thread(_renew, call, login, known, renewed)
    if not even_expired and has_expired(login.user.options, login.user.password_expires_at, now=call.now):
        raise PasswordExpired(login.user.user_id)
    return login


def _count_failure(call: Call[Parts], attempt: Attempt) -> None:
    rules, login = call.parts.password_rules, attempt.login
    if not rules.most_failures:
        return
    counts = login is not None and rules.counts_failures(login.user.options)
    # Whoever cannot be locked out is counted like somebody unknown: nobody can tell from the outside.
    user_id = login.user.user_id if login and counts else None
    subject = user_id or logins.unknown_subject(attempt.named)
    with call.database.write(call.actor) as tx:
        failures = logins.count_failure(tx, subject, rules, user_id=user_id)
        if counts and failures == rules.most_failures:
            tx.record(Event(action="lock", kind="user", subject=subject))


def _admit(call: Call[Parts], login: Login) -> bool:
    """Whether a right password counts: not while the account is locked. Most logins find nothing to write."""
    user, rules = login.user, call.parts.password_rules
    if not rules.counts_failures(user.options):
        return True
    with call.database.read() as db:
        if not logins.has_failures(db, user.user_id):
            return True
    with call.database.write(_as(call, login)) as tx:
        return logins.forget_failures_unless_locked(tx, user.user_id, rules)


def _renew(call: Call[Parts], login: Login, known: str, renewed: str) -> None:
    with call.database.write(_as(call, login)) as tx:
        if renew_hash(tx, login.user.user_id, known=known, renewed=renewed):
            tx.record(Event(action="renew-hash", kind="user", subject=login.user.user_id))


def note_active(call: Call[Parts], user: User) -> None:
    """Remember that somebody has logged in as this user, once a day."""
    if logins.is_stale(user.active_at, now=call.now):
        with call.database.write(Actor.user(UserId(user.user_id), ProjectId(""), call.request_id)) as tx:
            logins.note_active(tx, user.user_id)


def _as(call: Call[Parts], login: Login) -> Actor:
    return Actor.user(UserId(login.user.user_id), ProjectId(""), call.request_id)
