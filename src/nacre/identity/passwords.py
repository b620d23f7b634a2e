"""Passwords and secrets: kept as hashes, checked in constant time, and by few threads at once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from nacre.identity.errors import TooManyLogins

R = TypeVar("R")

AT_ONCE = 2
MOST_WAITING = 128
_MADE_HERE = "sha256$"


@final
class Passwords:
    """Hashes and checks passwords with argon2id, which is slow and large on purpose.

    At most `AT_ONCE` are worked on, in threads of their own, so that logins never hold up other requests;
    beyond `MOST_WAITING` callers are told to come back.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._room = threading.BoundedSemaphore(AT_ONCE + MOST_WAITING)

    def hash_here(self, password: str) -> str:
        """The hash of a password, worked out in the caller's own thread."""
        return self._hasher.hash(password)

    async def hash(self, password: str) -> str:
        """The hash of a password. Raises TooManyLogins."""
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def matches(self, password: str, known: str | None) -> bool:
        """Whether a password is the one whose hash is `known`. Takes as long when there is none.

        Raises TooManyLogins.
        """
        return await self._in_thread(lambda: self._matches(password, known))

    def _matches(self, password: str, known: str | None) -> bool:
        if known is None:
            self._hasher.hash(password)
            return False
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], R]) -> R:
        if not self._room.acquire(blocking=False):
            raise TooManyLogins
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room.release()

    async def secret_matches(self, secret: str, known: str | None) -> bool:
        """Like `matches`, for a secret that may have been made here. Raises TooManyLogins."""
        if known is not None and known.startswith(_MADE_HERE):
            return hmac.compare_digest(hash_made_here(secret), known)
        return await self.matches(secret, known)


def new_secret() -> str:
    """A secret nobody can guess: 64 random bytes, as text."""
    return secrets.token_urlsafe(64)


def hash_made_here(secret: str) -> str:
    """The hash of a secret that `new_secret` made. It needs no slowness, for it cannot be guessed."""
    return _MADE_HERE + hashlib.sha256(secret.encode()).hexdigest()
