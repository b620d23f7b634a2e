"""A client that costs little, so that what is measured is the cloud."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any


class BenchError(Exception):
    """The cloud answered something that a benchmark does not expect."""


class Client:
    """One keep-alive connection, logged in."""

    def __init__(self, listen: str, *, token: str = "", project_id: str = "") -> None:
        self.listen = listen
        self.token = token
        self.project_id = project_id
        self._connection = http.client.HTTPConnection(listen, timeout=60)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        """Status, headers and decoded body."""
        given = {"X-Auth-Token": self.token, "X-OpenStack-Nova-API-Version": "2.79"} | (headers or {})
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        self._connection.request(method, path, data, given)
        reply = self._connection.getresponse()
        raw = reply.read()
        if raw and "json" in reply.headers.get("Content-Type", ""):
            return reply.status, reply.headers, json.loads(raw)
        return reply.status, reply.headers, raw

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded body of an answer that must be a success."""
        status, _, answer = self.request(method, path, body)
        if status >= 300:
            raise BenchError(f"{method} {path}: {status} {answer}")
        return answer

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> None:
        self.call("DELETE", path)

    def log_in(self, user: str, password: str) -> Client:
        """A client with a token of `user` for the project of the same name."""
        default = {"id": "default"}
        status, headers, answer = self.request("POST", "/identity/v3/auth/tokens", {"auth": {
            "identity": {"methods": ["password"],
                         "password": {"user": {"name": user, "domain": default, "password": password}}},
            "scope": {"project": {"name": user, "domain": default}},
        }})  # fmt: skip
        if status != 201:
            raise BenchError(f"login: {status} {answer}")
        project_id = answer["token"]["project"]["id"]
        return Client(self.listen, token=headers["X-Subject-Token"], project_id=project_id)

    def wait(self, path: str, key: str, status: str, *, within_s: float = 60) -> None:
        """Poll until the object has `status`."""
        end, pause = time.monotonic() + within_s, 0.002
        while True:
            seen = self.get(path)[key]["status"]
            if seen == status:
                return
            if seen == "ERROR" or time.monotonic() > end:
                raise BenchError(f"{path} is {seen}, not {status}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
