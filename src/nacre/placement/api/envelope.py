"""Placement's shape of a refusal."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import Problem
from nacre.kernel.http.versions import UnknownVersion


def envelope(problem: Problem, request_id: str) -> Any:
    """A list of one error; codes that are not placement's own are `undefined`."""
    code = problem.code if problem.code.startswith("placement.") else "placement.undefined_code"
    error: dict[str, Any] = {
        "status": problem.status,
        "title": problem.title,
        "detail": str(problem),
        "code": code,
        "request_id": request_id,
    }
    if isinstance(problem, UnknownVersion):
        error |= {"min_version": str(problem.minimum), "max_version": str(problem.maximum)}
    return {"errors": [error]}
