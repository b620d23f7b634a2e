"""Which images a list asks for, read from its query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from nacre.image.domain.filters import MEMBER_STATUSES, Comparison, Filter, Operator
from nacre.image.domain.images import Status, Visibility
from nacre.kernel.clock import parse_iso
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import BOOLEANS

_NOT_FILTERS = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir"})
_TEXTS = frozenset({"id", "name", "status", "disk_format", "container_format"})
_NUMBERS = frozenset({"size", "min_disk", "min_ram", "virtual_size"})
_MOMENTS = frozenset({"created_at", "updated_at"})
_BOUNDS: dict[str, Operator] = {"size_min": "gte", "size_max": "lte"}


def filter_of(query: Sequence[tuple[str, str]]) -> Filter:
    """The filter in a query string. Raises Bad."""
    given = {name: value for name, value in query if name not in _NOT_FILTERS}
    tags = tuple(value for name, value in query if name == "tag")
    given.pop("tag", None)
    return Filter(
        visibility=_visibility(given.pop("visibility", None)),
        member_statuses=_member_statuses(given.pop("member_status", "accepted")),
        owner=given.pop("owner", None),
        hidden=_boolean("os_hidden", given.pop("os_hidden", "false")),
        protected=_boolean("protected", given.pop("protected")) if "protected" in given else None,
        tags=tags,
        comparisons=tuple(_comparisons(given)),
        properties=tuple(given.items()),
    )


def _visibility(text: str | None) -> Visibility | Literal["all"] | None:
    if text is None or text == "all":
        return "all" if text else None
    try:
        return Visibility(text)
    except ValueError:
        raise Bad(f"Invalid visibility value: '{text[:60]}'", where="visibility") from None


def _member_statuses(text: str) -> tuple[str, ...]:
    if text == "all":
        return MEMBER_STATUSES
    if text not in MEMBER_STATUSES:
        raise Bad(f"Invalid status: '{text[:60]}'", where="member_status")
    return (text,)


def _boolean(name: str, text: str) -> bool:
    try:
        return BOOLEANS[text.strip().lower()]
    except KeyError:
        raise Bad(f"Invalid value '{text[:60]}': true or false is expected.", where=name) from None


def _comparisons(given: dict[str, str]) -> list[Comparison]:
    """The conditions on base attributes; they are taken out of `given`, what stays are custom properties."""
    found: list[Comparison] = []
    for name in list(given):
        if name in _TEXTS:
            found.append(_text(name, given.pop(name)))
        elif name in _MOMENTS:
            found.append(_moment(name, given.pop(name)))
        elif name in _BOUNDS:
            values = (_number(name, given.pop(name)),)
            found.append(Comparison(attribute="size", operator=_BOUNDS[name], values=values))
        elif name in _NUMBERS:
            found.append(Comparison(attribute=name, operator="eq", values=(_number(name, given.pop(name)),)))
    return found


def _text(name: str, text: str) -> Comparison:
    operator, _, rest = text.partition(":")
    if operator == "in" and rest:
        return Comparison(attribute=name, operator="in", values=tuple(_listed(name, rest)))
    if operator in ("eq", "neq") and rest:
        return Comparison(attribute=name, operator="eq" if operator == "eq" else "neq", values=(rest,))
    if name == "status" and text not in (
        *Status,
        "importing",
        "uploading",
        "killed",
        "deleted",
        "pending_delete",
    ):
        raise Bad(f"Invalid status: '{text[:60]}'", where="status")
    return Comparison(attribute=name, operator="eq", values=(text,))


def _listed(name: str, text: str) -> list[str]:
    """The values of `in:a,"b,c"`; quotes keep a comma from dividing."""
    values, rest = [], text
    while True:
        if rest.startswith('"'):
            value, quote, rest = rest[1:].partition('"')
            if not quote or (rest and not rest.startswith(",")):
                raise Bad(f"Invalid filter value '{text[:200]}': the quote is not closed.", where=name)
            comma, rest = rest[:1], rest[1:]
        else:
            value, comma, rest = rest.partition(",")
        values.append(value)
        if not comma:
            return values


def _moment(name: str, text: str) -> Comparison:
    operator, _, rest = text.partition(":")
    if operator not in ("eq", "neq", "gt", "gte", "lt", "lte"):
        operator, rest = "eq", text
    try:
        moment = parse_iso(rest)
    except (ValueError, OverflowError):
        raise Bad(f"Invalid time '{rest[:60]}': ISO 8601 is expected.", where=name) from None
    return Comparison(attribute=name, operator=_OPERATORS[operator], values=(moment,))


_OPERATORS: dict[str, Operator] = {name: name for name in get_args(Operator)}


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Bad(f"Invalid value '{text[:60]}': a number of bytes or units is expected.", where=name)
    return int(text)
