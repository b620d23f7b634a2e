"""Logins as they are counted: wrong passwords in a row, and when a user was last there.

A wrong password of somebody unknown is counted too, in one of few rows that nobody reads: so the same is done
whether the user exists or not.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import sqlalchemy as sa

from nacre.identity.domain.passwords import DAY_S, PasswordRules
from nacre.identity.store.tables import LOGIN_FAILURE, MIRRORED, USER
from nacre.kernel.database import Reader, Tx

UNKNOWN_ROWS = 256

# An account is locked while there are `most` failures and the last of them is younger than `since`.
_COUNT = sa.text(
    "INSERT INTO identity_login_failure (subject, user_id, failures, failed_at)"
    " VALUES (:subject, (SELECT user_id FROM identity_user WHERE user_id = :user_id), 1, :now)"
    " ON CONFLICT (subject) DO UPDATE SET failed_at = excluded.failed_at, failures = CASE"
    " WHEN identity_login_failure.failures >= :most THEN 1 ELSE identity_login_failure.failures + 1 END"
    " WHERE NOT (identity_login_failure.failures >= :most AND identity_login_failure.failed_at > :since)"
    " RETURNING failures"
)
_FORGET_UNLESS_LOCKED = sa.text(
    "DELETE FROM identity_login_failure"
    " WHERE subject = :subject AND NOT (failures >= :most AND failed_at > :since)"
)
_FORGET = sa.delete(LOGIN_FAILURE).where(LOGIN_FAILURE.c.subject == sa.bindparam("this"))
_FAILURES = sa.select(LOGIN_FAILURE.c.failures).where(LOGIN_FAILURE.c.subject == sa.bindparam("this"))
_BE_ACTIVE = (
    sa.update(USER)
    .where(
        USER.c.user_id == sa.bindparam("this"),
        sa.or_(USER.c.active_at.is_(None), USER.c.active_at < sa.bindparam("stale")),
    )
    .values(active_at=sa.bindparam("now"))
)
_idle_user = (
    sa.select(USER.c.user_id)
    .where(
        USER.c.enabled,
        USER.c.user_id.not_in(sa.select(MIRRORED.c.subject_id)),  # Their directory judges them.
        sa.func.coalesce(USER.c.active_at, USER.c.created_at) <= sa.bindparam("since"),
        sa.not_(sa.cast(USER.c.options, sa.Text).like('%"ignore_user_inactivity":true%')),
    )
    .order_by(USER.c.user_id)
    .limit(sa.bindparam("most"))
)
_DISABLE_IDLE = (
    sa.update(USER)
    .where(USER.c.user_id.in_(_idle_user), USER.c.enabled)
    .values(enabled=False, epoch=USER.c.epoch + 1)
    .returning(USER.c.user_id)
)


def unknown_subject(named: str) -> str:
    """Where wrong passwords of somebody unknown are counted."""
    return f"unknown-{zlib.crc32(named.encode()) % UNKNOWN_ROWS}"


def has_failures(db: Reader, subject: str) -> bool:
    """Whether a wrong password was given since the last right one."""
    return db.row(_FAILURES, this=subject) is not None


def count_failure(tx: Tx, subject: str, rules: PasswordRules, *, user_id: str | None) -> int | None:
    """Count a wrong password; how many there are now in a row, or None while the account is locked.

    `user_id` is whose `subject` is, if anybody's: the count goes with the user.
    """
    row = tx.row(
        _COUNT,
        subject=subject,
        user_id=user_id,
        now=tx.now,
        most=rules.most_failures,
        since=rules.locks_since(tx.now),
    )
    return None if row is None else int(row[0])


def forget_failures_unless_locked(tx: Tx, subject: str, rules: PasswordRules) -> bool:
    """Begin to count anew; False, and nothing is done, while the account is locked."""
    since = rules.locks_since(tx.now)
    tx.execute(_FORGET_UNLESS_LOCKED, subject=subject, most=rules.most_failures, since=since)
    return not has_failures(tx, subject)


def unlock(tx: Tx, subject: str) -> None:
    """Forget the wrong passwords; safe to repeat."""
    tx.execute(_FORGET, this=subject)


def is_stale(active_at: float | None, *, now: float) -> bool:
    """Whether it is time to note again that a user was there: once a day will do."""
    return active_at is None or active_at <= now - DAY_S


def note_active(tx: Tx, user_id: str) -> None:
    """Remember that a user was there today."""
    tx.execute(_BE_ACTIVE, this=user_id, stale=tx.now - DAY_S, now=tx.now)


def disable_idle(tx: Tx, *, idle_s: float, most: int) -> Sequence[str]:
    """Disable users whom nobody has logged in as for so long, at most `most`; their ids. Their tokens are void."""
    return [row[0] for row in tx.rows(_DISABLE_IDLE, since=tx.now - idle_s, most=most)]
