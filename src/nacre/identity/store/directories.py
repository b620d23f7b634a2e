"""Users and groups that are mirrored from directories, and how it stands with each directory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.domain.directories import (
    DirectoryGroup,
    DirectoryUser,
    Entry,
    Kept,
    Kind,
    print_of,
)
from nacre.identity.errors import FromDirectory
from nacre.identity.store.domain_config import DIRECTORIES_LOOP
from nacre.identity.store.groups import Group, remove_group
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import DIRECTORY, GROUP, MEMBERSHIP, MIRRORED, USER
from nacre.identity.store.users import User, remove_user
from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts

LOOP = DIRECTORIES_LOOP
IN_ONE_STATEMENT = 500


class DirectoryState(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with a domain's directory: what the last whole look at it found, and what is wrong since when.

    With `accept_losses`, an operator has said that the next look may take away as many as it finds gone.
    """

    domain_id: str
    mirrored_at: float | None = None
    users: int = 0
    groups: int = 0
    trouble: str = ""
    trouble_since: float | None = None
    accept_losses: bool = False


class Mirrored(msgspec.Struct, frozen=True, kw_only=True):
    """What is noted beside a mirrored user or group."""

    subject_id: str
    domain_id: str
    kind: Kind
    key: str
    handle: str
    print: str
    written_at: float
    absent_since: float | None = None


DIRECTORIES = Shelf(DIRECTORY, DirectoryState, key="domain_id")
MIRRORS = Shelf(MIRRORED, Mirrored, key="subject_id")

_TABLES = {Kind.USER: (USER, USER.c.user_id), Kind.GROUP: (GROUP, GROUP.c.group_id)}
_m = MIRRORED.c
_ids = texts("ids")
_KEPT = {
    kind: sa.select(key, table.c.name, _m.print, _m.absent_since)
    .select_from(table)
    .join(MIRRORED, _m.subject_id == key)
    .where(key.in_(_ids))
    for kind, (table, key) in _TABLES.items()
}
_HOLDERS = {
    kind: sa.select(table.c.name, key).where(
        table.c.domain_id == sa.bindparam("domain_id"),
        table.c.name.in_(texts("names")),
    )
    for kind, (table, key) in _TABLES.items()
}
_ABSENT = sa.select(_m.subject_id).where(_m.subject_id.in_(_ids), _m.absent_since.is_not(None))
_NEXT = (
    sa.select(_m.subject_id, _m.written_at, _m.absent_since)
    .where(
        _m.domain_id == sa.bindparam("domain_id"),
        _m.kind == sa.bindparam("kind"),
        _m.subject_id > sa.bindparam("after"),
    )
    .order_by(_m.subject_id)
    .limit(IN_ONE_STATEMENT)
)
_BY_HANDLE = sa.select(_m.handle, _m.subject_id).where(
    _m.domain_id == sa.bindparam("domain_id"),
    _m.kind == Kind.USER,
    _m.absent_since.is_(None),
    _m.handle.in_(texts("handles")),
)
_PRESENT_GROUPS = sa.select(_m.subject_id).where(
    _m.subject_id.in_(_ids),
    _m.domain_id == sa.bindparam("domain_id"),
    _m.kind == Kind.GROUP,
    _m.absent_since.is_(None),
)
_KNOWN = sa.select(DIRECTORY.c.domain_id)


def kept_of(db: Reader, kind: Kind, ids: Collection[str]) -> Mapping[str, Kept]:
    """What is kept of those of the entries that are mirrored already."""
    if not ids:
        return {}
    rows = db.rows(_KEPT[kind], ids=list(ids))
    return {row[0]: Kept(row[0], row[1], row[2], row[3] is not None) for row in rows}


def holders_of(db: Reader, kind: Kind, domain_id: str, names: Collection[str]) -> Mapping[str, str]:
    """The ids of those who have these names in a domain, by name."""
    if not names:
        return {}
    return {row[0]: row[1] for row in db.rows(_HOLDERS[kind], domain_id=domain_id, names=list(names))}


def absent_of(db: Reader, ids: Collection[str]) -> Collection[str]:
    """Those of the ids whose directory no longer has them."""
    return {row[0] for row in db.rows(_ABSENT, ids=list(ids))} if ids else set()


def in_pages(db: Reader, domain_id: str, kind: Kind) -> Iterator[Sequence[tuple[str, float, float | None]]]:
    """The id, time of writing and time of absence of all that is mirrored, in pages by id."""
    after = ""
    while rows := db.rows(_NEXT, domain_id=domain_id, kind=kind, after=after):
        yield [(row[0], row[1], row[2]) for row in rows]
        after = rows[-1][0]


def users_by_handle(db: Reader, domain_id: str, handles: Collection[str]) -> Mapping[str, str]:
    """The ids of the users that groups of a directory call so, as far as they are mirrored and there."""
    known: dict[str, str] = {}
    wanted = sorted(handles)
    for start in range(0, len(wanted), IN_ONE_STATEMENT):
        some = wanted[start : start + IN_ONE_STATEMENT]
        known |= {row[0]: row[1] for row in db.rows(_BY_HANDLE, domain_id=domain_id, handles=some)}
    return known


def known_domains(db: Reader) -> Sequence[str]:
    """The domains that have, or had, a directory."""
    return [row[0] for row in db.rows(_KNOWN)]


# -- writing -----------------------------------------------------------------------------------------------

_ADD_USER, _ADD_GROUP, _ADD_MIRROR = sa.insert(USER), sa.insert(GROUP), sa.insert(MIRRORED)
_enabled: sa.BindParameter[bool] = sa.bindparam("is_enabled", type_=sa.Boolean)
_CHANGE_USER = (
    sa.update(USER)
    .where(USER.c.user_id == sa.bindparam("this"))
    .values(
        name=sa.bindparam("new_name"),
        enabled=_enabled,
        extra=sa.bindparam("new_extra", type_=USER.c.extra.type),
        default_project_id=sa.func.coalesce(
            sa.bindparam("project", type_=sa.Text), USER.c.default_project_id
        ),
        # Whoever is disabled loses the tokens issued so far, and does not get them back.
        epoch=USER.c.epoch + sa.case((sa.and_(USER.c.enabled, sa.not_(_enabled)), 1), else_=0),
    )
)
_CHANGE_GROUP = (
    sa.update(GROUP)
    .where(GROUP.c.group_id == sa.bindparam("this"))
    .values(
        name=sa.bindparam("new_name"),
        description=sa.bindparam("new_description"),
        extra=sa.bindparam("new_extra", type_=GROUP.c.extra.type),
    )
)
_CHANGE_MIRROR = (
    sa.update(MIRRORED)
    .where(_m.subject_id == sa.bindparam("this"))
    .values(
        handle=sa.bindparam("new_handle"),
        print=sa.bindparam("new_print"),
        written_at=sa.bindparam("at"),
        absent_since=None,
    )
)
_MOVE_ASIDE = {
    kind: sa.update(table).where(key == sa.bindparam("this")).values(name=sa.bindparam("new_name"))
    for kind, (table, key) in _TABLES.items()
}
# What was said of one that has no longer its own name must be written anew.
_UNPRINT = sa.update(MIRRORED).where(_m.subject_id == sa.bindparam("this")).values(print="")
_NOW_ABSENT = (
    sa.update(MIRRORED)
    .where(_m.subject_id.in_(_ids), _m.absent_since.is_(None))
    .values(absent_since=sa.bindparam("at"))
)
_SHUT_OUT = sa.update(USER).where(USER.c.user_id.in_(_ids)).values(enabled=sa.false(), epoch=USER.c.epoch + 1)
_EMPTY = sa.delete(MEMBERSHIP).where(MEMBERSHIP.c.group_id.in_(_ids))
_JOIN = sa.text(
    "INSERT INTO identity_membership (user_id, group_id) VALUES (:user_id, :group_id) ON CONFLICT DO NOTHING"
)
_LEAVE = sa.delete(MEMBERSHIP).where(
    MEMBERSHIP.c.user_id == sa.bindparam("this"), MEMBERSHIP.c.group_id == sa.bindparam("that")
)
_UNMIRROR = sa.delete(MIRRORED).where(_m.subject_id == sa.bindparam("this"))
_GROUPS_OF = sa.select(MEMBERSHIP.c.group_id).where(MEMBERSHIP.c.user_id == sa.bindparam("user_id"))


def add(tx: Tx, kind: Kind, domain_id: str, entries: Mapping[str, Entry]) -> None:
    """Mirror entries that were not. Raises Duplicate for a name that is in use."""
    rows = [
        msgspec.structs.asdict(_new(subject_id, domain_id, entry, now=tx.now))
        for subject_id, entry in entries.items()
    ]
    tx.execute_many(_ADD_USER if kind is Kind.USER else _ADD_GROUP, rows)
    mirrors = [
        Mirrored(
            subject_id=subject_id,
            domain_id=domain_id,
            kind=kind,
            key=entry.key,
            handle=entry.handle,
            print=print_of(entry),
            written_at=tx.now,
        )
        for subject_id, entry in entries.items()
    ]
    tx.execute_many(_ADD_MIRROR, [msgspec.structs.asdict(mirror) for mirror in mirrors])


def _new(subject_id: str, domain_id: str, entry: Entry, *, now: float) -> User | Group:
    if isinstance(entry, DirectoryUser):
        return User(
            user_id=subject_id,
            domain_id=domain_id,
            name=entry.name,
            enabled=entry.enabled,
            default_project_id=entry.default_project_id,
            extra=entry.extra,
            created_at=now,
        )
    return Group(
        group_id=subject_id,
        domain_id=domain_id,
        name=entry.name,
        description=entry.description,
        extra=entry.extra,
    )


def change(tx: Tx, entries: Mapping[str, Entry]) -> None:
    """Let what is mirrored say what the directory says now; whoever was absent is back. Raises Duplicate."""
    users = {each: entry for each, entry in entries.items() if isinstance(entry, DirectoryUser)}
    groups = {each: entry for each, entry in entries.items() if isinstance(entry, DirectoryGroup)}
    tx.execute_many(
        _CHANGE_USER,
        [
            {
                "this": subject_id,
                "new_name": user.name,
                "is_enabled": user.enabled,
                "new_extra": user.extra,
                "project": user.default_project_id,
            }
            for subject_id, user in users.items()
        ],
    )
    tx.execute_many(
        _CHANGE_GROUP,
        [
            {
                "this": subject_id,
                "new_name": group.name,
                "new_description": group.description,
                "new_extra": group.extra,
            }
            for subject_id, group in groups.items()
        ],
    )
    said = [
        {"this": subject_id, "new_handle": entry.handle, "new_print": print_of(entry), "at": tx.now}
        for subject_id, entry in entries.items()
    ]
    tx.execute_many(_CHANGE_MIRROR, said)


def move_aside(tx: Tx, kind: Kind, names: Mapping[str, str]) -> None:
    """Let some be called something else, until the directory's own name for them is written again."""
    rows = [{"this": subject_id, "new_name": name} for subject_id, name in names.items()]
    tx.execute_many(_MOVE_ASIDE[kind], rows)
    tx.execute_many(_UNPRINT, [{"this": subject_id} for subject_id in names])


def mark_absent(tx: Tx, kind: Kind, ids: Sequence[str]) -> None:
    """Shut out users, or empty groups, that their directory no longer has; what they were given is kept."""
    tx.execute(_NOW_ABSENT, ids=ids, at=tx.now)
    tx.execute(_SHUT_OUT if kind is Kind.USER else _EMPTY, ids=ids)


def forget(tx: Tx, kind: Kind, ids: Sequence[str]) -> None:
    """Delete users or groups that have been absent for long, with all that they were given."""
    for subject_id in ids:
        (remove_user if kind is Kind.USER else remove_group)(tx, subject_id)
    tx.execute_many(_UNMIRROR, [{"this": subject_id} for subject_id in ids])


def join(tx: Tx, pairs: Collection[tuple[str, str]]) -> None:
    """Put users into groups; pairs are of a user's and a group's id. Safe to repeat."""
    tx.execute_many(_JOIN, [{"user_id": user_id, "group_id": group_id} for user_id, group_id in pairs])


def leave(tx: Tx, pairs: Collection[tuple[str, str]]) -> None:
    """Take users out of groups. Safe to repeat."""
    tx.execute_many(_LEAVE, [{"this": user_id, "that": group_id} for user_id, group_id in pairs])


def group_ids_of(db: Reader, user_id: str) -> set[str]:
    """The groups a user is in."""
    return {row[0] for row in db.rows(_GROUPS_OF, user_id=user_id)}


def mirrored_groups(db: Reader, domain_id: str, group_ids: Collection[str]) -> set[str]:
    """Those of the groups that come from a domain's directory, and are there."""
    if not group_ids:
        return set()
    return {row[0] for row in db.rows(_PRESENT_GROUPS, domain_id=domain_id, ids=sorted(group_ids))}


def demand_own(tx: Tx, subject_id: str, *, absent_too: bool = True) -> None:
    """Raise FromDirectory for a user or group that comes from a directory, which is only read.

    Without `absent_too`, one that the directory no longer has passes for our own.
    """
    found = MIRRORS.find(tx, subject_id)
    if found is not None and (absent_too or found.absent_since is None):
        raise FromDirectory


def note(tx: Tx, state: DirectoryState) -> None:
    """Write down how it stands with a directory."""
    if tx.row(_LOCKED, domain_id=state.domain_id) is None:
        DIRECTORIES.insert(tx, state)
    else:
        DIRECTORIES.update(tx, state)


_LOCKED = sa.select(DIRECTORY.c.domain_id).where(DIRECTORY.c.domain_id == sa.bindparam("domain_id"))
_LOCKED = _LOCKED.with_for_update()
