"""Whether new security groups keep connections in mind where nobody says so, as rows."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.network.domain.security_groups import DefaultStatefulness
from nacre.network.errors import DefaultStatefulnessNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import DEFAULT_STATEFULNESS

SETTINGS = Shelf(DEFAULT_STATEFULNESS, DefaultStatefulness)

_FOR = SETTINGS.all.where(DEFAULT_STATEFULNESS.c.project_id.in_(["", sa.bindparam("project_id")])).order_by(
    DEFAULT_STATEFULNESS.c.project_id.desc()
)


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """A project may know of what holds for it."""
    return DEFAULT_STATEFULNESS.c.project_id.in_(["", project_id])


def holds_for(db: Reader, project_id: str) -> bool:
    """What new groups of a project are: by its own setting, else by that for all; stateful where there is none."""
    rows = db.rows(_FOR, project_id=project_id)
    return SETTINGS.of(rows[0]).stateful if rows else True


def find_own(db: Reader, project_id: str) -> DefaultStatefulness | None:
    """The setting of exactly this project, or with an empty id the one for all others; None if there is none."""
    found = [SETTINGS.of(row) for row in db.rows(_FOR, project_id=project_id)]
    return next((each for each in found if each.project_id == project_id), None)


def lock(tx: Tx, setting_id: str) -> DefaultStatefulness:
    """A setting that nobody else changes meanwhile. Raises DefaultStatefulnessNotFound."""
    setting = SETTINGS.lock(tx, setting_id)
    if setting is None:
        raise DefaultStatefulnessNotFound(setting_id)
    return setting
