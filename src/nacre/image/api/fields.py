"""Images and members under the names the Image API has for their fields."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.image.domain.images import Image
from nacre.image.store.members import Member
from nacre.kernel.clock import iso_z

HASH_ALGORITHM = "sha256"


def view_of(image: Image) -> dict[str, Any]:
    """An image as its readers see it. Properties of its own stand beside the base ones."""
    content = image.usable_content
    path = f"/v2/images/{image.image_id}"
    return {
        **image.properties,
        **msgspec.to_builtins(image.attributes),
        "id": image.image_id,
        "status": image.status.value,
        "size": content.size_bytes if content else None,
        "virtual_size": content.virtual_size_bytes if content else None,
        "checksum": content.md5 if content else None,
        "os_hash_algo": HASH_ALGORITHM if content else None,
        "os_hash_value": content.sha256 if content else None,
        "created_at": iso_z(image.created_at),
        "updated_at": iso_z(image.updated_at),
        "self": path,
        "file": f"{path}/file",
        "schema": "/v2/schemas/image",
    }


def member_view_of(member: Member) -> dict[str, Any]:
    """A member as owner and member see it."""
    return {
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status,
        "created_at": iso_z(member.created_at),
        "updated_at": iso_z(member.updated_at),
        "schema": "/v2/schemas/member",
    }
