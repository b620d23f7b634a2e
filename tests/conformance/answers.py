"""Whether an answer is one that the published description of an API allows, and a client that asks so of each."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.support.asgi import AsgiClient, Reply

SPECS = Path(__file__).parent / "spec"


class Description:
    """The description of one service, whose paths begin below `prefix`."""

    def __init__(
        self,
        file: str,
        *,
        prefix: str,
        exceptions: Mapping[str, str],
        never_were: Collection[str],
        left_out: Collection[str],
        nullable: Collection[str] = (),
    ) -> None:
        """`exceptions` are the places that it describes wrongly, each with the reason: `token/user/name`, with `*` for
        the items of a list, `.../name` wherever that is, or `METHOD path: place` where it is wrong for one operation
        only. `nullable` are names of what is null while there is nothing to say. `never_were` are operations that
        the service it is of has not got either; `left_out` are parts of operations that answer 501.
        """
        self.spec: dict[str, Any] = json.loads((SPECS / file).read_text())
        self.prefix = prefix
        self.exceptions = exceptions
        self._nullable = frozenset(nullable)
        self.never_were = never_were
        self.left_out = left_out
        self._paths = [(_pattern(path), path) for path in self.spec["paths"]]
        # A literal segment wins over a name.
        self._paths.sort(key=lambda each: each[1].count("{"))

    @property
    def operations(self) -> list[str]:
        """Every operation, as `METHOD path`."""
        methods = ("get", "head", "post", "put", "patch", "delete")
        return [
            f"{method.upper()} {path}"
            for path, item in self.spec["paths"].items()
            for method in methods
            if method in item
        ]

    def complaints(self, method: str, url: str, status: int, body: bytes) -> list[str]:
        """What is wrong with an answer, if anything. Refusals, and what is not described, are not looked at."""
        path = url.partition("?")[0].removeprefix(self.prefix).rstrip("/") or "/"
        template = next((template for pattern, template in self._paths if pattern.fullmatch(path)), None)
        if template is None or status >= 400 or method == "HEAD":
            return []
        operation = f"{method} {template}"
        if method.lower() not in self.spec["paths"][template]:
            return []
        validator = self._validator(template, method.lower(), str(status))
        if validator is None or not body:
            return []
        errors = [
            (_place(error.instance_path), error.instance, error.message)
            for error in validator.iter_errors(json.loads(body))
        ]
        return [
            f"{operation}: {place}: {message}"
            for place, instance, message in errors
            if not self._is_excepted(operation, place, instance)
        ]

    def _is_excepted(self, operation: str, place: str, instance: Any) -> bool:
        last = place.rpartition("/")[2]
        if instance is None and last in self._nullable:
            return True
        return not self.exceptions.keys().isdisjoint({place, f".../{last}", f"{operation}: {place}"})

    def is_left_out(self, operation: str) -> bool:
        return any(word in operation for word in self.left_out)

    def is_served(self, operation: str) -> bool:
        return operation not in self.never_were and not self.is_left_out(operation)

    @functools.cache  # noqa: B019 - There are few descriptions, and they live as long as the tests.
    def _validator(self, template: str, method: str, status: str) -> Any | None:
        """For the body; described under another success where the description has the wrong status."""
        answers = self.spec["paths"][template][method]["responses"]
        successes = [answers[code] for code in (status, *sorted(answers)) if code in answers and code < "300"]
        contents = [answer.get("content", {}).get("application/json", {}) for answer in successes]
        schema = next((content["schema"] for content in contents if "schema" in content), None)
        if schema is None:
            return None
        return jsonschema_rs.Draft202012Validator({**schema, "components": self.spec["components"]})


def _place(path: list[str | int]) -> str:
    return "/".join("*" if isinstance(part, int) else part for part in path)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)).rstrip("/") or "/")


class CheckedClient(AsgiClient):
    """A client that looks up each answer in the published description, and fails where it may not be so."""

    description: Description

    def request(self, method: str, url: str, **options: Any) -> Reply:
        reply = super().request(method, url, **options)
        complaints = self.description.complaints(method, url, reply.status, reply.body)
        assert not complaints, "\n".join(complaints)
        return reply
