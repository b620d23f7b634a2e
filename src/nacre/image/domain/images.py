"""An image as a value, and the rules that need nothing but it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, get_args

import msgspec

from nacre.image.errors import Refused, TooMany, WrongStatus
from nacre.kernel.errors import Bad
from nacre.kernel.ids import ImageId, ProjectId

MOST_PROPERTIES = 128
MOST_TAGS = 128
MOST_MEMBERS = 128

Text255 = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[^\x00]*\Z")]
PropertyName = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00]*\Z")]
PropertyValue = Annotated[str, msgspec.Meta(max_length=65535, pattern=r"^[^\x00]*\Z")]
Amount = Annotated[int, msgspec.Meta(ge=0, le=2147483647)]
DiskFormat = Literal["aki", "ami", "ari", "iso", "ploop", "qcow2", "raw", "vdi", "vhd", "vhdx", "vmdk"]
ContainerFormat = Literal["aki", "ami", "ari", "bare", "compressed", "docker", "ova", "ovf"]
DISK_FORMATS: tuple[str, ...] = get_args(DiskFormat)
CONTAINER_FORMATS: tuple[str, ...] = get_args(ContainerFormat)


class Visibility(StrEnum):
    """Who sees an image besides its owner."""

    PUBLIC = "public"
    """Everybody, in their lists."""
    COMMUNITY = "community"
    """Everybody who asks for it."""
    SHARED = "shared"
    """The projects it is shared with."""
    PRIVATE = "private"


class Status(StrEnum):
    """What there is of an image's content."""

    QUEUED = "queued"
    SAVING = "saving"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


HAS_CONTENT = frozenset({Status.ACTIVE, Status.DEACTIVATED})


class Attributes(msgspec.Struct, frozen=True, kw_only=True, rename={
    "min_disk_gib": "min_disk", "min_memory_mib": "min_ram", "hidden": "os_hidden",
}):  # fmt: skip
    """What an owner says of an image, under the names the API has for it."""

    owner: Text255 | None = None
    name: Text255 | None = None
    visibility: Visibility = Visibility.SHARED
    protected: bool = False
    hidden: bool = False
    disk_format: DiskFormat | None = None
    container_format: ContainerFormat | None = None
    min_disk_gib: Amount = 0
    min_memory_mib: Amount = 0
    tags: tuple[Text255, ...] = ()


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that arrived whole. `sha256` is the name they are stored under, `md5` is for older clients.

    `virtual_size_bytes` is the size of the disk inside, None when the format does not tell.
    """

    sha256: str
    md5: str
    size_bytes: int
    virtual_size_bytes: int | None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image. `content` is there as soon as it is known, which is a moment before the image is active."""

    image_id: ImageId
    attributes: Attributes
    properties: Mapping[str, str]
    status: Status
    content: Content | None
    upload_id: str
    created_at: float
    updated_at: float
    generation: int

    @property
    def owner(self) -> ProjectId:
        return ProjectId(self.attributes.owner or "")

    @property
    def usable_content(self) -> Content | None:
        """The content, once it may be read."""
        return self.content if self.status in HAS_CONTENT else None


def checked(attributes: Attributes, properties: Mapping[str, str]) -> Attributes:
    """`attributes` with every tag once. Raises TooMany, Refused."""
    tags = tuple(sorted(set(attributes.tags)))
    if len(tags) > MOST_TAGS:
        raise TooMany("tags", MOST_TAGS)
    if len(properties) > MOST_PROPERTIES:
        raise TooMany("properties", MOST_PROPERTIES)
    for name in properties:
        if name.startswith("os_glance"):
            raise Refused(f"Attribute '{name[:255]}' is reserved.")
    return msgspec.structs.replace(attributes, tags=tags)


def check_changed_formats(before: Image, after: Attributes) -> None:
    """Refuse to call content something else than it was examined as."""
    if before.status is Status.QUEUED:
        return
    for name in ("disk_format", "container_format"):
        if getattr(before.attributes, name) != getattr(after, name):
            raise Refused(f"Attribute {name} can be only replaced for a queued image.")


def check_uploadable(image: Image) -> None:
    """Raise WrongStatus or Bad unless content may be uploaded now."""
    if image.status is not Status.QUEUED:
        raise WrongStatus(image.image_id, image.status, "an upload")
    missing = [
        name for name in ("disk_format", "container_format") if getattr(image.attributes, name) is None
    ]
    if missing:
        raise Bad(f"Properties {', '.join(missing)} must be set prior to saving data.")


def check_deletable(image: Image) -> None:
    """Raise Refused if the image is protected."""
    if image.attributes.protected:
        raise Refused(f"Image {image.image_id} is protected and cannot be deleted.")


def changed_status(image: Image, wanted: Status) -> bool:
    """Whether (de)activating changes anything. Raises Refused where there is nothing to (de)activate."""
    if image.status not in HAS_CONTENT:
        word = "deactivate" if wanted is Status.DEACTIVATED else "reactivate"
        raise Refused(f"Not allowed to {word} image in status '{image.status}'.")
    return image.status is not wanted
