"""What becomes of an upload that nobody may be writing any more."""

from __future__ import annotations

from enum import Enum

from nacre.image.domain.images import Image, Status


class Temp(Enum):
    """The temporary file of an upload: a writer that lives holds a lock on it."""

    ABSENT = "absent"
    HELD = "held"
    LEFT = "left"


class Step(Enum):
    """The one thing to do next for an upload."""

    SETTLE = "settle"
    WAIT = "wait"
    REMOVE_TEMP = "remove what it left"
    REQUEUE = "let the image be queued again"
    ACTIVATE = "let the image be active"


def next_step(image: Image | None, temp: Temp, *, content_stored: bool) -> Step:
    """Name what to do about an upload; `image` is the one that waits for it, if any.

    A content that is stored under its name was complete and approved: then only the last word is missing.
    """
    if temp is Temp.HELD:
        return Step.WAIT
    if image is not None and image.status is Status.SAVING:
        return Step.ACTIVATE if image.content and content_stored else Step.REQUEUE
    return Step.REMOVE_TEMP if temp is Temp.LEFT else Step.SETTLE
