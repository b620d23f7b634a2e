"""The five usual operations on objects of one noun: list, show, create (one or many), update, delete.

A `Shelved` noun can be listed and shown; a `Noun` can also be made, changed and deleted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from nacre.kernel.clock import iso_z
from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.errors import NotFound
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.paging import paged
from nacre.kernel.policy import NotAllowed, Policy
from nacre.network import policy
from nacre.network.api import filters
from nacre.network.api.attributes import STANDARD, Attribute, Given, Whole, read, unwrap
from nacre.network.api.parts import Parts
from nacre.network.changes import events
from nacre.network.domain.rbac import Action
from nacre.network.errors import HTTPBadRequest, RevisionNumberConstraintFailed
from nacre.network.store import rbac
from nacre.network.store.shelf import Shelf

Item = TypeVar("Item", bound=msgspec.Struct)
View = dict[str, Any]
MOST_AT_ONCE = 1000
_IF_MATCH = re.compile(r"revision_number=(-?\d{1,15})\Z")


class Policies(msgspec.Struct, frozen=True):
    """Who may do the five usual things."""

    show: Policy
    create: Policy
    update: Policy
    delete: Policy


class Sharing(msgspec.Struct, frozen=True):
    """By which entries objects of a noun are shared: those of `object_type` on what `column` names."""

    object_type: str
    column: sa.Column[Any]


@dataclass(frozen=True, kw_only=True)
class Shelved(Generic[Item]):
    """What is particular to one noun that can be listed and shown. The rest is the same for all.

    `whole` makes structs of the rows of `rows`; `views` shows them whole, in few statements however many. `seen_by` are
    those that a project may know of. `standard` are the attributes that it has besides its own.
    """

    name: str
    plural: str
    attributes: Sequence[Attribute]
    policies: Policies
    shelf: Shelf[Item]
    absent: Callable[[str], NotFound]
    seen_by: Callable[[str], sa.ColumnElement[bool]]
    views: Callable[[Reader, Sequence[Item]], list[View]]
    standard: Sequence[Attribute] = STANDARD
    sharing: Sharing | None = None
    rows: sa.Select[Any] | None = None
    whole: Callable[[Reader, Sequence[AnyRow]], list[Item]] | None = None
    special: Mapping[str, filters.Filter] = field(default_factory=dict)
    before_list: Callable[[Call[Parts]], None] | None = None
    known: Mapping[str, Attribute] = field(init=False)
    hidden: frozenset[str] = field(init=False)
    sortable: Mapping[str, sa.Column[Any]] = field(init=False)

    def __post_init__(self) -> None:
        known = {each.name: each for each in (*self.standard, *self.attributes)}
        columns = self.shelf.table.c
        object.__setattr__(self, "known", known)
        object.__setattr__(self, "hidden", frozenset(n for n, each in known.items() if each.hidden))
        object.__setattr__(
            self, "sortable", {n: columns[each.key] for n, each in known.items() if each.key in columns}
        )

    # -- reading ---------------------------------------------------------------------------------------------

    def index(self, call: Call[Parts]) -> Answer:
        """One page of the objects that the caller may know of, filtered and sorted."""
        page, reverse = filters.page(call, self.sortable, most=call.parts.page_limit)
        wanted = filters.conditions(call, self.shelf.table, self.known, self._special(call))
        if self.before_list is not None and page.marker is None:
            self.before_list(call)
        statement = self._rows().where(*wanted, *self._scope(call))
        with call.database.read() as db:
            statement = paged(db, statement, page, self.sortable, unique=self.shelf.table.c.id)
            rows = db.rows(statement)
            more = len(rows) > page.limit
            rows = rows[: page.limit]
            items = self._items(db, rows[::-1] if reverse else rows)
            views = self._views(call, db, items)
        ids = [item.id for item in items]  # type: ignore[attr-defined]
        links = filters.page_links(call, self.plural, ids, page, reverse=reverse, more=more)
        return Ok({self.plural: views, **links})

    def show(self, call: Call[Parts], object_id: str) -> Answer:
        """One object. What the caller may not know of is not there."""
        with call.database.read() as db:
            item = self.load(call, db, object_id)
            return Ok({self.name: self.view(call, db, item)})

    def view(self, call: Call[Parts], db: Reader, item: Item) -> View:
        """One object as the caller sees it."""
        return self._views(call, db, [item])[0]

    def load(self, call: Call[Parts], db: Reader, object_id: str) -> Item:
        """One object that the caller may know of. Raises its NotFound."""
        statement = self._rows().where(self.shelf.table.c.id == object_id, *self._scope(call))
        items = self._items(db, db.rows(statement))
        if not items:
            raise self.absent(object_id)
        return items[0]

    def _special(self, call: Call[Parts]) -> Mapping[str, filters.Filter]:
        """Filters that are no comparison with a column. What is shared depends on who asks."""
        if self.sharing is None:
            return self.special
        shared = rbac.shown_to(call.project_id, self.sharing.object_type, Action.SHARED)
        return {**self.special, "shared": filters.is_among(self.sharing.column, shared)}

    def _rows(self) -> sa.Select[Any]:
        return self.shelf.all if self.rows is None else self.rows

    def _items(self, db: Reader, rows: Sequence[AnyRow]) -> list[Item]:
        return [self.shelf.of(row) for row in rows] if self.whole is None else self.whole(db, rows)

    def _scope(self, call: Call[Parts]) -> list[sa.ColumnElement[bool]]:
        sees_all = self.policies.show.allows(call.caller, {"project_id": "\0nobody's"})
        return [] if sees_all else [self.seen_by(call.project_id)]

    def _views(self, call: Call[Parts], db: Reader, items: Sequence[Item]) -> list[View]:
        views = self.views(db, items)
        self._complete(call, db, views)
        fields = filters.wanted_fields(call) if call.method in ("GET", "HEAD") else None
        hidden = frozenset() if policy.ADMINISTER.allows(call.caller, {}) else self.hidden
        if fields is not None:
            wanted = fields - hidden
            return [{name: value for name, value in view.items() if name in wanted} for view in views]
        for view in views if hidden else ():
            for name in hidden:
                view.pop(name, None)
        return views

    def _complete(self, call: Call[Parts], db: Reader, views: Sequence[View]) -> None:
        """Tell what depends on who asks: what is shared with the caller's project alone is shared, to the caller."""
        unshared = [view for view in views if view.get("shared") is False]
        if self.sharing is None or not unshared:
            return
        ids = [view["id"] for view in unshared]
        shared = rbac.shared_with(db, call.project_id, self.sharing.object_type, ids)
        for view in unshared:
            view["shared"] = view["id"] in shared


@dataclass(frozen=True, kw_only=True)
class Noun(Shelved[Item]):
    """What is particular to one noun that can also be changed.

    `create_all`, `change` and `remove` change things within a transaction; `lock` finds what is to be changed.
    `guardian` is a project that may delete an object besides its owner.
    """

    lock: Callable[[Tx, str], Item]
    create_all: Callable[[Call[Parts], Tx, Sequence[Given]], Sequence[Item]]
    change: Callable[[Call[Parts], Tx, Item, Given], Item]
    remove: Callable[[Call[Parts], Tx, Item], None]
    guardian: Callable[[Reader, Item], str] | None = None

    # -- changing ----------------------------------------------------------------------------------------------

    def create(self, call: Call[Parts], ask: Whole) -> Answer:
        """Make one object, or several: all or none."""
        several = isinstance(ask.members.get(self.plural), list)
        raws = self._several(ask) if several else [unwrap(ask, self.name)]
        given = [read(call, self.known, raw, action=self.policies.create) for raw in raws]
        with call.database.write(call.actor) as tx:
            items = self.create_all(call, tx, given)
            views = self._views(call, tx, items)
        return Created({self.plural: views} if several else {self.name: views[0]})

    def _several(self, ask: Whole) -> Sequence[Mapping[str, Any]]:
        raws = ask.members[self.plural]
        if len(ask.members) != 1 or not raws:
            raise HTTPBadRequest(f"Resources required in '{self.plural}'")
        if len(raws) > MOST_AT_ONCE or not all(isinstance(raw, dict) for raw in raws):
            raise HTTPBadRequest(f"'{self.plural}' must hold up to {MOST_AT_ONCE} objects")
        # Some clients name the noun again at each object.
        return [raw[self.name] if self._is_wrapped(raw) else raw for raw in raws]

    def _is_wrapped(self, raw: Mapping[str, Any]) -> bool:
        return raw.keys() == {self.name} and isinstance(raw[self.name], dict)

    def update(self, call: Call[Parts], ask: Whole, object_id: str) -> Answer:
        """Change an object."""
        given = read(call, self.known, unwrap(ask, self.name), action=self.policies.update)
        with call.database.write(call.actor) as tx:
            item = self.lock_for(call, tx, object_id)
            item = self.change(call, tx, item, given)
            return Ok({self.name: self.view(call, tx, item)})

    def delete(self, call: Call[Parts], object_id: str) -> Answer:
        """Delete an object."""
        with call.database.write(call.actor) as tx:
            self.remove(call, tx, self.lock_for(call, tx, object_id, guardian=self.guardian))
        return NoContent()

    def record_update(self, tx: Tx, before: Item, after: Item) -> None:
        """Write in the event log what a change that is the same for all nouns has changed."""
        events.updated(tx, self.name, before, after)

    def lock_for(
        self,
        call: Call[Parts],
        tx: Tx,
        object_id: str,
        *,
        guardian: Callable[[Reader, Item], str] | None = None,
    ) -> Item:
        """An object that the caller may change by this route, locked. Raises its NotFound, NotAllowed, ...

        What others own is refused where the caller may know of it, as of what is shared, and is not there elsewhere.
        """
        item = self.lock(tx, object_id)
        owner = item.project_id  # type: ignore[attr-defined]
        if not (call.sees(owner) or (guardian is not None and call.sees(guardian(tx, item)))):
            self.load(call, tx, object_id)
            raise NotAllowed(call.route.policy.name)
        check_revision(call, item)
        return item


def check_revision(call: Call[Parts], item: Any) -> None:
    """Refuse a change of something that the caller has not seen as it is. Raises RevisionNumberConstraintFailed."""
    asked = call.headers.get("if-match")
    if asked is None:
        return
    match = _IF_MATCH.match(asked.strip().strip('"'))
    if match is None:
        raise HTTPBadRequest("Bad format for If-Match HTTP header: expected revision_number=NUMBER")
    if int(match[1]) != item.revision_number:
        raise RevisionNumberConstraintFailed(item.id, int(match[1]))


def standard_view(item: Any) -> View:
    """What every object shows."""
    return {
        "id": item.id,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
        "description": item.description,
        "tags": item.tags,
        "revision_number": item.revision_number,
        "created_at": iso_z(item.created_at),
        "updated_at": iso_z(item.updated_at),
    }


def historic_view(item: Any) -> View:
    """All fields of an object that carries a history and no tags."""
    return msgspec.structs.asdict(item) | {
        "tenant_id": item.project_id,
        "created_at": iso_z(item.created_at),
        "updated_at": iso_z(item.updated_at),
    }
