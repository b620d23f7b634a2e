"""Lists as identity shows them: filters by equality, pages, and links to the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from nacre.identity.store.shelf import Shelf
from nacre.kernel.database import Reader
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.paging import Order, Page, next_link, page_of

T = TypeVar("T")

MOST = 10_000
"""How many things one answer holds at most. Older clients do not follow links, so this is large."""


def own_page(call: Call[Any], shelf: Shelf[Any], *, first: str = "name") -> Page:
    """The page asked for, ordered by `first` unless the caller says otherwise. Raises Bad."""
    sortable = [name for name in shelf.columns if name not in ("extra", "options", "epoch")]
    return page_of(call, sortable=[*sortable, "id"], default=[Order(first, descending=False)], most=MOST)


def text_filters(call: Call[Any], *names: str) -> dict[str, Any]:
    """The filters among `names` that the caller gives."""
    found = {name: call.one(name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def flag_filters(call: Call[Any], *names: str) -> dict[str, Any]:
    """The yes-or-no filters among `names` that the caller gives. Silence after the name means yes. Raises Bad."""
    return {name: call.one(name) == "" or call.flag(name) for name in names if call.one(name) is not None}


def listed(
    call: Call[Any],
    name: str,
    rows: Sequence[T],
    page: Page,
    view: Callable[[T], Any],
    *,
    id_of: Callable[[T], str],
) -> Answer:
    """One page of `rows`, which hold one more than it if others follow."""
    shown = rows[: page.limit]
    more = len(rows) > page.limit > 0
    links = {
        "self": call.url(call.path, call.query),
        "previous": None,
        "next": next_link(call, id_of(shown[-1]), page) if more else None,
    }
    return Ok({name: [view(row) for row in shown], "links": links} | ({"truncated": True} if more else {}))


def whole(call: Call[Any], name: str, items: Sequence[Any]) -> Answer:
    """A list that is never cut."""
    links = {"self": call.url(call.path, call.query), "previous": None, "next": None}
    return Ok({name: items, "links": links})


def self_link(call: Call[Any], path: str) -> Mapping[str, str]:
    """The `links` of one thing."""
    return {"self": call.url(path)}


def page_from(
    db: Reader, call: Call[Any], shelf: Shelf[Any], filters: Mapping[str, Any],
    *conditions: sa.ColumnElement[bool], first: str = "name",
) -> tuple[Page, list[Any]]:  # fmt: skip
    """The page asked for and its rows."""
    page = own_page(call, shelf, first=first)
    return page, shelf.page(db, page, filters, *conditions)
