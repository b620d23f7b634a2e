"""Write the compact copy of a service's description that the tests check answers against.

    python -m tests.conformance.spec.generate ../shared/spec/identity-v3.14.yaml

What is left out says nothing about what is allowed: prose, tags, generator's marks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

MEANINGLESS = frozenset(
    {
        "description",
        "summary",
        "tags",
        "operationId",
        "x-openstack",
        "deprecated",
        "security",
        "example",
        "examples",
    }
)
NAMED = frozenset({"properties", "paths", "schemas", "parameters", "headers", "responses"})
"""Where keys are names of things, not words of the description."""


def compact(value: Any, *, named: bool = False) -> Any:
    """`value` without what has no meaning to a validator."""
    if isinstance(value, list):
        return [compact(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: compact(inner, named=not named and name in NAMED and isinstance(inner, dict))
        for name, inner in value.items()
        if named or name not in MEANINGLESS
    }


def text_of(spec: dict[str, Any]) -> str:
    """The compact copy as JSON, one path or component a line, so that changes can be read."""
    small = compact(spec)
    small["info"] = {"title": spec["info"]["title"], "version": spec["info"]["version"]}
    components = small.pop("components")
    parts = {
        **{name: json.dumps(value) for name, value in small.items() if name != "paths"},
        "paths": _lines(small["paths"]),
        "components": "{"
        + ",\n".join(f"{json.dumps(kind)}: {_lines(components[kind])}" for kind in components)
        + "}",
    }
    return "{" + ",\n".join(f"{json.dumps(name)}: {text}" for name, text in parts.items()) + "}\n"


def _lines(mapping: dict[str, Any]) -> str:
    each = (f"{json.dumps(str(name))}: {json.dumps(value)}" for name, value in mapping.items())
    return "{\n" + ",\n".join(each) + "\n}"


def load(path: Path) -> dict[str, Any]:
    """The description as published."""
    spec: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return spec


if __name__ == "__main__":
    published = Path(sys.argv[1])
    (Path(__file__).parent / f"{published.stem}.json").write_text(text_of(load(published)))
