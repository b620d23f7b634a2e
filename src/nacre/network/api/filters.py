"""Lists: which objects are asked for, in which order, and what of each is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.kernel.clock import parse_iso
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call
from nacre.kernel.http.paging import Order, Page, page_of
from nacre.network.api.attributes import Attribute
from nacre.network.api.kinds import boolean
from nacre.network.errors import InvalidInput

Condition = sa.ColumnElement[bool]
Filter = Callable[[Sequence[str]], Condition]

NOT_FILTERS = frozenset({"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"})


def conditions(
    call: Call[Any], table: sa.Table, attributes: Mapping[str, Attribute], special: Mapping[str, Filter]
) -> list[Condition]:
    """What the query demands of an object: each name once, any of its values. Errors: InvalidInput, Bad."""
    asked: dict[str, list[str]] = {}
    for name, value in call.query:
        if name not in NOT_FILTERS:
            asked.setdefault(name, []).append(value)
    found: list[Condition] = []
    for name, values in asked.items():
        if name in special:
            found.append(special[name](values))
        elif name in TAG_FILTERS and "tags" in table.c:
            found.append(TAG_FILTERS[name](table.c.tags, values))
        elif name == "changed_since" and "updated_at" in table.c:
            found.append(table.c.updated_at >= _moment(values[-1]))
        elif name in attributes and attributes[name].key in table.c:
            found.append(_equals(table.c[attributes[name].key], name, values))
        else:
            raise InvalidInput(f"['{name[:60]}'] is invalid attribute for filtering")
    return found


def _moment(value: str) -> float:
    try:
        return parse_iso(value)
    except ValueError as error:
        raise Bad(f"The input must be a timestamp: {value[:60]}", where="changed_since") from error


def _equals(column: sa.Column[Any], name: str, values: Sequence[str]) -> Condition:
    wanted = [_as(column, name, value) for value in values]
    some = [value for value in wanted if value is not None]
    matches = column.in_(some) if some else sa.false()
    return sa.or_(matches, column.is_(None)) if len(some) < len(wanted) else matches


def _as(column: sa.Column[Any], name: str, value: str) -> Any:
    """A value of the query as the column keeps it. Nothing at all asks for what is empty."""
    if isinstance(column.type, sa.Boolean):
        try:
            return boolean(value)
        except ValueError as error:
            raise Bad(str(error), where=name) from error
    if isinstance(column.type, sa.Integer):
        if not (value.isascii() and value.removeprefix("-").isdigit()) or len(value) > 18:
            raise Bad(f"'{value[:60]}' is not an integer", where=name)
        return int(value)
    return None if value == "" and column.nullable else value


def _has_tag(column: sa.Column[Any], tag: str) -> Condition:
    """Tags are kept as a JSON list: the tag is in it if taking it out leaves something else."""
    plain = sa.type_coerce(column, sa.Text)
    return sa.func.replace(plain, msgspec.json.encode(tag).decode(), "") != plain


def _tags(
    join: Callable[..., Condition], *, negated: bool
) -> Callable[[sa.Column[Any], Sequence[str]], Condition]:
    def condition(column: sa.Column[Any], values: Sequence[str]) -> Condition:
        wanted = [_has_tag(column, tag) for value in values for tag in value.split(",") if tag]
        if not wanted:
            return sa.true()
        return sa.not_(join(*wanted)) if negated else join(*wanted)

    return condition


TAG_FILTERS = {
    "tags": _tags(sa.and_, negated=False),
    "tags-any": _tags(sa.or_, negated=False),
    "not-tags": _tags(sa.and_, negated=True),
    "not-tags-any": _tags(sa.or_, negated=True),
}


def is_among(column: sa.Column[Any], objects: sa.Select[Any]) -> Filter:
    """A filter on whether what `column` names is among `objects`."""
    return either(column.in_(objects))


def either(inside: Condition) -> Filter:
    """A filter on whether this holds. Both values together ask for everything."""

    def condition(values: Sequence[str]) -> Condition:
        try:
            wanted = {boolean(value) for value in values}
        except ValueError as error:
            raise Bad(str(error)) from error
        return sa.or_(*([inside] if True in wanted else []), *([sa.not_(inside)] if False in wanted else []))

    return condition


def page(call: Call[Any], sortable: Mapping[str, sa.Column[Any]], *, most: int) -> tuple[Page, bool]:
    """The page that is asked for, and whether it is the one before the marker."""
    found = page_of(call, sortable=tuple(sortable), default=(Order("id", descending=False),), most=most)
    if found.limit == 0:
        found = msgspec.structs.replace(found, limit=most)
    reverse = call.flag("page_reverse")
    order = found.order if found.order[-1].key == "id" else (*found.order, Order("id", descending=False))
    if reverse:
        order = tuple(Order(each.key, not each.descending) for each in order)
    return msgspec.structs.replace(found, order=order), reverse


def page_links(
    call: Call[Any], plural: str, ids: Sequence[str], page: Page, *, reverse: bool, more: bool
) -> dict[str, Any]:
    """Links to the pages around this one; none where the caller asked for no pages and got everything.

    Beyond a page that is not full there is nothing; before an empty one is the last.
    """
    asked = call.one("limit") not in (None, "", "0")
    if not (asked or more):
        return {}
    full, links = len(ids) >= page.limit, []
    if full or reverse:
        links.append({"rel": "next", "href": _link(call, ids[-1:], page, reverse=False)})
    if full or not reverse:
        links.append({"rel": "previous", "href": _link(call, ids[:1], page, reverse=True)})
    return {f"{plural}_links": links}


def _link(call: Call[Any], marker: Sequence[str], page: Page, *, reverse: bool) -> str:
    kept = [(name, value) for name, value in call.query if name not in ("marker", "limit", "page_reverse")]
    extra = [("limit", str(page.limit)), *(("marker", each) for each in marker)]
    return call.url(call.path, [*kept, *extra, *([("page_reverse", "True")] if reverse else [])])


def wanted_fields(call: Call[Any]) -> frozenset[str] | None:
    """The attributes that are to be shown; None for all."""
    return frozenset(call.all("fields")) or None
