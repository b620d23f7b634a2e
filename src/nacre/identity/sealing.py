"""Sealing what the database must not hold in clear: a copy of it alone opens nothing."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from nacre.identity.kept import kept
from nacre.kernel.errors import Unavailable


class SealBroken(Unavailable):
    """What was sealed cannot be opened with the keys of this node."""

    code = "identity.seal_broken"

    def __str__(self) -> str:
        return "A secret cannot be opened with the sealing keys of this node."


@final
class Seal:
    """Seals with the first key of a file, and opens with any of them.

    The file has one key a line and is made on first use; nodes that share a database need the same one.
    To rotate, put a new key on top, and take the old one away once everything is sealed anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def seal(self, secret: str) -> str:
        """The sealed form of a text."""
        return self._keys.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again. Raises SealBroken."""
        try:
            return self._keys.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBroken from error

    @functools.cached_property
    def _keys(self) -> MultiFernet:
        text = kept(self._path, lambda: Fernet.generate_key().decode())
        return MultiFernet([Fernet(line) for line in text.split()])
