"""Sealing what the database must not hold in clear: a copy of it alone opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from nacre.identity.kept import kept, replace_kept
from nacre.kernel.errors import Unavailable

SEAL_FILE = "identity-seal.keys"
"""The file of the keys, within the state directory."""
_NEXT = " next"


class SealBroken(Unavailable):
    """What was sealed cannot be opened with the keys of this node."""

    code = "identity.seal_broken"

    def __str__(self) -> str:
        return "A secret cannot be opened with the sealing keys of this node."


@dataclass(frozen=True)
class _Ring:
    """The keys as the file had them when it bore this mark."""

    mark: tuple[int, int]
    newest: Fernet
    all: MultiFernet
    in_use: int


@final
class Seal:
    """Seals with the first key of a file, and opens with any of them.

    The file has one key a line and is made on first use; nodes that share a database need the same one. It may
    change while we run: whoever seals after the change does so with its new first key. A key that is marked as the
    next one opens and does not seal yet: so every node can know it before any of them uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: _Ring | None = None

    def seal(self, secret: str) -> str:
        """The sealed form of a text."""
        return self._ring().newest.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again. Raises SealBroken."""
        try:
            return self._ring().all.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBroken from error

    def sealed_anew(self, sealed: str) -> str | None:
        """The same secret, sealed with the newest key; None where it is so already. Raises SealBroken."""
        ring = self._ring()
        try:
            ring.newest.decrypt(sealed.encode())
            return None
        except InvalidToken:
            pass
        try:
            return ring.all.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBroken from error

    @property
    def key_count(self) -> int:
        """How many keys seal or have sealed: one, unless a rotation has begun and is not over."""
        return self._ring().in_use

    @property
    def is_announced(self) -> bool:
        """Whether there is a key that is to seal next."""
        return any(key.endswith(_NEXT) for key in self._lines())

    def announce_key(self) -> None:
        """Add a key that is to seal next; if there is one, it stays."""
        if not self.is_announced:
            self._write([*self._lines(), _new_key() + _NEXT])

    def add_key(self) -> None:
        """Let the announced key seal, or else a new one. What was sealed before can still be opened."""
        lines = self._lines()
        announced = [line for line in lines if line.endswith(_NEXT)]
        newest = announced[0].removesuffix(_NEXT) if announced else _new_key()
        self._write([newest, *(line for line in lines if line not in announced)])

    def drop_old_keys(self) -> int:
        """Keep the newest key alone: what others sealed is lost. The number of keys that are gone."""
        newest, *old = self._lines()
        self._write([newest])
        return len(old)

    def _lines(self) -> list[str]:
        return kept(self.path, _new_key).splitlines()

    def _write(self, lines: list[str]) -> None:
        replace_kept(self.path, "\n".join(lines) + "\n")

    def _ring(self) -> _Ring:
        held = self._held
        try:
            status = self.path.stat()
            mark = (status.st_mtime_ns, status.st_ino)
        except FileNotFoundError:
            if held is not None:
                return held  # What is in memory is all that is left of the keys: go on with it.
            kept(self.path, _new_key)
            return self._ring()
        if held is None or held.mark != mark:
            lines = self._lines()
            keys = [Fernet(line.removesuffix(_NEXT)) for line in lines]
            in_use = sum(not line.endswith(_NEXT) for line in lines)
            held = self._held = _Ring(mark, keys[0], MultiFernet(keys), in_use)
        return held


def _new_key() -> str:
    return Fernet.generate_key().decode()
