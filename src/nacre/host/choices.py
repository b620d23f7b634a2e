"""What was chosen at the first `up`, kept in the state directory for every later command and every restart."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from nacre.host import files, paths
from nacre.kernel.config import Settings, default_state, load_settings
from nacre.kernel.errors import Conflict, NotFound

_HEADING = "# The choices of this cloud, written by its first `nacre up`. Change them while it is down.\n"


@dataclass(eq=False)
class NoCloud(NotFound):
    """No cloud was ever started in this state directory."""

    code = "host.no_cloud"
    state: Path

    def __str__(self) -> str:
        return (
            f"There is no cloud in {self.state}: `nacre up` makes one, NACRE_STATE names another directory."
        )


@dataclass(eq=False)
class Contradiction(Conflict):
    """An option asked for now that the cloud was not made with."""

    code = "host.contradiction"
    option: str
    asked: str
    chosen: str
    file: Path

    def __str__(self) -> str:
        return (
            f"This cloud was made with {self.option} = {self.chosen!r} and now {self.asked!r} is asked for. "
            f"Ask for nothing, or run `nacre down` and change it in {self.file}."
        )


def state_of(environment: Mapping[str, str]) -> Path:
    """The state directory that this environment means."""
    return Path(os.path.abspath(environment.get("NACRE_STATE") or default_state()))


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of the cloud in this environment's state directory, as `up` made it. Raises NoCloud.

    Only NACRE_STATE is heeded: a variable set later must not make `down` look for another network namespace.
    """
    state = state_of(environment)
    if not paths.settings_file(state).exists():
        raise NoCloud(state)
    return load_settings({"NACRE_STATE": str(state)})


def choose(environment: Mapping[str, str], *, hosts: str, database: str) -> Settings:
    """The settings for `up`: those kept, or on the first time those asked for, which `keep` then keeps.

    Empty `hosts` and `database` ask for nothing. Raises Contradiction and BadConfiguration.
    """
    state = state_of(environment)
    file = paths.settings_file(state)
    asked_environment = {**environment, "NACRE_STATE": str(state)}
    if hosts:
        asked_environment["NACRE_HOSTS"] = hosts
    if database:
        asked_environment["NACRE_DATABASE_URL"] = database
    if not file.exists():
        return load_settings(asked_environment)
    kept = load_settings({"NACRE_STATE": str(state)})
    asked = load_settings(asked_environment, file=file)
    for option, chosen in options(kept).items():
        now = options(asked)[option]
        if now != chosen:
            raise Contradiction(option, asked=str(now), chosen=str(chosen), file=file)
    return kept


def keep(settings: Settings) -> None:
    """Write the settings file, if there is none: what differs from the defaults, and what makes a cloud what it is.

    Only its owner may read it, as a database URL may hold a password.
    """
    file = paths.settings_file(settings.state_dir)
    if file.exists():
        return
    defaults = options(Settings())
    values = {
        option: value
        for option, value in options(settings).items()
        if value != defaults[option] or option in ("hosts", "listen", "netns")
    }
    del values["state"]
    files.replace(file, _HEADING + as_toml(values), mode=0o600)


def options(settings: msgspec.Struct, prefix: str = "") -> dict[str, Any]:
    """Every option with its value, in the form `section.name`; sections are flattened."""
    found: dict[str, Any] = {}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            found |= options(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def as_toml(values: Mapping[str, Any]) -> str:
    """Options (`section.name`, at most one section deep) in the form of the settings file."""
    lines: list[str] = []
    section = ""
    for option, value in sorted(values.items(), key=lambda item: (item[0].count("."), item[0])):
        here, _, name = option.rpartition(".")
        if here != section:
            lines.append(f"\n[{here}]")
            section = here
        # JSON's strings, numbers and booleans are TOML's.
        lines.append(f"{name} = {msgspec.json.encode(value).decode()}")
    return "\n".join(lines) + "\n"
