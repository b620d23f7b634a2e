"""Compute alone, over small honest neighbours: its own store, simulated hosts, loops run by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.agent.fleet import FakeFleet
from nacre.compute.assemble import assemble
from nacre.compute.store.quotas import ACCOUNT
from nacre.kernel.assembly import Kernel
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import LoopSettings, Settings
from nacre.kernel.database import Database
from nacre.kernel.http.app import HttpApp
from nacre.kernel.ids import ServerId
from nacre.kernel.loops import LoopEngine
from nacre.kernel.wakes import Wakes
from tests.services.compute.neighbours import FakeIdentity, FakeImages, FakeNetworks, FakePlacement
from tests.support.asgi import AsgiClient, Reply
from tests.support.limits import plant_tree, register_limits
from tests.support.stores import lay_sqlite

SECRET = "the host's secret"


class ComputeClient(AsgiClient):
    """Calls with the words that compute's clients use most, at one microversion."""

    def __init__(self, app: Any, *, token: str, version: str = "2.96", small_image: str = "") -> None:
        super().__init__(app, token=token, headers={"OpenStack-API-Version": f"compute {version}"})
        self.version = version
        self.small_image = small_image

    def at(self, version: str) -> ComputeClient:
        """The same caller, speaking another version."""
        return ComputeClient(self.app, token=self.token, version=version, small_image=self.small_image)

    def request(self, method: str, url: str, **options: Any) -> Reply:
        return super().request(
            method, url if url.startswith("/compute") else f"/compute/v2.1{url}", **options
        )

    def make_flavor(self, **fields: Any) -> dict[str, Any]:
        body = {"name": "tiny", "ram": 64, "vcpus": 1, "disk": 1, **fields}
        reply = self.post("/flavors", json={"flavor": body})
        assert reply.status == 200, reply
        made: dict[str, Any] = reply.json["flavor"]
        return made

    def ask_server(self, flavor: str = "tiny", **fields: Any) -> Reply:
        body = {
            "name": "a server",
            "flavorRef": flavor,
            "imageRef": self.small_image,
            "networks": "auto",
            **fields,
        }
        return self.post("/servers", json={"server": body})

    def make_server(self, flavor: str = "tiny", **fields: Any) -> str:
        reply = self.ask_server(flavor, **fields)
        assert reply.status == 202, reply
        server_id: str = reply.json["server"]["id"]
        return server_id

    def server(self, server_id: str) -> dict[str, Any]:
        reply = self.get(f"/servers/{server_id}")
        assert reply.status == 200, reply
        shown: dict[str, Any] = reply.json["server"]
        return shown

    def act(self, server_id: str, action: str, argument: Any = None) -> Reply:
        return self.post(f"/servers/{server_id}/action", json={action: argument})


class Lab:
    """One compute service with simulated hosts and a clock that obeys."""

    def __init__(self, state: Path, *, hosts: int = 2, database_url: str = "") -> None:
        self.clock = VirtualClock()
        self.wakes = Wakes()
        url = database_url or lay_sqlite(state / "nacre.db")
        self.database = Database(url, clock=self.clock, wakes=self.wakes, durable=False)
        self.identity, self.images = FakeIdentity(), FakeImages()
        self.networks, self.placement = FakeNetworks(), FakePlacement()
        settings = Settings(state=str(state), hosts=f"fake:{hosts}")
        self.compute = assemble(
            Kernel(settings, self.database, self.clock, self.wakes),
            identity=self.identity, images=self.images, networks=self.networks, placement=self.placement,
            agent_token=SECRET,
        )  # fmt: skip
        self.http = HttpApp(
            self.compute.services, database=self.database, authenticator=self.identity, settings=settings.http
        )
        self.engine = LoopEngine(self.database, self.compute.loops, LoopSettings(), node="test")
        register_limits(self.database, ACCOUNT)
        plant_tree(self.database, "mine", "yours", "any")
        self.engine.begin()
        self.fleet = FakeFleet(self.compute.contract.fleet, count=hosts, clock=self.clock)

    def client(self, project: str = "mine", role: str = "member", *, version: str = "2.96") -> ComputeClient:
        return ComputeClient(
            self.http, token=f"{project}:{role}", version=version, small_image=self.images.small.image_id
        )

    def agent(self) -> AsgiClient:
        """A host's agent, on the unix socket."""
        return AsgiClient(self.http, local=True, headers={"X-Agent-Token": SECRET})

    def settle(self) -> None:
        """Run loops and hosts until neither has anything to do at this moment."""
        while self.engine.turn() or self.fleet.turn():
            pass

    def settled_server(self, client: ComputeClient, **fields: Any) -> str:
        """A server that its host has brought up."""
        server_id = client.make_server(**fields)
        self.settle()
        assert client.server(server_id)["status"] == "ACTIVE"
        return server_id

    def host_of(self, server_id: str) -> str:
        host: str = self.client("any", "admin").server(server_id)["OS-EXT-SRV-ATTR:host"]
        return host

    def guest(self, server_id: str) -> Any:
        """The guest on whatever host has it, or None."""
        found = [world.guests.get(ServerId(server_id)) for world in self.fleet.worlds.values()]
        guests = [guest for guest in found if guest is not None]
        assert len(guests) <= 1, "a guest on two hosts would corrupt its disk"
        return guests[0] if guests else None

    def audit(self) -> list[str]:
        with self.database.read() as db:
            return list(self.compute.contract.audit(db))

    def close(self) -> None:
        self.http.close()
        self.database.close()


@pytest.fixture
def lab_url() -> str:
    """SQLite; modules whose tests lean on the store override this to run on PostgreSQL as well."""
    return ""


@pytest.fixture
def lab(tmp_path: Path, lab_url: str) -> Iterator[Lab]:
    lab = Lab(tmp_path, database_url=lab_url)
    lab.settle()
    lab.client("any", "admin").make_flavor(id="tiny")
    yield lab
    lab.close()


@pytest.fixture
def mine(lab: Lab) -> ComputeClient:
    """A member of a project."""
    return lab.client()


@pytest.fixture
def admin(lab: Lab) -> ComputeClient:
    """An administrator, in the same project."""
    return lab.client("mine", "admin")
