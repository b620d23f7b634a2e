"""The Networking API's shape of a refusal."""

from __future__ import annotations

from typing import Any

from nacre.kernel.database import Duplicate
from nacre.kernel.errors import Bad, Problem
from nacre.kernel.http.routes import NoSuchMethod, NoSuchPath
from nacre.kernel.policy import NotAllowed

_KERNEL_NAMES: dict[type[Problem], str] = {
    Bad: "HTTPBadRequest",
    NoSuchPath: "HTTPNotFound",
    NoSuchMethod: "HTTPMethodNotAllowed",
    NotAllowed: "PolicyNotAuthorized",
    Duplicate: "Conflict",
}


def envelope(problem: Problem, request_id: str) -> Any:
    """`type` is the name of the problem, by which clients tell problems apart."""
    name = _KERNEL_NAMES.get(type(problem), type(problem).__name__)
    return {"NeutronError": {"type": name, "message": str(problem), "detail": ""}}
