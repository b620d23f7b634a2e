"""What a server takes of its project's limits and of its host, changed together with the wish for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.compute.api.common import Parts
from nacre.compute.domain.flavors import largest
from nacre.compute.domain.quotas import check_room, cost_of, further_classes
from nacre.compute.domain.servers import Server
from nacre.compute.errors import NoValidHost
from nacre.compute.store import quotas, servers
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call
from nacre.placement.contract import NoRoom


def change(call: Call[Parts], tx: Tx, server: Server, new: Mapping[str, Any]) -> Server:
    """Write a new wish for a locked server that is on a host, whatever flavors or image it names.

    Raises TooManyServers where a limit does not allow what is more of it, and Bad where its host has no room:
    nothing carries its disk to another one.
    """
    after = msgspec.structs.replace(server, **new)
    _check_limits(tx, server, after)
    changed = servers.change(tx, server, new, tell_host=True)
    quotas.replace_resources(tx, server.server_id, _further(after))
    if changed.demand != server.demand:
        _claim(call, tx, changed)
    return changed


def _check_limits(tx: Tx, before: Server, after: Server) -> None:
    had, wanted = _cost(before), _cost(after)
    more = {name: amount - had.get(name, 0) for name, amount in wanted.items() if amount > had.get(name, 0)}
    if more:
        check_room(quotas.rooms(tx, before.project_id, list(more)), more, number=1)


def _cost(server: Server) -> dict[str, int]:
    return largest([cost_of(each, image_bytes=server.image_bytes) for each in server.flavors])


def _further(server: Server) -> dict[str, int]:
    return largest([further_classes(each) for each in server.flavors])


def _claim(call: Call[Parts], tx: Tx, server: Server) -> None:
    assert server.host_id is not None, "what changes its size is on a host"
    try:
        call.parts.placement.resize(tx, server.host_id, server.server_id, server.demand)
    except NoRoom as problem:
        raise Bad(str(NoValidHost({server.host_id: problem.why}))) from problem
