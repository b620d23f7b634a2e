"""The engines of one host, in a network namespace and a state directory of their own, for whoever needs real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nacre.host import choices, down, engines, ledger, namespaces, paths, processes
from nacre.host.ledger import Phase
from nacre.host.processes import Identity
from nacre.kernel.config import Settings

SUPERVISE = Path(__file__).parent.parent / "host" / "supervise_engines.py"

needs_engines = [
    pytest.mark.engines,
    pytest.mark.skipif(os.geteuid() != 0, reason="engines need root"),
]


def eventually(condition: Callable[[], Any], what: str, *, within_s: float = 30.0) -> Any:
    """What `condition` gives once that is true."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not come to be within {within_s} s: {what}"
        time.sleep(0.02)
    return found


class RealHost:
    """Open vSwitch, OVN and libvirt, watched by a supervisor, without control plane and agent."""

    def __init__(self, state: Path) -> None:
        environment = {"NACRE_STATE": str(state), "NACRE_NETNS": state.name}
        choices.keep(choices.choose(environment, hosts="local", database=""))
        self.settings: Settings = choices.load(environment)
        self.state = state
        self._environment = {**os.environ, **engines.environment(state), "NACRE_STATE": str(state)}
        self._supervisor = subprocess.Popen([sys.executable, str(SUPERVISE)], env=self._environment)
        eventually(self._ready, "all engines are ready", within_s=60.0)

    def _ready(self) -> bool:
        known = ledger.read(paths.ledger(self.state))
        return known is not None and all(record.phase is Phase.READY for record in known.parts.values())

    def process_of(self, part: str) -> Identity:
        """The process of an engine that runs now."""

        def running() -> Identity | None:
            known = ledger.read(paths.ledger(self.state))
            record = known.parts.get(part) if known else None
            identity = record.identity if record and record.phase is Phase.READY else None
            return identity if identity and processes.is_running(identity) else None

        return eventually(running, f"{part} runs")

    def run(self, *words: str) -> str:
        """The output of a command where the engines live."""
        command = namespaces.inside(self.settings.netns, list(words))
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def links(self) -> set[str]:
        """Every network interface where the engines live."""
        return set(self.run("ls", "/sys/class/net").split())

    def start_agent(self) -> subprocess.Popen[bytes]:
        """The agent as a process, as the supervisor would start it."""
        # Not `ip netns exec`: it hides from others the namespaces that the agent makes.
        enter = ["nsenter", f"--net=/run/netns/{self.settings.netns}"]
        command = [*enter, sys.executable, "-m", "nacre.cli.main", "agent"]
        return subprocess.Popen(command, env=self._environment)

    def close(self) -> None:
        down.down(self.settings, lambda _line: None)
        self._supervisor.wait(timeout=5)


@contextmanager
def real_host() -> Iterator[RealHost]:
    """Engines until the end of the block; nothing of them is left."""
    state = Path(tempfile.mkdtemp(prefix="na-", dir="/tmp"))
    host = RealHost(state)
    try:
        yield host
    finally:
        host.close()
        shutil.rmtree(state)
