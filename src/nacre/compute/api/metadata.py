"""Metadata of servers: words of the owner's choosing, which the guest may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from nacre.compute.api.common import Metadata, Parts, load_server, lock_server
from nacre.compute.domain.quotas import check_amounts
from nacre.compute.domain.servers import changes
from nacre.compute.errors import MetadataKeyNotFound
from nacre.compute.store import quotas, servers
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent, Ok


class AllMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Several items."""

    metadata: Metadata


class OneItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item, by its key."""

    meta: Metadata


ALL = Body(AllMetadata)
ONE = Body(OneItem)


def listed(call: Call[Parts], server_id: str) -> Answer:
    """Every item."""
    with call.database.read() as db:
        return Ok({"metadata": load_server(call, db, server_id).metadata})


def show(call: Call[Parts], server_id: str, key: str) -> Answer:
    """One item. Raises MetadataKeyNotFound."""
    with call.database.read() as db:
        items = load_server(call, db, server_id).metadata
    if key not in items:
        raise MetadataKeyNotFound(key)
    return Ok({"meta": {key: items[key]}})


def replace(call: Call[Parts], ask: AllMetadata, server_id: str) -> Answer:
    """Exactly these items."""
    return Ok({"metadata": _change(call, server_id, lambda _items: ask.metadata)})


def update(call: Call[Parts], ask: AllMetadata, server_id: str) -> Answer:
    """These items beside the others."""
    return Ok({"metadata": _change(call, server_id, lambda items: {**items, **ask.metadata})})


def set_item(call: Call[Parts], ask: OneItem, server_id: str, key: str) -> Answer:
    """One item; its key in the body is the one in the path."""
    if ask.meta.keys() != {key}:
        raise Bad("Request body and URI mismatch")
    _change(call, server_id, lambda items: {**items, **ask.meta})
    return Ok({"meta": ask.meta})


def delete(call: Call[Parts], server_id: str, key: str) -> Answer:
    """Remove one item. Raises MetadataKeyNotFound."""

    def without(items: Mapping[str, str]) -> Mapping[str, str]:
        if key not in items:
            raise MetadataKeyNotFound(key)
        return {name: value for name, value in items.items() if name != key}

    _change(call, server_id, without)
    return NoContent()


def _change(
    call: Call[Parts], server_id: str, new: Callable[[Mapping[str, str]], Mapping[str, str]]
) -> Mapping[str, str]:
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id)
        items = dict(new(server.metadata))
        room = quotas.rooms(tx, server.project_id, ["server_metadata_items"])
        check_amounts(room, {"server_metadata_items": len(items)})
        before, after = changes(server, {"metadata": items})
        if after:
            servers.change(tx, server, after, tell_host=True)
            tx.record(
                Event(action="update-metadata", kind="server", subject=server_id, before=before, after=after,
                      project_id=server.project_id)
            )  # fmt: skip
    return items
