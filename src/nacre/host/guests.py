"""What libvirt has started on this machine for this cloud, as far as starting and stopping it is concerned."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from nacre.host import paths, probes, processes, tools
from nacre.host.processes import Identity

# A guest that heeds its power button is off within this time also where it is emulated.
_POWER_OFF_S = 8.0
# What libvirt names the QEMU processes by which it learns what QEMU can do.
_QUESTION = b"/var/lib/libvirt/qemu/qmp-"


def power_off_all(state: Path) -> None:
    """Ask every guest to power off, and switch off those that do not. Their disks and definitions stay.

    Does nothing where libvirtd is gone; `end_all` ends what it has left.
    """
    if not probes.accepts(paths.libvirt_socket(state)):
        return
    for name in _names(state, "--state-running"):
        _virsh(state, "shutdown", "--mode", "acpi", name)
    deadline = time.monotonic() + _POWER_OFF_S
    while _names(state, "--state-running") and time.monotonic() < deadline:
        time.sleep(0.2)
    for name in _names(state):
        _virsh(state, "destroy", name)


def end_all(state: Path) -> None:
    """End whatever libvirt has started and left: guests when it was killed, and its questions to QEMU."""
    for identity in started_by_libvirt(state):
        processes.end(identity, grace_s=3.0)


def end_questions(state: Path) -> None:
    """End the questions to QEMU that a killed libvirtd has left; they would wait for ever. Guests run on."""
    for identity in started_by_libvirt(state):
        if _QUESTION in _command_line(identity.pid):
            processes.end(identity, grace_s=1.0)
    for directory in (paths.libvirt_dir(state) / "lib" / "qemu").glob("qmp-*"):
        shutil.rmtree(directory, ignore_errors=True)


def started_by_libvirt(state: Path) -> list[Identity]:
    """Every process that has this cloud's view of /var/lib/libvirt: libvirt itself, and all it has started."""
    try:
        ours = os.stat(paths.libvirt_dir(state) / "lib")
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if (
            entry.name.isdigit()
            and _sees(entry, ours)
            and (identity := processes.identity_of(int(entry.name)))
        ):
            found.append(identity)
    return found


def _sees(process: Path, ours: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(process / "root/var/lib/libvirt"), ours)
    except OSError:
        return False


def _names(state: Path, *which: str) -> list[str]:
    return _virsh(state, "list", "--uuid", *which).split()


def _virsh(state: Path, *words: str) -> str:
    """What virsh prints; empty when it fails or hangs, as the processes themselves are looked at afterwards."""
    return tools.try_to_run("virsh", "--quiet", "--connect", paths.libvirt_uri(state), *words) or ""


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
