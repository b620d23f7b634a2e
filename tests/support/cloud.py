"""A whole cloud in this process: real services and store, fake hosts and switches, and a clock that obeys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from argon2 import PasswordHasher

from nacre.agent.drivers.fake import FakeWorld
from nacre.agent.fleet import FakeFleet
from nacre.app import Cloud, assemble
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import DatabaseSettings, Settings
from nacre.kernel.ids import HostId
from nacre.network.drivers.fake import FakeNetwork
from tests.support.asgi import AsgiClient
from tests.support.stores import lay_sqlite

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORDS = {"admin_password": "the admin's secret", "demo_password": "the demo user's secret"}


class FakeCloud:
    """A cloud with `hosts` fake hosts over `database_url` (SQLite below `state` when empty).

    Nothing happens by itself: `settle` runs loops and hosts in the caller's thread.
    """

    def __init__(
        self,
        state: Path,
        *,
        hosts: int = 2,
        database_url: str = "",
        clock: VirtualClock | None = None,
        network: FakeNetwork | None = None,
        worlds: Mapping[HostId, FakeWorld] | None = None,
        **chosen: Any,
    ) -> None:
        """`chosen` are further settings."""
        self.state = state
        self.chosen = chosen
        self.clock = clock or VirtualClock()
        self.network = network or FakeNetwork()
        self.settings = Settings(
            state=str(state),
            hosts=f"fake:{hosts}",
            listen="127.0.0.1:5000",
            database=DatabaseSettings(url=database_url, durable=False),
            **chosen,
        )
        if not database_url:
            lay_sqlite(state / "nacre.db")
        self.cloud: Cloud = assemble(
            self.settings,
            clock=self.clock,
            network_driver=self.network,
            agent_token="the hosts' secret",
            bootstrap=PASSWORDS,
            node="test",
            worlds=worlds,
            hasher=QUICK,
        )
        self.cloud.engine.begin()
        self._clients: dict[str, AsgiClient] = {}

    @property
    def fleet(self) -> FakeFleet:
        assert self.cloud.fleet is not None
        return self.cloud.fleet

    def client(
        self,
        user: str = "demo",
        *,
        project: str | None = None,
        password: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> AsgiClient:
        """A client logged in as `user`, scoped to `project` (of the same name unless given)."""
        token = self.token(user, project=project, password=password)
        return AsgiClient(self.cloud.http, token=token, headers=headers)

    def stranger(self, *, local: bool = False) -> AsgiClient:
        """A client without a token."""
        return AsgiClient(self.cloud.http, local=local)

    def token(self, user: str, *, project: str | None = None, password: str | None = None) -> str:
        secret = password or PASSWORDS[f"{user}_password"]
        default = {"id": "default"}
        reply = self.stranger().post(
            "/identity/v3/auth/tokens",
            json={
                "auth": {
                    "identity": {
                        "methods": ["password"],
                        "password": {"user": {"name": user, "domain": default, "password": secret}},
                    },
                    "scope": {"project": {"name": project or user, "domain": default}},
                }
            },
        )
        assert reply.status == 201, reply
        return reply.headers["x-subject-token"]

    def settle(self, within_s: float = 60.0) -> None:
        """Run loops and hosts until nothing is owed, letting up to `within_s` seconds pass on the clock.

        Raises AssertionError, naming what is still owed, when that is not enough.
        """
        end = self.clock.now() + within_s
        while True:
            while any((self.cloud.engine.turn(), self.fleet.turn())):
                pass
            trouble = self.cloud.engine.status()["trouble"]
            if not trouble and self.fleet.next_step_at() is None:
                return
            moments = [moment for moment in (self.cloud.engine.next_due_at(), self.fleet.next_at()) if moment]
            assert min(moments) <= end, f"still owed after {within_s} s: {trouble or 'steps of guests'}"
            self.clock.advance_to(max(min(moments), self.clock.now() + 0.001))

    def restart(self) -> FakeCloud:
        """The same cloud, begun anew over the same store, switches and hosts, as after a kill."""
        self.cloud.close()
        return FakeCloud(
            self.state,
            hosts=len(self.fleet.worlds),
            database_url=self.settings.database.url,
            clock=self.clock,
            network=self.network,
            worlds=self.fleet.worlds,
            **self.chosen,
        )

    def close(self) -> None:
        self.cloud.close()


def decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)
