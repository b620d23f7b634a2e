"""Whether an answer is one that the published description of an API allows."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

SPECS = Path(__file__).parent / "spec"


class Description:
    """The description of one service, whose paths begin below `prefix`."""

    def __init__(self, file: str, *, prefix: str, exceptions: Mapping[str, str]) -> None:
        """`exceptions` are the places that it describes wrongly, each with the reason: `token/user/name`, with `*` for
        the items of a list, or `METHOD path: place` where it is wrong for one operation only.
        """
        self._spec: dict[str, Any] = json.loads((SPECS / file).read_text())
        self._prefix = prefix
        self._exceptions = exceptions
        self._paths = [(_pattern(path), path) for path in self._spec["paths"]]
        # A literal segment wins over a name.
        self._paths.sort(key=lambda each: each[1].count("{"))

    @property
    def operations(self) -> list[str]:
        """Every operation, as `METHOD path`."""
        methods = ("get", "head", "post", "put", "patch", "delete")
        return [
            f"{method.upper()} {path}"
            for path, item in self._spec["paths"].items()
            for method in methods
            if method in item
        ]

    def complaints(self, method: str, url: str, status: int, body: bytes) -> list[str]:
        """What is wrong with an answer, if anything. Refusals, and what is not described, are not looked at."""
        path = url.partition("?")[0].removeprefix(self._prefix).rstrip("/") or "/"
        template = next((template for pattern, template in self._paths if pattern.fullmatch(path)), None)
        if template is None or status >= 400 or method == "HEAD":
            return []
        operation = f"{method} {template}"
        if method.lower() not in self._spec["paths"][template]:
            return []
        validator = self._validator(template, method.lower(), str(status))
        if validator is None or not body:
            return []
        found = [
            (_place(error.instance_path), error.message) for error in validator.iter_errors(json.loads(body))
        ]
        return [
            f"{operation}: {place}: {message}"
            for place, message in found
            if f"{operation}: {place}" not in self._exceptions and place not in self._exceptions
        ]

    @functools.cache  # noqa: B019 - There are few descriptions, and they live as long as the tests.
    def _validator(self, template: str, method: str, status: str) -> Any | None:
        """For the body; described under another success where the description has the wrong status."""
        answers = self._spec["paths"][template][method]["responses"]
        successes = [answers[code] for code in (status, *sorted(answers)) if code in answers and code < "300"]
        contents = [answer.get("content", {}).get("application/json", {}) for answer in successes]
        schema = next((content["schema"] for content in contents if "schema" in content), None)
        if schema is None:
            return None
        return jsonschema_rs.Draft202012Validator({**schema, "components": self._spec["components"]})


def _place(path: list[str | int]) -> str:
    return "/".join("*" if isinstance(part, int) else part for part in path)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)).rstrip("/") or "/")
