"""Bytes on their way out: read ahead in a thread while the piece before is being sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from typing import BinaryIO

PIECE_BYTES = 4 << 20


async def pieces_of(
    file: BinaryIO, *, first: int, length: int, threads: Executor | None = None
) -> AsyncIterator[bytes]:
    """`length` bytes of `file` from `first` on; closes the file at the end.

    Reading happens in `threads`, so that a slow disk delays nobody else. At most two pieces are in memory.
    """
    loop = asyncio.get_running_loop()
    descriptor = file.fileno()

    def read(offset: int) -> asyncio.Future[bytes]:
        return loop.run_in_executor(threads, os.pread, descriptor, min(PIECE_BYTES, end - offset), offset)

    end, offset = first + length, first
    ahead = read(offset) if length else None
    try:
        while ahead is not None:
            piece = await ahead
            offset += len(piece)
            ahead = read(offset) if offset < end and piece else None
            yield piece
    finally:
        if ahead is not None:
            await asyncio.wait([ahead])
        file.close()
