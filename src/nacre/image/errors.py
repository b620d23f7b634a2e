"""What can go wrong with images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nacre.kernel.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMedia,
)


@dataclass(eq=False)
class ImageNotFound(NotFound):
    """There is no such image, or the caller may not know of it."""

    code: ClassVar[str] = "image.not_found"
    image_id: str

    def __str__(self) -> str:
        return f"No image found with ID {self.image_id[:100]}"


@dataclass(eq=False)
class MemberNotFound(NotFound):
    """The image is not shared with this project."""

    code: ClassVar[str] = "image.member_not_found"
    member_id: str

    def __str__(self) -> str:
        return f"{self.member_id[:100]} is not in the member list of the image."


@dataclass(eq=False)
class TagNotFound(NotFound):
    """The image does not carry this tag."""

    code: ClassVar[str] = "image.tag_not_found"
    tag: str

    def __str__(self) -> str:
        return f"Cannot find tag {self.tag[:255]}"


@dataclass(eq=False)
class ImageNotActive(Invalid):
    """The image exists and has no content that may be used now."""

    code: ClassVar[str] = "image.not_active"
    image_id: str
    status_now: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is not active: its status is {self.status_now}."


@dataclass(eq=False)
class ImageExists(Conflict):
    """The id a caller chose is taken."""

    code: ClassVar[str] = "image.exists"
    image_id: str

    def __str__(self) -> str:
        return f"Image ID {self.image_id} already exists!"


@dataclass(eq=False)
class WrongStatus(Conflict):
    """What is asked cannot be done to an image in this status."""

    code: ClassVar[str] = "image.wrong_status"
    image_id: str
    status_now: str
    action: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is {self.status_now}; {self.action} is not possible."


@dataclass(eq=False)
class PropertyConflict(Conflict):
    """A change that contradicts which properties there are."""

    code: ClassVar[str] = "image.property_conflict"
    name: str
    complaint: str

    def __str__(self) -> str:
        return f"Property {self.name[:255]} {self.complaint}."


@dataclass(eq=False)
class MemberExists(Conflict):
    """The image is shared with this project already."""

    code: ClassVar[str] = "image.member_exists"
    member_id: str

    def __str__(self) -> str:
        return f"Project {self.member_id[:100]} is a member of the image already."


@dataclass(eq=False)
class Refused(Forbidden):
    """Not allowed, for a reason that needs no type of its own."""

    code: ClassVar[str] = "image.refused"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class ImageGone(Gone):
    """The image was deleted while its content was arriving."""

    code: ClassVar[str] = "image.gone"
    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} was deleted while its content was uploaded; nothing was kept."


@dataclass(eq=False)
class ContentRefused(Invalid):
    """The content is not what the image says it is, or is not safe to use."""

    code: ClassVar[str] = "image.content_refused"
    reason: str

    def __str__(self) -> str:
        return f"The content of the image was refused, and nothing of it was kept: {self.reason}"


@dataclass(eq=False)
class StorageFull(TooLarge):
    """The disk has no room for this content beside its reserve."""

    code: ClassVar[str] = "image.storage_full"
    free_bytes: int

    def __str__(self) -> str:
        return f"There is not enough room to store the image: {max(0, self.free_bytes)} bytes are left."


@dataclass(eq=False)
class OverLimit(TooLarge):
    """A limit of the project, or of one above it, does not allow this. Sizes are in MiB."""

    code: ClassVar[str] = "image.over_limit"
    resource: str
    project_id: str
    limit: int
    used: int
    asked: int

    def __str__(self) -> str:
        return (
            f"Project {self.project_id} is over a limit for [Resource {self.resource} is over limit of {self.limit}"
            f" due to current usage {self.used} and delta {self.asked}]"
        )


@dataclass(eq=False)
class TooMany(TooLarge):
    """More tags, properties or members than an image may have."""

    code: ClassVar[str] = "image.too_many"
    what: str
    most: int

    def __str__(self) -> str:
        return f"An image may have {self.most} {self.what} at most."


@dataclass(eq=False)
class WrongMediaType(UnsupportedMedia):
    """The body is of a type that this operation does not read."""

    code: ClassVar[str] = "image.wrong_media_type"
    given: str
    wanted: str

    def __str__(self) -> str:
        return f"The content type '{self.given[:100]}' is not supported here; send {self.wanted}."


@dataclass(eq=False)
class RangeUnsatisfiable(Problem):
    """None of the bytes asked for are in the image."""

    code: ClassVar[str] = "image.range_unsatisfiable"
    status: ClassVar[int] = 416
    title: ClassVar[str] = "Requested Range Not Satisfiable"
    asked: str
    size_bytes: int

    def __str__(self) -> str:
        return f"The range '{self.asked[:100]}' is not within the {self.size_bytes} bytes of the image."
