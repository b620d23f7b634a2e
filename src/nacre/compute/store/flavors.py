"""Flavors, and which projects may use those that are not public."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import sqlalchemy as sa

from nacre.compute.domain.flavors import Flavor
from nacre.compute.errors import AccessExists, AccessNotFound, FlavorExists, FlavorNotFound
from nacre.compute.store.tables import FLAVOR, FLAVOR_ACCESS
from nacre.kernel.assembly import Kernel
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import ProjectId
from nacre.kernel.recall import Recalled

CHANGED = "compute:flavors"
"""The topic that is woken when a flavor, or who may use it, has changed."""
MOST_REMEMBERED = 10_000

SELECT = sa.select(*[FLAVOR.c[name] for name in Flavor.__struct_fields__])
_HAS_ACCESS = (
    sa.exists()
    .where(FLAVOR_ACCESS.c.flavor_id == FLAVOR.c.flavor_id)
    .where(FLAVOR_ACCESS.c.project_id == sa.bindparam("project_id"))
)
_FIND = SELECT.where(FLAVOR.c.flavor_id == sa.bindparam("flavor_id"))
_FIND_VISIBLE = _FIND.where(sa.or_(FLAVOR.c.public, _HAS_ACCESS))
_CLASHES = sa.select(FLAVOR.c.flavor_id, FLAVOR.c.name).where(
    sa.or_(FLAVOR.c.flavor_id == sa.bindparam("flavor_id"), FLAVOR.c.name == sa.bindparam("name"))
)
_DELETE = sa.delete(FLAVOR).where(FLAVOR.c.flavor_id == sa.bindparam("key"))
_DELETE_ACCESS = sa.delete(FLAVOR_ACCESS).where(FLAVOR_ACCESS.c.flavor_id == sa.bindparam("key"))
_ACCESS = (
    sa.select(FLAVOR_ACCESS.c.project_id)
    .where(FLAVOR_ACCESS.c.flavor_id == sa.bindparam("flavor_id"))
    .order_by(FLAVOR_ACCESS.c.project_id)
)
_GRANT = sa.text(
    "INSERT INTO flavor_access (flavor_id, project_id) VALUES (:flavor_id, :project_id) ON CONFLICT DO NOTHING"
)
_REVOKE = sa.text("DELETE FROM flavor_access WHERE flavor_id = :flavor_id AND project_id = :project_id")


def load(db: Reader, flavor_id: str, *, project_id: ProjectId | None) -> Flavor:
    """A flavor; with a project, one that it may use. Raises FlavorNotFound."""
    if project_id is None:
        row = db.row(_FIND, flavor_id=flavor_id)
    else:
        row = db.row(_FIND_VISIBLE, flavor_id=flavor_id, project_id=project_id)
    if row is None:
        raise FlavorNotFound(flavor_id)
    return Flavor(*row)


@final
class KnownFlavors:
    """Flavors that projects use, in memory until one changes: every new server asks for one of them."""

    def __init__(self, kernel: Kernel) -> None:
        nothing: Callable[[], dict[tuple[str, ProjectId], Flavor]] = dict
        self._known = Recalled(nothing, topic=CHANGED, clock=kernel.clock, wakes=kernel.wakes)

    def load(self, db: Reader, flavor_id: str, *, project_id: ProjectId) -> Flavor:
        """A flavor that the project may use. Raises FlavorNotFound."""
        known = self._known.now()
        flavor = known.get((flavor_id, project_id))
        if flavor is None:
            flavor = load(db, flavor_id, project_id=project_id)
            if len(known) < MOST_REMEMBERED:
                known[flavor_id, project_id] = flavor
        return flavor


def visible_to(project_id: ProjectId) -> sa.ColumnElement[bool]:
    """The flavors that a project may use."""
    return sa.or_(
        FLAVOR.c.public,
        sa.exists()
        .where(FLAVOR_ACCESS.c.flavor_id == FLAVOR.c.flavor_id)
        .where(FLAVOR_ACCESS.c.project_id == project_id),
    )


def insert(tx: Tx, flavor: Flavor) -> None:
    """A new flavor. Raises FlavorExists."""
    tx.wake(CHANGED)
    for flavor_id, _name in tx.rows(_CLASHES, flavor_id=flavor.flavor_id, name=flavor.name):
        same_id = flavor_id == flavor.flavor_id
        raise FlavorExists(f"ID {flavor.flavor_id}" if same_id else f"name {flavor.name}")
    values = {name: getattr(flavor, name) for name in Flavor.__struct_fields__}
    tx.execute(sa.insert(FLAVOR), **values, created_at=tx.now)


def update(tx: Tx, flavor_id: str, new: Mapping[str, Any]) -> None:
    """Write new values."""
    tx.wake(CHANGED)
    tx.execute(sa.update(FLAVOR).where(FLAVOR.c.flavor_id == flavor_id).values(dict(new)))


def delete(tx: Tx, flavor_id: str) -> None:
    """Delete a flavor. Servers keep theirs as it was."""
    tx.wake(CHANGED)
    tx.execute(_DELETE_ACCESS, key=flavor_id)
    tx.execute(_DELETE, key=flavor_id)


def projects_with_access(db: Reader, flavor_id: str) -> list[ProjectId]:
    """Who may use a flavor that is not public."""
    return [row[0] for row in db.rows(_ACCESS, flavor_id=flavor_id)]


def grant(tx: Tx, flavor_id: str, project_id: str) -> None:
    """Let a project use a flavor. Raises AccessExists."""
    tx.wake(CHANGED)
    if not tx.execute(_GRANT, flavor_id=flavor_id, project_id=project_id):
        raise AccessExists(flavor_id, project_id)


def revoke(tx: Tx, flavor_id: str, project_id: str) -> None:
    """Let a project use a flavor no longer. Raises AccessNotFound."""
    tx.wake(CHANGED)
    if not tx.execute(_REVOKE, flavor_id=flavor_id, project_id=project_id):
        raise AccessNotFound(flavor_id, project_id)
