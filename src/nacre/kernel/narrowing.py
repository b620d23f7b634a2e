"""Which requests a caller may make at all, where a token narrows that beyond what policy says.

A path is matched segment by segment: `*` and `{name}` stand for one segment or a part of one, `**` for any
number of them.
Source: Identity API v3 reference, "Application credentials", access rules.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from nacre.kernel.errors import Forbidden


class RequestRule(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of request: `service` is a type of the catalogue, `path` is below the service's own prefix."""

    service: str
    method: str
    path: str

    def covers(self, services: Collection[str], method: str, path: str) -> bool:
        """Whether a request to the service of these types is of this kind."""
        return (
            self.method == method
            and self.service in services
            and _pattern(self.path).fullmatch(path.rstrip("/") or "/") is not None
        )


@dataclass(eq=False)
class NotAmongRules(Forbidden):
    """The token is good for other requests than this one."""

    code: ClassVar[str] = "nacre.not_among_rules"
    method: str
    path: str

    def __str__(self) -> str:
        return f"The access rules of this token do not cover {self.method} {self.path[:200]}."


def demand_covered(rules: Collection[RequestRule], services: Collection[str], method: str, path: str) -> None:
    """Raise NotAmongRules unless one of the rules covers the request. No rules cover nothing."""
    if not any(rule.covers(services, method, path) for rule in rules):
        raise NotAmongRules(method, path)


@functools.lru_cache(maxsize=4096)
def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{[^}]*\}|\*\*|\*)", path.rstrip("/") or "/")
    return re.compile("".join(map(_expression, pieces)))


def _expression(piece: str) -> str:
    if piece == "**":
        return ".*"
    if piece == "*" or (piece.startswith("{") and piece.endswith("}")):
        return "[^/]+"
    return re.escape(piece)
