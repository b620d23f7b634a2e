"""Identity alone, over a store of its own, with hashes that are cheap enough for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from nacre.identity.assemble import assemble
from nacre.identity.bootstrap import CatalogEntry
from nacre.identity.contract import Identity
from nacre.identity.drivers import DRIVERS
from nacre.identity.drivers.base import OpenDirectory
from nacre.identity.drivers.sign_on.base import SignOn
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import Settings
from nacre.kernel.database import Database
from nacre.kernel.events import Actor
from nacre.kernel.http.app import HttpApp
from nacre.kernel.wakes import Wakes
from tests.conformance.identity import IdentityClient
from tests.support.asgi import AsgiClient, Reply

PASSWORDS = {"admin_password": "the admin's secret", "demo_password": "the demo user's secret"}
CATALOG = (
    CatalogEntry("identity", "nacre-identity", "/identity"),
    CatalogEntry("compute", "nacre-compute", "/compute/v2.1"),
    CatalogEntry("block-storage", "nacre-volume", "/volume/v3/$(project_id)s"),
)
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@dataclass
class Site:
    """A running identity service."""

    kernel: Kernel
    assembled: Assembled[Identity]
    http: HttpApp

    @property
    def clock(self) -> VirtualClock:
        assert isinstance(self.kernel.clock, VirtualClock)
        return self.kernel.clock

    @property
    def identity(self) -> Identity:
        return self.assembled.contract

    def client(self, token: str = "") -> AsgiClient:
        return IdentityClient(self.http, token=token)

    def log_in(
        self,
        user: str = "admin",
        *,
        password: str | None = None,
        scope: Any = "its own project",
        domain: str = "default",
    ) -> Reply:
        """Ask for a token by password; `scope` is the JSON asked for, or the project of the user's name."""
        secret = PASSWORDS.get(f"{user}_password", user) if password is None else password
        who = {"name": user, "domain": {"id": domain}, "password": secret}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": who}}}
        if scope == "its own project":
            scope = {"project": {"name": user, "domain": {"id": domain}}}
        if scope is not None:
            auth["scope"] = scope
        return self.client().post("/identity/v3/auth/tokens", json={"auth": auth})

    def token(self, user: str = "admin", **options: Any) -> str:
        reply = self.log_in(user, **options)
        assert reply.status == 201, reply
        return reply.headers["x-subject-token"]

    def as_user(self, user: str = "admin", **options: Any) -> AsgiClient:
        """A client that is logged in."""
        return self.client(self.token(user, **options))

    def restart(self, listen: str = "127.0.0.1:5000") -> None:
        """Begin anew over the same store."""
        self.close()
        url = self.kernel.database.url.render_as_string(hide_password=False)
        fresh = assembled_site(url, state=self.kernel.settings.state_dir, clock=self.clock, listen=listen)
        self.__dict__.update(fresh.__dict__)

    def close(self) -> None:
        self.http.close()
        self.kernel.database.close()

    def role_id(self, name: str) -> str:
        (role,) = self.as_user().get(f"/identity/v3/roles?name={name}").json["roles"]
        return str(role["id"])

    def make(self, kind: str, **fields: Any) -> str:
        """The id of a new user, project, group, ... made by the admin."""
        reply = self.as_user().post(f"/identity/v3/{kind}s", json={kind: fields})
        assert reply.status == 201, reply
        return str(reply.json[kind]["id"])

    def make_user(self, name: str, *, role: str = "", project_id: str = "", **fields: Any) -> str:
        """The id of a new user whose password is its name; with a role on a project if they are given."""
        user_id = self.make("user", name=name, password=name, **fields)
        if role:
            self.give(role, f"projects/{project_id}/users/{user_id}")
        return user_id

    def give(self, role: str, where: str) -> str:
        """Give a role at `projects/P/users/U` and its like; the path by which to take it again."""
        path = f"/identity/v3/{where}/roles/{self.role_id(role)}"
        assert self.as_user().put(path).status == 204
        return path


def assembled_site(
    url: str,
    *,
    state: Path,
    clock: VirtualClock,
    listen: str = "127.0.0.1:5000",
    hasher: PasswordHasher = CHEAP,
    directories: Mapping[str, OpenDirectory] = DRIVERS,
    signer: SignOn | None = None,
    **options: Any,
) -> Site:
    """Identity begun over a store, as at a start of the program. `options` are further settings."""
    wakes = Wakes()
    database = Database(url, clock=clock, wakes=wakes, durable=False)
    kernel = Kernel(Settings(state=str(state), listen=listen, **options), database, clock, wakes)
    assembled = assemble(
        kernel,
        catalog=CATALOG,
        bootstrap=PASSWORDS,
        hasher=hasher,
        directories=directories,
        sign_on=signer,
    )
    with database.write(Actor("start")) as tx:
        assembled.seed(tx)
    http = HttpApp(
        assembled.services,
        database=database,
        authenticator=assembled.contract,
        settings=kernel.settings.http,
    )
    return Site(kernel, assembled, http)


@pytest.fixture
def site(database_url: str, tmp_path: Path, clock: VirtualClock) -> Iterator[Site]:
    """Identity alone, on each kind of store."""
    site = assembled_site(database_url, state=tmp_path, clock=clock)
    yield site
    site.close()
