"""`nacre up`: from whatever is there to a cloud whose first server answers. Safe to repeat, and to interrupt."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nacre.host import (
    choices,
    clouds_yaml,
    doctor,
    first_use,
    ledger,
    locks,
    logs,
    paths,
    plan,
    probes,
    systemd,
    tools,
    watch,
)
from nacre.host.clouds_yaml import ADMIN_CLOUD, DEMO_CLOUD, CannotMerge, Clouds
from nacre.host.errors import CannotStart, PartFailed
from nacre.host.first_use import Demo
from nacre.host.images import tiny
from nacre.host.ledger import Ledger, Phase, Record
from nacre.kernel.config import Settings

_READY_S = 90.0
_OTHER_COMMAND_S = 600.0
# A busy machine takes seconds to start any program.
_UNSUPERVISED_S = 15.0
# So many ends of one part while `up` waits mean that it will not come up.
_HOPELESS_RESTARTS = 4

Say = Callable[[str], None]


def up(environment: Mapping[str, str], *, hosts: str, database: str, say: Say) -> None:
    """Start or repair the cloud, and return when it is ready. Raises a Problem that says what is wrong."""
    settings = choices.choose(environment, hosts=hosts, database=database)
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.locked(paths.front_door_lock(settings.state_dir), timeout_s=_OTHER_COMMAND_S):
        supervised = locks.is_locked(paths.supervisor_lock(settings.state_dir))
        if reasons := doctor.obstacles(settings, running=supervised):
            raise CannotStart(reasons)
        choices.keep(settings)
        watch.make_directories(settings.state_dir)
        tiny.begin(settings)
        _ensure_supervisor(settings, environment, supervised=supervised)
        _wait_until_ready(settings, say)
        clouds = _ensure_clouds(settings, say)
        demo = first_use.ensure(settings, clouds, say)
    say(_welcome(settings, demo))


def _ensure_supervisor(settings: Settings, environment: Mapping[str, str], *, supervised: bool) -> None:
    state = settings.state_dir
    if supervised:
        known = _watched(state)
        if known:
            os.kill(known.supervisor.pid, signal.SIGHUP)
        return
    if systemd.is_running():
        systemd.start(settings)
        return
    tools.detach(
        *(sys.executable, "-m", "nacre.cli.main", "supervise"),
        log=paths.log_dir(state) / "supervisor.log",
        environment=plan.surroundings_of(settings, environment),
    )


def _wait_until_ready(settings: Settings, say: Say) -> None:
    """Until every part is ready and the control plane answers. Raises PartFailed."""
    state = settings.state_dir
    start = _Start(state, plan.demanded(plan.parts_of(settings)))
    while start.missing or not probes.is_healthy(paths.api_socket(state)):
        for name in start.news():
            say(f"{name} runs")
        start.give_up_if_hopeless()
        time.sleep(0.03)


class _Start:
    """A start as it is seen from outside, by what the supervisor writes down."""

    def __init__(self, state: Path, names: Sequence[str]) -> None:
        self.missing = list(names)
        self._state = state
        self._began = self._supervised_at = time.monotonic()
        self._restarts_before: dict[str, int] = {}
        self._records: Mapping[str, Record] = {}

    def news(self) -> list[str]:
        """The programs that are ready now and were not when this was last asked."""
        known = _watched(self._state)
        if known is None:
            return []
        self._supervised_at = time.monotonic()
        self._records = known.parts
        for name, record in known.parts.items():
            self._restarts_before.setdefault(name, record.restarts)
        fresh = [name for name in self.missing if name in self._records and self._is_ready(name)]
        self.missing = [name for name in self.missing if name not in fresh]
        return [name for name in fresh if self._records[name].lasts]

    def give_up_if_hopeless(self) -> None:
        """Raises PartFailed when it is clear that waiting is of no use."""
        now = time.monotonic()
        if now - self._supervised_at > _UNSUPERVISED_S:
            why = f"it has not run for {_UNSUPERVISED_S:.0f} s"
            raise PartFailed("The supervisor", why, self._last_words("supervisor"))
        for name, record in self._records.items():
            ends = record.restarts - self._restarts_before[name]
            if ends >= _HOPELESS_RESTARTS and name in self.missing:
                why = f"it ended {ends} times, last with {record.last_end}"
                raise PartFailed(name, why, self._last_words(name))
        if now - self._began > _READY_S:
            late = self.missing[0] if self.missing else "serve"
            raise PartFailed(late, f"it was not ready within {_READY_S:.0f} s", self._last_words(late))

    def _is_ready(self, name: str) -> bool:
        return self._records[name].phase is Phase.READY

    def _last_words(self, name: str) -> list[str]:
        return logs.last_lines(paths.log_dir(self._state), name, count=8)


def _watched(state: Path) -> Ledger | None:
    """The ledger, once a living supervisor has written it."""
    if not locks.is_locked(paths.supervisor_lock(state)):
        return None
    known = ledger.read(paths.ledger(state))
    return known if known and known.supervisor_runs else None


def _ensure_clouds(settings: Settings, say: Say) -> Clouds:
    """Write our clouds.yaml, and our entries into the user's."""
    first_passwords = json.loads(paths.bootstrap_file(settings.state_dir).read_text())
    clouds = clouds_yaml.clouds_of(
        settings,
        admin_password=first_passwords["admin_password"],
        demo_password=first_passwords["demo_password"],
    )
    ours = paths.clouds_file(settings.state_dir)
    if clouds_yaml.load(ours) != clouds:
        clouds_yaml.write(ours, clouds)
    try:
        clouds_yaml.merge(clouds_yaml.user_file(), clouds)
    except (CannotMerge, OSError) as problem:
        say(f"use {ours} for your clients: {problem}")
    return clouds


def _welcome(settings: Settings, demo: Demo) -> str:
    lines = [
        "ready",
        "",
        f"  The API listens at {settings.base_url}; the state is in {settings.state}.",
        f"  openstack --os-cloud {DEMO_CLOUD} server list      (an ordinary user)",
        f"  openstack --os-cloud {ADMIN_CLOUD} hypervisor list       (the administrator)",
    ]
    if settings.hosts == "local":
        inside = f"{_itself()} exec " if settings.netns else ""
        lines.append(f"  {inside}{' '.join(first_use.ssh_command(settings, demo.address))}")
    return "\n".join(lines)


def _itself() -> str:
    """How this program is called from where the caller is."""
    return "nacre" if shutil.which("nacre") else str(Path(sys.executable).with_name("nacre"))
