"""The shape of compute's refusals: `{"itemNotFound": {"code": 404, "message": ...}}`."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import Problem

_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def envelope(problem: Problem, request_id: str) -> Any:
    """The body for `problem`."""
    name = _NAMES.get(problem.status, "computeFault")
    return {name: {"code": problem.status, "message": str(problem)}}
