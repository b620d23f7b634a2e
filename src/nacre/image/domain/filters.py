"""Which images a list asks for, as a value."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from nacre.image.domain.images import Visibility

Operator = Literal["eq", "neq", "gt", "gte", "lt", "lte", "in"]
MemberStatus = Literal["pending", "accepted", "rejected"]
MEMBER_STATUSES: tuple[str, ...] = get_args(MemberStatus)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a base attribute; `values` holds one value but for the operator `in`."""

    attribute: str
    operator: Operator
    values: tuple[str | int | float, ...]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list asks for. All conditions hold for every image in it; `visibility` None is the usual view."""

    visibility: Visibility | Literal["all"] | None = None
    member_statuses: tuple[str, ...] = ("accepted",)
    owner: str | None = None
    hidden: bool = False
    protected: bool | None = None
    tags: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
