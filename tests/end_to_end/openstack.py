"""The `openstack` command as any user has it: from PyPI, unmodified, in a virtual environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from nacre.host import clouds_yaml

from .conftest import EngineCloud

PROGRAM = Path(__file__).parents[2] / ".venv-clients" / "bin" / "openstack"


class OpenStack:
    """Runs `openstack` as one of a cloud's users; every command must succeed."""

    def __init__(self, cloud: EngineCloud, *, user: str = clouds_yaml.DEMO_CLOUD) -> None:
        assert PROGRAM.exists(), "`make test` installs it"
        self._environment = cloud.openstack_environment(user)

    def __call__(self, *words: str, timeout_s: float = 240.0) -> str:
        """What the command prints."""
        done = subprocess.run(
            [str(PROGRAM), *words],
            check=False,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == 0, f"openstack {' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def told(self, *words: str) -> Any:
        """What the command prints, when asked for JSON."""
        return json.loads(self(*words, "-f", "json"))

    def value(self, column: str, *words: str) -> str:
        """One value of what the command shows."""
        return self(*words, "-f", "value", "-c", column).strip()
