"""A directory in memory: complete, and told to be slow, to fail, to break off, or to forget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, final

from nacre.identity.domain.directories import DirectoryGroup, DirectoryUser, flattened
from nacre.identity.drivers.base import DirectoryAway, DirectoryCapabilities, Finding

E = TypeVar("E")


def _at_once() -> None:
    return None


@dataclass
class FakePeople:
    """Who is in a fake directory. Tests change it as an administrator of a real one would.

    `pause` is called before every answer, and may take its time. While `away` is not empty, every question fails
    for that reason; `answers_left` is after how many answers it goes away by itself.
    """

    users: dict[str, DirectoryUser] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    groups: dict[str, DirectoryGroup] = field(default_factory=dict)
    page_size: int = 500
    nested: bool = False
    pause: Callable[[], None] = _at_once
    away: str = ""
    answers_left: int | None = None

    def add_user(
        self, key: str, *, password: str = "", name: str = "", enabled: bool = True, mail: str = ""
    ) -> None:
        self.users[key] = DirectoryUser(
            key=key,
            name=name or key,
            handle=f"user/{key}",
            locator=key,
            enabled=enabled,
            extra={"email": mail} if mail else {},
        )
        self.passwords[key] = password or key

    def remove_user(self, key: str) -> None:
        del self.users[key], self.passwords[key]

    def set_group(self, key: str, members: Collection[str], *, name: str = "") -> None:
        """A group of these handles; it replaces one that is there."""
        self.groups[key] = DirectoryGroup(
            key=key, name=name or key, handle=f"group/{key}", members=frozenset(members)
        )

    def remove_group(self, key: str) -> None:
        del self.groups[key]

    def forget(self) -> None:
        """Have nobody in it any more, and say so without blinking."""
        self.users.clear()
        self.passwords.clear()
        self.groups.clear()

    def open(self, options: Mapping[str, Any]) -> FakeDirectory:
        """The directory, as a driver opens it."""
        return FakeDirectory(self)


@final
class FakeDirectory:
    """The people of one fake directory, as its domain sees them."""

    capabilities = DirectoryCapabilities()

    def __init__(self, people: FakePeople) -> None:
        self._people = people

    def observe_users(self) -> Iterator[Sequence[DirectoryUser]]:
        yield from self._pages(list(self._people.users.values()))

    def observe_groups(self) -> Iterator[Sequence[DirectoryGroup]]:
        groups = list(self._people.groups.values())
        yield from self._pages(flattened(groups) if self._people.nested else groups)

    def find_user(self, *, name: str = "", key: str = "") -> DirectoryUser | None:
        self._answer()
        found = [
            user for user in self._people.users.values() if (user.name == name if name else user.key == key)
        ]
        return found[0] if len(found) == 1 else None

    def observe_groups_of(self, user: DirectoryUser) -> Sequence[str]:
        self._answer()
        groups = list(self._people.groups.values())
        groups = flattened(groups) if self._people.nested else groups
        return [group.key for group in groups if user.handle in group.members]

    def proves(self, user: DirectoryUser | None, password: str) -> bool:
        self._answer()
        known = self._people.passwords.get(user.locator) if user else None
        return bool(password) and known == password

    def examine(self) -> Iterator[Finding]:
        try:
            self._answer()
        except DirectoryAway as problem:
            yield Finding(str(problem), "let it come back")
            return
        users = len(self._people.users)
        yield Finding(f"{users} users.", "" if users else "add some")

    def close(self) -> None:
        """There is nothing to let go of."""

    def _pages(self, entries: Sequence[E]) -> Iterator[Sequence[E]]:
        size = self._people.page_size
        for start in range(0, max(len(entries), 1), size):
            self._answer()
            yield entries[start : start + size]

    def _answer(self) -> None:
        people = self._people
        people.pause()
        if people.answers_left is not None:
            if not people.answers_left:
                people.away = people.away or "it went away"
            else:
                people.answers_left -= 1
        if people.away:
            raise DirectoryAway(people.away)
