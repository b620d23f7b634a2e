"""How identity says no."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import Problem
from nacre.kernel.policy import NotAllowed


def envelope(problem: Problem, request_id: str) -> Any:
    """`{"error": {"code", "message", "title"}}`, as the Identity API has always done."""
    message = str(problem)
    if isinstance(problem, NotAllowed):
        message = f"You are not authorized to perform the requested action: {problem.policy}."
    return {"error": {"code": problem.status, "message": message, "title": problem.title}}
