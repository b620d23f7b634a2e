"""Projects and their tags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity import limits
from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.fields import UNSET, Description, Extra, Id, ShortName, Tag, Unset
from nacre.identity.api.guard import allowed, demand, domain_in_sight, known
from nacre.identity.api.lists import flag_filters, listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.api.users import target_of as user_target
from nacre.identity.errors import NotPossible, ProjectNotFound, TagNotFound
from nacre.identity.store import projects as store
from nacre.identity.store.assignments import project_ids_of
from nacre.identity.store.projects import DOMAINS, PROJECTS, Project
from nacre.identity.store.users import USERS
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body, convert
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id
from nacre.kernel.policy import NotAllowed

MOST_TAGS = 80


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`immutable`: neither changed nor deleted before it is taken back."""

    immutable: bool | Unset | None = UNSET

    def given(self) -> dict[str, Any]:
        return {} if self.immutable is UNSET else {"immutable": self.immutable}


class CreateProject(msgspec.Struct, frozen=True, kw_only=True):
    name: ShortName
    description: Description | None = None
    domain_id: Id | None = None
    parent_id: Id | None = None
    is_domain: bool = False
    enabled: bool = True
    tags: tuple[Tag, ...] = ()
    options: Options = Options()
    extra: Extra = {}


class UpdateProject(msgspec.Struct, frozen=True, kw_only=True):
    name: ShortName | Unset = UNSET
    description: Description | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    tags: tuple[Tag, ...] | Unset = UNSET
    options: Options | Unset = UNSET
    # These two can be said again, but not changed.
    domain_id: str | Unset | None = UNSET
    is_domain: bool | Unset = UNSET
    parent_id: str | Unset | None = UNSET
    extra: Extra = {}


class Tags(msgspec.Struct, frozen=True, kw_only=True):
    tags: tuple[Tag, ...]


CREATE = Body(CreateProject, key="project", rest="extra")
UPDATE = Body(UpdateProject, key="project", rest="extra")
TAGS = Body(Tags)


def create(call: Call[Parts], ask: CreateProject) -> Answer:
    """A new project below another one or at the top of a domain; or a domain, with `is_domain`.

    Errors: DomainNotFound, ProjectNotFound for the parent, NotPossible below a disabled one, Taken.
    """
    tags = _checked_tags(ask.tags)
    with name_free("project", ask.name), call.database.write(call.actor) as tx:
        project = _placed(tx, call, ask)
        PROJECTS.insert(tx, project)
        store.set_tags(tx, project.project_id, tags)
        changed(tx, "create", "project", project.project_id, after=project)
    return Created({"project": project_view(call, project, tags)})


def _placed(tx: Tx, call: Call[Parts], ask: CreateProject) -> Project:
    """The new project, at its place in the tree."""
    project = Project(
        project_id=new_hex_id(),
        name=ask.name,
        description=ask.description or "",
        enabled=ask.enabled,
        is_domain=ask.is_domain,
        options=ask.options.given(),
        extra=ask.extra,
    )
    if ask.is_domain:
        demand(call)
        if ask.domain_id is not None or ask.parent_id is not None:
            raise Bad("A project that acts as a domain has neither a domain nor a parent.")
        return project
    parent = known(call, lambda: _parent(tx, call, ask), lambda placed: placed.target_below).project
    domain_id = parent.domain_id or parent.project_id
    if ask.domain_id not in (None, domain_id):
        raise Bad("The parent project is in another domain.", where="project.parent_id")
    if ask.enabled and not parent.enabled:
        raise NotPossible(f"Cannot create an enabled project below {parent.project_id}, which is disabled.")
    return msgspec.structs.replace(project, domain_id=domain_id, parent_id=parent.project_id)


def _parent(tx: Tx, call: Call[Parts], ask: CreateProject) -> Placed:
    if ask.parent_id is not None:
        return load_placed(store.hold_above(tx, ask.parent_id), ask.parent_id)
    caller = call.caller
    domain_id = ask.domain_id or caller.domain_id or caller.project_domain_id or caller.user_domain_id
    return Placed(project=DOMAINS.hold(tx, domain_id), above=())


def list_all(call: Call[Parts]) -> Answer:
    """Projects in the caller's sight, by name; filters by fields and by tags. Domains only if asked for."""
    own, conditions = _sight(call)
    filters = (
        {"is_domain": False}
        | text_filters(call, "name", "domain_id", "parent_id")
        | flag_filters(call, "enabled", "is_domain")
    )
    conditions += _tag_conditions(call)
    if own is not None:
        conditions.append(PROJECTS.table.c.domain_id == own)
    with call.database.read() as db:
        page, rows = page_from(db, call, PROJECTS, filters, *conditions)
        view = list_views(db, call, rows)
    return listed(call, "projects", rows, page, view, id_of=lambda project: project.project_id)


def _sight(call: Call[Parts]) -> tuple[str | None, list[sa.ColumnElement[bool]]]:
    """The one domain to show, if any, and what else bounds the list: managers of a project may ask, by name or by
    parent, for it and those below it. Raises NotAllowed."""
    try:
        return domain_in_sight(call), []
    except NotAllowed:
        asks = call.one("name") is not None or call.one("parent_id") is not None
        if not (asks and allowed(call, project_path=(call.project_id,))):
            raise
        return None, [store.within_subtree(call.project_id)]


def _tag_conditions(call: Call[Parts]) -> list[sa.ColumnElement[bool]]:
    def given(name: str) -> list[str]:
        return [tag for tag in (call.one(name) or "").split(",") if tag]

    conditions = []
    if given("tags") or given("tags-any"):
        conditions.append(store.tagged(all_of=given("tags"), any_of=given("tags-any")))
    if given("not-tags"):
        conditions.append(sa.not_(store.tagged(all_of=given("not-tags"), any_of=[])))
    if given("not-tags-any"):
        conditions.append(sa.not_(store.tagged(all_of=[], any_of=given("not-tags-any"))))
    return conditions


def list_of_user(call: Call[Parts], user_id: str) -> Answer:
    """The projects on which a user holds a role. Errors: UserNotFound."""
    filters = {"is_domain": False} | text_filters(call, "name", "domain_id") | flag_filters(call, "enabled")
    with call.database.read() as db:
        known(call, lambda: USERS.load(db, user_id), user_target)
        page, rows = page_from(db, call, PROJECTS, filters, project_ids_of(user_id, now=call.now))
        view = list_views(db, call, rows)
    return listed(call, "projects", rows, page, view, id_of=lambda project: project.project_id)


def show(call: Call[Parts], project_id: str) -> Answer:
    """A project; on demand with those above and below it. Errors: ProjectNotFound."""
    with call.database.read() as db:
        project = _in_sight(db, call, project_id)
        view = project_view(call, project, store.tags_of(db, [project_id])[project_id])
        return Ok({"project": view | _relatives(db, call, project)})


def _relatives(db: Reader, call: Call[Parts], project: Project) -> dict[str, Any]:
    asked = {name for name, _ in call.query}
    found: dict[str, Any] = {}
    if not asked & {"parents_as_list", "parents_as_ids", "subtree_as_list", "subtree_as_ids"}:
        return found
    above = store.projects_above(db, project.project_id)
    if asked & {"parents_as_list", "parents_as_ids"}:
        line = _line(project, {each.project_id: each for each in above})
        if "parents_as_list" in asked:
            found["parents"] = _listed_relatives(db, call, line, above)
        else:
            found["parents"] = _nested_line([each.project_id for each in line])
    if asked & {"subtree_as_list", "subtree_as_ids"}:
        below = [each for each in store.projects_below(db, project.project_id) if each != project]
        if "subtree_as_list" in asked:
            found["subtree"] = _listed_relatives(db, call, below, [*above, *below])
        else:
            found["subtree"] = _nested_tree(project.project_id, below)
    return found


def _line(project: Project, above: Mapping[str, Project]) -> list[Project]:
    """The ancestors of a project, the nearest first."""
    line: list[Project] = []
    parent = above.get(project.parent_id)
    while parent is not None:
        line.append(parent)
        parent = above.get(parent.parent_id)
    return line


def _listed_relatives(
    db: Reader, call: Call[Parts], found: Sequence[Project], tree: Sequence[Project]
) -> list[Any]:
    """Those of `found` that the caller may see; `tree` holds all above each of them."""
    seen = [each for each in found if allowed(call, **load_placed(tree, each.project_id).target)]
    view = list_views(db, call, seen)
    return [{"project": view(each)} for each in seen]


def _nested_line(ids: Sequence[str]) -> dict[str, Any] | None:
    nested: dict[str, Any] | None = None
    for project_id in reversed(ids):
        nested = {project_id: nested}
    return nested


def _nested_tree(root: str, below: Sequence[Project]) -> dict[str, Any] | None:
    nested: dict[str, dict[str, Any]] = {each.project_id: {} for each in below}
    nested[root] = {}
    for each in below:
        nested[each.parent_id][each.project_id] = nested[each.project_id] or None
    # Built in no order: a child seen before its own children has to be looked at again.
    for each in below:
        nested[each.parent_id][each.project_id] = nested[each.project_id] or None
    return nested[root] or None


def update(call: Call[Parts], ask: UpdateProject, project_id: str) -> Answer:
    """Change what is given; with `parent_id`, move the project and all below it within its domain.

    Errors: ProjectNotFound, also for the parent, Taken; NotPossible for a move that makes a circle or breaks a limit.
    """
    with name_free("project", str(ask.name)), call.database.write(call.actor) as tx:
        if ask.parent_id is not UNSET:
            limits.hold_tree(tx)
        placed = _placed_and_locked(tx, call, project_id)
        before = placed.project
        check_mutable(before, ask.options)
        _check_place(before, ask)
        path = _new_path(tx, call, placed, ask)
        if ask.enabled is not UNSET and ask.enabled is not before.enabled and not before.is_domain:
            _check_switch(tx, before, enabled=ask.enabled)
        after = _updated(before, ask, parent_id=path[0] if path else "")
        PROJECTS.update(tx, after)
        newly_above = [each for each in path if each not in placed.above]
        limits.check_moved(tx, call.parts.accounts, project_id, newly_above=newly_above)
        tags = placed.tags
        if ask.tags is not UNSET:
            tags = _checked_tags(ask.tags)
            store.set_tags(tx, project_id, tags)
        changed(tx, "update", "project", project_id, before=before, after=after)
    return Ok({"project": project_view(call, after, tags)})


def _updated(before: Project, ask: UpdateProject, *, parent_id: str) -> Project:
    after = updated(before, ask)
    place = {"domain_id": before.domain_id, "parent_id": parent_id}
    return msgspec.structs.replace(after, description=after.description or "", **place)


def _check_place(before: Project, ask: UpdateProject) -> None:
    if ask.is_domain not in (UNSET, before.is_domain):
        raise Bad("Update of `is_domain` is not allowed.")
    if ask.domain_id is not UNSET and (ask.domain_id or "") != before.domain_id:
        raise Bad("Update of `domain_id` is not allowed.")


def _new_path(tx: Tx, call: Call[Parts], placed: Placed, ask: UpdateProject) -> Sequence[str]:
    """All above where the project is to be, if the caller may put it there. Raises NotPossible, ProjectNotFound."""
    before = placed.project
    parent_id = before.parent_id if ask.parent_id is UNSET else ask.parent_id or ""
    if parent_id == before.parent_id:
        return placed.above
    if before.is_domain or not parent_id:
        raise NotPossible("A domain has no parent, and a project always has one.")
    found = store.hold_above(tx, parent_id)
    parent = known(call, lambda: load_placed(found, parent_id), lambda parent: parent.target_below)
    path = (parent_id, *parent.above)
    if (parent.project.domain_id or parent_id) != before.domain_id:
        raise NotPossible("A project does not move to another domain.")
    if before.project_id in path:
        raise NotPossible(f"Cannot move project {before.project_id} below itself.")
    if before.enabled and not parent.project.enabled:
        raise NotPossible(f"Cannot move an enabled project below {parent_id}, which is disabled.")
    return path


def _check_switch(tx: Tx, before: Project, *, enabled: bool) -> None:
    """A disabled project has no enabled one below it."""
    if enabled:
        above = store.projects_above(tx, before.parent_id)
        if any(not each.enabled for each in above if not each.is_domain):
            raise NotPossible(f"Cannot enable project {before.project_id} since it has disabled parents.")
    elif any(each.enabled for each in store.projects_below(tx, before.project_id) if each != before):
        raise NotPossible(
            f"Cannot disable project {before.project_id} since its subtree contains enabled projects."
        )


def delete(call: Call[Parts], project_id: str) -> Answer:
    """Delete a project with nothing below it. Errors: ProjectNotFound, NotPossible."""
    with call.database.write(call.actor) as tx:
        before = _placed_and_locked(tx, call, project_id).project
        check_mutable(before, UNSET)
        if before.is_domain and before.enabled:
            raise NotPossible("Cannot delete a project acting as a domain that is enabled.")
        if before.is_domain and not store.has_children(tx, project_id):
            store.remove_domain(tx, project_id)
        elif before.is_domain or not store.remove_project(tx, project_id):
            raise NotPossible(
                f"Cannot delete the project {project_id} since it is not a leaf in the hierarchy."
            )
        changed(tx, "delete", "project", project_id, before=before)
    return NoContent()


# -- tags --------------------------------------------------------------------------------------------------


def list_tags(call: Call[Parts], project_id: str) -> Answer:
    """The tags of a project, in alphabetical order. Errors: ProjectNotFound."""
    with call.database.read() as db:
        _in_sight(db, call, project_id)
        return _tags_answer(call, project_id, store.tags_of(db, [project_id])[project_id])


def set_tags(call: Call[Parts], ask: Tags, project_id: str) -> Answer:
    """Let these be all the tags."""
    tags = _checked_tags(ask.tags)
    return _tags_answer(call, project_id, _change_tags(call, project_id, lambda _before: tags))


def remove_tags(call: Call[Parts], project_id: str) -> Answer:
    """Let a project have no tags. Errors: ProjectNotFound."""
    _change_tags(call, project_id, lambda _before: [])
    return NoContent()


def check_tag(call: Call[Parts], project_id: str, tag: str) -> Answer:
    """204 if the project has the tag. Errors: TagNotFound."""
    with call.database.read() as db:
        _in_sight(db, call, project_id)
        if tag not in store.tags_of(db, [project_id])[project_id]:
            raise TagNotFound(tag)
    return NoContent()


def add_tag(call: Call[Parts], project_id: str, tag: str) -> Answer:
    """Give a project one tag more; safe to repeat. Errors: ProjectNotFound, Bad."""
    convert({"tags": [tag]}, Tags)
    _change_tags(call, project_id, lambda before: _checked_tags({*before, tag}))
    return Created(None, Location=call.url(call.path))


def remove_tag(call: Call[Parts], project_id: str, tag: str) -> Answer:
    """Take one tag away. Errors: ProjectNotFound, TagNotFound."""

    def without(before: Sequence[str]) -> Sequence[str]:
        if tag not in before:
            raise TagNotFound(tag)
        return [each for each in before if each != tag]

    _change_tags(call, project_id, without)
    return NoContent()


def _change_tags(
    call: Call[Parts], project_id: str, change: Callable[[Sequence[str]], Sequence[str]]
) -> Sequence[str]:
    with call.database.write(call.actor) as tx:
        placed = _placed_and_locked(tx, call, project_id)
        check_mutable(placed.project, UNSET)
        before, after = placed.tags, change(placed.tags)
        store.set_tags(tx, project_id, after)
        changed(tx, "update", "project", project_id, before={"tags": before}, after={"tags": after})
    return after


def _tags_answer(call: Call[Parts], project_id: str, tags: Sequence[str]) -> Answer:
    return Ok({"tags": tags, "links": self_link(call, f"/v3/projects/{project_id}/tags")})


def _checked_tags(tags: Collection[str]) -> Sequence[str]:
    unique = sorted(set(tags))
    if len(unique) > MOST_TAGS:
        raise Bad(f"A project has at most {MOST_TAGS} tags.", where="tags")
    return unique


# -- shared ------------------------------------------------------------------------------------------------


def _in_sight(db: Reader, call: Call[Parts], project_id: str) -> Project:
    """The project, if the caller may see it. A stranger is refused whether it exists or not."""
    above = store.projects_above(db, project_id)
    return known(call, lambda: load_placed(above, project_id), lambda placed: placed.target).project


def _placed_and_locked(tx: Tx, call: Call[Parts], project_id: str) -> Placed:
    """The same, about to be changed, and where it is."""
    above = store.projects_above(tx, project_id)
    placed = known(call, lambda: load_placed(above, project_id), lambda placed: placed.target)
    project, tags = store.lock_tagged(tx, project_id)
    return msgspec.structs.replace(placed, project=project, tags=tags)


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A project, or a domain, and the ids of all above it, the nearest first; the domain is the last of them.

    `tags` are only known of one that is locked.
    """

    project: Project
    above: tuple[str, ...]
    tags: Sequence[str] = ()

    @property
    def target(self) -> Mapping[str, Any]:
        """What rules may ask about it."""
        return {
            "project_id": self.project.project_id,
            "domain_id": self.project.domain_id or self.project.project_id,
            "project_path": (self.project.project_id, *self.above),
            "parent_path": self.above,
        }

    @property
    def target_below(self) -> Mapping[str, Any]:
        """What rules may ask about a new project right below it."""
        path = (self.project.project_id, *self.above)
        return {"domain_id": self.project.domain_id or self.project.project_id, "parent_path": path}


def load_placed(found: Sequence[Project], project_id: str) -> Placed:
    """One of `found`, in which are all above it. Raises ProjectNotFound."""
    by_id = {each.project_id: each for each in found}
    project = by_id.get(project_id)
    if project is None:
        raise ProjectNotFound(project_id)
    return Placed(project=project, above=tuple(each.project_id for each in _line(project, by_id)))


def check_mutable(before: Project, options: Options | Unset) -> None:
    """Raise NotPossible for what is immutable, unless just that is taken back."""
    freed = options is not UNSET and options.immutable in (False, None)
    if before.options.get("immutable") and not freed:
        raise NotPossible(f"Cannot change {before.project_id}: it is immutable.")


def list_views(db: Reader, call: Call[Any], rows: Sequence[Project]) -> Callable[[Project], dict[str, Any]]:
    """How to show each of these projects; their tags are read at once."""
    tags = store.tags_of(db, [project.project_id for project in rows])
    return lambda project: project_view(call, project, tags[project.project_id])


def project_view(call: Call[Any], project: Project, tags: Sequence[str]) -> dict[str, Any]:
    """A project as callers see it."""
    return dict(project.extra) | {
        "id": project.project_id,
        "name": project.name,
        "domain_id": project.domain_id or None,
        "parent_id": project.parent_id or None,
        "description": project.description,
        "enabled": project.enabled,
        "is_domain": project.is_domain,
        "options": project.options,
        "tags": tags,
        "links": self_link(call, f"/v3/projects/{project.project_id}"),
    }
