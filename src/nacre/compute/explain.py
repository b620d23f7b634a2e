"""Why a server is where it is, or nowhere; and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nacre.compute.domain.servers import AwaitRemoval, Forget, Place, Server, next_step
from nacre.compute.errors import ServerNotFound
from nacre.compute.store import history, hosts, placements, servers
from nacre.kernel.clock import iso_z
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.ids import ServerId, is_uuid

LINES_SHOWN = 50


def explain_server(db: Reader, name_or_id: str) -> Mapping[str, Any]:
    """The state of a server in words, the decision on its host with the reasons against the others, its log.

    A name that several servers bear is refused with their ids. Raises ServerNotFound, unless the log still
    knows it, and Bad.
    """
    server_id = _id_of(db, name_or_id)
    server = servers.find(db, server_id)
    lines = history.of_server(db, server_id)
    log = [
        {
            "at": iso_z(line.at),
            "actor": line.actor,
            "action": line.action,
            "after": line.after,
            "trace": line.trace_id,
        }
        for line in reversed(lines[:LINES_SHOWN])
    ]
    if server is None:
        if not lines:
            raise ServerNotFound(server_id)
        return {"server_id": server_id, "state": "it is gone", "log": log}
    return {
        "server_id": server_id,
        "name": server.name,
        "project_id": server.project_id,
        "status": server.status,
        "state": _in_words(db, server),
        "wanted": {
            "power": server.power,
            "generation": server.generation,
            "boots": server.boots,
            "deleted": server.deleted_at is not None,
            "zone": server.wanted_zone,
            "host": server.wanted_host,
        },
        "placement": _placement(db, server_id),
        "reported": {
            "generation": server.observed_generation,
            "exists": server.guest_exists,
            "power": server.guest_power,
            "boots": server.guest_boots,
            "waiting": server.waiting,
            "fault": server.fault,
            "at": iso_z(server.facts_at) if server.facts_at else None,
        },
        "log": log,
    }


def _placement(db: Reader, server_id: ServerId) -> Mapping[str, Any] | None:
    decision = placements.find(db, server_id)
    if decision is None:
        return None
    return {
        "host": decision["host_id"],
        "zone": decision["zone"],
        "at": iso_z(decision["decided_at"]),
        "refusal": decision["refusal"],
        "not_on": decision["rejections"],
        "trace": decision["trace_id"],
    }


def _in_words(db: Reader, server: Server) -> str:
    match next_step(server.wish, server.standing, server.sight):
        case Place():
            return "it waits for the scheduler"
        case AwaitRemoval(host_id):
            return f"it waits for host {host_id} to remove the guest{_silence(db, host_id)}"
        case Forget():
            return "it is gone from its host, and about to be forgotten"
        case _:
            return _settled_in_words(db, server)


def _settled_in_words(db: Reader, server: Server) -> str:
    if server.host_id is None:
        return f"no host takes it: {server.refusal}"
    if server.fault:
        return f"host {server.host_id} gave up: {server.fault}"
    if (server.observed_generation or 0) < server.generation:
        because = f": {server.waiting}" if server.waiting else ""
        return (
            f"host {server.host_id} is bringing it to what is wanted{because}{_silence(db, server.host_id)}"
        )
    return f"it is on host {server.host_id} as it should be"


def _silence(db: Reader, host_id: str) -> str:
    host = hosts.find(db, host_id)
    if host is None:
        return " (which is unknown)"
    return f"; the host was last heard of at {iso_z(host.seen_at)}"


def _id_of(db: Reader, name_or_id: str) -> ServerId:
    if is_uuid(name_or_id):
        return ServerId(name_or_id)
    found = servers.ids_of_name(db, name_or_id)
    if len(found) > 1:
        raise Bad(f"Several servers are called {name_or_id}: {', '.join(found)}.")
    return found[0] if found else ServerId(name_or_id)
