"""Version documents. The Image API has no microversions; each number names what was added."""

from __future__ import annotations

from typing import Any

from nacre.image.api.access import Parts
from nacre.kernel.http.call import Answer, Call

CURRENT = 16
_LEFT_OUT = frozenset({8, 10, 11, 12, 14})
"""Versions whose additions (several stores, caches) are only there when they are set up."""


def choices(call: Call[Parts]) -> Answer:
    """Every version, at the root: 300, as image clients expect there."""
    return Answer({"versions": _versions(call)}, 300)


def index(call: Call[Parts]) -> Answer:
    """Every version."""
    return Answer({"versions": _versions(call)})


def _versions(call: Call[Parts]) -> list[dict[str, Any]]:
    minors = [minor for minor in range(CURRENT, -1, -1) if minor not in _LEFT_OUT]
    return [_version(call, minor) for minor in minors]


def _version(call: Call[Parts], minor: int) -> dict[str, Any]:
    return {
        "id": f"v2.{minor}",
        "status": "CURRENT" if minor == CURRENT else "SUPPORTED",
        "links": [{"rel": "self", "href": call.url("/v2/")}],
    }
