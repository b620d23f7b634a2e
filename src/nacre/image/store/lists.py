"""The statement that lists images: what the caller may see, cut down to what it asks for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nacre.image.domain.filters import Comparison, Filter
from nacre.image.domain.images import Visibility
from nacre.image.store.tables import IMAGE, IMAGE_MEMBER, IMAGE_PROPERTY, IMAGE_TAG
from nacre.kernel.ids import ProjectId

Condition = sa.ColumnElement[bool]

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    "id": IMAGE.c.id,
    "name": IMAGE.c.name,
    "status": IMAGE.c.status,
    "disk_format": IMAGE.c.disk_format,
    "container_format": IMAGE.c.container_format,
    "size": IMAGE.c.size_bytes,
    "virtual_size": IMAGE.c.virtual_size_bytes,
    "min_disk": IMAGE.c.min_disk_gib,
    "min_ram": IMAGE.c.min_memory_mib,
    "visibility": IMAGE.c.visibility,
    "owner": IMAGE.c.owner,
    "protected": IMAGE.c.protected,
    "created_at": IMAGE.c.created_at,
    "updated_at": IMAGE.c.updated_at,
}
"""Columns by the names the API has for them."""


def images_in_view(wanted: Filter, *, project_id: ProjectId, sees_all: bool) -> sa.Select[Any]:
    """Select the images that a caller of `project_id` sees and `wanted` asks for, unordered."""
    conditions = [IMAGE.c.hidden == wanted.hidden, *map(_compared, wanted.comparisons)]
    if not sees_all or wanted.visibility is not None:
        conditions.append(_seen(wanted, project_id, sees_all=sees_all))
    if wanted.owner is not None:
        conditions.append(IMAGE.c.owner == wanted.owner)
    if wanted.protected is not None:
        conditions.append(IMAGE.c.protected == wanted.protected)
    conditions += [_tagged(tag) for tag in wanted.tags]
    conditions += [_has_property(name, value) for name, value in wanted.properties]
    return sa.select(IMAGE).where(*conditions)


def _seen(wanted: Filter, project_id: ProjectId, *, sees_all: bool) -> Condition:
    own = sa.true() if sees_all else sa.and_(IMAGE.c.owner == project_id, sa.literal(project_id) != "")
    shared = sa.and_(
        IMAGE.c.visibility == Visibility.SHARED, _shared_with(project_id, wanted.member_statuses)
    )
    public = IMAGE.c.visibility == Visibility.PUBLIC
    match wanted.visibility:
        case None:
            return sa.or_(own, public, shared)
        case "all":
            return sa.or_(own, public, shared, IMAGE.c.visibility == Visibility.COMMUNITY)
        case Visibility.PUBLIC | Visibility.COMMUNITY:
            return IMAGE.c.visibility == wanted.visibility
        case Visibility.SHARED:
            return sa.and_(IMAGE.c.visibility == Visibility.SHARED, sa.or_(own, shared))
        case Visibility.PRIVATE:
            return sa.and_(IMAGE.c.visibility == Visibility.PRIVATE, own)


def _shared_with(project_id: ProjectId, statuses: tuple[str, ...]) -> Condition:
    members = sa.select(IMAGE_MEMBER.c.image_id).where(
        IMAGE_MEMBER.c.member_id == project_id, IMAGE_MEMBER.c.status.in_(statuses)
    )
    return IMAGE.c.id.in_(members)


def _tagged(tag: str) -> Condition:
    return IMAGE.c.id.in_(sa.select(IMAGE_TAG.c.image_id).where(IMAGE_TAG.c.tag == tag))


def _has_property(name: str, value: str) -> Condition:
    having = sa.select(IMAGE_PROPERTY.c.image_id).where(
        IMAGE_PROPERTY.c.name == name, IMAGE_PROPERTY.c.value == value
    )
    return IMAGE.c.id.in_(having)


def _compared(comparison: Comparison) -> Condition:
    column = COLUMNS[comparison.attribute]
    if comparison.operator == "in":
        return column.in_(comparison.values)
    (value,) = comparison.values
    if isinstance(value, float):
        return _compared_moment(column, comparison.operator, value)
    match comparison.operator:
        case "eq":
            return column == value
        case "neq":
            return column != value
        case "gte":
            return column >= value
        case _:
            return column <= value


def _compared_moment(column: sa.ColumnElement[Any], operator: str, second: float) -> Condition:
    """Compare by whole seconds, since that is what the API shows of a time."""
    within = sa.and_(column >= second, column < second + 1)
    conditions: dict[str, Condition] = {
        "eq": within,
        "neq": sa.not_(within),
        "gt": column >= second + 1,
        "gte": column >= second,
        "lt": column < second,
        "lte": column < second + 1,
    }
    return conditions[operator]
