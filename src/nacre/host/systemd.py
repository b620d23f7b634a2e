"""Where systemd is process 1, it keeps the supervisor running; the supervisor keeps everything else."""

from __future__ import annotations

import sys
from pathlib import Path

from nacre.host import files, tools
from nacre.kernel.config import Settings, default_state

_UNITS = Path("/etc/systemd/system")

# KillMode=process: guests and engines outlive the supervisor, and `nacre down` ends them in their order.
# Delegate=yes: libvirt makes control groups of its own below the unit's.
_UNIT = """\
[Unit]
Description=Nacre, the cloud in {state}
Wants=network-online.target
After=network-online.target

[Service]
Type=simple
Environment=NACRE_STATE={state}
ExecStart={python} -m nacre.cli.main supervise
ExecStop={python} -m nacre.cli.main down --by-unit
Restart=always
RestartSec=1
KillMode=process
Delegate=yes
TimeoutStopSec=90
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""


def is_running() -> bool:
    """Whether systemd runs this machine."""
    return Path("/run/systemd/system").is_dir()


def unit_name(settings: Settings) -> str:
    """One unit for the usual place, and one per other state directory."""
    if settings.state == default_state():
        return "nacre.service"
    return f"nacre-{settings.state.strip('/').replace('/', '-')}.service"


def unit_text(settings: Settings) -> str:
    """The unit file of this cloud."""
    return _UNIT.format(state=settings.state, python=sys.executable)


def start(settings: Settings) -> None:
    """Have the supervisor run now and after every start of the machine."""
    files.replace(_UNITS / unit_name(settings), unit_text(settings), mode=0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", unit_name(settings))


def stop(settings: Settings) -> None:
    """End the supervisor, now and after the next start of the machine."""
    if (_UNITS / unit_name(settings)).exists():
        _systemctl("disable", "--now", unit_name(settings))


def remove(settings: Settings) -> None:
    """Leave no unit behind."""
    unit = _UNITS / unit_name(settings)
    if unit.exists():
        unit.unlink()
        _systemctl("daemon-reload")


def _systemctl(*words: str) -> None:
    tools.run("systemctl", *words, timeout_s=120.0)
