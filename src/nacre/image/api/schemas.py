"""JSON schemas of what the Image API shows, which clients read to learn the fields."""

from __future__ import annotations

from typing import Any

from nacre.image.api.access import Parts
from nacre.image.domain.filters import MEMBER_STATUSES
from nacre.image.domain.images import CONTAINER_FORMATS, DISK_FORMATS, Status, Visibility
from nacre.kernel.http.call import Answer, Call, Ok

_UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"


def _field(kind: str | list[str], description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": description, **more}


def _shown(kind: str | list[str], description: str, **more: Any) -> dict[str, Any]:
    return _field(kind, description, readOnly=True, **more)


_TEXT_OR_NULL = ["null", "string"]
_NUMBER_OR_NULL = ["null", "integer"]

IMAGE: dict[str, Any] = {
    "name": "image",
    "properties": {
        "id": _field("string", "The image's identifier.", pattern=_UUID),
        "name": _field(_TEXT_OR_NULL, "What people call the image.", maxLength=255),
        "owner": _field(_TEXT_OR_NULL, "The project that owns the image.", maxLength=255),
        "status": _shown("string", "What there is of the content.", enum=[str(status) for status in Status]),
        "visibility": _field("string", "Who sees the image.", enum=[str(each) for each in Visibility]),
        "protected": _field("boolean", "Whether deleting is refused."),
        "os_hidden": _field("boolean", "Whether lists leave the image out unless asked for hidden ones."),
        "disk_format": _field(_TEXT_OR_NULL, "The format of the disk.", enum=[None, *DISK_FORMATS]),
        "container_format": _field(
            _TEXT_OR_NULL, "What the disk is packed in.", enum=[None, *CONTAINER_FORMATS]
        ),
        "min_disk": _field("integer", "GiB of disk a server needs to start from it."),
        "min_ram": _field("integer", "MiB of memory a server needs to start from it."),
        "size": _shown(_NUMBER_OR_NULL, "Size of the content in bytes."),
        "virtual_size": _shown(_NUMBER_OR_NULL, "Size of the disk in the content, in bytes."),
        "checksum": _shown(_TEXT_OR_NULL, "MD5 of the content.", maxLength=32),
        "os_hash_algo": _shown(_TEXT_OR_NULL, "The algorithm of os_hash_value.", maxLength=64),
        "os_hash_value": _shown(_TEXT_OR_NULL, "Hash of the content.", maxLength=128),
        "tags": _field("array", "Words to find the image by.", items={"type": "string", "maxLength": 255}),
        "created_at": _shown("string", "When the image was made."),
        "updated_at": _shown("string", "When the image was last changed."),
        "self": _shown("string", "Path of the image."),
        "file": _shown("string", "Path of its content."),
        "schema": _shown("string", "Path of this schema."),
    },
    "additionalProperties": {"type": "string"},
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}

MEMBER: dict[str, Any] = {
    "name": "member",
    "properties": {
        "image_id": _shown("string", "The image that is shared.", pattern=_UUID),
        "member_id": _shown("string", "The project it is shared with."),
        "status": _field("string", "What that project says to it.", enum=list(MEMBER_STATUSES)),
        "created_at": _shown("string", "When it was shared."),
        "updated_at": _shown("string", "When the project last said something."),
        "schema": _shown("string", "Path of this schema."),
    },
}


def _collection(name: str, of: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": of},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


IMAGES = _collection("images", IMAGE)
MEMBERS = {
    "name": "members",
    "properties": {"members": {"type": "array", "items": MEMBER}, "schema": {"type": "string"}},
    "links": [{"rel": "describedby", "href": "{schema}"}],
}


def image(_call: Call[Parts]) -> Answer:
    """What an image shows."""
    return Ok(IMAGE)


def images(_call: Call[Parts]) -> Answer:
    """What a list of images shows."""
    return Ok(IMAGES)


def member(_call: Call[Parts]) -> Answer:
    """What a member shows."""
    return Ok(MEMBER)


def members(_call: Call[Parts]) -> Answer:
    """What a list of members shows."""
    return Ok(MEMBERS)
