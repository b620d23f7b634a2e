"""What content really is, told while it flows by; and whether that is what its image says."""

from __future__ import annotations

from typing import IO, cast, final

import msgspec
from oslo_utils.imageutils import format_inspector

from nacre.image.errors import ContentRefused

# A partitioned disk and a bootable kernel both carry the signature of a boot sector. That is not a format a
# hypervisor would interpret, so it stands beside any of these.
_PARTITIONED = frozenset({"gpt"})
_PLAIN = frozenset({"raw", "ami", "ari", "aki"})
_OPAQUE = frozenset({"ploop"})
# What is inside such containers is unpacked before anybody reads it as a disk.
_UNOPENED = frozenset({"compressed", "docker", "ova"})


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was recognised: every format that matches (none for plain bytes), and the disk's size by each.

    `dangers` are the reasons why a hypervisor must not be given this content, by format.
    """

    formats: frozenset[str]
    virtual_sizes: dict[str, int]
    dangers: dict[str, str]


@final
class Examination:
    """Looks at content piece by piece, keeping no more of it than the headers it needs."""

    def __init__(self) -> None:
        self._source = _Piece()
        self._wrapper = format_inspector.InspectWrapper(cast(IO[bytes], self._source))

    def feed(self, piece: bytes) -> None:
        """The next bytes."""
        self._source.piece = piece
        self._wrapper.read(len(piece))

    def finish(self) -> Findings:
        """What all of the bytes are."""
        self._wrapper.close()
        found = [each for each in self._wrapper.formats or () if each.NAME != "raw"]
        return Findings(
            formats=frozenset(each.NAME for each in found),
            virtual_sizes={each.NAME: _virtual_size(each) for each in found},
            dangers={each.NAME: danger for each in found if (danger := _danger(each))},
        )


class _Piece:
    """A file of which exactly the present piece can be read."""

    piece: bytes = b""

    def read(self, _size: int) -> bytes:
        return self.piece


def _virtual_size(inspector: format_inspector.FileInspector) -> int:
    try:
        return int(inspector.virtual_size)
    except Exception:  # noqa: BLE001 - Hostile headers make parsers fail in any way; then nothing is known.
        return 0


def _danger(inspector: format_inspector.FileInspector) -> str:
    try:
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as failed:
        return "; ".join(str(failure) for failure in failed.failures.values())
    except Exception as error:  # noqa: BLE001 - What cannot be checked is not safe.
        return str(error) or type(error).__name__
    return ""


def virtual_size_of(
    findings: Findings, *, disk_format: str, container_format: str, size_bytes: int
) -> int | None:
    """The size of the disk in content that is what it is said to be; None where that has no meaning.

    Raises ContentRefused for a lie, and for content that refers to other files.
    """
    if container_format in _UNOPENED:
        return None
    found = findings.formats
    if disk_format in _PLAIN:
        _demand(found <= _PARTITIONED, findings, disk_format)
        return size_bytes
    if disk_format in _OPAQUE:
        _demand(not found, findings, disk_format)
        return None
    beside = _PARTITIONED if disk_format == "iso" else frozenset()  # Images for USB sticks are both.
    _demand(disk_format in found and found - beside == {disk_format}, findings, disk_format)
    if disk_format in findings.dangers:
        raise ContentRefused(f"it is not safe to use as {disk_format} ({findings.dangers[disk_format]}).")
    return findings.virtual_sizes[disk_format] or None


def _demand(holds: bool, findings: Findings, disk_format: str) -> None:
    if not holds:
        really = " and ".join(sorted(findings.formats)) or "not of any known disk format"
        raise ContentRefused(f"it is declared as {disk_format}, and is {really}.")
