"""Base images on this host: copied once, named by their content, and removed some time after their last use."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from nacre.agent.drivers.base import CannotHost, EngineAway, EngineRefused, Underway
from nacre.agent.drivers.files import settle_file
from nacre.compute.domain.guests import GuestImage
from nacre.kernel.clock import Clock
from nacre.kernel.ids import ImageId

log = logging.getLogger("nacre.agent")

FETCHES_AT_ONCE = 2
PROGRESS_S = 2.0
RECHECK_S = 0.5
SWEEP_S = 60.0
UNUSED_S = 3600.0
UNUSED_MOST_BYTES = 20 << 30

OpenImage = Callable[[ImageId], AbstractContextManager[Iterator[bytes]]]


class ImageCache:
    """An ImageDriver on a directory. A file under its final name is whole and is what its name says."""

    def __init__(self, directory: Path, open_image: OpenImage, clock: Clock) -> None:
        self._directory = directory
        self._open_image = open_image
        self._clock = clock
        self._lock = threading.Lock()
        self._fetching: set[str] = set()
        self._swept_at = 0.0

    def has(self, image: GuestImage) -> bool:
        return (self._directory / image.sha256).exists()

    def fetch(self, image: GuestImage, progress: Callable[[int], None]) -> None:
        with self._turn(image):
            if self.has(image):
                return  # It came while we waited for our turn.
            self._directory.mkdir(parents=True, exist_ok=True)
            part = self._directory / f"{image.sha256}.part"
            try:
                self._download(image, part, progress)
                refuse_external_data(part, image.disk_format)
                settle_file(part, self._directory / image.sha256)
            except OSError as error:
                raise EngineRefused("image cache", str(error)) from error
            finally:
                part.unlink(missing_ok=True)

    @contextmanager
    def _turn(self, image: GuestImage) -> Iterator[None]:
        """One download of one image, and few at all, so that other guests find free workers."""
        with self._lock:
            if image.sha256 in self._fetching:
                raise Underway(f"image {image.image_id} is being copied to the host", RECHECK_S)
            if len(self._fetching) >= FETCHES_AT_ONCE:
                raise Underway(f"image {image.image_id} waits for other images to be copied", RECHECK_S)
            self._fetching.add(image.sha256)
        try:
            yield
        finally:
            with self._lock:
                self._fetching.discard(image.sha256)

    def _download(self, image: GuestImage, part: Path, progress: Callable[[int], None]) -> None:
        digest, size, told_at = hashlib.sha256(), 0, self._clock.now()
        with self._open_image(image.image_id) as chunks, open(part, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
                if size > image.size_bytes:
                    break
                if self._clock.now() - told_at >= PROGRESS_S:
                    told_at = self._clock.now()
                    progress(size)
        if size < image.size_bytes:
            raise EngineAway("image service", f"it sent {size} of {image.size_bytes} bytes")
        if size > image.size_bytes or digest.hexdigest() != image.sha256:
            raise EngineRefused(
                "image service", f"what it sent is not image {image.image_id}: another checksum"
            )

    def sweep(self, used: Collection[str]) -> None:
        now = self._clock.now()
        if now - self._swept_at < SWEEP_S or not self._directory.exists():
            return
        self._swept_at = now
        unused: list[tuple[float, int, Path]] = []
        for path in self._directory.iterdir():
            if path.name in used:
                os.utime(path, (now, now))  # When it was last used, for the sweeps to come.
            elif path.suffix != ".part":
                status = path.stat()
                unused.append((status.st_mtime, status.st_size, path))
            elif path.stem not in self._fetching:
                path.unlink(missing_ok=True)
        _remove_unused(unused, now)


def _remove_unused(unused: list[tuple[float, int, Path]], now: float) -> None:
    """Keep the newest as long as there is room and time for them."""
    kept_bytes = 0
    for last_used, size, path in sorted(unused, reverse=True):
        kept_bytes += size
        if now - last_used > UNUSED_S or kept_bytes > UNUSED_MOST_BYTES:
            log.info("image %s is not used any more and is removed from this host", path.name)
            path.unlink(missing_ok=True)


def refuse_external_data(path: Path, disk_format: str) -> None:
    """A base that would make QEMU read another file of this host is refused, whoever let it in.

    Source: QEMU, docs/interop/qcow2.txt: bytes 8-15 hold the offset of the backing file's name, bit 2 of the
    incompatible features (bytes 72-79, version 3) says that data lies in an external file.
    """
    if disk_format != "qcow2":
        return
    with open(path, "rb") as file:
        header = file.read(80)
    if header[:4] != b"QFI\xfb":
        raise CannotHost("The image is not the qcow2 file it is said to be.")
    version = int.from_bytes(header[4:8], "big")
    backing = int.from_bytes(header[8:16], "big")
    features = int.from_bytes(header[72:80], "big") if version >= 3 else 0
    if backing or features & 0b100:
        raise CannotHost("The image refers to another file, which no image may.")
