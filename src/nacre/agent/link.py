"""How an agent speaks to the control plane: what it may ask, what it may say, and the same over HTTP.

The rules of the conversation, for both ends:

- `wishes(since=0)` asks for the complete list. The control plane may answer `complete=True` at any time: then
  what the answer does not name should not be on the host. An incomplete answer names only guests whose spec
  changed after generation `since`; `present=False` means remove. `generation` of the answer is the next
  `since`; generations begin at 1. With nothing to say, the answer comes after `wait_s` with no guests and the
  generation it was asked.
- Questions may be asked more than once until they are answered; answering one twice is harmless.
- A fact replaces the one before it. A guest has been brought to its spec when `observed_generation` is the
  spec's, and `waiting` and `fault` are empty; `power` may then still be off under a wish for on: the guest ended
  by itself, and the agent starts it again only when generation or boots of the spec move on. With a `fault`
  and the spec's generation, the agent has given up for the moment, and tries again by itself now and then.
  `exists=False` under `present=False` means that nothing whatsoever is left on the host.
- What the agent could not say it repeats until it is heard. When it could not listen, it asks for the complete
  list again; and after every complete answer it says everything again.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import quote

import msgspec

from nacre.compute.domain.guests import GuestFacts, HostReport, HostWishes
from nacre.kernel.errors import NotFound, Unavailable
from nacre.kernel.ids import HostId, ImageId

CALL_TIMEOUT_S = 10.0
IMAGE_CHUNK_BYTES = 1 << 20
LARGEST_ANSWER_BYTES = 256 << 20


@dataclass(eq=False)
class ControlPlaneAway(Unavailable):
    """The control plane does not answer, or not with what was agreed."""

    code: ClassVar[str] = "agent.control_plane_away"
    reason: str

    def __str__(self) -> str:
        return f"The control plane does not answer: {self.reason}"


@dataclass(eq=False)
class ImageGone(NotFound):
    """The control plane has no such image any more."""

    code: ClassVar[str] = "agent.image_gone"
    image_id: ImageId

    def __str__(self) -> str:
        return f"Image {self.image_id} is not to be had from the control plane."


class AgentLink(Protocol):
    """What the agent of one host may say and ask. Every call is bounded in time and raises Unavailable."""

    def report_host(self, report: HostReport) -> None:
        """Say what the host offers. The host is known from then on."""
        ...

    def wishes(self, host_id: HostId, *, since: int, wait_s: float) -> HostWishes:
        """What should be on the host; waits up to `wait_s` for something newer than generation `since`."""
        ...

    def report_guests(self, host_id: HostId, facts: Sequence[GuestFacts]) -> None:
        """Say what is true of some guests of the host."""
        ...

    def answer(self, host_id: HostId, question_id: str, data: bytes) -> None:
        """Answer a question. One that nobody waits for any more is no error."""
        ...

    def open_image(self, image_id: ImageId) -> AbstractContextManager[Iterator[bytes]]:
        """The image's bytes as they were uploaded, in chunks. Raises ImageGone."""
        ...


class FleetLink(Protocol):
    """The same conversation for thousands of hosts in one process: never waits, and speaks of many at once."""

    def subscribe(self, changed: Callable[[HostId], None]) -> None:
        """Call `changed` when there may be something new for a host: a wish, or a question.

        It is called in any thread, after the change can be read, and never blocks. A call may come for
        nothing, and may be lost: the fleet also asks for every host by period.
        """
        ...

    def fleet_wishes(self, since: Mapping[HostId, int]) -> Sequence[HostWishes]:
        """The answers of `AgentLink.wishes` for these hosts, at once. A host without news may be left out."""
        ...

    def report_hosts(self, reports: Sequence[HostReport]) -> None:
        """`AgentLink.report_host` for each."""
        ...

    def report_fleet(self, facts: Mapping[HostId, Sequence[GuestFacts]]) -> None:
        """`AgentLink.report_guests` for each host, all or nothing: one transaction, if it can be."""
        ...

    def answer(self, host_id: HostId, question_id: str, data: bytes) -> None:
        """As `AgentLink.answer`."""
        ...


class FactsReport(msgspec.Struct, frozen=True):
    """The body in which facts travel."""

    facts: tuple[GuestFacts, ...]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class HttpLink:
    """The AgentLink of a real agent: HTTP over the control plane's unix socket, one connection a call."""

    def __init__(self, socket_path: Path, token_file: Path) -> None:
        """The token is read anew for each call: it changes when the cloud is made anew."""
        self._socket = socket_path
        self._token_file = token_file

    def report_host(self, report: HostReport) -> None:
        self._call("PUT", _host_path(report.host_id), body=msgspec.json.encode(report))

    def wishes(self, host_id: HostId, *, since: int, wait_s: float) -> HostWishes:
        path = f"{_host_path(host_id)}/wishes?since={since}&wait={wait_s:g}"
        data = self._call("GET", path, timeout_s=wait_s + CALL_TIMEOUT_S)
        try:
            return msgspec.json.decode(data, type=HostWishes)
        except msgspec.DecodeError as error:
            raise ControlPlaneAway(f"its wishes cannot be read ({error})") from error

    def report_guests(self, host_id: HostId, facts: Sequence[GuestFacts]) -> None:
        self._call(
            "POST", f"{_host_path(host_id)}/facts", body=msgspec.json.encode(FactsReport(tuple(facts)))
        )

    def answer(self, host_id: HostId, question_id: str, data: bytes) -> None:
        path = f"{_host_path(host_id)}/answers/{quote(question_id, safe='')}"
        self._call("POST", path, body=data, content_type="application/octet-stream", absent_is_fine=True)

    @contextmanager
    def open_image(self, image_id: ImageId) -> Iterator[Iterator[bytes]]:
        with closing(_UnixConnection(self._socket, CALL_TIMEOUT_S)) as connection:
            response = self._send(connection, "GET", f"/agent/v1/images/{quote(image_id, safe='')}/data")
            if response.status == 404:
                raise ImageGone(image_id)
            _expect_success(response)
            yield _chunks(response)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float = CALL_TIMEOUT_S,
        absent_is_fine: bool = False,
    ) -> bytes:
        with closing(_UnixConnection(self._socket, timeout_s)) as connection:
            headers = {"Content-Type": content_type} if body is not None else {}
            response = self._send(connection, method, path, body=body, headers=headers)
            if not (absent_is_fine and response.status == 404):
                _expect_success(response)
            return _read(response, LARGEST_ANSWER_BYTES)

    def _send(
        self,
        connection: _UnixConnection,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        try:
            token = self._token_file.read_text().strip()
            with suppress(BrokenPipeError):  # Whoever refuses may answer without hearing us out.
                connection.request(
                    method, path, body=body, headers={**(headers or {}), "X-Agent-Token": token}
                )
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise _away(error) from error


def _host_path(host_id: HostId) -> str:
    return f"/agent/v1/hosts/{quote(host_id, safe='')}"


def _expect_success(response: http.client.HTTPResponse) -> None:
    if response.status >= 300:
        detail = _read(response, 300).decode(errors="replace")
        raise ControlPlaneAway(f"HTTP {response.status} {detail}")


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while chunk := _read(response, IMAGE_CHUNK_BYTES):
        yield chunk


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    try:
        return response.read(most)
    except (OSError, http.client.HTTPException) as error:
        raise _away(error) from error


def _away(error: Exception) -> ControlPlaneAway:
    return ControlPlaneAway(f"{type(error).__name__}: {error}")
