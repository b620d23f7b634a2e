"""Lists: how many, after which one, in which order; and the statement that becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call


class Order(msgspec.Struct, frozen=True):
    """One sort key, as the API names it."""

    key: str
    descending: bool


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What part of a list is asked for. `limit` is at most what the service allows; `marker` is the last id seen."""

    limit: int
    marker: str | None
    order: tuple[Order, ...]


def page_of(call: Call[Any], *, sortable: Sequence[str], default: Sequence[Order], most: int = 1000) -> Page:
    """The page a request asks for: `limit`, `marker`, and `sort=a:asc,b` or `sort_key=a&sort_dir=asc`.

    A limit above `most` is cut to it. Raises Bad.
    """
    return Page(limit=_limit(call, most), marker=call.one("marker"), order=_order(call, sortable, default))


def _limit(call: Call[Any], most: int) -> int:
    text = call.one("limit")
    if text is None:
        return most
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise Bad(f"'{text[:40]}' is not a number of items.", where="limit")
    return min(int(text), most)


def _order(call: Call[Any], sortable: Sequence[str], default: Sequence[Order]) -> tuple[Order, ...]:
    pairs = [part.partition(":")[::2] for text in call.all("sort") for part in text.split(",") if part]
    if not pairs:
        directions = call.all("sort_dir")
        keys = call.all("sort_key")
        # With fewer directions than keys, the last direction given goes on.
        directions += (directions[-1:] or ["" if keys else "asc"]) * (len(keys) - len(directions))
        pairs = list(zip(keys, directions, strict=False))
    order = tuple(_one_order(key, direction, sortable) for key, direction in pairs)
    return order or tuple(default)


def _one_order(key: str, direction: str, sortable: Sequence[str]) -> Order:
    if key not in sortable:
        raise Bad(f"'{key[:60]}' is not a key to sort by; {', '.join(sortable)} are.", where="sort_key")
    if direction.lower() not in ("asc", "desc", ""):
        raise Bad(f"'{direction[:40]}' is not a direction; asc and desc are.", where="sort_dir")
    return Order(key, direction.lower() == "desc")


def paged(
    db: Reader,
    statement: sa.Select[Any],
    page: Page,
    columns: Mapping[str, sa.ColumnElement[Any]],
    *,
    unique: sa.ColumnElement[Any],
    extra: int = 1,
) -> sa.Select[Any]:
    """`statement` ordered and cut to the page, plus `extra` rows that show whether more follow.

    `columns` maps sort keys to columns; `unique` (the id) breaks ties, so that pages neither skip nor repeat.
    Empty values sort first. Raises Bad for a marker that is not in the list.
    """
    keys = [(_comparable(columns[order.key]), order.descending) for order in page.order]
    keys.append((unique, False))
    if page.marker is not None:
        # The marker need not pass the filters, only exist: it may have changed since the last page.
        row = db.row(sa.select(*[key for key, _ in keys]).where(unique == page.marker))
        if row is None:
            raise Bad(f"The marker {page.marker[:80]} was not found.", where="marker")
        statement = statement.where(_after(keys, tuple(row)))
    ordering = [key.desc() if descending else key.asc() for key, descending in keys]
    return statement.order_by(*ordering).limit(page.limit + extra)


def _comparable(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """NULL compares with nothing, which would lose rows between pages."""
    if isinstance(column, sa.Column) and not column.nullable:
        return column
    return sa.func.coalesce(column, 0 if isinstance(column.type, sa.Integer | sa.Double) else "")


def _after(
    keys: Sequence[tuple[sa.ColumnElement[Any], bool]], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    """Rows behind `values` in the order of `keys`: (a > x) or (a = x and b > y) or ..."""
    (key, descending), value = keys[0], values[0]
    beyond: sa.ColumnElement[bool] = key < value if descending else key > value
    if len(keys) == 1:
        return beyond
    return sa.or_(beyond, sa.and_(key == value, _after(keys[1:], values[1:])))


def next_link(call: Call[Any], last_id: str, page: Page) -> str:
    """The absolute URL of the following page."""
    query = [(key, value) for key, value in call.query if key not in ("marker", "limit")]
    return call.url(call.path, [*query, ("limit", str(page.limit)), ("marker", last_id)])


def links(call: Call[Any], name: str, rows: Sequence[Any], page: Page, *, id_of: Any) -> dict[str, Any]:
    """`{"<name>_links": [next]}` if `rows`, which hold one more than the page, go on behind it; else nothing."""
    if len(rows) <= page.limit or not page.limit:
        return {}
    return {f"{name}_links": [{"rel": "next", "href": next_link(call, id_of(rows[page.limit - 1]), page)}]}
