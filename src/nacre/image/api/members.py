"""Members: the projects an image is shared with, and whether they want it in their lists."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nacre.image import policy
from nacre.image.api.access import Parts, load_for_change, load_member, load_visible, target_of
from nacre.image.api.fields import member_view_of
from nacre.image.domain.filters import MemberStatus
from nacre.image.domain.images import MOST_MEMBERS, Image, Visibility
from nacre.image.errors import ImageNotFound, MemberExists, MemberNotFound, Refused, TooMany
from nacre.image.store import images, members
from nacre.image.store.members import Member
from nacre.kernel.database import Duplicate, Reader
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.ids import ProjectId


class AddMember(msgspec.Struct, frozen=True, kw_only=True):
    """The project an image is to be shared with."""

    member: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class DecideMember(msgspec.Struct, frozen=True, kw_only=True):
    """What the member says to it."""

    status: MemberStatus


ADD = Body(AddMember, closed=False)
DECIDE = Body(DecideMember, closed=False)


def create(call: Call[Parts], ask: AddMember, image_id: str) -> Answer:
    """Share an image with a project. Errors: ImageNotFound, NotAllowed, Refused, MemberExists, TooMany."""
    with call.database.read() as db:
        image = load_for_change(db, call, image_id)
        _check_shared(image)
        if len(members.list_members(db, image.image_id)) >= MOST_MEMBERS:
            raise TooMany("members", MOST_MEMBERS)
    member = Member(
        image_id=image.image_id,
        member_id=ProjectId(ask.member),
        status="pending",
        created_at=call.now,
        updated_at=call.now,
    )
    try:
        with call.database.write(call.actor) as tx:
            if images.find_image(tx, image_id) is None:
                raise ImageNotFound(image_id)
            members.insert_member(tx, member)
            tx.record(_event("share", member))
    except Duplicate as error:
        raise MemberExists(ask.member) from error
    return Ok(member_view_of(member))


def index(call: Call[Parts], image_id: str) -> Answer:
    """The members of an image: all for its owner, itself for a member. Errors: ImageNotFound, Refused."""
    with call.database.read() as db:
        image = load_visible(db, image_id, call.caller)
        _check_shared(image)
        found = members.list_members(db, image.image_id)
    shown = [member for member in found if _sees(call, image, member)]
    if not shown and not call.sees(image.owner):
        raise ImageNotFound(image_id)
    return Ok({"members": [member_view_of(member) for member in shown], "schema": "/v2/schemas/members"})


def show(call: Call[Parts], image_id: str, member_id: str) -> Answer:
    """One member. Errors: ImageNotFound, MemberNotFound."""
    with call.database.read() as db:
        _, member = _load(db, call, image_id, member_id)
    return Ok(member_view_of(member))


def update(call: Call[Parts], ask: DecideMember, image_id: str, member_id: str) -> Answer:
    """Accept or reject; only the member may. Errors: ImageNotFound, MemberNotFound, NotAllowed."""
    with call.database.read() as db:
        image, member = _load(db, call, image_id, member_id)
    policy.MEMBER_DECIDE.enforce(call.caller, target_of(image, member_id=member_id))
    with call.database.write(call.actor) as tx:
        if not members.update_member(tx, member, status=ask.status):
            raise MemberNotFound(member_id)
        after = msgspec.structs.replace(member, status=ask.status, updated_at=tx.now)
        tx.record(_event("decide", after))
    return Ok(member_view_of(after))


def delete(call: Call[Parts], image_id: str, member_id: str) -> Answer:
    """Share an image with a project no longer. Errors: ImageNotFound, NotAllowed, MemberNotFound."""
    with call.database.read() as db:
        image = load_for_change(db, call, image_id)
        _check_shared(image)
        member = load_member(db, image, member_id)
    with call.database.write(call.actor) as tx:
        if not members.delete_member(tx, image.image_id, member_id):
            raise MemberNotFound(member_id)
        tx.record(_event("unshare", member))
    return NoContent()


def _load(db: Reader, call: Call[Parts], image_id: str, member_id: str) -> tuple[Image, Member]:
    image = load_visible(db, image_id, call.caller)
    member = load_member(db, image, member_id)
    if not _sees(call, image, member):
        raise MemberNotFound(member_id)
    return image, member


def _sees(call: Call[Parts], image: Image, member: Member) -> bool:
    """Owners see every member; a member sees itself."""
    return policy.MEMBER_SHOW.allows(call.caller, target_of(image, member_id=member.member_id))


def _check_shared(image: Image) -> None:
    if image.attributes.visibility is not Visibility.SHARED:
        raise Refused("Only shared images have members.")


def _event(action: str, member: Member) -> Event:
    return Event(
        action=action,
        kind="image",
        subject=member.image_id,
        after={"member_id": member.member_id, "status": member.status},
    )
