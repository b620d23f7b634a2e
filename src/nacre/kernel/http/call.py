"""What a handler is given, and what it gives back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.requests import ClientDisconnect, Request

from nacre.kernel.database import Database
from nacre.kernel.errors import Bad
from nacre.kernel.events import Actor
from nacre.kernel.http.routes import Route
from nacre.kernel.http.versions import Version
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import Caller

Parts = TypeVar("Parts")
P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Call(Generic[Parts]):
    """One request, authenticated. `parts` is what the composition root gave the service to work with.

    `headers` have lower-case names. `base` is the URL of the service as this caller reached it, without a
    final slash. `query` keeps order and repetitions.
    """

    parts: Parts
    database: Database
    method: str
    path: str
    base: str
    headers: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    request_id: str
    route: Route
    version: Version
    now: float
    token: str
    threads: Executor
    request: Request
    via_unix_socket: bool
    _caller: Caller | None = None

    @property
    def caller(self) -> Caller:
        """Who calls. Only routes with the PUBLIC policy have nobody."""
        assert self._caller is not None, "a public route has no caller"
        return self._caller

    @caller.setter
    def caller(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def project_id(self) -> ProjectId:
        """The project the caller's token is scoped to."""
        return self.caller.project_id

    @property
    def actor(self) -> Actor:
        """For write transactions."""
        if self._caller is None:
            return Actor("nobody", trace_id=self.request_id)
        return Actor.user(self.caller.user_id, self.caller.project_id, self.request_id)

    def may(self, target: Mapping[str, Any]) -> bool:
        """Whether this route's policy allows the caller to do this to `target`."""
        return self.route.policy.allows(self.caller, target)

    def sees(self, project_id: str) -> bool:
        """Whether the caller may do this to what `project_id` owns. If not, answer as if it did not exist."""
        return self.may({"project_id": project_id})

    @property
    def sees_all(self) -> bool:
        """Whether the caller may do this to every project's things: lists then need no project filter."""
        return self.sees("\x00nobody's")

    def one(self, name: str) -> str | None:
        """The last value of a query parameter, or None."""
        for key, value in reversed(self.query):
            if key == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """Every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean query parameter, spelled as clients do. Raises Bad."""
        text = self.one(name)
        if text is None:
            return default
        try:
            return BOOLEANS[text.strip().lower()]
        except KeyError:
            raise Bad(f"'{text}' is not a boolean.", where=name) from None

    def url(self, path: str, query: Sequence[tuple[str, str]] = ()) -> str:
        """An absolute link to `path` of this service, as this caller reaches it."""
        return f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")

    async def in_thread(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run something that blocks from an `async def` handler."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, lambda: work(*args, **kwargs))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The request body as it arrives. Raises BrokenOff when the caller goes away before its end."""
        try:
            async for chunk in self.request.stream():
                if chunk:
                    yield chunk
        except ClientDisconnect as error:
            raise BrokenOff from error


class BrokenOff(Bad):
    """The caller hung up before the body was complete. Nobody reads the answer; nothing may be kept."""

    def __init__(self) -> None:
        super().__init__("The request body ended early.")


BOOLEANS = {
    "1": True, "t": True, "true": True, "on": True, "y": True, "yes": True,
    "0": False, "f": False, "false": False, "off": False, "n": False, "no": False,
}  # fmt: skip


@dataclass
class Answer:
    """An answer: `body` is anything msgspec can write as JSON, or bytes of `media_type`; None sends no body."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


def Ok(body: Any, **headers: str) -> Answer:
    """200 with a body."""
    return Answer(body, 200, headers)


def Created(body: Any, **headers: str) -> Answer:
    """201 with a body."""
    return Answer(body, 201, headers)


def Accepted(body: Any = None, **headers: str) -> Answer:
    """202: the wish is durable, and its fulfilment is not awaited."""
    return Answer(body, 202, headers)


def NoContent() -> Answer:
    """204."""
    return Answer(None, 204)


@dataclass
class Stream:
    """An answer whose body is sent piece by piece. `size` is its length in bytes, if known."""

    chunks: AsyncIterator[bytes]
    size: int | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/octet-stream"


def read_query(raw: bytes) -> list[tuple[str, str]]:
    """The parameters of a query string, in order. Raises Bad."""
    try:
        query = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=500, errors="strict")
    except (UnicodeError, ValueError) as error:
        raise Bad("The query string is malformed.") from error
    if any("\0" in name or "\0" in value for name, value in query):
        raise Bad("The query string holds a NUL character, which no text may.")
    return query
