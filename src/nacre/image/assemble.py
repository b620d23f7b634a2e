"""Puts the image service together."""

from __future__ import annotations

from nacre.image.api.access import Parts
from nacre.image.api.envelope import envelope
from nacre.image.api.routes import ROUTES
from nacre.image.boot import BootImages
from nacre.image.content.files import ImageFiles
from nacre.image.contract import Images
from nacre.image.loops.contents import ContentLoop
from nacre.image.loops.uploads import UploadLoop
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.http.app import Service

RESERVE_BYTES = 1 << 30
"""What uploads leave free of the disk, since the database and the guests write to it too."""


def assemble(kernel: Kernel, *, reserve_bytes: int = RESERVE_BYTES) -> Assembled[Images]:
    """The image service over files in the state directory."""
    files = ImageFiles(kernel.settings.state_dir / "images", reserve_bytes=reserve_bytes)
    door = Service(
        name="image",
        prefix="/image",
        routes=ROUTES,
        parts=Parts(files),
        envelope=envelope,
    )
    loops = (UploadLoop(kernel.database, files), ContentLoop(kernel.database, files))
    return Assembled(contract=BootImages(files, kernel), services=(door,), loops=loops)
