"""A whole cloud on the real engines, made by `nacre up` as a user would make it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.host import choices, clouds_yaml, guests, ledger, logs, namespaces, paths, processes
from nacre.host.api_client import ApiClient
from nacre.host.ledger import Record

NACRE = (sys.executable, "-m", "nacre.cli.main")


def eventually(condition: Callable[[], Any], *, timeout_s: float, every_s: float = 0.1) -> Any:
    """What `condition` returns as soon as it is true; fails when it stays false."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(every_s)
    return result


class EngineCloud:
    """One cloud in a state directory, a network namespace and a home of its own."""

    def __init__(self, state: Path, home: Path) -> None:
        self.state = state
        self.netns = state.name
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NACRE_", "OS_"))},
            "HOME": str(home),
            "NACRE_STATE": str(state),
            "NACRE_NETNS": self.netns,
            "NACRE_LISTEN": f"127.0.0.1:{free_port()}",
        }
        if "NACRE_CACHE" in os.environ:
            self.environment["NACRE_CACHE"] = os.environ["NACRE_CACHE"]

    @property
    def settings(self) -> Any:
        return choices.load(self.environment)

    def nacre(self, *words: str, check: bool = True, timeout_s: float = 600.0) -> subprocess.CompletedProcess:
        """Run a `nacre` command; its output is shown when it fails."""
        done = subprocess.run(
            [*NACRE, *words],
            check=False,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if check:
            assert done.returncode == 0, f"nacre {' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done

    def inside(self, *command: str, timeout_s: float = 60.0, check: bool = True) -> str:
        """The output of a command where the engines and guests live."""
        return self.nacre("exec", "--", *command, timeout_s=timeout_s, check=check).stdout

    def ssh(self, address: str, command: str, *, key: Path | None = None, timeout_s: float = 60.0) -> str:
        """The output of a command on a guest, by its floating IP."""
        options = [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "BatchMode=yes",
        ]
        words = [word for option in options for word in ("-o", option)]
        identity = str(key or paths.demo_key(self.state))
        ssh = ["ssh", "-i", identity, *words, "-o", "ConnectTimeout=5", f"root@{address}", command]
        return self.inside(*ssh, timeout_s=timeout_s)

    def client(self, cloud: str = clouds_yaml.DEMO_CLOUD) -> ApiClient:
        """The public API as one of the two users that `up` makes."""
        auth = clouds_yaml.load(paths.clouds_file(self.state))[cloud]["auth"]
        return ApiClient(
            auth["auth_url"],
            user=auth["username"],
            password=auth["password"],
            project=auth["project_name"],
        )

    def openstack_environment(self, cloud: str = clouds_yaml.DEMO_CLOUD) -> dict[str, str]:
        """What an unmodified client needs to reach this cloud."""
        return {**self.environment, "OS_CLOUD": cloud}

    def parts(self) -> dict[str, Record]:
        known = ledger.read(paths.ledger(self.state))
        return dict(known.parts) if known else {}

    def kill(self, part: str) -> None:
        """SIGKILL one part; the supervisor starts it again."""
        os.kill(self.parts()[part].pid, 9)

    def wait_until_ready(self, *, timeout_s: float = 30.0) -> None:
        """Until every part runs and the control plane answers."""
        eventually(
            lambda: json.loads(self.nacre("status", "--json", check=False).stdout)["well"],
            timeout_s=timeout_s,
        )

    def told(self) -> str:
        """What a stranger needs to understand a failure: the state of all, and the newest of every log."""
        lines = []
        for command in ("status", "audit"):
            done = self.nacre(command, check=False)
            lines += [f"---- nacre {command}", done.stdout + done.stderr]
        for name in ("supervisor", *self.parts()):
            lines += [f"---- log of {name}", *logs.last_lines(paths.log_dir(self.state), name, count=150)]
        return "\n".join(lines)

    def left_overs(self) -> list[str]:
        """What this cloud has left on the machine; nothing after `purge`."""
        found = [f"namespace {name}" for name in namespaces.named(paths.namespace_prefix(self.state))]
        if namespaces.exists(self.netns):
            found.append(f"namespace {self.netns}")
        for pid_file in self.state.glob("run/*/*.pid"):
            if holder := processes.lock_holder(pid_file):
                found.append(f"{pid_file.stem} (pid {holder.pid})")
        found += [f"{name} (pid {part.pid})" for name, part in self.parts().items() if part.runs]
        found += [f"process {left.pid} of libvirt" for left in guests.started_by_libvirt(self.state)]
        if self.state.exists():
            found.append(f"directory {self.state}")
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def machine_links() -> set[str]:
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def new_cloud() -> EngineCloud:
    """A cloud that is not yet up. Its state directory is short, as unix sockets demand."""
    state = Path(tempfile.mkdtemp(prefix="ne-", dir="/tmp"))
    home = Path(tempfile.mkdtemp(prefix="ne-home-", dir="/tmp"))
    return EngineCloud(state, home)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A test that fails says of its cloud what is known, while that is still there."""
    report = yield
    if call.when == "call" and report.failed:
        for found in getattr(item, "funcargs", {}).values():
            if isinstance(found, EngineCloud):
                report.sections.append(("the cloud", found.told()))
                break
    return report


@pytest.fixture(scope="session")
def engine_cloud() -> Iterator[EngineCloud]:
    """One cloud for all tests that do not break it: ready, with its first server. Leaves nothing behind."""
    if os.geteuid() != 0:
        pytest.skip("engines need root")
    links = machine_links()
    cloud = new_cloud()
    try:
        cloud.nacre("up")
        yield cloud
    finally:
        cloud.nacre("purge")
        shutil.rmtree(cloud.environment["HOME"])
    assert cloud.left_overs() == []
    assert machine_links() == links
