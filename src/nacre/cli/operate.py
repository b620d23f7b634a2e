"""Commands that look at a cloud: what runs, what is wrong, and why."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from nacre.kernel.config import Settings

_REPAIR_PATIENCE_S = 15.0
"""So long a repair may take to make one difference less."""


def status(ask: argparse.Namespace) -> int:
    """Exit status 0 when every part runs and the control plane answers."""
    from nacre.host import choices, ledger, paths

    settings = choices.load(os.environ)
    known = ledger.read(paths.ledger(settings.state_dir))
    records = list(known.parts.values()) if known else []
    inside = _control_plane(settings, "/admin/v1/status")
    well = bool(
        known
        and known.supervisor_runs
        and inside is not None
        and all(
            record.phase is ledger.Phase.READY and (record.runs or not record.lasts) for record in records
        )
    )
    if ask.json:
        shown = [
            {
                "name": record.name,
                "phase": str(record.phase),
                "runs": record.runs,
                "pid": record.pid,
                "since_s": record.since_s,
                "restarts": record.restarts,
                "last_end": record.last_end,
            }
            for record in records
        ]
        supervised = known is not None and known.supervisor_runs
        print(json.dumps({"well": well, "supervised": supervised, "parts": shown, "inside": inside}))
        return 0 if well else 1
    if known is None:
        print(f"The cloud in {settings.state} is down. `nacre up` starts it.")
        return 1
    print(f"state {settings.state}, API {settings.base_url}, hosts {settings.hosts}")
    watcher = f"pid {known.supervisor.pid}" if known.supervisor_runs else "gone: `nacre up` starts another"
    print(f"supervisor {watcher}\n")
    rows = [
        (
            record.name,
            _phase(record),
            str(record.pid or "-"),
            _duration(time.time() - record.since_s) if record.runs else "-",
            str(record.restarts),
            record.last_end or "-",
        )
        for record in records
    ]
    _table(("PART", "STATE", "PID", "FOR", "RESTARTS", "LAST END"), rows)
    print()
    if inside is None:
        print("The control plane does not answer.")
    else:
        _tell(inside)
    return 0 if well else 1


def doctor(_ask: argparse.Namespace) -> int:
    """Exit status 1 when something is bad; notes alone are no failure."""
    from nacre.host import choices
    from nacre.host import doctor as examination
    from nacre.kernel.config import load_settings

    try:
        settings = choices.load(os.environ)
    except choices.NoCloud:
        settings = load_settings(os.environ)
    findings = examination.examine(settings)
    for finding in findings:
        print(f"{finding.verdict.upper():5} {finding.subject}: {finding.what}")
        if finding.cure:
            print(f"      -> {finding.cure}")
    return 1 if any(finding.verdict is examination.Verdict.BAD for finding in findings) else 0


def explain(ask: argparse.Namespace) -> int:
    """Of a server: why it is where it is. Of anything else: exit status 1 when something hinders its delete."""
    name = quote(ask.name, safe="")
    if ask.noun == "server":
        _tell(_demand(f"/admin/v1/explain/{name}"))
        return 0
    told = _demand(f"/admin/v1/explain/{quote(ask.noun, safe='')}/{name}")
    if not told["hindered"]:
        print(f"Nothing hinders it: {told['then']}")
        return 0
    print(f"To delete {told['noun']} {told['id']}, in this order:")
    for step in told["steps"]:
        print(f"  {step['do']}\n      because of {step['clears']}")
    if not told["complete"]:
        print("  ... and more, which is told when these are done")
    print(f"  {told['then']}")
    return 1


def audit(ask: argparse.Namespace) -> int:
    """Exit status 1 when intent and reality differ anywhere, or with --repair: still."""
    from nacre.host.errors import NoSuchAudit

    differences = _demand("/admin/v1/audit")
    if ask.service and ask.service not in differences:
        raise NoSuchAudit(ask.service, tuple(differences))
    chosen = [ask.service] if ask.service else list(differences)
    if ask.repair and any(differences[name] for name in chosen):
        differences = _repair(chosen, differences)
    differences = {name: differences[name] for name in chosen}
    if any(differences.values()):
        _tell(differences)
        return 1
    print(f"Intent and reality agree: {', '.join(differences)}.")
    return 0


def _repair(chosen: Sequence[str], found: Any) -> Any:
    """What still differs once repairs get no further; how many that are is told as they shrink."""
    _demand("/admin/v1/audit/repair", method="POST")
    until = time.monotonic() + _REPAIR_PATIENCE_S
    while (left := _count(chosen, found)) and time.monotonic() < until:
        print(f"{left} left")
        time.sleep(1)
        found = _demand("/admin/v1/audit")
        if _count(chosen, found) < left:
            until = time.monotonic() + _REPAIR_PATIENCE_S
    return found


def _count(chosen: Sequence[str], found: Any) -> int:
    return sum(len(found[name]) for name in chosen)


def _demand(path: str, *, method: str = "GET") -> Any:
    """The control plane's answer. Raises NotAnswering, Refused."""
    from nacre.host import choices
    from nacre.host.errors import NotAnswering

    settings = choices.load(os.environ)
    answer = _control_plane(settings, path, method=method)
    if answer is None:
        raise NotAnswering(settings.state_dir)
    return answer


def _control_plane(settings: Settings, path: str, *, method: str = "GET") -> Any:
    """The control plane's answer, or None when it does not give one. Raises Refused."""
    from nacre.host import paths
    from nacre.host.api_client import ask_control_plane

    try:
        return ask_control_plane(paths.api_socket(settings.state_dir), path, method=method)
    except OSError:
        return None


def _phase(record: Any) -> str:
    if record.lasts and record.phase == "ready" and not record.runs:
        return "dead"
    return str(record.phase)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    for row in (heads, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _tell(value: Any, indent: str = "") -> None:
    """Any JSON value as indented lines; an object of plain values that is within another takes one line."""
    if isinstance(value, dict):
        for name, item in value.items():
            if _is_nested(item) or (isinstance(item, list) and item):
                print(f"{indent}{name}:")
                _tell(item, indent + "  ")
            else:
                print(f"{indent}{name}: {_plain(item)}")
    elif isinstance(value, list):
        for item in value:
            print(f"{indent}- {_plain(item)}")
    else:
        print(f"{indent}{_plain(value)}")


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(item, dict | list) and item for item in value.values())


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value:
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return json.dumps(value)
