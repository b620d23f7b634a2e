"""Which parts make up this cloud, in the order of starting."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from nacre.host import engines, namespaces, paths, probes
from nacre.host.parts import Part
from nacre.kernel.config import Settings

# Choices reach the parts by the settings file alone, so that every one of them is under the same.
_OURS = ("NACRE_", "OVS_", "OVN_", "LIBVIRT_", "PYTHON")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def parts_of(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[Part]:
    """The control plane alone for fake hosts; all engines, the control plane and the agent for this machine."""
    surroundings = surroundings_of(settings, environment)
    serve = Part(
        name="serve",
        command=_program("serve"),
        environment=surroundings,
        after=("nb",) if settings.hosts == "local" else (),
        ready=lambda _pid: probes.is_healthy(paths.api_socket(settings.state_dir)),
    )
    if settings.hosts != "local":
        return [serve]
    agent = Part(
        name="agent",
        command=_program("agent"),
        environment={**surroundings, **engines.environment(settings.state_dir)},
        prepare=partial(namespaces.enter, settings.netns),
        after=("serve", "libvirtd", "bridges"),
    )
    return [*engines.parts(settings, surroundings), serve, agent]


def demanded(parts: Sequence[Part]) -> list[str]:
    """The parts without which the cloud is not ready: all but tasks that no other part comes after."""
    awaited = {name for part in parts for name in part.after}
    return [part.name for part in parts if part.lasts or part.name in awaited]


def surroundings_of(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of every part: the caller's, less what would decide anything, plus where the state is."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_OURS)}
    kept["PATH"] = f"{kept.get('PATH', '')}:{_SYSTEM_PATH}".lstrip(":")
    kept["NACRE_STATE"] = settings.state
    return kept


def _program(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "nacre.cli.main", command)
