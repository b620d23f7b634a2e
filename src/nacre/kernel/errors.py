"""What can go wrong, as types. The kind of a Problem alone decides what a caller or a loop is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class Problem(Exception):
    """A failure that someone may see: typed fields, one stable code, a sentence.

    Subclasses are dataclasses with `eq=False`; `str()` is the sentence shown to the caller.
    """

    code: ClassVar[str] = "nacre.problem"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal Server Error"


class Invalid(Problem):
    """The request cannot be meant: wrong type, unknown field, value out of range."""

    code = "nacre.invalid"
    status = 400
    title = "Bad Request"


class Unauthenticated(Problem):
    """Nobody, or nobody any more: no token, an unknown one, or one that has expired."""

    code = "nacre.unauthenticated"
    status = 401
    title = "Unauthorized"


class Forbidden(Problem):
    """Somebody, who may not do this."""

    code = "nacre.forbidden"
    status = 403
    title = "Forbidden"


class OverQuota(Forbidden):
    """Allowed in kind, refused in amount."""

    code = "nacre.over_quota"


class NotFound(Problem):
    """There is no such thing, or it belongs to somebody else and the caller may not know it."""

    code = "nacre.not_found"
    status = 404
    title = "Not Found"


class MethodNotAllowed(Problem):
    """The path exists and the method on it does not."""

    code = "nacre.method_not_allowed"
    status = 405
    title = "Method Not Allowed"


class NotAcceptable(Problem):
    """The API version asked for is outside what this service speaks."""

    code = "nacre.not_acceptable"
    status = 406
    title = "Not Acceptable"


class Conflict(Problem):
    """What is asked contradicts what is."""

    code = "nacre.conflict"
    status = 409
    title = "Conflict"


class Stale(Conflict):
    """The row changed between reading and writing; read again and decide again."""

    code = "nacre.stale"


class Gone(Problem):
    """It existed, and is not coming back."""

    code = "nacre.gone"
    status = 410
    title = "Gone"


class PreconditionFailed(Problem):
    """The caller's condition (If-Match) does not hold."""

    code = "nacre.precondition_failed"
    status = 412
    title = "Precondition Failed"


class TooLarge(Problem):
    """More bytes than this route accepts."""

    code = "nacre.too_large"
    status = 413
    title = "Request Entity Too Large"


class UnsupportedMedia(Problem):
    """The body is of a type this route does not read."""

    code = "nacre.unsupported_media"
    status = 415
    title = "Unsupported Media Type"


class NotImplementedHere(Problem):
    """A part of the API that Nacre leaves out on purpose; the docs list it."""

    code = "nacre.not_implemented"
    status = 501
    title = "Not Implemented"


class Unavailable(Problem):
    """Not now: something this needs is away. Callers get Retry-After, loops back off."""

    code = "nacre.unavailable"
    status = 503
    title = "Service Unavailable"
    retry_after_s: ClassVar[int] = 2


@dataclass(eq=False)
class Bad(Invalid):
    """A request refused for a reason that needs no type of its own.

    `where` is the JSON path or parameter at fault, empty when the whole request is.
    """

    reason: str
    where: str = ""

    def __str__(self) -> str:
        return f"Invalid input for {self.where}: {self.reason}" if self.where else self.reason
