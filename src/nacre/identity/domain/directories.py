"""What a directory says of users and groups, beside what we keep of it: the differences, as steps.

A user or group of a directory is known here by an id that follows from its domain and from the directory's own id,
so that it stays the same however often it is renamed, forgotten and found again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

LONGEST_NAME = 255


class Kind(StrEnum):
    """What is mirrored."""

    USER = "user"
    GROUP = "group"


class DirectoryUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user, as a directory has it.

    `key` is the directory's own id, which outlives a change of name. `handle` is what groups call their member,
    in a form that can be compared; `locator` says where the user is just now, as far as a password must be proven.
    """

    key: str
    name: str
    handle: str
    locator: str = ""
    enabled: bool = True
    default_project_id: str | None = None
    extra: Mapping[str, str] = {}


class DirectoryGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group, as a directory has it; `members` are the handles of users, directly or through other groups in it."""

    key: str
    name: str
    handle: str
    description: str = ""
    members: frozenset[str] = frozenset()
    extra: Mapping[str, str] = {}


Entry = DirectoryUser | DirectoryGroup


class Kept(msgspec.Struct, frozen=True):
    """What we keep of an entry: its name here, what it said when it was last written, and whether it is there."""

    subject_id: str
    name: str
    print: str
    absent: bool


def subject_id_of(domain_id: str, kind: Kind, key: str) -> str:
    """The id of a directory's user or group: 64 hexadecimal digits, the same for ever.

    Source: the sha256 generator of public ids in OpenStack's identity service, so that what a site has assigned
    there to users and groups of its directory can be carried over.
    """
    return hashlib.sha256(f"{domain_id}{kind}{key}".encode()).hexdigest()


def print_of(entry: Entry) -> str:
    """A short text that differs whenever the entry says something else. Members are not part of it."""
    said = msgspec.structs.replace(entry, members=frozenset()) if isinstance(entry, DirectoryGroup) else entry
    if isinstance(said, DirectoryUser):
        said = msgspec.structs.replace(said, locator="")
    return hashlib.blake2b(msgspec.msgpack.encode(said, order="sorted"), digest_size=16).hexdigest()


# -- one page of entries -----------------------------------------------------------------------------------


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done about one page: entries by their id. `later` must wait until others have let go of names."""

    add: Mapping[str, Entry]
    change: Mapping[str, Entry]
    later: Mapping[str, Entry]

    @property
    def nothing(self) -> bool:
        return not (self.add or self.change)


def steps_for(entries: Mapping[str, Entry], kept: Mapping[str, Kept], holders: Mapping[str, str]) -> Steps:
    """The differences between a page of `entries` and what is `kept` of them, both by id.

    `holders` are the ids of those who have, in the same domain, one of the names that would be new.
    """
    add: dict[str, Entry] = {}
    change: dict[str, Entry] = {}
    later: dict[str, Entry] = {}
    taken = dict(holders)
    for subject_id, entry in entries.items():
        known = kept.get(subject_id)
        if known is not None and not known.absent and known.print == print_of(entry):
            continue
        if taken.setdefault(entry.name, subject_id) != subject_id:
            later[subject_id] = entry
        elif known is None:
            add[subject_id] = entry
        else:
            change[subject_id] = entry
    return Steps(add=add, change=change, later=later)


def new_names(entries: Mapping[str, Entry], kept: Mapping[str, Kept]) -> Sequence[str]:
    """The names that entries of a page would take up."""
    return sorted(
        {
            entry.name
            for subject_id, entry in entries.items()
            if subject_id not in kept or kept[subject_id].name != entry.name
        }
    )


# -- names that somebody else still has --------------------------------------------------------------------


class Untangled(msgspec.Struct, frozen=True, kw_only=True):
    """Who has to give up a name for another (their ids, and what they are called meanwhile), and who has to wait."""

    aside: Mapping[str, str]
    write: Mapping[str, Entry]
    refused: Sequence[str]


def untangle(
    later: Mapping[str, Entry],
    holders: Mapping[str, str],
    *,
    giving: Collection[str],
    absent: Collection[str],
) -> Untangled:
    """Give names to the entries that had to wait for them.

    `giving` are those about to be called something else, `absent` those the directory no longer has: both let go. Any
    other holder is another entry of the same name, or a user or group of our own, and keeps it.
    """
    aside: dict[str, str] = {}
    write: dict[str, Entry] = {}
    refused: list[str] = []
    taken: set[str] = set()
    for subject_id, entry in later.items():
        holder = holders.get(entry.name, subject_id)
        free = holder == subject_id or holder in giving or holder in absent
        if not free or entry.name in taken:
            refused.append(f"the name {entry.name!r} of {entry.key!r} is taken")
            continue
        if holder != subject_id:
            aside[holder] = f"{entry.name} [{holder[:8]}]"
        taken.add(entry.name)
        write[subject_id] = entry
    return Untangled(aside=aside, write=write, refused=refused)


# -- who has vanished --------------------------------------------------------------------------------------

FEW = 10
"""So many may vanish at once whatever their share: a small site loses half of its users in a day."""


def too_many_vanish(*, vanished: int, kept: int, most_share: float, may_be_empty: bool = False) -> bool:
    """Whether it is more likely that the directory or its configuration is broken than that so many have left."""
    if not vanished:
        return False
    if vanished == kept and not may_be_empty:
        return True
    return vanished > FEW and vanished > kept * most_share


# -- groups within groups ----------------------------------------------------------------------------------


def flattened(groups: Iterable[DirectoryGroup]) -> list[DirectoryGroup]:
    """The same groups, each with the members of the groups within it, to any depth; circles do no harm."""
    direct = {group.handle: group for group in groups}

    def members(handle: str) -> frozenset[str]:
        seen, waiting, found = {handle}, [handle], set[str]()
        while waiting:
            for member in direct[waiting.pop()].members:
                if member not in direct:
                    found.add(member)
                elif member not in seen:
                    seen.add(member)
                    waiting.append(member)
        return frozenset(found)

    return [msgspec.structs.replace(group, members=members(handle)) for handle, group in direct.items()]
