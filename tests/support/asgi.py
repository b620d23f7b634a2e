"""A client that calls an ASGI application in this process, without sockets."""

from __future__ import annotations

import asyncio
import json as jsonlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit


@dataclass(frozen=True)
class Reply:
    """An answer. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:2000]!r}>"


class AsgiClient:
    """Calls `app`; `token`, if any, goes with every request. `local` requests look as if from the unix socket."""

    def __init__(
        self, app: Any, *, token: str = "", local: bool = False, headers: Mapping[str, str] | None = None
    ):
        self.app = app
        self.token = token
        self.local = local
        self.headers = dict(headers or {})

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        hang_up: bool = False,
    ) -> Reply:
        """One request. `body` may be pieces; with `hang_up` the caller goes away after the last one."""
        given = dict(self.headers)
        if self.token:
            given["X-Auth-Token"] = self.token
        if json is not None:
            body = jsonlib.dumps(json).encode()
            given["Content-Type"] = "application/json"
        given |= headers or {}
        pieces = [body or b""] if body is None or isinstance(body, bytes) else list(body)
        parts = urlsplit(url)
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": unquote(parts.path), "raw_path": quote(parts.path, safe="/%~").encode(),
            "query_string": parts.query.encode(), "root_path": "",
            "headers": [(b"host", b"cloud.test")]
            + [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": None, "server": ("/socket", None) if self.local else ("cloud.test", 80),
        }  # fmt: skip
        return _run(_exchange(self.app, scope, pieces, hang_up=hang_up))

    def get(self, url: str, **options: Any) -> Reply:
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Any) -> Reply:
        return self.request("HEAD", url, **options)

    def post(self, url: str, **options: Any) -> Reply:
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> Reply:
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> Reply:
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> Reply:
        return self.request("DELETE", url, **options)


async def _exchange(app: Any, scope: Any, pieces: list[bytes], *, hang_up: bool) -> Reply:
    waiting = list(pieces)
    start: dict[str, Any] = {}
    received: list[bytes] = []

    async def receive() -> Any:
        if waiting:
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting) or hang_up}
        if hang_up:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            received.append(bytes(message.get("body", b"")))

    await app(scope, receive, send)
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Reply(start["status"], headers, b"".join(received))


_loop: asyncio.AbstractEventLoop | None = None


def _run(work: Any) -> Any:
    global _loop  # noqa: PLW0603 - One event loop serves all clients of a test process.
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True, name="asgi-client").start()
    return asyncio.run_coroutine_threadsafe(work, _loop).result(timeout=60)
