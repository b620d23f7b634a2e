"""What the other services may ask the image service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

import msgspec

from nacre.kernel.database import Reader
from nacre.kernel.ids import ImageId
from nacre.kernel.policy import Caller


class BootImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image a server can start from. `sha256` names its content; sizes are of the file and of the disk in it."""

    image_id: ImageId
    name: str
    sha256: str
    disk_format: str
    size_bytes: int
    virtual_size_bytes: int
    min_disk_gib: int
    min_memory_mib: int
    properties: Mapping[str, str] = {}


class Images(Protocol):
    """Images, as servers need them."""

    def load_bootable(self, db: Reader, image_id: ImageId, caller: Caller) -> BootImage:
        """An active image that `caller` may use. Raises ImageNotFound, ImageNotActive."""
        ...

    def find_bootable(self, db: Reader, image_ids: Collection[ImageId]) -> Mapping[ImageId, BootImage]:
        """Those of the images whose content is there, whoever asks. For loops and agents."""
        ...

    def read(self, image: BootImage) -> AsyncIterator[bytes]:
        """The content, piece by piece. Raises ImageNotFound when it is gone."""
        ...
