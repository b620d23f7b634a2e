"""Contents as files of this machine, each under its SHA-256; uploads beside them until they are complete.

content/ab/abcd...           a content, never written to again
content/ab/abcd....leaving-* the same, being removed: the remover has still to look for late references
incoming/UPLOAD              an upload; whoever writes it holds a lock on it, which ends with the process
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, final

from nacre.image.domain.uploads import Temp
from nacre.image.errors import StorageFull
from nacre.kernel.ids import new_hex_id

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_LEAVING = ".leaving-"


@final
class Incoming:
    """An upload being written. It is locked until `close`, which also happens when the process dies."""

    def __init__(self, path: Path, *, reserve_bytes: int) -> None:
        self.path = path
        self.size_bytes = 0
        self._reserve_bytes = reserve_bytes
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def write(self, piece: bytes) -> None:
        """Append bytes. Raises StorageFull when the disk would have less than its reserve left."""
        free_bytes = _free_bytes(self._descriptor) - self._reserve_bytes
        if free_bytes < len(piece):
            raise StorageFull(free_bytes)
        try:
            _write_all(self._descriptor, piece)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise StorageFull(free_bytes) from error
        self.size_bytes += len(piece)

    def make_durable(self) -> None:
        """Return when the bytes would survive a power failure."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file; safe to repeat."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


@final
class ImageFiles:
    """The contents below one directory. Safe to share between threads, and between processes."""

    def __init__(self, root: Path, *, reserve_bytes: int) -> None:
        self._contents = root / "content"
        self._incoming = root / "incoming"
        self._reserve_bytes = reserve_bytes
        for folder in (self._contents, self._incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    # -- arriving --------------------------------------------------------------------------------------

    def room_bytes(self) -> int:
        """How much may still arrive before the disk has only its reserve left; may be negative."""
        return _free_bytes(self._incoming) - self._reserve_bytes

    def begin(self, upload_id: str) -> Incoming:
        """A new, empty, locked file for an upload."""
        return Incoming(self._incoming / upload_id, reserve_bytes=self._reserve_bytes)

    def publish(self, incoming: Incoming, sha256: str) -> None:
        """Name a durable upload as the content it is, replacing an equal one.

        A row must refer to the content already, or it may be removed as nobody's.
        """
        path = self._path(sha256)
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _sync_folder(self._contents)
        os.replace(incoming.path, path)
        _sync_folder(path.parent)

    def observe_temp(self, upload_id: str) -> Temp:
        """Whether the file of an upload is there, and whether somebody writes it."""
        try:
            descriptor = os.open(self._incoming / upload_id, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return Temp.ABSENT
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Temp.HELD
        finally:
            os.close(descriptor)
        return Temp.LEFT

    def remove_temp(self, upload_id: str) -> None:
        """Remove the file of an upload; absent is success."""
        (self._incoming / upload_id).unlink(missing_ok=True)

    def uploads(self) -> Iterator[str]:
        """Every upload that has a file."""
        yield from os.listdir(self._incoming)

    # -- being there -----------------------------------------------------------------------------------

    def is_stored(self, sha256: str) -> bool:
        """Whether the content is there."""
        return self._path(sha256).exists()

    def open(self, sha256: str) -> BinaryIO:
        """The content, open for reading. Raises FileNotFoundError.

        A remover sets a content aside before it looks for late references and puts it back if there are any;
        so it is looked for under both names, and under the first again.
        """
        path = self._path(sha256)
        for candidate in (path, *self.aside(sha256), path):
            with contextlib.suppress(FileNotFoundError):
                return candidate.open("rb", buffering=0)
        raise FileNotFoundError(errno.ENOENT, "no such content", sha256)

    def contents(self) -> Iterator[tuple[str, bool]]:
        """The SHA-256 of every file there is, and whether that file is a content being removed."""
        for shard in self._contents.iterdir():
            for name in os.listdir(shard):
                sha256, leaving, _ = name.partition(_LEAVING)
                if _SHA256.match(sha256):
                    yield sha256, bool(leaving)

    # -- leaving ---------------------------------------------------------------------------------------

    def set_aside(self, sha256: str) -> list[Path]:
        """Take the content's name away; the files it has now, those of interrupted removals included.

        Whoever then finds no reference may `drop` them: a reference made later publishes a file of its own.
        """
        path = self._path(sha256)
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, path.with_name(f"{sha256}{_LEAVING}{new_hex_id()}"))
        return self.aside(sha256)

    def aside(self, sha256: str) -> list[Path]:
        """The files of a content that have no name of its own, because they are, or were, being removed."""
        path = self._path(sha256)
        return sorted(path.parent.glob(f"{path.name}{_LEAVING}*"))

    def put_back(self, sha256: str, files: list[Path]) -> None:
        """Give the content its name again, unless an equal one has taken it."""
        path = self._path(sha256)
        for file in files:
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(file, path)
        self.drop(files)

    def drop(self, files: list[Path]) -> None:
        """Remove what was set aside; absent is success."""
        for file in files:
            file.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        assert _SHA256.match(sha256), "contents are named by their hash"
        return self._contents / sha256[:2] / sha256


def _write_all(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _free_bytes(place: Path | int) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
