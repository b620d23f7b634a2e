"""Roles, and which imply which."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.identity.domain.roles import Role, RoleGraph
from nacre.identity.errors import RoleNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import IMPLICATION, ROLE
from nacre.kernel.database import Reader, Tx

ROLES = Shelf(ROLE, Role, key="role_id", missing=RoleNotFound)

_GRAPH = sa.select(*ROLES.columns.values(), IMPLICATION.c.implied_role_id).outerjoin(
    IMPLICATION, IMPLICATION.c.prior_role_id == ROLE.c.role_id
)
_BY_NAME = ROLES.all.where(ROLE.c.domain_id == "", ROLE.c.name == sa.bindparam("name"))
_prior: sa.BindParameter[str] = sa.bindparam("prior")
_implied: sa.BindParameter[str] = sa.bindparam("implied")
_IMPLY = sa.text(
    "INSERT INTO identity_implication (prior_role_id, implied_role_id) VALUES (:prior, :implied)"
    " ON CONFLICT DO NOTHING"
)
_UNIMPLY = sa.delete(IMPLICATION).where(
    IMPLICATION.c.prior_role_id == _prior, IMPLICATION.c.implied_role_id == _implied
)


def find_role_by_name(db: Reader, name: str) -> Role | None:
    """The role of this name that belongs to no domain."""
    row = db.row(_BY_NAME, name=name)
    return None if row is None else ROLES.of(row)


def load_graph(db: Reader) -> RoleGraph:
    """Every role and implication."""
    roles: dict[str, Role] = {}
    implied: dict[str, set[str]] = {}
    for row in db.rows(_GRAPH):
        role = ROLES.of(row)
        roles[role.role_id] = role
        if row[-1] is not None:
            implied.setdefault(role.role_id, set()).add(row[-1])
    return RoleGraph(roles=roles, implied={prior: frozenset(ids) for prior, ids in implied.items()})


def imply(tx: Tx, prior_role_id: str, implied_role_id: str) -> None:
    """Let one role imply another; safe to repeat."""
    tx.execute(_IMPLY, prior=prior_role_id, implied=implied_role_id)


def unimply(tx: Tx, prior_role_id: str, implied_role_id: str) -> bool:
    """Whether the one implied the other."""
    return tx.execute(_UNIMPLY, prior=prior_role_id, implied=implied_role_id) > 0
