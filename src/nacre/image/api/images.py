"""Images: create, list, show, update, delete, deactivate and reactivate."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from nacre.image import policy
from nacre.image.api.access import Parts, change_image, check_visibility, load_for_change, load_visible
from nacre.image.api.fields import view_of
from nacre.image.api.queries import filter_of
from nacre.image.domain.images import (
    Attributes,
    Image,
    Status,
    changed_status,
    check_changed_formats,
    check_deletable,
    checked,
)
from nacre.image.domain.patches import Change, as_properties, changes_of, check_writable, patched
from nacre.image.due import CONTENTS
from nacre.image.errors import ImageExists, ImageNotFound, WrongMediaType
from nacre.image.store import images, quotas
from nacre.image.store.lists import COLUMNS, images_in_view
from nacre.kernel.database import Duplicate
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.app import BodyTooLarge
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.paging import Order, page_of, paged
from nacre.kernel.ids import ImageId, new_id

MOST_PATCH_BYTES = 1 << 20
PATCH_VERSIONS = {
    "application/openstack-images-v2.1-json-patch": "2.1",
    "application/openstack-images-v2.0-json-patch": "2.0",
}
SORTABLE = tuple(name for name in COLUMNS if name not in ("protected",))
NEWEST_FIRST = (Order("created_at", descending=True), Order("id", descending=True))

_GivenId = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z", max_length=36)
]


class CreateImage(Attributes, frozen=True, kw_only=True):
    """What a caller says of a new image; everything unknown is a property of its own."""

    id: _GivenId | None = None
    properties: dict[str, Any] = {}


CREATE = Body(CreateImage, rest="properties")


def create(call: Call[Parts], ask: CreateImage) -> Answer:
    """Accept an image without content. Errors: NotAllowed, Refused, TooMany, OverLimit, ImageExists."""
    for name in ask.properties:
        check_writable(name)
    image = _new_image(call, ask)
    check_visibility(call.caller, image.attributes)
    try:
        with call.database.write(call.actor) as tx:
            quotas.check_room(tx, image.owner, {quotas.COUNT: 1})
            images.insert_image(tx, image)
            tx.record(Event(action="create", kind="image", subject=image.image_id, after=view_of(image)))
    except Duplicate as error:
        raise ImageExists(image.image_id) from error
    return Created(view_of(image), Location=call.url(f"/v2/images/{image.image_id}"))


def _new_image(call: Call[Parts], ask: CreateImage) -> Image:
    said = {name: getattr(ask, name) for name in Attributes.__struct_fields__}
    said["owner"] = ask.owner or call.project_id or None
    properties = as_properties(ask.properties)
    return Image(
        image_id=ImageId((ask.id or new_id()).lower()),
        attributes=checked(Attributes(**said), properties),
        properties=properties,
        status=Status.QUEUED,
        content=None,
        upload_id="",
        created_at=call.now,
        updated_at=call.now,
        generation=1,
    )


def index(call: Call[Parts]) -> Answer:
    """One page of the images that the caller sees. Three statements, however many there are.

    Errors: Bad; ImageNotFound for a path that ends where an id should follow.
    """
    if call.path.endswith("/"):
        return nameless(call)
    wanted = filter_of(call.query)
    page = page_of(call, sortable=SORTABLE, default=NEWEST_FIRST)
    sees_all = policy.SHOW.allows(call.caller, {"project_id": "\0nobody's"})
    statement = images_in_view(wanted, project_id=call.project_id, sees_all=sees_all)
    with call.database.read() as db:
        found = images.list_images(db, paged(db, statement, page, COLUMNS, unique=COLUMNS["id"]))
    shown = found[: page.limit]
    rest = [(name, value) for name, value in call.query if name != "marker"]
    answer = {
        "images": [view_of(image) for image in shown],
        "first": _link(rest),
        "schema": "/v2/schemas/images",
    }
    if len(found) > page.limit and shown:
        answer["next"] = _link([*rest, ("marker", shown[-1].image_id)])
    return Ok(answer)


def nameless(_call: Call[Parts]) -> Answer:
    """The image without an id, which is never there. Errors: ImageNotFound."""
    raise ImageNotFound("")


def _link(query: list[tuple[str, str]]) -> str:
    return "/v2/images" + (f"?{urlencode(query)}" if query else "")


def show(call: Call[Parts], image_id: str) -> Answer:
    """One image. Errors: ImageNotFound."""
    with call.database.read() as db:
        return Ok(view_of(load_visible(db, image_id, call.caller)))


async def update(call: Call[Parts], image_id: str) -> Answer:
    """Change an image by a JSON patch, whose dialect the content type tells.

    Errors: WrongMediaType, ImageNotFound, NotAllowed, Refused, PropertyConflict, Bad.
    """
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    version = PATCH_VERSIONS.get(media_type)
    if version is None:
        raise WrongMediaType(media_type, " or ".join(PATCH_VERSIONS))
    changes = changes_of(_json(await _whole_body(call)), version=version)
    return await call.in_thread(_update, call, image_id, changes)


async def _whole_body(call: Call[Parts]) -> bytes:
    pieces: list[bytes] = []
    async for piece in call.chunks():
        pieces.append(piece)
        if sum(map(len, pieces)) > MOST_PATCH_BYTES:
            raise BodyTooLarge(MOST_PATCH_BYTES)
    return b"".join(pieces)


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Bad(f"The request body is not valid JSON: {error}") from error


def _update(call: Call[Parts], image_id: str, changes: list[Change]) -> Answer:
    def decide(image: Image) -> Image:
        attributes, properties = patched(image, changes)
        attributes = checked(attributes, properties)
        check_changed_formats(image, attributes)
        check_visibility(call.caller, attributes, before=image.attributes)
        if attributes == image.attributes and properties == image.properties:
            return image
        return touched(call, image, attributes=attributes, properties=properties)

    return Ok(view_of(change_image(call, image_id, "update", decide)))


def touched(call: Call[Parts], image: Image, **changes: Any) -> Image:
    """The image with these changes, as of now."""
    return msgspec.structs.replace(image, updated_at=call.now, generation=image.generation + 1, **changes)


def delete(call: Call[Parts], image_id: str) -> Answer:
    """Delete an image, whatever its status; its content goes when no other image has it.

    Errors: ImageNotFound, NotAllowed, Refused.
    """
    with call.database.read() as db:
        check_deletable(load_for_change(db, call, image_id))
    with call.database.write(call.actor) as tx:
        # Read again: content may have arrived, or protection, since the caller was admitted.
        image = images.find_image(tx, image_id)
        if image is None:
            raise ImageNotFound(image_id)
        check_deletable(image)
        images.delete_image(tx, image_id)
        if image.content:
            tx.make_due(CONTENTS, image.content.sha256)
        tx.record(Event(action="delete", kind="image", subject=image_id, before=view_of(image)))
    return NoContent()


def deactivate(call: Call[Parts], image_id: str) -> Answer:
    """Let nobody but administrators read the content. Errors: ImageNotFound, NotAllowed, Refused."""
    return _turn(call, image_id, Status.DEACTIVATED)


def reactivate(call: Call[Parts], image_id: str) -> Answer:
    """Let the content be read again. Errors: ImageNotFound, NotAllowed, Refused."""
    return _turn(call, image_id, Status.ACTIVE)


def _turn(call: Call[Parts], image_id: str, status: Status) -> Answer:
    def decide(image: Image) -> Image:
        return touched(call, image, status=status) if changed_status(image, status) else image

    change_image(call, image_id, "deactivate" if status is Status.DEACTIVATED else "reactivate", decide)
    return NoContent()
