from __future__ import annotations

from pathlib import Path

import pytest

from nacre.host import plan
from nacre.kernel.config import Settings


@pytest.mark.parametrize("hosts", ["local", "fake:3"])
def test_parts_come_after_what_stands_before_them(hosts: str):
    seen: set[str] = set()
    for part in plan.parts_of(Settings(state="/s", hosts=hosts), {}):
        assert part.name not in seen
        assert set(part.after) <= seen, part.name
        seen.add(part.name)


def test_fake_hosts_need_the_control_plane_alone():
    assert [part.name for part in plan.parts_of(Settings(state="/s", hosts="fake:3"), {})] == ["serve"]


def test_parts_know_nothing_of_the_callers_choices():
    callers = {
        "NACRE_NETNS": "x",
        "OVS_RUNDIR": "/elsewhere",
        "PYTHONPATH": "/tmp",
        "HOME": "/root",
        "PATH": "/bin",
    }
    for part in plan.parts_of(Settings(state="/s", hosts="local"), callers):
        if part.lasts:
            assert part.environment["NACRE_STATE"] == "/s"
            assert part.environment["HOME"] == "/root"
            assert "/usr/sbin" in part.environment["PATH"].split(":")
            assert "NACRE_NETNS" not in part.environment
            assert "PYTHONPATH" not in part.environment
            assert part.environment.get("OVS_RUNDIR", "/s/run/ovs") == "/s/run/ovs"


def test_the_cloud_is_ready_without_tasks_that_nothing_waits_for():
    parts = plan.parts_of(Settings(state="/s", hosts="local"), {})
    left_out = {part.name for part in parts} - set(plan.demanded(parts))
    assert left_out == {"capabilities"}


def test_every_daemon_with_a_pid_file_has_it_in_the_run_directory():
    """`down` looks there for daemons that the ledger does not know, and names them by the file."""
    for part in plan.parts_of(Settings(state="/s", hosts="local"), {}):
        if part.pid_file:
            assert part.pid_file.stem == part.name
            assert part.pid_file.parent.parent == Path("/s/run")
