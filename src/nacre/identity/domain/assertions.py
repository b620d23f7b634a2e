"""What an OpenID provider claims of a user, as the attributes that mappings read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nacre.identity.domain.mappings import Assertion

MOST_VALUES = 2000
LONGEST_VALUE = 1024
_DEEPEST = 4

Claims = Mapping[str, Any]
"""Decoded JSON: what a provider says, by the names that OpenID Connect gives it."""


def assertion_of(claims: Claims, prefix: str) -> Assertion:
    """Each claim as `prefix` and its name. A list has many values, an object's fields are named after a dot.

    A text is one value, whatever is in it: a user who may choose their own name cannot smuggle in a second one.
    """
    found: dict[str, list[str]] = {}
    for count, (name, value) in enumerate(_values(claims, 0)):
        if count >= MOST_VALUES:
            break
        found.setdefault(prefix + name, []).append(value)
    return found


def _values(claims: Claims, depth: int) -> Iterator[tuple[str, str]]:
    for name, value in claims.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, bool):
                yield name, "true" if each else "false"
            elif isinstance(each, int | float):
                yield name, str(each)
            elif isinstance(each, str):
                if len(each) <= LONGEST_VALUE:
                    yield name, each
            elif isinstance(each, dict) and depth < _DEEPEST:
                yield from ((f"{name}.{inner}", text) for inner, text in _values(each, depth + 1))
