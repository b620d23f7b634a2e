"""Tags of an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.image.api.access import Parts, change_image
from nacre.image.api.images import touched
from nacre.image.domain.images import Attributes, Image, checked
from nacre.image.errors import TagNotFound
from nacre.kernel.http.body import convert
from nacre.kernel.http.call import Answer, Call, NoContent


def put(call: Call[Parts], image_id: str, tag: str) -> Answer:
    """Give an image a tag; it may have it already. Errors: ImageNotFound, NotAllowed, TooMany, Bad."""

    def decide(image: Image) -> Image:
        return _retagged(call, image, {*image.attributes.tags, tag})

    change_image(call, image_id, "tag", decide)
    return NoContent()


def delete(call: Call[Parts], image_id: str, tag: str) -> Answer:
    """Take a tag from an image. Errors: ImageNotFound, NotAllowed, TagNotFound."""

    def decide(image: Image) -> Image:
        if tag not in image.attributes.tags:
            raise TagNotFound(tag)
        return _retagged(call, image, {*image.attributes.tags} - {tag})

    change_image(call, image_id, "untag", decide)
    return NoContent()


def _retagged(call: Call[Parts], image: Image, tags: set[str]) -> Image:
    said: Mapping[str, Any] = msgspec.to_builtins(image.attributes) | {"tags": sorted(tags)}
    attributes = checked(convert(said, Attributes, where="tag"), image.properties)
    return image if attributes == image.attributes else touched(call, image, attributes=attributes)
