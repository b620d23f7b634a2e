"""Network namespaces, and the private view of the file system that libvirt is given."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from nacre.host import processes, tools

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWNET = 0x4000_0000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
_MNT_DETACH = 2
_NAMED = Path("/run/netns")
_CGROUPS = Path("/sys/fs/cgroup")


def exists(name: str) -> bool:
    """Whether there is a network namespace of this name."""
    return (_NAMED / name).exists()


def ensure(name: str) -> bool:
    """Make a named network namespace, with its loopback up. True when it was not there before."""
    made = not exists(name)
    if made:
        tools.run("ip", "netns", "add", name)
    tools.run("ip", "-n", name, "link", "set", "lo", "up")
    return made


def remove(name: str) -> None:
    """Make a named network namespace absent, and every interface in it that no process holds."""
    if exists(name):
        tools.run("ip", "netns", "del", name)


def end_processes(name: str) -> None:
    """End every process that runs in a named network namespace."""
    if not exists(name):
        return
    listed = tools.run("ip", "netns", "pids", name)
    for identity in map(processes.identity_of, map(int, listed.split())):
        if identity:
            processes.end(identity, grace_s=2.0)


def named(prefix: str) -> list[str]:
    """All named network namespaces whose names begin so."""
    return sorted(entry.name for entry in _NAMED.glob(prefix + "*")) if _NAMED.exists() else []


def inside(name: str, command: Sequence[str]) -> list[str]:
    """The command, run in the named namespace; an empty name is the namespace of the caller."""
    return ["ip", "netns", "exec", name, *command] if name else list(command)


def enter(name: str) -> None:
    """Move this process to the named namespace; with an empty name, leave it where it is.

    Its view of the file system stays, so namespaces it makes can be seen by all. But /sys shows the interfaces
    of the machine: a program that reads /sys/class/net needs `enter_with_own_sys`.
    """
    if not name:
        return
    descriptor = os.open(_NAMED / name, os.O_RDONLY)
    try:
        _check("setns", _libc().setns(descriptor, _CLONE_NEWNET))
    finally:
        os.close(descriptor)


def enter_with_own_sys(name: str) -> None:
    """Move this process to the named namespace, with a private /sys that shows its interfaces."""
    if not name:
        return
    have_private_mounts()
    enter(name)
    # A fresh /sys has no control groups in it: they are carried over by way of a place that always exists.
    waypoint = Path("/mnt")
    carries = any(_CGROUPS.iterdir())
    if carries:
        mount(_CGROUPS, waypoint, recursive=True)
    _check("umount /sys", _libc().umount2(b"/sys", _MNT_DETACH))
    mount(None, Path("/sys"), kind="sysfs")
    if carries:
        mount(waypoint, _CGROUPS, recursive=True)
        _check(f"umount {waypoint}", _libc().umount2(bytes(waypoint), _MNT_DETACH))


def have_private_mounts() -> None:
    """From here on, mounts of this process are seen by it and its children alone."""
    _check("unshare", _libc().unshare(_CLONE_NEWNS))
    _check("mount", _libc().mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))


def bind(binds: Mapping[Path, Path]) -> None:
    """Lay each directory (left) over another (right), which is made if absent."""
    for source, target in binds.items():
        source.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)
        mount(source, target)


def mount(source: Path | None, target: Path, *, kind: str = "", recursive: bool = False) -> None:
    """Bind `source` to `target`, or mount a file system of the given kind there."""
    flags = 0 if kind else _MS_BIND | (_MS_REC if recursive else 0)
    outcome = _libc().mount(bytes(source or Path(kind)), bytes(target), kind.encode() or None, flags, None)
    _check(f"mount {target}", outcome)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(what: str, outcome: int) -> None:
    if outcome != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
