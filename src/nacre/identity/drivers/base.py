"""A directory: where a site's users and groups are, and who proves their passwords. It is read, never written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import msgspec

from nacre.identity.domain.directories import DirectoryGroup, DirectoryUser
from nacre.kernel.errors import Unavailable


class DirectoryCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory can do, as data."""

    lists_groups: bool = True
    most_people: int = 250_000
    """More users than this in one domain are refused: their ids are held in memory while they are compared."""


@dataclass(eq=False)
class DirectoryAway(Unavailable):
    """A directory does not answer, or not wholly. The reason is for operators: it may name hosts and accounts."""

    code: ClassVar[str] = "identity.directory_away"
    reason: str

    def __str__(self) -> str:
        return f"The directory does not answer: {self.reason}"


@dataclass(eq=False)
class DirectoryMisconfigured(Unavailable):
    """A directory cannot be used as it is configured. Either side may be mended, so it is tried again."""

    code: ClassVar[str] = "identity.directory_misconfigured"
    option: str
    reason: str

    def __str__(self) -> str:
        return f"The directory cannot be used as {self.option} is configured: {self.reason}"


class Finding(msgspec.Struct, frozen=True):
    """One thing tried with a directory, in words; `cure` is empty when it is as it should be."""

    what: str
    cure: str = ""

    @property
    def good(self) -> bool:
        return not self.cure


class Directory(Protocol):
    """Users and groups of one domain, read-only. Safe from every thread.

    Every method raises DirectoryAway when the directory does not give a whole answer in good time, and
    DirectoryMisconfigured when it refuses what the configuration says.
    """

    @property
    def capabilities(self) -> DirectoryCapabilities: ...

    def observe_users(self) -> Iterator[Sequence[DirectoryUser]]:
        """Every user, page by page. They were all only when the iteration ends without raising."""
        ...

    def observe_groups(self) -> Iterator[Sequence[DirectoryGroup]]:
        """Every group, page by page. They were all only when the iteration ends without raising."""
        ...

    def find_user(self, *, name: str = "", key: str = "") -> DirectoryUser | None:
        """The one user with this name, or with this key; None if there is none, or more than one."""
        ...

    def observe_groups_of(self, user: DirectoryUser) -> Sequence[str]:
        """The keys of the groups a user is in, directly or through other groups where those count."""
        ...

    def proves(self, user: DirectoryUser | None, password: str) -> bool:
        """Whether the password is the user's. Never for an empty one; for nobody, it takes as long to say no."""
        ...

    def examine(self) -> Iterator[Finding]:
        """Try everything in turn, and say in words what is found; ends at what makes going on pointless."""
        ...

    def close(self) -> None:
        """Let go of every connection. Whoever comes later gets new ones."""
        ...


class OpenDirectory(Protocol):
    """Makes a directory of its options. Connects to nothing yet. Raises DirectoryMisconfigured."""

    def __call__(self, options: Mapping[str, Any]) -> Directory: ...
