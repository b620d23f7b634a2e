"""Finding an image for a caller: what it may not see does not exist, what it may not do is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nacre.image import policy
from nacre.image.api.fields import view_of
from nacre.image.content.files import ImageFiles
from nacre.image.domain.images import Attributes, Image, Visibility
from nacre.image.errors import ImageNotFound, MemberNotFound
from nacre.image.store import images, members, quotas
from nacre.kernel.database import Reader
from nacre.kernel.errors import Stale
from nacre.kernel.events import Event
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import Caller, Policy

TRIES = 5


@dataclass(frozen=True)
class Parts:
    """What the handlers work with."""

    files: ImageFiles


@dataclass(eq=False)
class ImageBusy(Stale):
    """Others changed the image at every try to change it."""

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is being changed by others; try again."


def target_of(image: Image, *, member_id: str = "") -> dict[str, Any]:
    """What policies may ask about an image; `member_id` is the caller's project if it is a member."""
    target = {"project_id": image.owner, "visibility": str(image.attributes.visibility)}
    return {**target, "member_id": member_id} if member_id else target


def load_visible(db: Reader, image_id: str, caller: Caller) -> Image:
    """The image, if the caller may see it. Raises ImageNotFound."""
    image = images.find_image(db, image_id)
    if image is None or not is_visible(db, image, caller):
        raise ImageNotFound(image_id)
    return image


def is_visible(db: Reader, image: Image, caller: Caller) -> bool:
    """Whether the caller may see it. Only for an image that is shared one by one this reads."""
    if policy.SHOW.allows(caller, target_of(image)):
        return True
    member_id = membership(db, image, caller.project_id)
    return bool(member_id) and policy.SHOW.allows(caller, target_of(image, member_id=member_id))


def membership(db: Reader, image: Image, project_id: ProjectId) -> str:
    """The project itself if the image is shared with it, else nothing."""
    if image.attributes.visibility is not Visibility.SHARED or not project_id:
        return ""
    return project_id if members.find_member(db, image.image_id, project_id) else ""


def load_for_change(db: Reader, call: Call[Any], image_id: str) -> Image:
    """The image, if the route's policy lets the caller change it. Raises ImageNotFound, NotAllowed."""
    image = load_visible(db, image_id, call.caller)
    call.route.policy.enforce(call.caller, target_of(image))
    return image


def check_visibility(caller: Caller, wanted: Attributes, *, before: Attributes | None = None) -> None:
    """Raise NotAllowed unless the caller may show its image to this many, and give it to this owner."""
    target = {"project_id": (before or wanted).owner or ""}
    guarded: dict[Visibility, Policy] = {
        Visibility.PUBLIC: policy.PUBLICIZE,
        Visibility.COMMUNITY: policy.COMMUNITIZE,
    }
    if wanted.visibility in guarded and (before is None or before.visibility is not wanted.visibility):
        guarded[wanted.visibility].enforce(caller, target)
    if wanted.owner != (before.owner if before else caller.project_id):
        policy.CHOOSE_OWNER.enforce(caller, target)


def change_image(call: Call[Parts], image_id: str, action: str, decide: Callable[[Image], Image]) -> Image:
    """Write what `decide` makes of the image, deciding again if it changes meanwhile. The image as it is now.

    Errors: ImageNotFound, NotAllowed, ImageBusy, OverLimit for another owner, and what `decide` raises.
    """
    for _ in range(TRIES):
        with call.database.read() as db:
            before = load_for_change(db, call, image_id)
        after = decide(before)
        if after == before:
            return before
        with call.database.write(call.actor) as tx:
            if after.owner != before.owner:
                size_bytes = before.content.size_bytes if before.content else 0
                quotas.check_room(tx, after.owner, {quotas.COUNT: 1, quotas.SIZE: size_bytes})
            if images.update_image(tx, before, after):
                tx.record(change_event(action, before, after))
                return after
    raise ImageBusy(image_id)


def change_event(action: str, before: Image, after: Image) -> Event:
    """The event of a change, with the fields that differ."""
    old, new = view_of(before), view_of(after)
    names = [name for name in old | new if old.get(name) != new.get(name)]
    return Event(
        action=action,
        kind="image",
        subject=before.image_id,
        before={name: old.get(name) for name in names},
        after={name: new.get(name) for name in names},
    )


def load_member(db: Reader, image: Image, member_id: str) -> members.Member:
    """One member of an image. Raises MemberNotFound."""
    member = members.find_member(db, image.image_id, member_id)
    if member is None:
        raise MemberNotFound(member_id)
    return member
