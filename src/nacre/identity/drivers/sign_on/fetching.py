"""Asking a provider over HTTP: bounded in time, in size, and in how many wait at once."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, final
from urllib.parse import quote_plus, urlsplit

import httpx
import msgspec

from nacre.identity.drivers.sign_on.base import ProviderAway

MOST_BYTES = 512 * 1024
MOST_AT_ONCE = 6
"""Fewer than the threads that handlers run in: a provider that is slow may not stop everybody else."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Reply(msgspec.Struct, frozen=True):
    """An answer in whole."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as an object. Raises ValueError."""
        decoded = msgspec.json.decode(self.body)
        if not isinstance(decoded, dict):
            raise ValueError("it is no JSON object")
        return decoded


def is_safe(url: Any) -> bool:
    """Whether secrets may travel there: by TLS, or without leaving this machine."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))


@final
class Fetcher:
    """Asks, and follows no redirect."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)

    @functools.cached_property
    def _client(self) -> httpx.Client:
        # Most clouds never ask anybody, and loading the certificates of the world takes a while.
        return httpx.Client(timeout=self._timeout_s, follow_redirects=False)

    def get(self, issuer: str, url: str, *, bearer: str = "") -> Reply:
        """Raises ProviderAway."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return self._ask("GET", issuer, url, headers=headers)

    def post(
        self, issuer: str, url: str, form: Mapping[str, str], *, user: str = "", secret: str = ""
    ) -> Reply:
        """Post a form, as a client that proves itself by its secret if one is given. Raises ProviderAway."""
        # RFC 6749, section 2.3.1: both are form-encoded before they are put together.
        auth = httpx.BasicAuth(quote_plus(user), quote_plus(secret)) if secret else None
        return self._ask("POST", issuer, url, data=dict(form), auth=auth)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def _ask(self, method: str, issuer: str, url: str, **options: Any) -> Reply:
        if not is_safe(url):
            raise ProviderAway(issuer, f"it names an address that is not safe: {str(url)[:200]}")
        deadline = time.monotonic() + self._timeout_s
        with self._a_turn(issuer):
            try:
                with self._client.stream(method, url, **options) as response:
                    return Reply(response.status_code, self._read(issuer, response, deadline))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ProviderAway(issuer, f"{type(error).__name__} {error}".strip()) from error

    def _read(self, issuer: str, response: httpx.Response, deadline: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes(16_384):
            size += len(piece)
            if size > MOST_BYTES:
                raise ProviderAway(issuer, "its answer is too long")
            if time.monotonic() > deadline:
                raise ProviderAway(issuer, "its answer takes too long")
            pieces.append(piece)
        return b"".join(pieces)

    @contextlib.contextmanager
    def _a_turn(self, issuer: str) -> Iterator[None]:
        if not self._room.acquire(timeout=self._timeout_s):
            raise ProviderAway(issuer, "too many wait for it already")
        try:
            yield
        finally:
            self._room.release()
