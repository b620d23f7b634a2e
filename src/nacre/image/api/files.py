"""The content of an image: upload and download. These stream, so they run on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec

from nacre.image import policy
from nacre.image.api.access import Parts, load_for_change, load_visible, membership, target_of
from nacre.image.content.files import Incoming
from nacre.image.content.intake import Intake
from nacre.image.content.outflow import pieces_of
from nacre.image.domain.formats import virtual_size_of
from nacre.image.domain.images import Content, Image, Status, check_uploadable
from nacre.image.domain.ranges import range_of
from nacre.image.due import CONTENTS, LOOK_AGAIN_S, UPLOADS
from nacre.image.errors import (
    ImageGone,
    ImageNotFound,
    RangeUnsatisfiable,
    Refused,
    StorageFull,
    WrongMediaType,
    WrongStatus,
)
from nacre.image.store import images, quotas
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.call import Answer, Call, NoContent, Stream
from nacre.kernel.ids import new_hex_id

OCTETS = "application/octet-stream"


async def upload(call: Call[Parts], image_id: str) -> Answer:
    """Take the content in. It is kept whole, as what the image says it is, or not at all.

    Errors: WrongMediaType, ImageNotFound, NotAllowed, WrongStatus, StorageFull, OverLimit, ContentRefused, BrokenOff,
    ImageGone. After each of them but the last the image is queued, and may be uploaded to again.
    """
    image, incoming = await call.in_thread(_begin, call, image_id)
    upload_id = incoming.path.name
    try:
        intake = Intake(incoming)
        await intake.take(call.chunks(), call.threads)
        await call.in_thread(_finish, call, image, incoming, intake)
    except Exception:
        await asyncio.shield(call.in_thread(_give_up, call, upload_id))
        raise
    finally:
        incoming.close()  # If we are being stopped, the loop of uploads finds the file unlocked.
    return NoContent()


def _begin(call: Call[Parts], image_id: str) -> tuple[Image, Incoming]:
    """Check that the content may come, and let the image wait for it."""
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != OCTETS:
        raise WrongMediaType(media_type, OCTETS)
    with call.database.read() as db:
        image = load_for_change(db, call, image_id)
    check_uploadable(image)
    room_bytes = call.parts.files.room_bytes()
    announced_bytes = _announced_bytes(call.headers)
    if room_bytes <= announced_bytes:
        raise StorageFull(room_bytes)
    upload_id = new_hex_id()
    incoming = call.parts.files.begin(upload_id)
    try:
        with call.database.write(call.actor) as tx:
            # What comes without its size is let in while there is any room, and weighed when it is here.
            wanted = {quotas.UPLOADING: 1, quotas.SIZE: max(1, announced_bytes)}
            quotas.check_room(tx, image.owner, wanted)
            if not images.claim_upload(tx, image.image_id, upload_id):
                raise WrongStatus(image.image_id, Status.SAVING, "a second upload")
            tx.make_due(UPLOADS, upload_id, in_s=LOOK_AGAIN_S)
            tx.record(Event(action="upload", kind="image", subject=image.image_id))
    except BaseException:
        incoming.close()
        call.parts.files.remove_temp(upload_id)
        raise
    return image, incoming


def _announced_bytes(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _finish(call: Call[Parts], image: Image, incoming: Incoming, intake: Intake) -> None:
    """Judge what has come, make it durable, refer to it, name it, and say that it is there: in this order."""
    content, findings = intake.finish()
    _check_announced(call.headers, content)
    said = image.attributes
    assert said.disk_format is not None
    assert said.container_format is not None
    virtual_size_bytes = virtual_size_of(
        findings,
        disk_format=said.disk_format,
        container_format=said.container_format,
        size_bytes=content.size_bytes,
    )
    content = msgspec.structs.replace(content, virtual_size_bytes=virtual_size_bytes)
    incoming.make_durable()
    upload_id = incoming.path.name
    with call.database.write(call.actor) as tx:
        quotas.check_room(tx, image.owner, {quotas.SIZE: content.size_bytes})
        if not images.name_content(tx, upload_id, content):
            raise ImageGone(image.image_id)
    call.parts.files.publish(incoming, content.sha256)
    if not _activate(call, image, upload_id, content):
        raise ImageGone(image.image_id)


def _activate(call: Call[Parts], image: Image, upload_id: str, content: Content) -> bool:
    """Say that the content is there; False if the image was deleted meanwhile, so that it is nobody's."""
    with call.database.write(call.actor) as tx:
        if images.activate(tx, upload_id):
            tx.record(
                Event(action="activate", kind="image", subject=image.image_id, after=_facts_of(content))
            )
            return True
        if images.find_image(tx, image.image_id) is not None:
            return True  # The loop of uploads was quicker to say it.
        tx.make_due(CONTENTS, content.sha256)
        return False


def _facts_of(content: Content) -> Mapping[str, Any]:
    return {"status": Status.ACTIVE, "size": content.size_bytes, "sha256": content.sha256}


def _check_announced(headers: Mapping[str, str], content: Content) -> None:
    announced = headers.get("x-openstack-image-size")
    if announced is not None and announced != str(content.size_bytes):
        raise Bad(f"{announced[:20]} bytes were announced and {content.size_bytes} arrived.")


def _give_up(call: Call[Parts], upload_id: str) -> None:
    """Let the image be queued again, and keep nothing."""
    with call.database.write(call.actor) as tx:
        image_id = images.requeue(tx, upload_id)
        if image_id:
            tx.record(Event(action="upload-failed", kind="image", subject=image_id))
    call.parts.files.remove_temp(upload_id)


async def download(call: Call[Parts], image_id: str) -> Answer | Stream:
    """The content, or a part of it. 204 while there is none. Errors: ImageNotFound, Refused, RangeUnsatisfiable."""
    content, file = await call.in_thread(_open, call, image_id)
    if content is None or file is None:
        return NoContent()
    try:
        part = range_of(call.headers.get("range"), content.size_bytes)
    except RangeUnsatisfiable as problem:
        file.close()
        refusal = {"code": problem.status, "title": problem.title, "message": str(problem)}
        return Answer(refusal, problem.status, {"Content-Range": f"bytes */{content.size_bytes}"})
    first, length = part or (0, content.size_bytes)
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(length)}
    if part:
        headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{content.size_bytes}"
    else:
        headers["Content-MD5"] = content.md5
    status = 206 if part else 200
    if call.method == "HEAD":
        file.close()
        return Answer(None, status, headers | {"Content-Type": OCTETS})
    return Stream(pieces_of(file, first=first, length=length, threads=call.threads), length, status, headers)


def _open(call: Call[Parts], image_id: str) -> tuple[Content | None, BinaryIO | None]:
    with call.database.read() as db:
        image = load_visible(db, image_id, call.caller)
        target = target_of(image, member_id=membership(db, image, call.project_id))
    policy.DOWNLOAD.enforce(call.caller, target)
    if image.status is Status.DEACTIVATED and not policy.USE_DEACTIVATED.allows(call.caller, target):
        raise Refused("The requested image has been deactivated. Image data download is forbidden.")
    content = image.usable_content
    if content is None:
        return None, None
    try:
        return content, call.parts.files.open(content.sha256)
    except FileNotFoundError as error:
        raise ImageNotFound(image_id) from error
