"""`clouds.yaml`: our own, and our two entries in the user's, which is otherwise left as it is, comments included."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nacre.host import files
from nacre.kernel.config import Settings
from nacre.kernel.errors import Conflict

ADMIN_CLOUD = "nacre"
DEMO_CLOUD = "nacre-demo"
Clouds = Mapping[str, Mapping[str, Any]]


@dataclass(eq=False)
class CannotMerge(Conflict):
    """The user's clouds.yaml is not of a form that can be changed without harm."""

    code = "host.cannot_merge_clouds"
    file: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.file} is left as it is: {self.reason}."


def clouds_of(settings: Settings, *, admin_password: str, demo_password: str) -> Clouds:
    """The entries of this cloud: its administrator and an ordinary member."""
    return {
        ADMIN_CLOUD: _entry(settings, "admin", admin_password),
        DEMO_CLOUD: _entry(settings, "demo", demo_password),
    }


def as_environment(cloud: Mapping[str, Any]) -> dict[str, str]:
    """One entry as the OS_* variables that every client reads."""
    auth = {f"OS_{name.upper()}": str(value) for name, value in cloud["auth"].items()}
    return {
        **auth,
        "OS_REGION_NAME": str(cloud["region_name"]),
        "OS_IDENTITY_API_VERSION": str(cloud["identity_api_version"]),
        "OS_INTERFACE": str(cloud["interface"]),
    }


def user_file() -> Path:
    """Where every client looks for its clouds."""
    return Path("~/.config/openstack/clouds.yaml").expanduser()


def write(file: Path, clouds: Clouds) -> None:
    """A file of these clouds alone, readable by its owner."""
    files.replace(file, "clouds:\n" + _block(clouds, indent=2), mode=0o600)


def load(file: Path) -> Clouds:
    """The clouds of a file that `write` wrote; empty when there is none."""
    if not file.exists():
        return {}
    return dict(yaml.safe_load(file.read_text())["clouds"])


def merge(file: Path, clouds: Clouds) -> None:
    """Put these entries into the user's file, in place of entries of the same names. Raises CannotMerge."""
    text, content = _read(file)
    known = content.get("clouds") or {}
    if all(known.get(name) == entry for name, entry in clouds.items()):
        return
    expected = {**content, "clouds": {**known, **clouds}}
    _write_checked(file, lambda: _with_entries(_without_entries(text, set(clouds)), clouds), expected)


def withdraw(file: Path, clouds: Clouds) -> None:
    """Take these entries out of the user's file, where they are still as we wrote them. Raises CannotMerge."""
    if not file.exists():
        return
    text, content = _read(file)
    known = content.get("clouds") or {}
    ours = {name for name, entry in clouds.items() if known.get(name) == entry}
    left = {name: entry for name, entry in known.items() if name not in ours}
    if not ours:
        return
    if not left and set(content) == {"clouds"}:
        file.unlink()
        return
    _write_checked(file, lambda: _without_entries(text, ours), {**content, "clouds": left or None})


def _entry(settings: Settings, who: str, password: str) -> dict[str, Any]:
    return {
        "auth": {
            "auth_url": f"{settings.base_url}/identity/v3",
            "username": who,
            "password": password,
            "project_name": who,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
        "region_name": settings.region,
        "identity_api_version": "3",
        "interface": "public",
    }


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    text = file.read_text() if file.exists() else ""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CannotMerge(file, "it is not valid YAML") from error
    if content is None:
        return text, {}
    if not isinstance(content, dict) or not isinstance(content.get("clouds") or {}, dict):
        raise CannotMerge(file, "it is not a mapping with `clouds`")
    return text, content


def _write_checked(file: Path, edit: Callable[[], str], expected: dict[str, Any]) -> None:
    """Write only what reads back as exactly what is meant, so that no odd spelling of YAML can do harm."""
    try:
        text = edit()
        faithful = yaml.safe_load(text) == expected
    except yaml.YAMLError:
        faithful = False
    if not faithful:
        raise CannotMerge(file, "its layout is not understood; add the entries of our clouds.yaml by hand")
    files.replace(file, text, mode=file.stat().st_mode & 0o777 if file.exists() else 0o600)


def _clouds_node(text: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Where the key `clouds` and its value stand in the text."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "clouds":
            return key, value
    return None


def _without_entries(text: str, names: set[str]) -> str:
    found = _clouds_node(text)
    if found is None or not isinstance(found[1], yaml.MappingNode):
        return text
    gone: set[int] = set()
    for key, value in found[1].value:
        if key.value in names:
            gone |= set(range(key.start_mark.line, _last_line(value) + 1))
    return "".join(line for at, line in enumerate(text.splitlines(keepends=True)) if at not in gone)


def _with_entries(text: str, clouds: Clouds) -> str:
    """The text with our entries behind the last of its clouds, at the same indentation."""
    if text and not text.endswith("\n"):
        text += "\n"
    found = _clouds_node(text)
    if found is None:
        return text + "clouds:\n" + _block(clouds, indent=2)
    key, value = found
    lines = text.splitlines(keepends=True)
    entries = value.value if isinstance(value, yaml.MappingNode) else []
    indent = entries[0][0].start_mark.column if entries else 2
    at = (_last_line(value) if entries else key.start_mark.line) + 1
    return "".join([*lines[:at], _block(clouds, indent=indent), *lines[at:]])


def _last_line(node: yaml.Node) -> int:
    """The last line a node has words on; its own end mark may lie behind comments that belong to the next."""
    if isinstance(node, yaml.MappingNode) and node.value:
        return max(_last_line(part) for pair in node.value for part in pair)
    if isinstance(node, yaml.SequenceNode) and node.value:
        return max(_last_line(part) for part in node.value)
    end = node.end_mark
    return int(end.line if end.column > 0 or end.line == node.start_mark.line else end.line - 1)


def _block(value: Mapping[str, Any], *, indent: int) -> str:
    """A mapping in block style; JSON's strings are YAML's."""
    lines = []
    for name, item in value.items():
        if isinstance(item, Mapping):
            lines.append(f"{' ' * indent}{name}:\n{_block(item, indent=indent + 2)}")
        else:
            lines.append(f"{' ' * indent}{name}: {json.dumps(item)}\n")
    return "".join(lines)
