"""Endpoint groups, and which endpoints and groups a project is associated with."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.identity.domain.catalog import EndpointGroup, Selection
from nacre.identity.errors import EndpointGroupNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import (
    ENDPOINT_GROUP,
    PROJECT,
    PROJECT_ENDPOINT,
    PROJECT_ENDPOINT_GROUP,
)
from nacre.kernel.database import Reader, Tx

ENDPOINT_GROUPS = Shelf(ENDPOINT_GROUP, EndpointGroup, key="endpoint_group_id", missing=EndpointGroupNotFound)

_project_id: sa.BindParameter[str] = sa.bindparam("project_id")
_nothing = sa.cast(sa.null(), sa.Text)
_SELECTION = sa.union_all(
    sa.select(ENDPOINT_GROUP.c.filters, _nothing.label("endpoint_id"))
    .join_from(PROJECT_ENDPOINT_GROUP, ENDPOINT_GROUP)
    .where(PROJECT_ENDPOINT_GROUP.c.project_id == _project_id),
    sa.select(_nothing, PROJECT_ENDPOINT.c.endpoint_id).where(PROJECT_ENDPOINT.c.project_id == _project_id),
)

_this: sa.BindParameter[str] = sa.bindparam("this")
_that: sa.BindParameter[str] = sa.bindparam("that")


class Association:
    """The endpoints, or the endpoint groups, that projects are associated with: pairs in a table."""

    def __init__(self, table: sa.Table, other: str) -> None:
        self._project, self._other = table.c.project_id, table.c[other]
        pair = sa.and_(self._project == _this, self._other == _that)
        self._has = sa.select(self._project).where(pair)
        self._insert = sa.insert(table).values(project_id=_this, **{other: _that})
        self._delete = sa.delete(table).where(pair)

    def has(self, db: Reader, project_id: str, other_id: str) -> bool:
        return db.row(self._has, this=project_id, that=other_id) is not None

    def add(self, tx: Tx, project_id: str, other_id: str) -> None:
        """Raises Duplicate."""
        tx.execute(self._insert, this=project_id, that=other_id)

    def remove(self, tx: Tx, project_id: str, other_id: str) -> bool:
        """Whether there was such a pair."""
        return tx.execute(self._delete, this=project_id, that=other_id) > 0

    def of_project(self, project_id: str) -> sa.ColumnElement[bool]:
        """The condition that an endpoint, or a group, is associated with a project."""
        key = next(iter(self._other.foreign_keys)).column
        return key.in_(sa.select(self._other).where(self._project == project_id))

    def projects(self, other_id: str) -> sa.ColumnElement[bool]:
        """The condition that a project is associated with an endpoint, or a group."""
        return PROJECT.c.project_id.in_(sa.select(self._project).where(self._other == other_id))


PROJECT_ENDPOINTS = Association(PROJECT_ENDPOINT, "endpoint_id")
PROJECT_GROUPS = Association(PROJECT_ENDPOINT_GROUP, "endpoint_group_id")


def find_selection(db: Reader, project_id: str) -> Selection | None:
    """What a project is associated with; None if with nothing, so that it sees every endpoint."""
    rows = db.rows(_SELECTION, project_id=project_id)
    if not rows:
        return None
    return Selection(
        endpoint_ids=frozenset(row[1] for row in rows if row[1] is not None),
        groups=tuple(row[0] for row in rows if row[0] is not None),
    )
