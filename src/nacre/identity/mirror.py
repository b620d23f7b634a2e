"""Writing down what a directory says: short transactions that each make a part of a domain as the directory has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nacre.identity.authority import CHANGED
from nacre.identity.domain.directories import (
    LONGEST_NAME,
    DirectoryGroup,
    DirectoryUser,
    Entry,
    Kind,
    new_names,
    steps_for,
    subject_id_of,
    untangle,
)
from nacre.identity.store import directories as store
from nacre.identity.store.groups import members_of
from nacre.kernel.database import Database, Tx
from nacre.kernel.events import Actor, Event

FORGOTTEN_AT_ONCE = 20
MEMBERS_AT_ONCE = 5_000
EVENT_NAMES_AT_MOST = 100
"""So many of the users who joined or left a group are named in the event; their number always is."""

Pair = tuple[str, str]
"""A user's id and a group's."""


@dataclass(frozen=True)
class Mirror:
    """The users and groups of one domain, as far as they come from its directory."""

    database: Database
    domain_id: str
    actor: Actor

    def by_id(self, page: Iterable[Entry]) -> dict[str, Entry]:
        """The entries of a page by the ids they have here, without those whose name is no name here."""
        return {
            subject_id_of(self.domain_id, kind_of(entry), entry.key): entry
            for entry in page
            if 0 < len(entry.name) <= LONGEST_NAME
        }

    def write(self, kind: Kind, entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
        """Make a page so. Gives back the entries whose names others still have."""
        with self.database.read() as db:
            kept = store.kept_of(db, kind, entries)
            holders = store.holders_of(db, kind, self.domain_id, new_names(entries, kept))
        steps = steps_for(entries, kept, holders)
        if not steps.nothing:
            with self.database.write(self.actor) as tx:
                store.add(tx, kind, self.domain_id, steps.add)
                store.change(tx, steps.change)
                self._tell(tx, "create", kind, steps.add)
                self._tell(tx, "update", kind, steps.change)
        return steps.later

    def untangle(self, kind: Kind, later: Mapping[str, Entry]) -> Sequence[str]:
        """Give names to those who had to wait for them. Says which names stay with somebody else."""
        if not later:
            return ()
        with self.database.read() as db:
            kept = store.kept_of(db, kind, later)
            holders = store.holders_of(db, kind, self.domain_id, {entry.name for entry in later.values()})
            absent = store.absent_of(db, set(holders.values()))
        plan = untangle(later, holders, giving=later.keys(), absent=absent)
        if plan.write:
            with self.database.write(self.actor) as tx:
                store.move_aside(tx, kind, plan.aside)
                store.add(tx, kind, self.domain_id, {i: e for i, e in plan.write.items() if i not in kept})
                store.change(tx, {i: e for i, e in plan.write.items() if i in kept})
                self._tell(tx, "update", kind, plan.write)
        return plan.refused

    def shut_out(self, kind: Kind, ids: Sequence[str]) -> None:
        """Take at once what these may do: the directory no longer has them. It comes back if they do."""
        with self.database.write(self.actor) as tx:
            store.mark_absent(tx, kind, ids)
            for subject_id in ids:
                tx.record(Event(action="vanish", kind=kind, subject=subject_id))
            tx.wake(CHANGED)

    def forget(self, kind: Kind, ids: Sequence[str]) -> None:
        """Delete for good those who have been gone for long."""
        for start in range(0, len(ids), FORGOTTEN_AT_ONCE):
            some = ids[start : start + FORGOTTEN_AT_ONCE]
            with self.database.write(self.actor) as tx:
                store.forget(tx, kind, some)
                for subject_id in some:
                    tx.record(Event(action="delete", kind=kind, subject=subject_id))
                tx.wake(CHANGED)

    def join(self, groups: Mapping[str, DirectoryGroup]) -> tuple[Sequence[Pair], int]:
        """Put users into the groups where they should be.

        Gives back who should leave which group, and how many memberships there were: whether so many may go is
        for the caller to judge.
        """
        leaving: list[Pair] = []
        before = 0
        for some in _portions(groups):
            with self.database.read() as db:
                handles = {handle for group in some.values() for handle in group.members}
                users = store.users_by_handle(db, self.domain_id, handles)
                present = members_of(db, list(some))
            joining: list[Pair] = []
            for group_id, group in some.items():
                wanted = {users[handle] for handle in group.members if handle in users}
                joining += [(user_id, group_id) for user_id in sorted(wanted.difference(present[group_id]))]
                leaving += [(user_id, group_id) for user_id in present[group_id] if user_id not in wanted]
                before += len(present[group_id])
            self.move(joining=joining)
        return leaving, before

    def move(self, *, joining: Collection[Pair] = (), leaving: Collection[Pair] = ()) -> None:
        """Put users into groups, and take others out."""
        if not joining and not leaving:
            return
        with self.database.write(self.actor) as tx:
            store.join(tx, joining)
            store.leave(tx, leaving)
            _tell_moves(tx, "add-member", joining)
            _tell_moves(tx, "remove-member", leaving)
            tx.wake(CHANGED)

    def _tell(self, tx: Tx, action: str, kind: Kind, entries: Mapping[str, Entry]) -> None:
        for subject_id, entry in entries.items():
            after = {"name": entry.name, "domain_id": self.domain_id}
            if isinstance(entry, DirectoryUser):
                after["enabled"] = str(entry.enabled).lower()
            tx.record(Event(action=action, kind=kind, subject=subject_id, after=after))
        tx.wake(CHANGED)


def kind_of(entry: Entry) -> Kind:
    return Kind.USER if isinstance(entry, DirectoryUser) else Kind.GROUP


def _portions(groups: Mapping[str, DirectoryGroup]) -> Iterable[dict[str, DirectoryGroup]]:
    """The groups in portions of few enough members."""
    portion: dict[str, DirectoryGroup] = {}
    members = 0
    for group_id, group in groups.items():
        if portion and members + len(group.members) > MEMBERS_AT_ONCE:
            yield portion
            portion, members = {}, 0
        portion[group_id] = group
        members += len(group.members)
    if portion:
        yield portion


def _tell_moves(tx: Tx, action: str, pairs: Collection[Pair]) -> None:
    """One event for each group, however many its users are."""
    by_group: dict[str, list[str]] = {}
    for user_id, group_id in pairs:
        by_group.setdefault(group_id, []).append(user_id)
    for group_id, user_ids in by_group.items():
        said = {"users": len(user_ids), "user_ids": user_ids[:EVENT_NAMES_AT_MOST]}
        joined = action == "add-member"
        event = Event(
            action=action,
            kind="group",
            subject=group_id,
            before=None if joined else said,
            after=said if joined else None,
        )
        tx.record(event)
