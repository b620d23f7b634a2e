"""`nacre policy`: the rules of who may do what, on the machine itself and past all of them."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any
from urllib.parse import quote

_PATH = "/policy/policies"


def list_all(ask: argparse.Namespace) -> int:
    for each in _demand("GET", _PATH)["policies"]:
        if each["overridden"] or not ask.overridden:
            print(f"{'*' if each['overridden'] else ' '} {each['name']}: {each['rule']}")
    return 0


def show(ask: argparse.Namespace) -> int:
    _tell(_demand("GET", _one(ask.name))["policy"])
    return 0


def set_rule(ask: argparse.Namespace) -> int:
    _tell(_demand("PUT", _one(ask.name), {"policy": {"rule": ask.rule}})["policy"])
    return 0


def reset(ask: argparse.Namespace) -> int:
    _tell(_demand("DELETE", _one(ask.name))["policy"])
    return 0


def history(ask: argparse.Namespace) -> int:
    for each in _demand("GET", f"{_one(ask.name)}/history")["changes"]:
        rule = "(the default again)" if each["rule"] is None else each["rule"]
        print(f"{each['edition']:>5}  {each['set_at']}  {each['set_by']}  {rule}")
    return 0


def check(ask: argparse.Namespace) -> int:
    """Exit status 0 when it is allowed, 1 when it is not, 2 when the question cannot be meant."""
    target, odd = _target(ask.target)
    if odd:
        print(f"nacre: {odd!r} is not KEY=VALUE.", file=sys.stderr)
        return 2
    scope = {"project_id": ask.project, "domain_id": ask.domain, "system": ask.system or None}
    question: dict[str, Any] = {
        "policy": ask.name,
        "user_id": ask.user,
        "scope": {key: value for key, value in scope.items() if value is not None},
        "target": target,
    }
    if ask.rule:
        question["rule"] = ask.rule
    found = _demand("POST", "/policy/policy_checks", {"check": question})["check"]
    print(f"{'allowed' if found['allowed'] else 'refused'} by {found['policy']}: {found['rule']}")
    print(f"{found['user']['name']} has the roles {', '.join(found['roles']) or 'none'}")
    for reason in found["reasons"]:
        through = f" (in {' > '.join(reason['through'])})" if reason["through"] else ""
        print(f"  {'yes' if reason['holds'] else 'no ':3} {reason['part']}{through}: {reason['why']}")
    return 0 if found["allowed"] else 1


def _target(words: list[str]) -> tuple[dict[str, str], str]:
    """What is said of the target, and the first word that says nothing."""
    pairs = [word.partition("=") for word in words]
    odd = next(
        (word for word, (key, equals, _) in zip(words, pairs, strict=True) if not (key and equals)), ""
    )
    return {key: value for key, _, value in pairs}, odd


def _one(name: str) -> str:
    return f"{_PATH}/{quote(name, safe=':')}"


def _tell(rule: dict[str, Any]) -> None:
    print(f"{rule['name']}: {rule['rule']}")
    if rule["overridden"]:
        print(f"  default: {rule['default']}")
    if rule["set_at"]:
        print(f"  edition {rule['edition']}, by {rule['set_by']} at {rule['set_at']}")


def _demand(method: str, path: str, body: Any = None) -> Any:
    """The control plane's answer. Raises NotAnswering, Refused."""
    from nacre.host import choices, paths
    from nacre.host.api_client import ask_control_plane
    from nacre.host.errors import NotAnswering

    settings = choices.load(os.environ)
    try:
        return ask_control_plane(paths.api_socket(settings.state_dir), path, body=body, method=method)
    except OSError as error:
        raise NotAnswering(settings.state_dir) from error
