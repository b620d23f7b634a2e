"""The services that are held against their descriptions, each alone, on SQLite and over a clock that obeys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from nacre.identity.api.routes import ROUTES as IDENTITY_ROUTES
from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.http.routes import Route
from nacre.kernel.wakes import Wakes
from nacre.network.api.routes import ROUTES as NETWORK_ROUTES
from tests.conformance.answers import Description
from tests.conformance.identity import IDENTITY
from tests.conformance.network import GOOD_BODIES, LIKELY, NETWORK
from tests.services.identity.conftest import assembled_site
from tests.services.network.conftest import NetworkCloud
from tests.support.stores import lay_sqlite


class Instance(Protocol):
    """One service that runs. Its store is `nacre.db` in the directory that it was begun in."""

    http: Any

    def token_of(self, user: str) -> str | None:
        """A token of `admin` or `demo`; None where that one cannot log in any more."""
        ...

    def settle(self) -> list[str]:
        """Let what is owed be done; what is wrong afterwards, if anything."""
        ...

    def close(self) -> None: ...


class OneService(msgspec.Struct, frozen=True):
    """What it says of itself, what it answers to, and how one of it is begun.

    For random requests: `likely` are values of fields by name, `good_bodies` are what requests by method and path (with
    `{}` for names) may well say; ids in them are filled in by the names of their fields.
    """

    description: Description
    routes: Sequence[Route]
    begin: Callable[[Path], Instance]
    likely: Mapping[str, Sequence[Any]] = {}
    good_bodies: Mapping[tuple[str, str], Any] = {}


class _Identity:
    def __init__(self, state: Path) -> None:
        url = lay_sqlite(state / "nacre.db")
        self._site = assembled_site(url, state=state, clock=VirtualClock())
        self.http = self._site.http

    def token_of(self, user: str) -> str | None:
        reply = self._site.log_in(user)
        return reply.headers["x-subject-token"] if reply.status == 201 else None

    def settle(self) -> list[str]:
        return []

    def close(self) -> None:
        self._site.close()


class _Network:
    def __init__(self, state: Path) -> None:
        clock = VirtualClock()
        url = lay_sqlite(state / "nacre.db")
        self._database = Database(url, clock=clock, wakes=Wakes(), durable=False)
        self._cloud = NetworkCloud(state, self._database, clock)
        self.http = self._cloud.http

    def token_of(self, user: str) -> str | None:
        return "admin:admin" if user == "admin" else f"{user}:member"

    def settle(self) -> list[str]:
        try:
            self._cloud.settle()
        except AssertionError as owed:
            return [str(owed)]
        return self._cloud.audit()

    def close(self) -> None:
        self.http.close()
        self._database.close()


SERVICES = {
    "identity": OneService(IDENTITY, IDENTITY_ROUTES, _Identity),
    "network": OneService(NETWORK, NETWORK_ROUTES, _Network, LIKELY, GOOD_BODIES),
}
