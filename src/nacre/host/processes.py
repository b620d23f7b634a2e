"""Processes, known by pid and start time, so that a pid used again is never mistaken for the old one."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid; native alignment pads it as C does.
_FLOCK = struct.Struct("hhqqi4x")


@dataclass(frozen=True)
class Identity:
    """One process, for all time: its pid, and when it started in clock ticks since the machine did."""

    pid: int
    started: int


def boot_id() -> str:
    """Different after every start of the machine: start times only compare within one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity_of(pid: int) -> Identity | None:
    """The process that has this pid now, or None when there is none that still runs.

    A process whose leader has ended while other threads run on still runs: it holds its locks and memory.
    """
    try:
        # The command name may hold spaces and brackets, so fields are counted behind the last bracket.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if fields[0] == "Z" and len(os.listdir(f"/proc/{pid}/task")) <= 1:
            return None
    except OSError:
        return None
    return Identity(pid, int(fields[19]))


def is_running(identity: Identity) -> bool:
    """Whether this very process still runs."""
    return identity_of(identity.pid) == identity


def open_process(identity: Identity) -> int | None:
    """A pidfd of this very process, or None when it is gone. The caller closes it.

    The start time is read after the pidfd is open, so the descriptor cannot belong to a successor.
    """
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if is_running(identity):
        return descriptor
    os.close(descriptor)
    return None


def end(identity: Identity, *, grace_s: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask a process to end, wait for `grace_s`, then kill it, and return when it is gone."""
    descriptor = open_process(identity)
    if descriptor is None:
        return
    try:
        for attempt, patience_s in ((by, grace_s), (signal.SIGKILL, 10.0)):
            try:
                signal.pidfd_send_signal(descriptor, attempt)
            except ProcessLookupError:
                return
            if _ended(descriptor, patience_s):
                return
    finally:
        os.close(descriptor)
        _reap(identity.pid)


def ask_to_end(identity: Identity) -> None:
    """Send a process SIGTERM and wait for nothing; one that is gone is no failure."""
    descriptor = open_process(identity)
    if descriptor is not None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        os.close(descriptor)


def wait_for_end(identity: Identity, *, timeout_s: float) -> bool:
    """Wait until a process is gone; False when it still runs after `timeout_s`."""
    descriptor = open_process(identity)
    if descriptor is None:
        return True
    try:
        return _ended(descriptor, timeout_s)
    finally:
        os.close(descriptor)
        _reap(identity.pid)


def lock_holder(pid_file: Path) -> Identity | None:
    """The process that holds the lock on a pid file: the daemon it names, if that still runs.

    Daemons of Open vSwitch, OVN and libvirt lock their pid files as long as they live, so this cannot be
    wrong as the number written in the file can.
    """
    try:
        with pid_file.open("rb") as file:
            asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except OSError:
        return None
    return None if kind == fcntl.F_UNLCK or pid <= 0 else identity_of(pid)


def _ended(descriptor: int, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))


def _reap(pid: int) -> None:
    """Collect a child that has ended; somebody else's child is left to its parent."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
