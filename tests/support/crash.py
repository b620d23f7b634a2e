"""Kills at chosen places: before and after each commit, each change of the switches, each effect on a host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nacre.image.content.files import ImageFiles
from nacre.kernel import database
from nacre.network.domain.rows import Desired, Owner
from nacre.network.drivers.fake import FakeNetwork


class Killed(BaseException):
    """The process dies here. Not an Exception: nothing may catch it and go on."""


class Reaper:
    """Counts the places a scenario passes while `watching`, and kills at the one it was told."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.passed: list[str] = []
        self._watching = False
        self._paused = False

    def __call__(self, place: str) -> None:
        if not self._watching or self._paused:
            return
        self.passed.append(place)
        if len(self.passed) - 1 == self.at:
            self._watching = False
            raise Killed(place)

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Look away while something is made that the scenario is not about."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False


class MortalNetwork(FakeNetwork):
    """A fake network whose caller may die around each change."""

    def __init__(self, reaper: Reaper) -> None:
        super().__init__()
        self._reaper = reaper

    def apply(self, owner: Owner, desired: Desired, *, verify: bool = False) -> bool:
        self._reaper(f"before switches of {owner}")
        changed = super().apply(owner, desired, verify=verify)
        self._reaper(f"after switches of {owner}")
        return changed


def kill_around_commits(patch: pytest.MonkeyPatch, reaper: Reaper) -> None:
    """Let every commit be a place to die: before it (nothing is kept) and after it (nobody hears of it)."""
    plain = database._run_plain

    def run(connection: Any, words: str) -> None:
        if words == "COMMIT":
            reaper("before commit")
        plain(connection, words)
        if words == "COMMIT":
            reaper("after commit")

    patch.setattr(database, "_run_plain", run)


def kill_around_files(patch: pytest.MonkeyPatch, reaper: Reaper) -> None:
    """Let every change of the images' files by a loop be a place to die."""
    for name in ("remove_temp", "set_aside", "put_back", "drop"):
        plain = getattr(ImageFiles, name)

        def change(files: ImageFiles, *arguments: Any, plain: Any = plain, name: str = name) -> Any:
            reaper(f"before {name}")
            result = plain(files, *arguments)
            reaper(f"after {name}")
            return result

        patch.setattr(ImageFiles, name, change)
