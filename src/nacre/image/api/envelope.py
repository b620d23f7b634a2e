"""The image service's shape of a refusal."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import Problem


def envelope(problem: Problem, request_id: str) -> Any:
    """`code` is the status as a number."""
    return {"code": problem.status, "title": problem.title, "message": str(problem)}
