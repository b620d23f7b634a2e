"""The guests of this machine, as far as `down` is concerned: asked to power off, then switched off."""

from __future__ import annotations

import re
import time
from pathlib import Path

from nacre.host import paths, probes, processes, tools
from nacre.host.processes import Identity

# A guest that heeds its power button is off within this time also where it is emulated.
_POWER_OFF_S = 8.0


def stop_all(state: Path) -> None:
    """No guest of this cloud runs afterwards. Their disks and definitions stay."""
    if probes.accepts(paths.libvirt_socket(state)):
        _power_off(state)
    for guest in running(state):
        processes.end(guest, grace_s=3.0)


def running(state: Path) -> list[Identity]:
    """The QEMU processes that libvirt has recorded in this state directory and that still run.

    libvirt records no start time; the guest's own UUID on the command line proves that a pid was not used again.
    """
    found = []
    for record in (paths.libvirt_run_dir(state) / "qemu").glob("*.xml"):
        text = record.read_text(errors="replace")
        pid, uuid = re.search(r"<domstatus .*pid='(\d+)'", text), re.search(r"<uuid>(.*?)</uuid>", text)
        identity = processes.identity_of(int(pid[1])) if pid else None
        if identity and uuid and uuid[1].encode() in _command_line(identity.pid):
            found.append(identity)
    return found


def _power_off(state: Path) -> None:
    for name in _names(state):
        _virsh(state, "shutdown", "--mode", "acpi", name)
    deadline = time.monotonic() + _POWER_OFF_S
    while (left := _names(state)) and time.monotonic() < deadline:
        time.sleep(0.2)
    for name in left:
        _virsh(state, "destroy", name)


def _names(state: Path) -> list[str]:
    return _virsh(state, "list", "--uuid").split()


def _virsh(state: Path, *words: str) -> str:
    """What virsh prints; empty when it fails or hangs, as the processes themselves are looked at afterwards."""
    command = ["virsh", "--quiet", "--connect", paths.libvirt_uri(state), *words]
    return tools.try_to_run(*command) or ""


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
