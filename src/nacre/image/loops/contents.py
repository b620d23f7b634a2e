"""Removes content that no image refers to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nacre.image.content.files import ImageFiles
from nacre.image.due import CONTENTS
from nacre.image.store import images
from nacre.kernel.database import Database
from nacre.kernel.errors import Problem
from nacre.kernel.loops import SETTLED, Outcome


@dataclass(frozen=True)
class ContentLoop:
    """Looks after contents by their SHA-256.

    A reference may appear at any moment, so the content first loses its name and references are looked for once
    more. An upload refers before it publishes: if none is seen now, a later one brings a file of its own.
    """

    database: Database
    files: ImageFiles
    name: str = CONTENTS
    at_once: int = 2

    def reconcile(self, key: str) -> Outcome:
        if self._is_referred_to(key):
            self.files.put_back(key, self.files.aside(key))  # What an interrupted removal has left, if any.
            return SETTLED
        aside = self.files.set_aside(key)
        if self._is_referred_to(key):
            self.files.put_back(key, aside)
        else:
            self.files.drop(aside)
        return SETTLED

    def all_keys(self) -> Iterable[str]:
        """The contents that may be nobody's: those in use are not looked at one by one."""
        with self.database.read() as db:
            kept = images.contents_referred_to(db)
        return {sha256 for sha256, leaving in self.files.contents() if leaving or sha256 not in kept}

    def record_fault(self, key: str, problem: Problem) -> None:
        """Nobody owns a content without images; the key in trouble shows the operator why it stays."""

    def _is_referred_to(self, sha256: str) -> bool:
        with self.database.read() as db:
            return images.is_content_referred_to(db, sha256)
