"""The directories of this cloud's domains: who has which, and logging in by them.

What a domain's configuration says is remembered until it changes. A login asks the directory in a few threads that
belong to the domain alone, outside any transaction, so that one directory that hangs holds up nobody but its own
users; after a failure others are told at once, for a moment, that it is away.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, final

import msgspec

from nacre.identity.domain.directories import DirectoryUser, Kind, subject_id_of
from nacre.identity.domain.domain_config import Config, with_defaults
from nacre.identity.drivers.base import (
    Directory,
    DirectoryAway,
    DirectoryMisconfigured,
    Finding,
    OpenDirectory,
)
from nacre.identity.errors import DirectoryDown, FromDirectory, TooManyLogins
from nacre.identity.mirror import Mirror
from nacre.identity.sealing import Seal
from nacre.identity.store import directories as store
from nacre.identity.store.directories import MIRRORS
from nacre.identity.store.domain_config import CONFIG_CHANGED, load_config, load_drivers
from nacre.kernel.assembly import Kernel
from nacre.kernel.events import Actor
from nacre.kernel.recall import Recalled

log = logging.getLogger("nacre.identity.directories")

OWN_STORE = "sql"
"""How a domain names the driver of users and groups that are our own."""
LOGINS_AT_ONCE = 4
MOST_WAITING = 64
AWAY_S = 2.0
"""How long after a failure logins are refused without asking again."""


class DirectoryLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A password that is said to be a directory's user's, who is named as there, or by the id here."""

    domain_id: str
    name: str = ""
    user_id: str = ""
    password: str


@dataclass
class _Configs:
    drivers: Mapping[str, str] | None = None
    by_domain: dict[str, Config] = field(default_factory=dict)


@final
class _Held:
    """One domain's directory, with the threads in which its users log in."""

    def __init__(self, options: Mapping[str, Any], directory: Directory) -> None:
        self.options = options
        self.directory = directory
        self.threads = ThreadPoolExecutor(LOGINS_AT_ONCE, thread_name_prefix="directory")
        self.room = threading.BoundedSemaphore(LOGINS_AT_ONCE + MOST_WAITING)
        self.away_until = 0.0

    def close(self) -> None:
        """Let those who are waiting finish, and take no more."""
        self.threads.shutdown(wait=False)
        self.directory.close()


@final
class Directories:
    """Every domain's directory. One per process; safe from every thread."""

    def __init__(self, kernel: Kernel, seal: Seal, drivers: Mapping[str, OpenDirectory]) -> None:
        self._database = kernel.database
        self._clock = kernel.clock
        self._seal = seal
        self._drivers = drivers
        self._configs = Recalled(_Configs, topic=CONFIG_CHANGED, clock=kernel.clock, wakes=kernel.wakes)
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    # -- who has which ---------------------------------------------------------------------------------

    def domain_ids(self) -> Sequence[str]:
        """The domains whose users and groups come from a directory."""
        return [domain_id for domain_id, driver in self._drivers_now().items() if driver != OWN_STORE]

    def rules(self, domain_id: str) -> bool:
        """Whether a domain's users and groups come from a directory, so that they cannot be changed here."""
        return self._drivers_now().get(domain_id, OWN_STORE) != OWN_STORE

    def demand_own(self, domain_id: str) -> None:
        """Raise FromDirectory where new users and groups can only come from a directory."""
        if self.rules(domain_id):
            raise FromDirectory

    def find(self, domain_id: str) -> Directory | None:
        """A domain's directory; None where its users are our own. Raises DirectoryMisconfigured, SealBroken."""
        held = self._find(domain_id)
        return held.directory if held else None

    def _drivers_now(self) -> Mapping[str, str]:
        place = self._configs.now()
        drivers = place.drivers
        if drivers is None:
            with self._database.read() as db:
                drivers = place.drivers = load_drivers(db)
        return drivers

    def _find(self, domain_id: str) -> _Held | None:
        if not self.rules(domain_id):
            return None
        place = self._configs.now()
        config = place.by_domain.get(domain_id)
        if config is None:
            with self._database.read() as db:
                config = place.by_domain[domain_id] = with_defaults(
                    load_config(db, domain_id, seal=self._seal)
                )
        driver = config["identity"]["driver"]
        if driver not in self._drivers:
            raise DirectoryMisconfigured("identity.driver", f"there is no driver {driver!r}")
        return self._open(domain_id, driver, config[driver])

    def _open(self, domain_id: str, driver: str, options: Mapping[str, Any]) -> _Held:
        """What is held for a domain, made anew where the options have changed."""
        with self._lock:
            held = self._held.get(domain_id)
            if held is None or held.options != options:
                if held is not None:
                    held.close()
                held = self._held[domain_id] = _Held(options, self._drivers[driver](options))
            return held

    def close(self) -> None:
        """Let go of every connection."""
        with self._lock:
            for held in self._held.values():
                held.close()
            self._held.clear()

    # -- logging in ------------------------------------------------------------------------------------

    async def prove(self, login: DirectoryLogin, actor: Actor, threads: Executor) -> str | None:
        """The id of the user whose password it is, with what the directory says of the user mirrored; else None.

        `threads` are those of the request, where the store may be asked. Errors: TooManyLogins; DirectoryDown.
        """
        loop = asyncio.get_running_loop()
        held = await loop.run_in_executor(threads, self._held_for_login, login.domain_id)
        if not held.room.acquire(blocking=False):
            raise TooManyLogins
        try:
            try:
                work = loop.run_in_executor(held.threads, self._prove, held, login, actor)
            except RuntimeError as error:  # The options have changed: these threads take nothing more.
                raise TooManyLogins from error
            return await work
        finally:
            held.room.release()

    def _held_for_login(self, domain_id: str) -> _Held:
        try:
            held = self._find(domain_id)
        except DirectoryMisconfigured as problem:
            raise self._down(domain_id, problem) from problem
        if held is None:
            raise TooManyLogins  # The directory was taken away while the caller was asked for.
        return held

    def _prove(self, held: _Held, login: DirectoryLogin, actor: Actor) -> str | None:
        if self._clock.now() < held.away_until:
            raise DirectoryDown(login.domain_id)
        try:
            user = self._look_up(held.directory, login)
            if not held.directory.proves(user, login.password) or user is None:
                return None
            return self._refresh(held.directory, login.domain_id, user, actor)
        except (DirectoryAway, DirectoryMisconfigured) as problem:
            held.away_until = self._clock.now() + AWAY_S
            raise self._down(login.domain_id, problem) from problem

    def _down(self, domain_id: str, problem: DirectoryAway | DirectoryMisconfigured) -> DirectoryDown:
        log.warning("a login by the directory of domain %s failed: %s", domain_id, problem)
        return DirectoryDown(domain_id)

    def _look_up(self, directory: Directory, login: DirectoryLogin) -> DirectoryUser | None:
        if login.name:
            return directory.find_user(name=login.name)
        with self._database.read() as db:
            known = MIRRORS.find(db, login.user_id)
        if known is None or known.domain_id != login.domain_id or known.kind != Kind.USER:
            return None
        return directory.find_user(key=known.key)

    def _refresh(self, directory: Directory, domain_id: str, user: DirectoryUser, actor: Actor) -> str | None:
        """Mirror one user and the user's groups, as far as these are mirrored. The user's id here."""
        subject_id = subject_id_of(domain_id, Kind.USER, user.key)
        group_ids = {
            subject_id_of(domain_id, Kind.GROUP, key) for key in directory.observe_groups_of(user)
        } if directory.capabilities.lists_groups else set()  # fmt: skip
        mirror = Mirror(self._database, domain_id, actor)
        if mirror.write(Kind.USER, mirror.by_id([user])):
            self._demand_name(domain_id, user, actor)
            return None
        with self._database.read() as db:
            present = store.group_ids_of(db, subject_id)
            mirrored = store.mirrored_groups(db, domain_id, group_ids | present)
        wanted, present = group_ids & mirrored, present & mirrored
        mirror.move(
            joining=[(subject_id, group_id) for group_id in sorted(wanted - present)],
            leaving=[(subject_id, group_id) for group_id in sorted(present - wanted)],
        )
        return subject_id

    def _demand_name(self, domain_id: str, user: DirectoryUser, actor: Actor) -> None:
        """Raise DirectoryAway where the name will soon be free, since its holder is another one of the directory's."""
        with self._database.read() as db:
            holder = store.holders_of(db, Kind.USER, domain_id, [user.name]).get(user.name, "")
            is_mirrored = MIRRORS.find(db, holder) is not None
        if not is_mirrored:
            log.warning(
                "user %r of the directory of domain %s: the name is ours already", user.name, domain_id
            )
            return
        # Who had it before has been renamed or is gone: the next look settles that.
        with self._database.write(actor) as tx:
            tx.make_due(store.LOOP, domain_id)
        raise DirectoryAway(f"the name {user.name!r} is still another user's")

    # -- for the operator ------------------------------------------------------------------------------

    def examine(self, domain_id: str) -> Sequence[Finding]:
        """Try everything with a domain's directory, and say what is found."""
        try:
            directory = self.find(domain_id)
        except DirectoryMisconfigured as problem:
            return [Finding(str(problem), "mend the domain's configuration")]
        if directory is None:
            return [Finding("Its users and groups are our own: there is no directory to try.")]
        return list(directory.examine())
