from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.host import processes
from nacre.host.processes import Identity

from .conftest import eventually


@pytest.fixture
def child() -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def test_a_process_is_known_by_its_start_time_as_well(child: subprocess.Popen):
    identity = processes.identity_of(child.pid)
    assert processes.is_running(identity)
    assert not processes.is_running(Identity(child.pid, identity.started - 1))


def test_a_zombie_does_not_run(child: subprocess.Popen):
    identity = processes.identity_of(child.pid)
    child.kill()
    eventually(lambda: not processes.is_running(identity))
    assert processes.identity_of(child.pid) is None


def test_ending_waits_until_the_process_is_gone(child: subprocess.Popen):
    identity = processes.identity_of(child.pid)
    processes.end(identity, grace_s=5.0)
    assert not processes.is_running(identity)


def test_ending_kills_what_does_not_listen():
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(1000)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        identity = processes.identity_of(process.pid)
        began = time.monotonic()
        processes.end(identity, grace_s=0.1)
        assert not processes.is_running(identity)
        assert 0.1 <= time.monotonic() - began < 2.0


def test_ending_never_touches_a_successor_with_the_same_pid(child: subprocess.Popen):
    identity = processes.identity_of(child.pid)
    processes.end(Identity(child.pid, identity.started - 1), grace_s=0.0, by=signal.SIGKILL)
    assert processes.is_running(identity)


def test_ending_what_is_gone_succeeds(child: subprocess.Popen):
    identity = processes.identity_of(child.pid)
    child.kill()
    child.wait()
    processes.end(identity, grace_s=1.0)
    assert processes.wait_for_end(identity, timeout_s=0.0)


def test_a_process_that_runs_on_is_not_reported_as_ended(child: subprocess.Popen):
    assert not processes.wait_for_end(processes.identity_of(child.pid), timeout_s=0.01)


def test_the_lock_on_a_pid_file_tells_its_holder_whatever_is_written_in_it(state: Path):
    pid_file = state / "x.pid"
    assert processes.lock_holder(pid_file) is None
    pid_file.write_text(f"{os.getpid()}\n")
    assert processes.lock_holder(pid_file) is None
    lock = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", lock, str(pid_file)]) as holder:
        assert eventually(lambda: processes.lock_holder(pid_file)).pid == holder.pid
        holder.kill()
    assert processes.lock_holder(pid_file) is None
