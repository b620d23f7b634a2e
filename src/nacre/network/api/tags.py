"""Tags: words on any object, to find it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.network.api.attributes import Whole
from nacre.network.api.kinds import many, text
from nacre.network.api.noun import Noun
from nacre.network.api.parts import Parts
from nacre.network.errors import HTTPBadRequest, TagNotFound

MOST_TAGS = 1000
_TAG = text(255, least=1)
TAGS = many(_TAG, distinct=False, most=MOST_TAGS)
"""The tags of an object that is made with some."""


@dataclass(frozen=True)
class Tags:
    """The tags of one noun."""

    noun: Noun[Any]

    def index(self, call: Call[Parts], object_id: str) -> Answer:
        """All tags of an object."""
        with call.database.read() as db:
            return Ok({"tags": self.noun.load(call, db, object_id).tags})

    def show(self, call: Call[Parts], object_id: str, tag: str) -> Answer:
        """Whether an object carries a tag. Errors: TagNotFound."""
        with call.database.read() as db:
            if tag not in self.noun.load(call, db, object_id).tags:
                raise TagNotFound(tag)
        return NoContent()

    def replace(self, call: Call[Parts], ask: Whole, object_id: str) -> Answer:
        """Give an object these tags and no others."""
        wanted = _tags_in(ask)
        return Ok({"tags": self._write(call, object_id, lambda _had: wanted)})

    def extend(self, call: Call[Parts], ask: Whole, object_id: str) -> Answer:
        """Give an object these tags besides those it has."""
        wanted = _tags_in(ask)
        return Answer({"tags": self._write(call, object_id, lambda had: (*had, *wanted))}, 201)

    def add(self, call: Call[Parts], object_id: str, tag: str) -> Answer:
        """Give an object one more tag; one it has already changes nothing."""
        try:
            wanted = _TAG(tag)
        except ValueError as error:
            raise HTTPBadRequest(f"Invalid input for tag. Reason: {error}.") from error
        self._write(call, object_id, lambda had: (*had, wanted))
        return Answer(None, 201)

    def remove(self, call: Call[Parts], object_id: str, tag: str) -> Answer:
        """Take one tag from an object. Errors: TagNotFound."""

        def without(had: tuple[str, ...]) -> tuple[str, ...]:
            if tag not in had:
                raise TagNotFound(tag)
            return tuple(each for each in had if each != tag)

        self._write(call, object_id, without)
        return NoContent()

    def clear(self, call: Call[Parts], object_id: str) -> Answer:
        """Take all tags from an object."""
        self._write(call, object_id, lambda _had: ())
        return NoContent()

    def _write(self, call: Call[Parts], object_id: str, change: Any) -> tuple[str, ...]:
        with call.database.write(call.actor) as tx:
            item = self.noun.lock_for(call, tx, object_id)
            tags: tuple[str, ...] = tuple(dict.fromkeys(change(item.tags)))
            if len(tags) > MOST_TAGS:
                raise HTTPBadRequest(f"An object carries at most {MOST_TAGS} tags.")
            if tags != item.tags:
                after = self.noun.shelf.update(tx, item, msgspec.structs.replace(item, tags=tags))
                self.noun.record_update(tx, item, after)
        return tags


def _tags_in(ask: Whole) -> tuple[str, ...]:
    if ask.members.keys() != {"tags"}:
        raise HTTPBadRequest("The request body must hold 'tags' and nothing else.")
    try:
        tags: tuple[str, ...] = TAGS(ask.members["tags"])
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for tags. Reason: {error}.") from error
    return tags
