"""What was asked of a server, by whom, and what came of it: read from the event log."""

from __future__ import annotations

from typing import Any, Final

from nacre.compute.api.common import Parts
from nacre.compute.api.server_views import host_hash
from nacre.compute.domain.history import Outcome, Told, tell
from nacre.compute.domain.servers import Server
from nacre.compute.errors import ActionNotFound, ServerNotFound
from nacre.compute.policy import SERVER_IN_FULL
from nacre.compute.store import history, servers
from nacre.kernel.clock import iso_micro, parse_iso
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http import paging
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.versions import Windows, since

_AFTER_DELETION: Final = since("2.21")
_EVENTS_FOR_ALL: Final = since("2.51")
_PAGED: Final = since("2.58")
_WINDOWS = Windows({"updated_at": since("2.58")})
_EVENT_WINDOWS = Windows({"hostId": since("2.62"), "host": since("2.62"), "details": since("2.84")})


def listed(call: Call[Parts], server_id: str) -> Answer:
    """Every action, newest first. From 2.21 on also those of servers that are gone."""
    with call.database.read() as db:
        found = _load(call, db, server_id)[0]
    if call.version not in _PAGED:
        return Ok({"instanceActions": [_view(call, server_id, each) for each in found]})
    return Ok(_page(call, server_id, found))


def _page(call: Call[Parts], server_id: str, found: list[Told]) -> dict[str, Any]:
    page = paging.page_of(call, sortable=[], default=[])
    for name in ("changes-since", "changes-before"):
        if text := call.one(name):
            moment = _moment(text, name)
            found = [each for each in found if (each.updated_at >= moment) == (name == "changes-since")]
    if page.marker is not None:
        ids = [each.request_id for each in found]
        if page.marker not in ids:
            raise Bad(f"The marker {page.marker[:80]} was not found.", where="marker")
        found = found[ids.index(page.marker) + 1 :]
    body: dict[str, Any] = {"instanceActions": [_view(call, server_id, each) for each in found[: page.limit]]}
    if 0 < page.limit < len(found):
        href = paging.next_link(call, found[page.limit - 1].request_id, page)
        body["links"] = [{"rel": "next", "href": href}]
    return body


def _moment(text: str, name: str) -> float:
    try:
        return parse_iso(text)
    except (ValueError, OverflowError) as error:
        raise Bad(f"'{text[:60]}' is not an ISO 8601 time.", where=name) from error


def show(call: Call[Parts], server_id: str, request_id: str) -> Answer:
    """One action, with what came of it. Raises ActionNotFound."""
    with call.database.read() as db:
        found, server = _load(call, db, server_id)
    told = next((each for each in found if each.request_id == request_id), None)
    if told is None:
        raise ActionNotFound(server_id, request_id)
    view = _view(call, server_id, told)
    for_admin = SERVER_IN_FULL.allows(call.caller, {})
    if for_admin or call.version in _EVENTS_FOR_ALL:
        view["events"] = [_event_view(call, each, server, for_admin=for_admin) for each in told.outcomes]
    return Ok({"instanceAction": view})


def _load(call: Call[Parts], db: Reader, server_id: str) -> tuple[list[Told], Server | None]:
    server = servers.find(db, server_id)
    if server is None and call.version not in _AFTER_DELETION:
        raise ServerNotFound(server_id)
    found = tell(history.of_server(db, server_id))
    owner = server.project_id if server else (found[-1].project_id if found else None)
    if owner is None or not call.sees(owner):
        raise ServerNotFound(server_id)
    return found, server


def _view(call: Call[Parts], server_id: str, told: Told) -> dict[str, Any]:
    view = {
        "action": told.action,
        "instance_uuid": server_id,
        "request_id": told.request_id,
        "user_id": told.user_id,
        "project_id": told.project_id,
        "start_time": iso_micro(told.at, zulu=False),
        "updated_at": iso_micro(told.updated_at, zulu=False),
        "message": "Error" if told.failed else None,
    }
    return _WINDOWS.project(view, call.version)


def _event_view(
    call: Call[Parts], outcome: Outcome, server: Server | None, *, for_admin: bool
) -> dict[str, Any]:
    moment = iso_micro(outcome.at, zulu=False)
    view: dict[str, Any] = {
        "event": outcome.name,
        "start_time": moment,
        "finish_time": moment,
        "result": "Error" if outcome.failed else "Success",
        "hostId": host_hash(server) if server else "",
        "details": outcome.details or None,
    }
    if for_admin:
        view["traceback"] = None
        view["host"] = (server.host_id if server else None) or ""
    return _EVENT_WINDOWS.project(view, call.version)
