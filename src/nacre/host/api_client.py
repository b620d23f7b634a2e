"""A small client of the public HTTP APIs, and of the control plane's own unix socket."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from pathlib import Path
from typing import Any, BinaryIO

from nacre.host.errors import Refused

_TIMEOUT_S = 60.0
# The catalogue's name of each service, and what follows its address there for the version we speak.
_SERVICES = {"compute": "", "image": "/v2", "network": "/v2.0"}


class ApiClient:
    """One user in one project. Every method raises Refused for an answer of 400 and above."""

    def __init__(self, auth_url: str, *, user: str, password: str, project: str) -> None:
        self._endpoints: dict[str, str] = {}
        self._token = ""
        domain = {"name": "Default"}
        ask = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": password}},
                },
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        status, headers, answer = _request("POST", f"{auth_url}/auth/tokens", json.dumps(ask).encode(), {})
        if status >= 400:
            raise Refused("POST", f"{auth_url}/auth/tokens", status, answer.decode(errors="replace"))
        token = json.loads(answer)["token"]
        self._token = headers["X-Subject-Token"]
        self.project_id = str(token["project"]["id"])
        for service in token["catalog"]:
            for endpoint in service["endpoints"]:
                if endpoint["interface"] == "public":
                    self._endpoints[service["type"]] = endpoint["url"].rstrip("/")

    def get(self, service: str, path: str, **query: str) -> Any:
        """The decoded answer."""
        return self._call("GET", service, f"{path}?{urllib.parse.urlencode(query)}" if query else path)

    def post(self, service: str, path: str, body: Any) -> Any:
        return self._call("POST", service, path, body)

    def put(self, service: str, path: str, body: Any) -> Any:
        return self._call("PUT", service, path, body)

    def delete(self, service: str, path: str) -> None:
        self._call("DELETE", service, path)

    def upload(self, service: str, path: str, file: BinaryIO) -> None:
        """PUT a file's bytes without holding them in memory."""
        self._call("PUT", service, path, file)

    def _call(self, method: str, service: str, path: str, body: Any = None) -> Any:
        url = self._endpoints[service] + _SERVICES[service] + path
        headers = {"X-Auth-Token": self._token, "Accept": "application/json"}
        payload: bytes | BinaryIO | None = None
        if body is not None and not hasattr(body, "read"):
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        elif body is not None:
            payload = body
            headers["Content-Type"] = "application/octet-stream"
        status, _, answer = _request(method, url, payload, headers)
        if status >= 400:
            raise Refused(method, url, status, answer.decode(errors="replace"))
        return json.loads(answer) if answer else None


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask_control_plane(
    api_socket: Path, path: str, *, body: Any = None, method: str = "", timeout_s: float = 30.0
) -> Any:
    """The decoded answer of the control plane's own API, to a POST where there is a body and no `method`.

    Raises Refused, and OSError when nobody listens.
    """
    connection = UnixConnection(api_socket, timeout_s=timeout_s)
    method = method or ("GET" if body is None else "POST")
    try:
        if body is None:
            connection.request(method, path)
        else:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status >= 400:
        raise Refused(method, path, response.status, answer.decode(errors="replace"))
    return json.loads(answer)


def _request(
    method: str, url: str, body: bytes | BinaryIO | None, headers: dict[str, str]
) -> tuple[int, http.client.HTTPMessage, bytes]:
    where = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.netloc, timeout=_TIMEOUT_S)
    try:
        path = where.path + (f"?{where.query}" if where.query else "")
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
