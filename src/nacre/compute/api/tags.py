"""Tags of servers: short words to find them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec

from nacre.compute.api.common import Parts, Tag, load_server, lock_server
from nacre.compute.domain.servers import changes
from nacre.compute.errors import TagNotFound
from nacre.compute.store import servers
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body, convert
from nacre.kernel.http.call import Answer, Call, NoContent, Ok

MOST_TAGS = 50


class AllTags(msgspec.Struct, frozen=True, kw_only=True):
    """Every tag a server is to bear."""

    tags: Annotated[list[Tag], msgspec.Meta(max_length=MOST_TAGS)]


class OneTag(msgspec.Struct, frozen=True):
    """A tag, as it stands in a path."""

    tag: Tag


ALL = Body(AllTags)


def listed(call: Call[Parts], server_id: str) -> Answer:
    """Every tag."""
    with call.database.read() as db:
        return Ok({"tags": load_server(call, db, server_id).tags})


def check(call: Call[Parts], server_id: str, tag: str) -> Answer:
    """Whether a server bears a tag. Raises TagNotFound."""
    with call.database.read() as db:
        if tag not in load_server(call, db, server_id).tags:
            raise TagNotFound(server_id, tag)
    return NoContent()


def replace(call: Call[Parts], ask: AllTags, server_id: str) -> Answer:
    """Exactly these tags."""
    return Ok({"tags": _change(call, server_id, lambda _tags: ask.tags)[1]})


def add(call: Call[Parts], server_id: str, tag: str) -> Answer:
    """One more tag: 201 if it is new, 204 if the server bore it."""
    convert({"tag": tag}, OneTag, where="")
    before, _after = _change(call, server_id, lambda tags: [*tags, tag])
    if tag in before:
        return NoContent()
    return Answer(None, 201, {"Location": call.url(call.path)})


def delete(call: Call[Parts], server_id: str, tag: str) -> Answer:
    """One tag less. Raises TagNotFound."""

    def without(tags: Sequence[str]) -> Sequence[str]:
        if tag not in tags:
            raise TagNotFound(server_id, tag)
        return [each for each in tags if each != tag]

    _change(call, server_id, without)
    return NoContent()


def delete_all(call: Call[Parts], server_id: str) -> Answer:
    """No tags."""
    _change(call, server_id, lambda _tags: [])
    return NoContent()


def _change(
    call: Call[Parts], server_id: str, new: Callable[[Sequence[str]], Sequence[str]]
) -> tuple[Sequence[str], Sequence[str]]:
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id, despite_lock=True)
        tags = tuple(dict.fromkeys(new(server.tags)))
        if len(tags) > MOST_TAGS:
            raise Bad(f"The number of tags exceeds the per-server limit {MOST_TAGS}")
        before, after = changes(server, {"tags": tags})
        if after:
            servers.change(tx, server, after, tell_host=False)
            tx.record(
                Event(action="update-tags", kind="server", subject=server_id, before=before, after=after,
                      project_id=server.project_id)
            )  # fmt: skip
    return server.tags, tags
