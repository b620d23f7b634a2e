"""What lies on this host's disk for each guest: its root disks, its record, its console log.

One directory for each guest, named by its id. A file is written under another name, forced to the disk and
renamed, so that under its own name it is whole, whenever the power goes.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

import msgspec

from nacre.agent.domain.sight import GuestRecord
from nacre.agent.drivers.base import CannotHost, EngineAway, EngineRefused
from nacre.compute.domain.guests import GuestImage, GuestSpec
from nacre.kernel.ids import ServerId, is_uuid

log = logging.getLogger("nacre.agent")

CONSOLE_MOST_BYTES = 1 << 20
GIB = 1 << 30
COMMAND_LIMIT_S = 60.0
COPY_LIMIT_S = 3600.0

_DISK = re.compile(r"disk(?:-([0-9]+))?\.qcow2")

# Formats that QEMU reads as a base. Others may name files of the host, and are not laid under a guest.
BASE_FORMATS = {"qcow2": "qcow2", "raw": "raw", "iso": "raw"}


class GuestFiles:
    """The directories of all guests of this cloud on this host."""

    def __init__(self, guests_dir: Path, images_dir: Path) -> None:
        self._guests = guests_dir
        self._images = images_dir
        self._records: dict[ServerId, GuestRecord] = {}  # This process alone writes them.

    def disk(self, guest_id: ServerId, number: int) -> Path:
        return self._guests / guest_id / ("disk.qcow2" if number == 1 else f"disk-{number}.qcow2")

    def disks(self, guest_id: ServerId) -> frozenset[int]:
        """The numbers of the root disks that are here, whole."""
        try:
            numbers = map(disk_number, os.listdir(self._guests / guest_id))
        except FileNotFoundError:
            return frozenset()
        return frozenset(filter(None, numbers))

    def console_log(self, guest_id: ServerId) -> Path:
        return self._guests / guest_id / "console.log"

    def guest_ids(self) -> Collection[ServerId]:
        """The guests of which anything is kept."""
        try:
            return [ServerId(name) for name in os.listdir(self._guests) if is_uuid(name)]
        except FileNotFoundError:
            return []

    def remains(self, guest_id: ServerId) -> bool:
        return (self._guests / guest_id).exists()

    def ensure_disk(self, spec: GuestSpec) -> None:
        """A root disk over its base image, or an empty one, or the copy of a smaller one.

        Raises CannotHost, EngineRefused.
        """
        disk = self.disk(spec.guest_id, spec.disk)
        if disk.exists():
            return
        disk.parent.mkdir(parents=True, exist_ok=True)
        part = disk.with_name("disk.part")  # One name for all, so that none is left behind for ever.
        part.unlink(missing_ok=True)
        if spec.kept_disk:
            kept = self.disk(spec.guest_id, spec.kept_disk)
            run_command("cp", "--reflink=auto", "--sparse=always", str(kept), str(part), limit_s=COPY_LIMIT_S)
            run_command("qemu-img", "resize", "-q", "-f", "qcow2", str(part), str(disk_bytes(spec)))
        else:
            base = self._base_arguments(spec.image)
            run_command("qemu-img", "create", "-q", "-f", "qcow2", *base, str(part), str(disk_bytes(spec)))
        settle_file(part, disk)

    def remove_disks(self, guest_id: ServerId, numbers: Collection[int]) -> None:
        for number in numbers:
            self.disk(guest_id, number).unlink(missing_ok=True)

    def _base_arguments(self, image: GuestImage | None) -> tuple[str, ...]:
        if image is None:
            return ()
        if image.disk_format not in BASE_FORMATS:
            raise CannotHost(f"Disk format {image.disk_format} is not supported by this host.")
        return ("-F", BASE_FORMATS[image.disk_format], "-b", str(self._images / image.sha256))

    def keep_record(self, guest_id: ServerId, record: GuestRecord) -> None:
        """The old record or the new one outlives any crash."""
        path = self._guests / guest_id / "record.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(record))
        settle_file(part, path)
        self._records[guest_id] = record

    def record(self, guest_id: ServerId) -> GuestRecord | None:
        if guest_id not in self._records:
            try:
                data = (self._guests / guest_id / "record.json").read_bytes()
                self._records[guest_id] = msgspec.json.decode(data, type=GuestRecord)
            except FileNotFoundError:
                return None
            except msgspec.DecodeError:
                log.exception("the record of guest %s cannot be read; a new one is begun", guest_id)
                return None
        return self._records[guest_id]

    def remove(self, guest_id: ServerId) -> None:
        """Nothing is kept of the guest."""
        self._records.pop(guest_id, None)
        shutil.rmtree(self._guests / guest_id, ignore_errors=True)
        if self.remains(guest_id):
            raise EngineRefused("file system", f"{self._guests / guest_id} cannot be removed")

    def console_tail(self, guest_id: ServerId, *, lines: int) -> bytes:
        """The last `lines` of the console log (0: all), across its rotations, at most a mebibyte."""
        path, data = self.console_log(guest_id), b""
        for file in (path, path.with_name(path.name + ".0")):
            data = _tail(file, CONSOLE_MOST_BYTES - len(data)) + data
            if len(data) >= CONSOLE_MOST_BYTES or (lines and data.count(b"\n") > lines):
                break
        return b"".join(data.splitlines(keepends=True)[-lines:])


def disk_number(name: str) -> int:
    """The number of the root disk that is in a file of this name; 0 if none is."""
    match = _DISK.fullmatch(name)
    return int(match[1] or 1) if match else 0


def disk_bytes(spec: GuestSpec) -> int:
    """How large the root disk is: what the flavor says, or the image if it says nothing. Raises CannotHost."""
    least = spec.image.virtual_size_bytes if spec.image else 0
    wanted = spec.disk_gib * GIB or least
    if wanted < least:
        raise CannotHost(f"A disk of {spec.disk_gib} GiB is too small for an image of {least} bytes.")
    if not wanted:
        raise CannotHost("A guest without an image needs a disk size.")
    return wanted


def settle_file(part: Path, path: Path) -> None:
    """Give `part` its name, once its content is safe on the disk."""
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    os.rename(part, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def run_command(*argv: str, limit_s: float = COMMAND_LIMIT_S, said: str = "") -> str:
    """What a program of this host prints when it is `said` something, if anything.

    Raises EngineRefused with what it complains, EngineAway if it hangs.
    """
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=limit_s, check=False, input=said)
    except subprocess.TimeoutExpired as error:
        raise EngineAway(argv[0], f"no answer within {limit_s:g} s") from error
    except FileNotFoundError as error:
        raise EngineAway(argv[0], "it is not installed") from error
    if done.returncode:
        raise EngineRefused(argv[0], (done.stderr or done.stdout).strip()[-500:])
    return done.stdout


def _tail(path: Path, most_bytes: int) -> bytes:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most_bytes))
            return file.read(most_bytes)
    except FileNotFoundError:
        return b""
