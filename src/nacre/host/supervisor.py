"""Starts the parts in order, watches them, and starts a dead one again. Blocks in poll(): no cost at rest.

A part is written into the ledger before it runs: its process waits at a gate, and is gone if the supervisor
dies before opening it. So a successor, which reads the ledger, takes over what runs and starts nothing twice.
The supervisor ends nothing when it leaves; that is the work of `down`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nacre.host import ledger, logs, processes
from nacre.host.ledger import Ledger, Phase, Record
from nacre.host.parts import Part
from nacre.host.processes import Identity

# A part that ran this long was well, and its next death is a first one again.
STEADY_S = 10.0
FIRST_PROBE_S = 0.01
SLOWEST_PROBE_S = 0.25
LONGEST_REST_S = 4.0
PAUSE_AFTER_ERROR_S = 0.5
LOG_CHECK_S = 600.0


def rest_s(quick_deaths: int) -> float:
    """How long a part rests before it is started again, after so many deaths shortly after a start.

    The first restart comes at once; from the second on each waits twice as long as the one before.
    """
    return 0.0 if quick_deaths <= 1 else min(LONGEST_REST_S, 0.25 * 2.0 ** (quick_deaths - 1))


@dataclass
class _Watch:
    """One part, and how far it is."""

    part: Part
    phase: Phase = Phase.WAITING
    identity: Identity | None = None
    descriptor: int = -1
    since_s: float = 0.0
    started_at: float = 0.0
    next_look: float = 0.0
    probe_s: float = FIRST_PROBE_S
    restarts: int = 0
    quick_deaths: int = 0
    last_end: str = ""
    outdated: bool = False

    def record(self) -> Record:
        return Record(
            name=self.part.name,
            phase=self.phase,
            lasts=self.part.lasts,
            pid=self.identity.pid if self.identity else 0,
            started=self.identity.started if self.identity else 0,
            since_s=self.since_s,
            restarts=self.restarts,
            last_end=self.last_end,
        )


class Supervisor:
    """Runs the given parts. `parts` stand in the order of starting: each after those it names in `after`."""

    def __init__(self, parts: Sequence[Part], *, ledger_file: Path, log_dir: Path) -> None:
        self._watches = {part.name: _Watch(part) for part in parts}
        self._ledger_file = ledger_file
        self._log_dir = log_dir
        self._itself = processes.identity_of(os.getpid())
        self._poller = select.poll()
        self._leaving = False
        self._unsaved = False
        self._next_log_check = 0.0

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT. SIGHUP has resting parts started at once."""
        wake_reader, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poller.register(wake_reader, select.POLLIN)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_leave)
        signal.signal(signal.SIGHUP, self._on_hurry)
        self._log_dir.mkdir(parents=True, exist_ok=True)
        self._take_over()
        while not self._leaving:
            try:
                self._turn(wake_reader)
            except Exception:  # noqa: BLE001 - a full disk, say: who watches the others must not end himself.
                traceback.print_exc()
                time.sleep(PAUSE_AFTER_ERROR_S)
        self._save()

    def _turn(self, wake_reader: int) -> None:
        """Take the steps that can be taken now, and wait for something to happen."""
        if self._unsaved:
            self._save()
        self._advance()
        timeout_ms = max(0.0, self._next_look() - time.monotonic()) * 1000
        for descriptor, _ in self._poller.poll(timeout_ms):
            if descriptor == wake_reader:
                os.read(wake_reader, 4096)
            else:
                self._on_end(descriptor)

    def _on_leave(self, *_: object) -> None:
        self._leaving = True

    def _on_hurry(self, *_: object) -> None:
        for watch in self._watches.values():
            watch.next_look = 0.0

    def _take_over(self) -> None:
        """Go on with what an earlier supervisor started and still runs."""
        known = ledger.read(self._ledger_file)
        for name, record in known.parts.items() if known else ():
            watch = self._watches.get(name)
            if watch is None and record.identity:
                # Of an older version of this program, which ran something that this one does not.
                processes.end(record.identity, grace_s=5.0)
            if watch is None or not record.lasts:
                continue
            watch.restarts, watch.last_end = record.restarts, record.last_end
            if record.identity and self._watch_process(watch, record.identity):
                watch.since_s = record.since_s
            elif record.identity:
                watch.restarts += 1
                watch.last_end = "ended while nobody watched"
        self._save()

    def _advance(self) -> None:
        """Take every step that can be taken now."""
        if time.monotonic() >= self._next_log_check:
            logs.shorten_all(self._log_dir)
            self._next_log_check = time.monotonic() + LOG_CHECK_S
        moved = True
        while moved:
            moved = False
            for watch in self._watches.values():
                moved = self._step(watch) or moved

    def _step(self, watch: _Watch) -> bool:
        """The next step of one part; False when there is none to take yet."""
        now = time.monotonic()
        match watch.phase:
            case Phase.RESTING if now >= watch.next_look:
                watch.phase = Phase.WAITING
            case Phase.WAITING if all(self._watches[name].phase is Phase.READY for name in watch.part.after):
                self._start(watch)
            case Phase.STARTING if watch.part.lasts and now >= watch.next_look:
                return self._probe(watch, now)
            case _:
                return False
        return True

    def _probe(self, watch: _Watch, now: float) -> bool:
        assert watch.identity is not None, "a starting part has a process"
        if watch.part.ready(watch.identity.pid):
            watch.phase = Phase.READY
            self._save()
            return True
        watch.next_look = now + watch.probe_s
        watch.probe_s = min(SLOWEST_PROBE_S, watch.probe_s * 1.5)
        return False

    def _start(self, watch: _Watch) -> None:
        """Start a part, or take over the process that holds its pid file."""
        holder = processes.lock_holder(watch.part.pid_file) if watch.part.pid_file else None
        if holder and self._watch_process(watch, holder):
            self._save()
            return
        gate_reader, gate_writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(watch.part, gate_reader, gate_writer, self._log_dir)
        os.close(gate_reader)
        try:
            identity = processes.identity_of(pid)
            assert identity is not None, "the child waits at the gate"
            self._watch_process(watch, identity)
            self._save()
            with contextlib.suppress(
                BrokenPipeError
            ):  # It was killed at the gate; its end is seen as any other.
                os.write(gate_writer, b"!")
        finally:
            os.close(gate_writer)  # Unless it was let through, the child ends now.

    def _watch_process(self, watch: _Watch, identity: Identity) -> bool:
        descriptor = processes.open_process(identity)
        if descriptor is None:
            return False
        watch.identity, watch.descriptor, watch.phase = identity, descriptor, Phase.STARTING
        watch.since_s, watch.started_at = time.time(), time.monotonic()
        watch.next_look, watch.probe_s = 0.0, FIRST_PROBE_S
        self._poller.register(descriptor, select.POLLIN)
        return True

    def _on_end(self, descriptor: int) -> None:
        """A process has ended: note how, and say when its part is started again."""
        watch = next(each for each in self._watches.values() if each.descriptor == descriptor)
        assert watch.identity is not None, "a descriptor belongs to a process"
        self._poller.unregister(descriptor)
        os.close(descriptor)
        how = _how_it_ended(watch.identity.pid)
        lived_s = time.monotonic() - watch.started_at
        watch.identity, watch.descriptor = None, -1
        if not watch.part.lasts and how == "exit status 0":
            watch.phase = Phase.WAITING if watch.outdated else Phase.READY
            watch.quick_deaths, watch.outdated = 0, False
        else:
            watch.quick_deaths = watch.quick_deaths + 1 if lived_s < STEADY_S else 1
            watch.phase = Phase.RESTING
            watch.next_look = time.monotonic() + rest_s(watch.quick_deaths)
            watch.restarts += 1
            watch.last_end = f"{how}, {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}"
            self._redo_tasks_after(watch.part.name)
        self._save()

    def _redo_tasks_after(self, name: str) -> None:
        """What was set up in a program is set up again in its successor."""
        for watch in self._watches.values():
            if not watch.part.lasts and name in watch.part.after:
                if watch.phase is Phase.READY:
                    watch.phase = Phase.WAITING
                watch.outdated = watch.phase is Phase.STARTING

    def _next_look(self) -> float:
        looks = [
            watch.next_look
            for watch in self._watches.values()
            if watch.phase is Phase.RESTING or (watch.phase is Phase.STARTING and watch.part.lasts)
        ]
        return min([*looks, self._next_log_check])

    def _save(self) -> None:
        assert self._itself is not None, "this process runs"
        self._unsaved = True
        records = {name: watch.record() for name, watch in self._watches.items()}
        ledger.write(
            self._ledger_file, Ledger(boot_id=processes.boot_id(), supervisor=self._itself, parts=records)
        )
        self._unsaved = False


def _become(part: Part, gate_reader: int, gate_writer: int, log_dir: Path) -> None:
    """In the new process: wait for the gate, prepare, and become the part. Never returns."""
    status = 127
    try:
        os.close(gate_writer)
        if os.read(gate_reader, 1) == b"!":
            _leave_supervisor(logs.open_log(log_dir, part.name))
            part.prepare()
            if part.lasts:
                os.execvpe(part.command[0], part.command, dict(part.environment))  # noqa: S606 - no shell.
            status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this must not run on as a second supervisor.
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _leave_supervisor(log: int) -> None:
    """Drop everything a new process has from the supervisor: session, signals, open files."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    # A shell that put us in the background ignores some for us, which would be inherited.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 1 << 20)


def _how_it_ended(pid: int) -> str:
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return "unknown, as it was taken over from an earlier supervisor"
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit status {os.WEXITSTATUS(status)}"
