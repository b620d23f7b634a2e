"""Parts of a content asked for by the Range header."""

from __future__ import annotations

import re

from nacre.image.errors import RangeUnsatisfiable

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*\Z")


def range_of(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First byte and length of the part asked for; None asks for the whole.

    A header of another form than one range of bytes is ignored, as RFC 9110 allows.
    Raises RangeUnsatisfiable. Source: RFC 9110, section 14.
    """
    match = _ONE_RANGE.match(header) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    assert header is not None
    if not match[1]:
        length = min(int(match[2]), size_bytes)
        if not length:
            raise RangeUnsatisfiable(header, size_bytes)
        return size_bytes - length, length
    first = int(match[1])
    last = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size_bytes:
        raise RangeUnsatisfiable(header, size_bytes)
    return first, last - first + 1
