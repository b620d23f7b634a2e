"""Trusts: what one user lets another do in their stead on one project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.domain.trusts import Trust
from nacre.identity.errors import TrustNotFound
from nacre.identity.store.projects import PROJECTS, Project
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import PROJECT, TRUST, USER
from nacre.identity.store.users import USERS, User
from nacre.kernel.database import Reader, Tx

TRUSTS = Shelf(TRUST, Trust, key="trust_id", missing=TrustNotFound)
"""All trusts, those that were deleted of late among them."""

REMEMBERED_S = 86_400.0
"""How long a trust that was deleted is remembered."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user that a trust concerns, and the user's domain."""

    user: User
    domain: Project

    @property
    def enabled(self) -> bool:
        return self.user.enabled and self.domain.enabled


class Pedigree(msgspec.Struct, frozen=True, kw_only=True):
    """A trust, those it was handed on from up to the first, and everybody they concern."""

    trusts: Sequence[Trust]
    people: Mapping[str, Person]

    @property
    def first(self) -> Trust:
        """The trust whose trustor's roles all the others hand on."""
        return self.trusts[-1]


_this: sa.BindParameter[str] = sa.bindparam("this")
_up = sa.select(
    TRUST.c.trust_id, TRUST.c.redelegated_trust_id, sa.literal(0, sa.Integer).label("height")
).where(TRUST.c.trust_id == _this)
_line = _up.cte("line", recursive=True)
_line = _line.union_all(
    sa.select(TRUST.c.trust_id, TRUST.c.redelegated_trust_id, _line.c.height + 1).where(
        TRUST.c.trust_id == _line.c.redelegated_trust_id
    )
)
_domain = PROJECT.alias("domain")
_PEDIGREE = (
    sa.select(
        *TRUSTS.columns.values(),
        *[column.label(f"user_{name}") for name, column in USERS.columns.items()],
        *[_domain.c[name].label(f"domain_{name}") for name in PROJECTS.columns],
    )
    .select_from(_line)
    .join(TRUST, TRUST.c.trust_id == _line.c.trust_id)
    .join(USER, USER.c.user_id.in_([TRUST.c.trustor_user_id, TRUST.c.trustee_user_id]))
    .join(_domain, _domain.c.project_id == USER.c.domain_id)
    .order_by(_line.c.height)
)
_below = sa.select(TRUST.c.trust_id).where(TRUST.c.trust_id == _this).cte("below", recursive=True)
_below = _below.union(sa.select(TRUST.c.trust_id).where(TRUST.c.redelegated_trust_id == _below.c.trust_id))
_DELETE = (
    sa.update(TRUST)
    .where(TRUST.c.trust_id.in_(sa.select(_below.c.trust_id)), TRUST.c.deleted_at.is_(None))
    .values(deleted_at=sa.bindparam("at"))
)
_FORGET = sa.delete(TRUST).where(TRUST.c.deleted_at <= sa.bindparam("before"))
_USE = (
    sa.update(TRUST)
    .where(TRUST.c.trust_id == _this, TRUST.c.remaining_uses > 0, TRUST.c.deleted_at.is_(None))
    .values(remaining_uses=TRUST.c.remaining_uses - 1)
)


def find_pedigree(db: Reader, trust_id: str) -> Pedigree | None:
    """A trust with all it hangs on, in one statement."""
    trusts: dict[str, Trust] = {}
    people: dict[str, Person] = {}
    for row in db.rows(_PEDIGREE, this=trust_id):
        trust = TRUSTS.of(row)
        trusts[trust.trust_id] = trust
        user = USERS.of(row[len(TRUSTS.columns) :])
        domain = PROJECTS.of(row[len(TRUSTS.columns) + len(USERS.columns) :])
        people[user.user_id] = Person(user=user, domain=domain)
    return Pedigree(trusts=list(trusts.values()), people=people) if trusts else None


def remove_trust(tx: Tx, trust_id: str) -> None:
    """Let a trust and all that it was handed on to count no more."""
    tx.execute(_FORGET, before=tx.now - REMEMBERED_S)
    tx.execute(_DELETE, this=trust_id, at=tx.now)


def claim_use(tx: Tx, trust_id: str) -> bool:
    """Take one of the uses that remain; whether there was one. For trusts whose uses are counted."""
    return tx.execute(_USE, this=trust_id) > 0
