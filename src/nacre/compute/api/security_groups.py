"""Security groups of a server, by name: their rules are the network service's to tell."""

from __future__ import annotations

from typing import Any

from nacre.compute.api.common import Parts, load_server
from nacre.kernel.http.call import Answer, Call, Ok


def listed(call: Call[Parts], server_id: str) -> Answer:
    """The groups in force on the server's ports."""
    with call.database.read() as db:
        server = load_server(call, db, server_id)
        names = call.parts.networks.security_groups_of(db, [server.server_id]).get(server.server_id, ())
    groups: list[dict[str, Any]] = [{"name": name} for name in names]
    return Ok({"security_groups": groups})
