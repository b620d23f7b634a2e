"""`nacre identity`: the directories that some domains have their users and groups from."""

from __future__ import annotations

import argparse
import os
from typing import Any
from urllib.parse import quote

_PATH = "/directories/v1/domains"
_TIMEOUT_S = 300.0
"""Trying a directory reads all of it."""


def list_all(_ask: argparse.Namespace) -> int:
    """Exit status 1 when there is trouble with any of them."""
    domains = _demand(_PATH)["domains"]
    for domain in domains:
        print(_told(domain))
    if not domains:
        print("No domain has a directory.")
    return 1 if any(domain["trouble"] for domain in domains) else 0


def check(ask: argparse.Namespace) -> int:
    """Exit status 1 when anything is wrong."""
    found = _demand(f"{_PATH}/{quote(ask.domain, safe='')}")
    print(_told(found["domain"]))
    for finding in found["findings"]:
        print(f"{'GOOD' if finding['good'] else 'BAD ':5} {finding['what']}")
        if finding["cure"]:
            print(f"      -> {finding['cure']}")
    return 0 if all(finding["good"] for finding in found["findings"]) else 1


def mirror(ask: argparse.Namespace) -> int:
    """The look itself follows at once; `nacre identity list` shows what came of it."""
    _demand(f"{_PATH}/{quote(ask.domain, safe='')}", body={"accept_losses": ask.accept_losses})
    print("The directory is looked at now.")
    return 0


def _told(domain: dict[str, Any]) -> str:
    from nacre.kernel.clock import iso_z

    when = f"as of {iso_z(domain['mirrored_at'])}" if domain["mirrored_at"] else "never looked at as a whole"
    line = f"{domain['name']} ({domain['id']}): {domain['users']} users, {domain['groups']} groups, {when}"
    if domain["trouble"]:
        line += f"\n  since {iso_z(domain['trouble_since'])}: {domain['trouble']}"
    return line


def _demand(path: str, *, body: Any = None) -> Any:
    """The control plane's answer. Raises NotAnswering, Refused."""
    from nacre.host import choices, paths
    from nacre.host.api_client import ask_control_plane
    from nacre.host.errors import NotAnswering

    settings = choices.load(os.environ)
    try:
        return ask_control_plane(paths.api_socket(settings.state_dir), path, body=body, timeout_s=_TIMEOUT_S)
    except OSError as error:
        raise NotAnswering(settings.state_dir) from error
