from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from nacre.host import processes
from nacre.host.supervisor import LONGEST_REST_S, rest_s

from .conftest import Rig, eventually

HOLDS_A_PID_FILE = """
import fcntl, os, sys, time
file = open(sys.argv[1], "a")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
time.sleep(1000)
"""


def test_a_part_starts_only_when_what_it_comes_after_is_ready(rig: Rig):
    gate = rig.directory / "ready"
    rig.add("first", *rig.sleeper(), ready_file=str(gate))
    rig.add("second", *rig.sleeper(), after=["first"])
    rig.start()
    eventually(lambda: rig.starts() == ["first"])
    assert rig.records()["second"].phase == "waiting"

    gate.touch()

    rig.wait_until_ready()
    assert rig.starts() == ["first", "second"]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_a_part_that_dies_is_started_again_at_once(rig: Rig, by: signal.Signals):
    rig.add("part", *rig.sleeper())
    rig.start()
    before = rig.wait_until_ready()["part"]
    died_at = time.monotonic()

    os.kill(before.pid, by)

    after = eventually(lambda: (now := rig.ready("part")) and now.pid != before.pid and now)
    assert time.monotonic() - died_at < 2.0
    assert after.restarts == 1
    assert after.last_end.startswith(by.name)


def test_a_part_that_is_killed_before_it_has_begun_is_started_again(rig: Rig):
    rig.add("part", *rig.sleeper())
    rig.kill_the_first_recorded = True
    rig.start()

    assert rig.wait_until_ready()["part"].restarts == 1
    assert rig.starts() == ["part"], "the killed one never came as far"


def test_a_full_disk_ends_neither_the_supervisor_nor_starts_a_part_twice(rig: Rig):
    sleeper = rig.sleeper()
    rig.add("part", *sleeper)
    rig.disk_is_full_times = 2
    rig.start()

    ready = rig.wait_until_ready()["part"]

    assert rig.running(*sleeper) == [ready.pid]


def test_rests_grow_from_nothing_to_a_limit():
    rests = [rest_s(deaths) for deaths in range(1, 20)]
    assert rests[0] == 0.0
    assert 0 < rests[1] <= 1.0
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_REST_S


def test_a_part_that_always_dies_does_not_keep_the_machine_busy(rig: Rig):
    rig.add("broken", "false")
    rig.add("whole", *rig.sleeper())
    rig.start()

    eventually(lambda: rig.records().get("broken") and rig.records()["broken"].restarts >= 3)

    # Without rests, hundreds of starts would fit into the time that three take with them.
    assert len(rig.starts()) <= 6
    assert rig.records()["broken"].last_end.startswith("exit status 1")
    assert rig.ready("whole")


def test_sighup_has_a_resting_part_started_at_once(rig: Rig):
    cure = rig.directory / "cure"
    rig.add("sick", "sh", "-c", f"test -e {cure} && exec {' '.join(rig.sleeper())}", ready_file=str(cure))
    rig.start()
    eventually(lambda: rig.records().get("sick") and rig.records()["sick"].restarts >= 4)

    cure.touch()
    rig.hurry()

    eventually(lambda: rig.ready("sick"), timeout_s=1.5)


def test_a_program_that_cannot_be_started_is_reported_and_tried_again(rig: Rig):
    rig.add("absent", "/no/such/program")
    rig.start()
    eventually(lambda: rig.records().get("absent") and rig.records()["absent"].restarts >= 2)
    assert "No such file" in (rig.directory / "log" / "absent.log").read_text()


def test_leaving_ends_nothing(rig: Rig):
    sleeper = rig.sleeper()
    rig.add("part", *sleeper)
    rig.start()
    rig.wait_until_ready()

    rig.stop(signal.SIGTERM)

    assert len(rig.running(*sleeper)) == 1


def test_a_killed_supervisors_parts_are_taken_over_and_not_started_twice(rig: Rig):
    sleepers = []
    for name in ("a", "b", "c"):
        sleepers.append(rig.sleeper())
        rig.add(name, *sleepers[-1])
    rig.start()
    before = rig.wait_until_ready()
    rig.stop(signal.SIGKILL)

    rig.start()
    rig.wait_until_ready()

    assert {name: record.identity for name, record in rig.records().items()} == {
        name: record.identity for name, record in before.items()
    }
    assert [len(rig.running(*sleeper)) for sleeper in sleepers] == [1, 1, 1]


def test_a_part_taken_over_is_watched_like_any_other(rig: Rig):
    rig.add("part", *rig.sleeper())
    rig.start()
    rig.wait_until_ready()
    rig.stop(signal.SIGKILL)
    rig.start()
    before = rig.wait_until_ready()["part"]

    os.kill(before.pid, signal.SIGKILL)

    after = eventually(lambda: (now := rig.ready("part")) and now.pid != before.pid and now)
    assert after.restarts == 1


def test_a_part_that_died_while_nobody_watched_is_started_again(rig: Rig):
    sleeper = rig.sleeper()
    rig.add("part", *sleeper)
    rig.start()
    before = rig.wait_until_ready()["part"]
    rig.stop(signal.SIGKILL)
    processes.end(before.identity, grace_s=0.0, by=signal.SIGKILL)

    rig.start()

    after = eventually(lambda: (now := rig.ready("part")) and now.pid != before.pid and now)
    assert after.restarts == 1
    assert len(rig.running(*sleeper)) == 1


def test_killing_the_supervisor_at_any_moment_never_gives_a_second_process(rig: Rig):
    """The gap between making a process and recording it is where an ordinary supervisor loses one."""
    moments = random.Random(7)
    sleepers = []
    for name in ("a", "b", "c", "d"):
        sleepers.append(rig.sleeper())
        rig.add(name, *sleepers[-1], after=[rig.parts[-1]["name"]] if rig.parts else [])
    for _ in range(12):
        rig.start()
        time.sleep(moments.uniform(0.05, 0.16))  # Any moment will do: none may matter.
        rig.stop(signal.SIGKILL)
        for sleeper in sleepers:
            assert len(rig.running(*sleeper)) <= 1
        if len(rig.running(*sleepers[-1])) == 1:
            for record in rig.records().values():
                if moments.random() < 0.5 and record.identity:
                    processes.end(record.identity, grace_s=0.0, by=signal.SIGKILL)

    rig.start()

    rig.wait_until_ready()
    assert [len(rig.running(*sleeper)) for sleeper in sleepers] == [1, 1, 1, 1]


def test_a_stranger_with_a_recorded_pid_is_neither_taken_over_nor_harmed(rig: Rig):
    rig.add("part", *rig.sleeper())
    rig.start()
    before = rig.wait_until_ready()["part"]
    rig.stop(signal.SIGTERM)
    processes.end(before.identity, grace_s=2.0)
    myself = processes.identity_of(os.getpid())
    text = rig.ledger_file.read_text().replace(f'"pid": {before.pid}', f'"pid": {myself.pid}')
    rig.ledger_file.write_text(text)

    rig.start()

    after = eventually(lambda: (now := rig.ready("part")) and now.pid not in (0, myself.pid) and now)
    assert after.runs


def test_a_part_that_a_newer_version_does_not_have_is_ended(rig: Rig):
    old = rig.sleeper()
    rig.add("old", *old)
    rig.start()
    rig.wait_until_ready()
    rig.stop(signal.SIGTERM)
    rig.parts.clear()
    rig.add("new", "sleep", "1001")

    rig.start()

    rig.wait_until_ready()
    assert rig.running(*old) == []


def test_a_ledger_of_before_the_machine_started_is_not_believed(rig: Rig):
    rig.add("part", *rig.sleeper())
    rig.start()
    before = rig.wait_until_ready()["part"]
    rig.stop(signal.SIGTERM)
    processes.end(before.identity, grace_s=2.0)
    rig.ledger_file.write_text(rig.ledger_file.read_text().replace(processes.boot_id(), "another"))

    rig.start()

    after = eventually(lambda: rig.ready("part"))
    assert after.restarts == 0


def test_the_holder_of_a_pid_file_is_taken_over_instead_of_starting_a_second(rig: Rig):
    pid_file = rig.directory / "daemon.pid"
    command = (sys.executable, "-c", HOLDS_A_PID_FILE, str(pid_file))
    rig.add("daemon", *command, pid_file=str(pid_file))
    rig.start()
    eventually(lambda: processes.lock_holder(pid_file))
    before = rig.wait_until_ready()["daemon"]
    rig.stop(signal.SIGKILL)
    rig.ledger_file.unlink()

    rig.start()

    assert eventually(lambda: rig.ready("daemon")).identity == before.identity
    assert rig.starts() == ["daemon"]


def test_a_task_is_done_once_and_again_after_its_forerunner_was_restarted(rig: Rig):
    rig.add("daemon", *rig.sleeper())
    rig.add("task", after=["daemon"])
    rig.add("user", *rig.sleeper(), after=["task"])
    rig.start()
    before = rig.wait_until_ready()
    assert rig.starts() == ["daemon", "task", "user"]

    os.kill(before["daemon"].pid, signal.SIGKILL)

    eventually(lambda: rig.starts() == ["daemon", "task", "user", "daemon", "task"])
    eventually(lambda: rig.ready("task"))
    assert rig.ready("user").pid == before["user"].pid, "what uses a restarted part runs on"


def test_a_part_has_nothing_of_its_supervisor(rig: Rig):
    rig.add("part", *rig.sleeper())
    rig.start()
    record = rig.wait_until_ready()["part"]

    files = {os.readlink(entry) for entry in Path(f"/proc/{record.pid}/fd").iterdir()}
    assert files == {"/dev/null", str(rig.directory / "log" / "part.log")}
    ignored = int(status_of(record.pid, "SigIgn"), 16)
    # The C library keeps two signals to itself, which nobody else can set: where the caller of it all ignores
    # one of them, so does everything below.
    assert [number for number in signal.valid_signals() if ignored >> (number - 1) & 1] == []
    assert os.getsid(record.pid) == record.pid


def test_at_rest_the_supervisor_does_not_run(rig: Rig):
    rig.add("part", *rig.sleeper())
    rig.start()
    rig.wait_until_ready()
    supervisor = rig.supervisor_pid()
    eventually(lambda: status_of(supervisor, "State") == "S")
    before = int(status_of(supervisor, "voluntary_ctxt_switches"))

    time.sleep(0.5)  # There is nothing to wait for: that nothing happens is what is looked at.

    assert int(status_of(supervisor, "voluntary_ctxt_switches")) - before <= 1


def status_of(pid: int, field: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(field + ":"))
