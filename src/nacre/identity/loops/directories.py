"""Keeps each domain's users and groups as its directory has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import msgspec

from nacre.identity.directories import Directories
from nacre.identity.domain.directories import (
    DirectoryGroup,
    Entry,
    Kind,
    too_many_vanish,
)
from nacre.identity.drivers.base import Directory, DirectoryAway
from nacre.identity.mirror import Mirror, Pair
from nacre.identity.store import directories as store
from nacre.identity.store.directories import DIRECTORIES, DirectoryState
from nacre.identity.store.projects import DOMAINS
from nacre.kernel.config import DirectorySettings
from nacre.kernel.database import Database, Duplicate, Reader
from nacre.kernel.errors import Problem, Unavailable
from nacre.kernel.loops import SETTLED, Outcome, Wait, current_actor

WAITING_NAMES_AT_MOST = 1_000
MOVED_AT_ONCE = 1_000
NOTED_AFTER_S = 3600.0
"""How old what is told of a directory becomes at most: a cloud at rest hardly writes."""
NAMED_AT_MOST = 3
"""So many names of a kind of trouble are told; the rest are counted."""


@final
@dataclass(frozen=True)
class DirectoriesLoop:
    """Mirrors one directory at a look, whole or as far as it answers. Its keys are the ids of domains.

    Every page is made so in a transaction of its own, and looking again changes nothing, so that a look may be
    killed anywhere. Nobody is taken for gone before the directory has told everybody, to its end; and whoever came
    in meanwhile by logging in is not judged by a list that may be older.
    """

    database: Database
    directories: Directories
    settings: DirectorySettings
    name: str = store.LOOP
    at_once: int = 2

    def reconcile(self, key: str) -> Outcome:
        try:
            directory = self.directories.find(key)
            if directory is None:
                return self._part_from(key)
            found = self._look(key, directory)
        except Duplicate as problem:
            # Somebody logged in, and was mirrored, at the same moment.
            return Wait(recheck_s=1.0, because=str(problem))
        except Unavailable as problem:
            self._note_trouble(key, str(problem))
            return Wait(recheck_s=self.settings.retry_s, because=str(problem))
        self._note(key, found)
        # Without trouble there is no reason to be told: `nacre status` lists those that wait for one.
        return Wait(recheck_s=self.settings.period_s, because=found.trouble)

    def all_keys(self) -> Iterable[str]:
        with self.database.read() as db:
            return {*self.directories.domain_ids(), *store.known_domains(db)}

    def record_fault(self, key: str, problem: Problem) -> None:
        self._note_trouble(key, str(problem))

    # -- one look --------------------------------------------------------------------------------------

    def _look(self, domain_id: str, directory: Directory) -> DirectoryState:
        state = self._state(domain_id)
        look = _Look(
            mirror=Mirror(self.database, domain_id, current_actor(self.name)),
            settings=self.settings,
            accept_losses=state.accept_losses,
        )
        users = look.everybody(Kind.USER, directory.observe_users(), most=directory.capabilities.most_people)
        groups = 0
        if directory.capabilities.lists_groups:
            groups = look.everybody(
                Kind.GROUP, directory.observe_groups(), most=directory.capabilities.most_people
            )
            look.part_members()
        return DirectoryState(
            domain_id=domain_id,
            mirrored_at=look.began_at,
            users=users,
            groups=groups,
            trouble=" ".join(look.troubles),
        )

    def _part_from(self, domain_id: str) -> Outcome:
        """The domain has no directory any more: nobody vouches for those who came from it."""
        mirror = Mirror(self.database, domain_id, current_actor(self.name))
        with self.database.read() as db:
            if DOMAINS.find(db, domain_id) is None:
                return SETTLED
        look = _Look(mirror=mirror, settings=self.settings, accept_losses=True)
        left = 0
        for kind in Kind:
            look.judge(kind, seen=set())
            with self.database.read() as db:
                left += sum(len(page) for page in store.in_pages(db, domain_id, kind))
        if left:
            if self._state(domain_id).trouble:
                self._note_trouble(domain_id, "")
            return Wait(recheck_s=self.settings.period_s, because="")
        with self.database.write(current_actor(self.name)) as tx:
            DIRECTORIES.remove(tx, domain_id)
        return SETTLED

    # -- how it stands ---------------------------------------------------------------------------------

    def _state(self, domain_id: str) -> DirectoryState:
        with self.database.read() as db:
            return DIRECTORIES.find(db, domain_id) or DirectoryState(domain_id=domain_id)

    def _note(self, domain_id: str, found: DirectoryState) -> None:
        """Write down the end of a whole look; where all is as it was, only now and then."""
        known = self._state(domain_id)
        since = known.trouble_since if known.trouble and found.trouble else None
        if found.trouble and since is None:
            since = found.mirrored_at
        found = msgspec.structs.replace(found, trouble_since=since)
        fresh = (known.mirrored_at or 0.0) > (found.mirrored_at or 0.0) - NOTED_AFTER_S
        if fresh and found == msgspec.structs.replace(known, mirrored_at=found.mirrored_at):
            return
        self._write(found)

    def _note_trouble(self, domain_id: str, trouble: str) -> None:
        known = self._state(domain_id)
        if known.trouble == trouble:
            return
        since = (known.trouble_since if known.trouble else self.database.clock.now()) if trouble else None
        self._write(msgspec.structs.replace(known, trouble=trouble, trouble_since=since))

    def _write(self, state: DirectoryState) -> None:
        with self.database.write(current_actor(self.name)) as tx:
            # A domain that is being deleted takes its row with it, and needs none.
            if DOMAINS.find(tx, state.domain_id) is not None:
                store.note(tx, state)


@dataclass
class _Look:
    """What one look at a directory finds out on its way. In memory are ids of those seen, never their entries."""

    mirror: Mirror
    settings: DirectorySettings
    accept_losses: bool
    troubles: list[str] = field(default_factory=list)
    began_at: float = field(init=False)
    _leaving: list[Pair] = field(default_factory=list)
    _memberships: int = 0

    def __post_init__(self) -> None:
        self.began_at = self.mirror.database.clock.now()

    def everybody(self, kind: Kind, pages: Iterator[Sequence[Entry]], *, most: int) -> int:
        """Make all of a kind so, and then judge who is gone. How many there are."""
        seen = set[bytes]()
        later: dict[str, Entry] = {}
        for page in pages:
            entries = self.mirror.by_id(page)
            seen.update(bytes.fromhex(subject_id) for subject_id in entries)
            if len(seen) > most:
                raise DirectoryAway(f"it has more than {most} entries, which is more than can be compared")
            waiting = self.mirror.write(kind, entries)
            later |= dict(list(waiting.items())[: WAITING_NAMES_AT_MOST - len(later)])
            self._join({each: entry for each, entry in entries.items() if each not in waiting})
        self.judge(kind, seen)
        refused = self.mirror.untangle(kind, later)
        if refused:
            more = f" and {len(refused) - NAMED_AT_MOST} more" if len(refused) > NAMED_AT_MOST else ""
            self.troubles.append(f"Not all can be mirrored: {', '.join(refused[:NAMED_AT_MOST])}{more}.")
        self._join(later)
        return len(seen)

    def judge(self, kind: Kind, seen: set[bytes]) -> None:
        """Shut out those who are gone, unless they are too many to be true; forget those gone for long."""
        gone: list[str] = []
        old: list[str] = []
        present = 0
        forgotten_before = self.began_at - self.settings.forget_after_s
        with self.mirror.database.read() as db:
            for subject_id, written_at, absent_since in self._kept(db, kind):
                if absent_since is not None:
                    if absent_since < forgotten_before and bytes.fromhex(subject_id) not in seen:
                        old.append(subject_id)
                    continue
                present += 1
                if bytes.fromhex(subject_id) not in seen and written_at < self.began_at:
                    gone.append(subject_id)
        self.mirror.forget(kind, old)
        if self._is_too_many(len(gone), present):
            self.troubles.append(
                f"{len(gone)} of {present} {kind}s are gone from the directory: nobody is shut out until an operator "
                f"says that this is so (nacre identity mirror {self.mirror.domain_id} --accept-losses)."
            )
            return
        for start in range(0, len(gone), store.IN_ONE_STATEMENT):
            self.mirror.shut_out(kind, gone[start : start + store.IN_ONE_STATEMENT])

    def _kept(self, db: Reader, kind: Kind) -> Iterator[tuple[str, float, float | None]]:
        for page in store.in_pages(db, self.mirror.domain_id, kind):
            yield from page

    def _is_too_many(self, vanished: int, kept: int, *, may_be_empty: bool = False) -> bool:
        share = self.settings.most_vanishing_share
        return not self.accept_losses and too_many_vanish(
            vanished=vanished, kept=kept, most_share=share, may_be_empty=may_be_empty
        )

    def _join(self, entries: Mapping[str, Entry]) -> None:
        groups = {each: entry for each, entry in entries.items() if isinstance(entry, DirectoryGroup)}
        leaving, before = self.mirror.join(groups)
        self._leaving += leaving
        self._memberships += before

    def part_members(self) -> None:
        """Take out of groups those who are no longer in them, unless they are too many to be true."""
        if self._is_too_many(len(self._leaving), self._memberships, may_be_empty=True):
            self.troubles.append(
                f"{len(self._leaving)} of {self._memberships} memberships are gone from the directory: none is taken "
                f"until an operator says that this is so (nacre identity mirror {self.mirror.domain_id} "
                "--accept-losses)."
            )
            return
        for start in range(0, len(self._leaving), MOVED_AT_ONCE):
            self.mirror.move(leaving=self._leaving[start : start + MOVED_AT_ONCE])
