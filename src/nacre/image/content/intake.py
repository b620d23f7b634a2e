"""Bytes on their way in: written, hashed and examined while they flow, in threads beside the event loop."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import final

from nacre.image.content.files import Incoming
from nacre.image.domain.formats import Examination, Findings
from nacre.image.domain.images import Content

PIECE_BYTES = 1 << 20


@final
class Intake:
    """One upload. Holds three pieces of PIECE_BYTES at most, however large the content is."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._examination = Examination()

    async def take(self, chunks: AsyncIterator[bytes], threads: Executor) -> None:
        """Take everything in; one piece is worked on while the next one arrives.

        Raises StorageFull, and whatever `chunks` raises.
        """
        loop = asyncio.get_running_loop()
        lanes: tuple[Callable[[bytes], None], ...] = (self._keep, self._md5.update)
        working: asyncio.Future[list[None]] | None = None
        try:
            async for piece in _pieces(chunks):
                if working is not None:
                    await working
                working = asyncio.gather(*(loop.run_in_executor(threads, lane, piece) for lane in lanes))
        finally:
            if working is not None:
                await working

    def _keep(self, piece: bytes) -> None:
        self._incoming.write(piece)
        self._sha256.update(piece)
        self._examination.feed(piece)

    def finish(self) -> tuple[Content, Findings]:
        """What has arrived, its virtual size still unknown, and what it looks like."""
        content = Content(
            sha256=self._sha256.hexdigest(),
            md5=self._md5.hexdigest(),
            size_bytes=self._incoming.size_bytes,
            virtual_size_bytes=None,
        )
        return content, self._examination.finish()


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`chunks` put together to pieces of about PIECE_BYTES, which are cheaper to hand to threads."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)
