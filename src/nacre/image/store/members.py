"""Rows of members: the projects an image is shared with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.image.store.tables import IMAGE_MEMBER
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import ImageId, ProjectId


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A project that an image is shared with, and what it says to that."""

    image_id: ImageId
    member_id: ProjectId
    status: str
    created_at: float
    updated_at: float


_ALL = (
    sa.select(IMAGE_MEMBER)
    .where(IMAGE_MEMBER.c.image_id == sa.bindparam("image_id"))
    .order_by(IMAGE_MEMBER.c.created_at, IMAGE_MEMBER.c.member_id)
)
_ONE = sa.select(IMAGE_MEMBER).where(
    IMAGE_MEMBER.c.image_id == sa.bindparam("image_id"),
    IMAGE_MEMBER.c.member_id == sa.bindparam("member_id"),
)
_INSERT = sa.insert(IMAGE_MEMBER)
_THIS = sa.and_(
    IMAGE_MEMBER.c.image_id == sa.bindparam("b_image_id"),
    IMAGE_MEMBER.c.member_id == sa.bindparam("b_member_id"),
)
_DECIDE = (
    sa.update(IMAGE_MEMBER)
    .where(_THIS)
    .values(status=sa.bindparam("b_status"), updated_at=sa.bindparam("b_now"))
)
_DELETE = sa.delete(IMAGE_MEMBER).where(_THIS)


def list_members(db: Reader, image_id: ImageId) -> Sequence[Member]:
    """The members of an image, in the order they were added."""
    return [Member(**row._mapping) for row in db.rows(_ALL, image_id=image_id)]


def find_member(db: Reader, image_id: ImageId, member_id: str) -> Member | None:
    """One member of an image."""
    row = db.row(_ONE, image_id=image_id, member_id=member_id)
    return None if row is None else Member(**row._mapping)


def insert_member(tx: Tx, member: Member) -> None:
    """Add a member. Raises Duplicate when it is one already."""
    tx.execute(_INSERT, **msgspec.structs.asdict(member))


def update_member(tx: Tx, member: Member, *, status: str) -> bool:
    """Write what a member says; False if it is none any more."""
    return (
        tx.execute(
            _DECIDE, b_image_id=member.image_id, b_member_id=member.member_id, b_status=status, b_now=tx.now
        )
        > 0
    )


def delete_member(tx: Tx, image_id: ImageId, member_id: str) -> bool:
    """Remove a member; False if it was none."""
    return tx.execute(_DELETE, b_image_id=image_id, b_member_id=member_id) > 0
