"""Passwords and secrets: kept as hashes, checked in constant time, and by few threads at once."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError

from nacre.identity import hashes
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

    async def matches_any(self, password: str, known: Collection[str]) -> bool:
        """Whether a password is one of those whose hashes are known. Raises TooManyLogins."""
        return bool(known) and await self._in_thread(
            lambda: any(self._matches(password, each) for each in known)
        )

    async def renewed(self, password: str, known: str) -> str | None:
        """A hash to replace `known` with, where that is weaker than those made here. Raises TooManyLogins."""
        return await self.hash(password) if self._is_weak(known) else None

    def _is_weak(self, known: str) -> bool:
        match hashes.read(known):
            case hashes.Argon2(parameters=had):
                own = self._hasher
                return (
                    had.type is not Type.ID
                    or had.memory_cost < own.memory_cost
                    or had.memory_cost * had.time_cost < own.memory_cost * own.time_cost
                )
            case _:
                return True

    def _matches(self, password: str, known: str | None) -> bool:
        try:
            match hashes.read(self._nobodys if known is None else known):
                case hashes.Argon2(text=text):
                    return self._hasher.verify(text, password)
                case brought_along:
                    return brought_along.matches(password.encode())
        except (VerificationError, hashes.Unreadable):
            return False

    @functools.cached_property
    def _nobodys(self) -> str:
        """The hash of a password that nobody knows, to hold others against where there is none."""
        return self._hasher.hash(secrets.token_urlsafe())

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
