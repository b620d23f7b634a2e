"""Domains and projects, their tags and their tree."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import DomainNotFound, ProjectNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import (
    ASSIGNMENT,
    GROUP,
    PROJECT,
    PROJECT_TAG,
    ROLE,
    USER,
)
from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project, or a domain. `parent_id` of a project at the top is its domain's id."""

    project_id: str
    domain_id: str = ""
    parent_id: str = ""
    name: str
    description: str = ""
    enabled: bool = True
    is_domain: bool = False
    options: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}


PROJECTS = Shelf(PROJECT, Project, key="project_id", missing=ProjectNotFound)
DOMAINS = Shelf(PROJECT, Project, key="project_id", missing=DomainNotFound, only=PROJECT.c.is_domain)

_BY_NAME = PROJECTS.all.where(
    PROJECT.c.domain_id == sa.bindparam("domain_id"), PROJECT.c.name == sa.bindparam("name")
)
_DOMAIN_OF_NAME = sa.select(PROJECT.c.project_id).where(
    PROJECT.c.domain_id == "", PROJECT.c.name == sa.bindparam("name")
)


def find_by_name(db: Reader, domain_id: str, name: str) -> Project | None:
    """The project of this name in a domain; with an empty `domain_id`, the domain of this name."""
    row = db.row(_BY_NAME, domain_id=domain_id, name=name)
    return None if row is None else PROJECTS.of(row)


def find_domain_id(db: Reader, name: str) -> str | None:
    """The id of the domain of this name."""
    found: str | None = db.scalar(_DOMAIN_OF_NAME, name=name)
    return found


# -- the tree ----------------------------------------------------------------------------------------------

_start = sa.select(PROJECT.c.project_id, PROJECT.c.parent_id).where(
    PROJECT.c.project_id == sa.bindparam("root")
)
_above = _start.cte("above", recursive=True)
_above = _above.union_all(
    sa.select(PROJECT.c.project_id, PROJECT.c.parent_id).where(PROJECT.c.project_id == _above.c.parent_id)
)
_ABOVE = PROJECTS.all.where(PROJECT.c.project_id.in_(sa.select(_above.c.project_id)))
_HOLD_ABOVE = _ABOVE.with_for_update(read=True, of=PROJECT)
_below = _start.cte("below", recursive=True)
_below = _below.union_all(
    sa.select(PROJECT.c.project_id, PROJECT.c.parent_id).where(PROJECT.c.parent_id == _below.c.project_id)
)
_BELOW = PROJECTS.all.where(PROJECT.c.project_id.in_(sa.select(_below.c.project_id)))
_root = sa.select(PROJECT.c.project_id.label("root"), PROJECT.c.project_id, PROJECT.c.parent_id).where(
    PROJECT.c.project_id.in_(texts("roots"))
)
_trees = _root.cte("trees", recursive=True)
_trees = _trees.union_all(
    sa.select(_trees.c.root, PROJECT.c.project_id, PROJECT.c.parent_id).where(
        PROJECT.c.parent_id == _trees.c.project_id
    )
)
_SUBTREES = sa.select(_trees.c.root, _trees.c.project_id).where(_trees.c.root != _trees.c.project_id)
_IN_DOMAIN = sa.select(PROJECT.c.project_id).where(
    sa.or_(
        PROJECT.c.domain_id == sa.bindparam("domain_id"), PROJECT.c.project_id == sa.bindparam("domain_id")
    )
)
_HAS_CHILDREN = (
    sa.select(PROJECT.c.project_id).where(PROJECT.c.parent_id == sa.bindparam("parent_id")).limit(1)
)


def projects_above(db: Reader, project_id: str) -> Sequence[Project]:
    """The project, its parent, and so on up to its domain; in no order."""
    return [PROJECTS.of(row) for row in db.rows(_ABOVE, root=project_id)]


def hold_above(tx: Tx, project_id: str) -> Sequence[Project]:
    """The same as `projects_above`; nobody changes or deletes any of them before this transaction ends."""
    return [PROJECTS.of(row) for row in tx.rows(_HOLD_ABOVE, root=project_id)]


def within_subtree(project_id: str) -> sa.ColumnElement[bool]:
    """The condition that a project is this one, or below it."""
    start = sa.select(PROJECT.c.project_id).where(PROJECT.c.project_id == project_id)
    below = start.cte("within", recursive=True)
    child = PROJECT.alias("child")
    below = below.union_all(sa.select(child.c.project_id).where(child.c.parent_id == below.c.project_id))
    return PROJECT.c.project_id.in_(sa.select(below.c.project_id))


def projects_below(db: Reader, project_id: str) -> Sequence[Project]:
    """The project or domain, its children, and all below them; in no order."""
    return [PROJECTS.of(row) for row in db.rows(_BELOW, root=project_id)]


def subtrees_of(db: Reader, roots: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The ids of all projects below each of some projects or domains."""
    below: dict[str, list[str]] = {root: [] for root in roots}
    if below:
        for root, project_id in db.rows(_SUBTREES, roots=list(below)):
            below[root].append(project_id)
    return below


def ids_in_domain(db: Reader, domain_id: str) -> frozenset[str]:
    """The ids of a domain and of all projects in it."""
    return frozenset(row[0] for row in db.rows(_IN_DOMAIN, domain_id=domain_id))


def has_children(db: Reader, project_id: str) -> bool:
    return db.row(_HAS_CHILDREN, parent_id=project_id) is not None


# -- tags --------------------------------------------------------------------------------------------------

_TAGS = (
    sa.select(PROJECT_TAG.c.project_id, PROJECT_TAG.c.tag)
    .where(PROJECT_TAG.c.project_id.in_(texts("project_ids")))
    .order_by(PROJECT_TAG.c.tag)
)
_tags = (
    sa.select(sa.func.aggregate_strings(PROJECT_TAG.c.tag, ","))  # None of them has a comma in it.
    .where(PROJECT_TAG.c.project_id == PROJECT.c.project_id)
    .scalar_subquery()
)
_LOCK_TAGGED = (
    PROJECTS.all.add_columns(_tags)
    .where(PROJECT.c.project_id == sa.bindparam("project_id"))
    .with_for_update(of=PROJECT)
)
_ADD_TAG = sa.insert(PROJECT_TAG)
_REMOVE_TAG = sa.delete(PROJECT_TAG).where(
    PROJECT_TAG.c.project_id == sa.bindparam("this"), PROJECT_TAG.c.tag == sa.bindparam("that")
)
_REMOVE_TAGS = sa.delete(PROJECT_TAG).where(PROJECT_TAG.c.project_id == sa.bindparam("this"))


def tags_of(db: Reader, project_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The tags of projects, in alphabetical order."""
    tags: dict[str, list[str]] = {project_id: [] for project_id in project_ids}
    if tags:
        for project_id, tag in db.rows(_TAGS, project_ids=list(tags)):
            tags[project_id].append(tag)
    return tags


def lock_tagged(tx: Tx, project_id: str) -> tuple[Project, Sequence[str]]:
    """A project about to be changed, and its tags. Raises ProjectNotFound."""
    row = tx.row(_LOCK_TAGGED, project_id=project_id)
    if row is None:
        raise ProjectNotFound(project_id)
    return PROJECTS.of(row), sorted(filter(None, (row[-1] or "").split(",")))


def set_tags(tx: Tx, project_id: str, tags: Collection[str]) -> None:
    """Let these be all the tags of a project."""
    tx.execute(_REMOVE_TAGS, this=project_id)
    tx.execute_many(_ADD_TAG, [{"project_id": project_id, "tag": tag} for tag in sorted(set(tags))])


def remove_tag(tx: Tx, project_id: str, tag: str) -> bool:
    """Whether the tag was there."""
    return tx.execute(_REMOVE_TAG, this=project_id, that=tag) > 0


def tagged(*, all_of: Sequence[str], any_of: Sequence[str]) -> sa.ColumnElement[bool]:
    """The condition that a project has all of some tags and, if any are given, at least one of others."""
    conditions = [_has_one_of([tag]) for tag in all_of]
    if any_of:
        conditions.append(_has_one_of(any_of))
    return sa.and_(sa.true(), *conditions)


def _has_one_of(tags: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(PROJECT_TAG.c.project_id == PROJECT.c.project_id, PROJECT_TAG.c.tag.in_(tags))


# -- deleting ----------------------------------------------------------------------------------------------

_this: sa.BindParameter[str] = sa.bindparam("this")
_NO_DEFAULT = sa.update(USER).values(default_project_id=None)
_WITH_PROJECT = (
    sa.delete(ASSIGNMENT).where(ASSIGNMENT.c.target_id == _this),
    _NO_DEFAULT.where(USER.c.default_project_id == _this),
)
_child = PROJECT.alias("child")
_REMOVE_LEAF = sa.delete(PROJECT).where(
    PROJECT.c.project_id == _this, sa.not_(sa.exists().where(_child.c.parent_id == _this))
)

_users = sa.select(USER.c.user_id).where(USER.c.domain_id == _this)
_groups = sa.select(GROUP.c.group_id).where(GROUP.c.domain_id == _this)
_projects = sa.select(PROJECT.c.project_id).where(PROJECT.c.domain_id == _this)
_WITH_DOMAIN = (
    sa.delete(ASSIGNMENT).where(
        sa.or_(
            ASSIGNMENT.c.actor_id.in_(_users),
            ASSIGNMENT.c.actor_id.in_(_groups),
            ASSIGNMENT.c.target_id.in_(_projects),
            ASSIGNMENT.c.target_id == _this,
        )
    ),
    _NO_DEFAULT.where(USER.c.default_project_id.in_(_projects)),
    sa.delete(ROLE).where(ROLE.c.domain_id == _this),
    sa.delete(PROJECT).where(sa.or_(PROJECT.c.domain_id == _this, PROJECT.c.project_id == _this)),
)


def remove_project(tx: Tx, project_id: str) -> bool:
    """Delete a project and all that only had meaning with it; whether there is nothing below it, as there must be.

    Tags, limits, application credentials and the like go by their keys.
    """
    for statement in _WITH_PROJECT:
        tx.execute(statement, this=project_id)
    return tx.execute(_REMOVE_LEAF, this=project_id) > 0


def remove_domain(tx: Tx, domain_id: str) -> None:
    """Delete a domain and everything in it."""
    for statement in _WITH_DOMAIN:
        tx.execute(statement, this=domain_id)
