"""The tiny guest image: built once per machine, and for fake hosts an empty disk of its form."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from nacre.host import paths, tools
from nacre.host.errors import FirstUseFailed
from nacre.host.tools import ToolFailed
from nacre.kernel.config import Settings

_SCRIPT = Path(__file__).with_name("build-tiny.sh")
_BUILD_S = 300.0


def cache_dir() -> Path:
    """Where the built image is kept for all clouds of this machine: $NACRE_CACHE, or a place for caches."""
    if chosen := os.environ.get("NACRE_CACHE"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/cache/nacre")
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "nacre"


def begin(settings: Settings) -> None:
    """Let the image be built while the engines start; `ensure` waits for it. Done when it is there already."""
    if settings.hosts == "local":
        log = paths.log_dir(settings.state_dir) / "build-tiny.log"
        tools.detach("bash", str(_SCRIPT), str(cache_dir()), log=log)


def ensure(settings: Settings) -> Path:
    """The image file. For a real host it boots; a fake guest needs no more than a disk. Raises FirstUseFailed."""
    if settings.hosts != "local":
        empty = paths.images_dir(settings.state_dir) / "empty.qcow2"
        empty.parent.mkdir(parents=True, exist_ok=True)
        empty.write_bytes(empty_qcow2(size_bytes=1 << 20))
        return empty
    # The script holds a lock while it works, so this waits for a build already begun.
    try:
        tools.run("bash", str(_SCRIPT), str(cache_dir()), timeout_s=_BUILD_S)
    except ToolFailed as problem:
        raise FirstUseFailed("The guest image cannot be built", problem.why) from problem
    return cache_dir() / "tiny.qcow2"


def empty_qcow2(*, size_bytes: int) -> bytes:
    """A qcow2 disk (version 2, clusters of 64 KiB) in which nothing was ever written.

    Source: QEMU, docs/interop/qcow2.txt: header, then reference count table, one block of it, and L1 table.
    """
    cluster_bits, cluster = 16, 1 << 16
    header = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, cluster_bits, size_bytes, 0, 1, 3 * cluster, cluster, 1, 0, 0
    )
    table = struct.pack(">Q", 2 * cluster)
    counts = struct.pack(">4H", 1, 1, 1, 1)
    parts = (header, table, counts, b"")
    return b"".join(part.ljust(cluster, b"\0") for part in parts)
