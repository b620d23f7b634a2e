"""What the image service answers its neighbours: images that guests start from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import final

from nacre.image.api.access import is_visible
from nacre.image.content.files import ImageFiles
from nacre.image.content.outflow import pieces_of
from nacre.image.contract import BootImage
from nacre.image.domain.images import Content, Image, Status
from nacre.image.errors import ImageNotActive, ImageNotFound
from nacre.image.store import images
from nacre.kernel.assembly import Kernel
from nacre.kernel.database import Reader
from nacre.kernel.ids import ImageId
from nacre.kernel.policy import Caller
from nacre.kernel.recall import Recalled

MOST_REMEMBERED = 10_000


@final
class BootImages:
    """Implements the contract `Images` over the store and the files."""

    def __init__(self, files: ImageFiles, kernel: Kernel) -> None:
        self._files = files
        nothing: Callable[[], dict[str, Image]] = dict
        self._known = Recalled(nothing, topic=images.CHANGED, clock=kernel.clock, wakes=kernel.wakes)

    def load_bootable(self, db: Reader, image_id: ImageId, caller: Caller) -> BootImage:
        """An active image that `caller` may use. Raises ImageNotFound, ImageNotActive."""
        image = self._find(db, image_id)
        if image is None or not is_visible(db, image, caller):
            raise ImageNotFound(image_id)
        if image.status is not Status.ACTIVE or image.content is None:
            raise ImageNotActive(image_id, image.status)
        return _boot_image(image, image.content)

    def _find(self, db: Reader, image_id: ImageId) -> Image | None:
        """The image, from memory as long as it is active and unchanged: every new server asks for one."""
        known = self._known.now()
        image = known.get(image_id)
        if image is None:
            image = images.find_image(db, image_id)
            if image is not None and image.status is Status.ACTIVE and len(known) < MOST_REMEMBERED:
                known[image_id] = image
        return image

    def find_bootable(self, db: Reader, image_ids: Collection[ImageId]) -> Mapping[ImageId, BootImage]:
        """Those of the images whose content is there, whoever asks."""
        found = images.find_images(db, image_ids)
        return {
            each.image_id: _boot_image(each, each.content)
            for each in found
            if each.usable_content and each.content
        }

    async def read(self, image: BootImage) -> AsyncIterator[bytes]:
        """The content, piece by piece. Raises ImageNotFound when it is gone."""
        try:
            file = self._files.open(image.sha256)
        except FileNotFoundError as error:
            raise ImageNotFound(image.image_id) from error
        async for piece in pieces_of(file, first=0, length=image.size_bytes):
            yield piece


def _boot_image(image: Image, content: Content) -> BootImage:
    said = image.attributes
    return BootImage(
        image_id=image.image_id,
        name=said.name or "",
        sha256=content.sha256,
        disk_format=said.disk_format or "raw",
        size_bytes=content.size_bytes,
        virtual_size_bytes=content.virtual_size_bytes or content.size_bytes,
        min_disk_gib=said.min_disk_gib,
        min_memory_mib=said.min_memory_mib,
        properties=image.properties,
    )
