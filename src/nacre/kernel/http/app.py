"""The ASGI application: finds the route, admits the caller, runs the handler, shapes the answer."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, final

import msgspec
import prometheus_client
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from nacre.kernel.config import HttpSettings
from nacre.kernel.database import Database, statements_so_far
from nacre.kernel.errors import Problem, TooLarge, Unauthenticated, Unavailable, UnsupportedMedia
from nacre.kernel.http.call import Answer, BrokenOff, Call, Stream, read_query
from nacre.kernel.http.routes import NoSuchPath, Route, RouteTree
from nacre.kernel.http.versions import UNVERSIONED, Version, Versions
from nacre.kernel.ids import new_request_id
from nacre.kernel.narrowing import demand_covered
from nacre.kernel.policy import PUBLIC, Caller, NotAllowed

log = logging.getLogger("nacre.http")
access = logging.getLogger("nacre.access")

SECONDS = prometheus_client.Histogram(
    "nacre_http_request_seconds", "Time to answer.", ["service", "method", "route", "status"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)  # fmt: skip
STATEMENTS = prometheus_client.Counter(
    "nacre_http_request_statements", "SQL statements sent by requests.", ["service", "method", "route"]
)

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Authenticator(Protocol):
    """Proves who calls."""

    def authenticate(self, token: str) -> Caller:
        """The caller a token stands for. Raises Unauthenticated."""
        ...


class Envelope(Protocol):
    """A service's historical shape of a refusal."""

    def __call__(self, problem: Problem, request_id: str) -> Any:
        """A JSON-ready body."""
        ...


@dataclass(frozen=True)
class Service:
    """One service as it is mounted: `prefix` (`/compute`), its routes, and how it speaks.

    `id_headers` are further names for the request id that its clients know, `further_types` further types than
    `name` that it has in catalogues.
    """

    name: str
    prefix: str
    routes: Sequence[Route]
    parts: Any
    envelope: Envelope
    versions: Versions | None = None
    id_headers: tuple[str, ...] = ()
    local_only: bool = False
    further_types: tuple[str, ...] = ()


@dataclass(eq=False)
class BodyTooLarge(TooLarge):
    """The body is longer than this route takes."""

    code: ClassVar[str] = "nacre.body_too_large"
    most_bytes: int

    def __str__(self) -> str:
        return f"The request body is larger than {self.most_bytes} bytes."


@dataclass(eq=False)
class NotJson(UnsupportedMedia):
    """The body is announced as something else than JSON."""

    code: ClassVar[str] = "nacre.not_json"
    media_type: str

    def __str__(self) -> str:
        return f"The content type '{self.media_type}' is not supported; send application/json."


class NoToken(Unauthenticated):
    """No token was given."""

    code: ClassVar[str] = "nacre.no_token"

    def __str__(self) -> str:
        return "The request you have made requires authentication."


class Unexpected(Problem):
    """Our own mistake. The chain of causes is in the log under the request id; the caller is told no detail."""

    code: ClassVar[str] = "nacre.unexpected"

    def __str__(self) -> str:
        return "Unexpected error. Please report the request id to the operator of this cloud."


@dataclass
class _Mounted:
    service: Service
    tree: RouteTree


@final
class HttpApp:
    """The ASGI application of a whole cloud."""

    def __init__(
        self, services: Sequence[Service], *, database: Database, authenticator: Authenticator,
        settings: HttpSettings,
    ) -> None:  # fmt: skip
        self._mounted = {s.prefix.strip("/"): _Mounted(s, RouteTree(s.routes)) for s in services}
        self._database = database
        self._authenticator = authenticator
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="http")

    def close(self) -> None:
        """Let running handlers finish and take no more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is spoken here, not {scope['type']}")
        await _Exchange(self, scope, receive, send).run()

    def mounted(self, path: str, *, local: bool) -> tuple[_Mounted | None, str]:
        """The service a path belongs to, and the rest of the path."""
        first, _, rest = path.lstrip("/").partition("/")
        found = self._mounted.get(first)
        if found is not None and (local or not found.service.local_only):
            return found, "/" + rest
        return self._mounted.get(""), path

    @property
    def services(self) -> Sequence[Service]:
        return [mounted.service for mounted in self._mounted.values()]


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: HttpApp, scope: Any, receive: Any, send: Any) -> None:
        self._app = app
        self._scope = scope
        self._request = Request(scope, receive)
        self._send = send
        self._began = time.perf_counter()
        self._request_id = new_request_id()
        self._service: Service | None = None
        self._route_path = "none"
        self._version: Version | None = None
        self._statements = 0
        self._user = "-"

    async def run(self) -> None:
        method = self._scope["method"]
        try:
            answer = await self._answer(method)
        except Problem as problem:
            answer = self._refusal(problem)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("unexpected error", extra={"trace_id": self._request_id})
            answer = self._refusal(Unexpected())
        try:
            await self._response(answer)(self._scope, self._request.receive, self._send)
        finally:
            self._account(method, answer.status)

    async def _answer(self, method: str) -> Answer | Stream:
        scope = self._scope
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        via_unix = not (scope.get("server") and scope["server"][1])
        # As it was sent: a slash or a percent sign within a name stays part of that name.
        sent = scope["raw_path"].decode("ascii", errors="replace")
        mounted, path = self._app.mounted(sent, local=via_unix)
        if mounted is None:
            raise NoSuchPath(sent)
        service = self._service = mounted.service
        version = service.versions.negotiate(headers) if service.versions else UNVERSIONED
        self._version = version
        route, values = mounted.tree.find(method, path, version)
        self._route_path = route.path
        call: Call[Any] = Call(
            parts=service.parts, database=self._app._database, method=method, path=path,
            base=f"http://{headers.get('host', 'localhost')}{service.prefix.rstrip('/')}", headers=headers,
            query=read_query(scope["query_string"]), request_id=self._request_id, route=route, version=version,
            now=self._app._database.clock.now(), token=headers.get("x-auth-token", ""),
            threads=self._app._threads, request=self._request, via_unix_socket=via_unix,
        )  # fmt: skip
        if inspect.iscoroutinefunction(route.handler):
            raw = b"" if route.reads_stream else await self._read_body(route, headers)
            # With nobody to be proven nothing blocks, and a thread would cost more than it does.
            is_public = route.policy is PUBLIC
            arguments = self._admit(call, raw) if is_public else await call.in_thread(self._admit, call, raw)
            result: Answer | Stream = await route.handler(call, *arguments, **values)
            return result
        raw = await self._read_body(route, headers)
        return await call.in_thread(self._handle, call, raw, values)

    def _handle(self, call: Call[Any], raw: bytes, values: Mapping[str, str]) -> Answer | Stream:
        """In a worker thread: admit, decode, handle, and write the answer's bytes."""
        before = statements_so_far()
        try:
            arguments = self._admit(call, raw)
            answer: Answer | Stream = call.route.handler(call, *arguments, **values)
            if isinstance(answer, Answer) and answer.body is not None and not isinstance(answer.body, bytes):
                answer.body = _encode(answer.body)
            return answer
        finally:
            self._statements += statements_so_far() - before

    def _admit(self, call: Call[Any], raw: bytes) -> tuple[Any, ...]:
        """Who calls, whether they may, and what they ask."""
        route = call.route
        if route.policy is not PUBLIC:
            if not call.token:
                raise NoToken
            call.caller = self._app._authenticator.authenticate(call.token)
            self._user = call.caller.user_id
            if call.caller.only is not None:
                service = self._service
                types = (service.name, *service.further_types) if service else ()
                demand_covered(call.caller.only, types, call.method, call.path)
            # What it may be done to, the handler asks; whoever may do it to nothing at all is told so at once.
            if not route.asks_itself and not route.policy.may_allow(call.caller):
                raise NotAllowed(route.policy.name)
        return () if route.body is None else (route.body.decode(raw, call.version),)

    async def _read_body(self, route: Route, headers: Mapping[str, str]) -> bytes:
        most = route.max_body_bytes or self._app._settings.max_body_bytes
        announced = headers.get("content-length", "0")
        if announced.isascii() and announced.isdigit() and int(announced) > most:
            raise BodyTooLarge(most)
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in self._request.stream():
                size += len(piece)
                if size > most:
                    raise BodyTooLarge(most)
                pieces.append(piece)
        except ClientDisconnect as error:
            raise BrokenOff from error
        if route.body is not None:
            media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
            if media_type != "application/json" and size:
                raise NotJson(media_type[:100])
        return b"".join(pieces)

    def _refusal(self, problem: Problem) -> Answer:
        envelope = self._service.envelope if self._service else plain_envelope
        headers = {}
        if isinstance(problem, Unavailable):
            headers["Retry-After"] = str(problem.retry_after_s)
            log.warning("unavailable: %r", problem, exc_info=problem, extra={"trace_id": self._request_id})
        if isinstance(problem, Unauthenticated):
            headers["WWW-Authenticate"] = 'Keystone uri="/identity"'
        return Answer(_encode(envelope(problem, self._request_id)), problem.status, headers)

    def _response(self, answer: Answer | Stream) -> Response:
        headers = {"X-Openstack-Request-Id": self._request_id}
        if self._service:
            headers |= dict.fromkeys(self._service.id_headers, self._request_id)
            if self._service.versions and self._version:
                headers |= self._service.versions.headers(self._version)
        headers |= answer.headers
        if isinstance(answer, Stream):
            if answer.size is not None:
                headers["Content-Length"] = str(answer.size)
            return StreamingResponse(answer.chunks, answer.status, headers, answer.media_type)
        body = (
            _encode(answer.body)
            if answer.body is not None and not isinstance(answer.body, bytes)
            else answer.body
        )
        return Response(body, answer.status, headers, answer.media_type if body else None)

    def _account(self, method: str, status: int) -> None:
        seconds = time.perf_counter() - self._began
        name = self._service.name if self._service else "none"
        SECONDS.labels(name, method, self._route_path, str(status)).observe(seconds)
        STATEMENTS.labels(name, method, self._route_path).inc(self._statements)
        if access.isEnabledFor(logging.INFO):
            access.info(
                "%s %s %d %.1f ms %d sql user=%s", method, self._scope["path"], status, seconds * 1e3,
                self._statements, self._user, extra={"trace_id": self._request_id},
            )  # fmt: skip


def plain_envelope(problem: Problem, request_id: str) -> Any:
    """The shape of refusals where no service's own applies."""
    return {"error": {"code": problem.status, "title": problem.title, "message": str(problem),
                      "request_id": request_id}}  # fmt: skip
