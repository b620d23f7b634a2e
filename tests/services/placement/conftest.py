"""Placement alone: its own store, callers made of tokens."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.assembly import Kernel
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import Settings
from nacre.kernel.database import Database
from nacre.kernel.errors import Unauthenticated
from nacre.kernel.events import Actor
from nacre.kernel.http.app import HttpApp
from nacre.kernel.ids import HostId, ProjectId, ServerId, UserId
from nacre.kernel.policy import Caller
from nacre.placement.assemble import assemble
from nacre.placement.contract import Candidate, Inventory
from tests.support.asgi import AsgiClient, Reply

ROLES = {"admin": ("admin", "manager", "member", "reader"), "member": ("member", "reader")}
ROOM = {"VCPU": Inventory(total=8), "MEMORY_MB": Inventory(total=1024, reserved=24)}
AGGREGATE = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER_AGGREGATE = "aaaaaaaa-0000-4000-8000-000000000002"


class Tokens:
    """A token is `PROJECT:ROLE`."""

    def authenticate(self, token: str) -> Caller:
        project, _, role = token.partition(":")
        if role not in ROLES:
            raise Unauthenticated
        return Caller(
            user_id=UserId(f"user-of-{project}"),
            user_name=project,
            user_domain_id="default",
            user_domain_name="Default",
            project_id=ProjectId(project),
            roles=ROLES[role],
        )


class PlacementClient(AsgiClient):
    """Calls in one microversion, with the words that are used most."""

    def at(self, version: str) -> PlacementClient:
        headers = {"OpenStack-API-Version": f"placement {version}"}
        return PlacementClient(self.app, token=self.token, headers=headers)

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """The answer's JSON, after a look at its status."""
        reply: Reply = self.request(method, f"/placement{path}", json=body)
        assert reply.status == status, reply
        return reply.json if reply.body else None

    def make(
        self,
        name: str,
        inventories: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        parent: str | None = None,
        traits: tuple[str, ...] = (),
        aggregates: tuple[str, ...] = (),
    ) -> str:
        """A provider that has these; its id."""
        made = self.call("POST", "/resource_providers", {"name": name, "parent_provider_uuid": parent})
        path, seen = f"/resource_providers/{made['uuid']}", 0
        if inventories is not None:
            body = {"inventories": inventories, "resource_provider_generation": seen}
            seen = self.call("PUT", f"{path}/inventories", body)["resource_provider_generation"]
        if traits:
            body = {"traits": traits, "resource_provider_generation": seen}
            seen = self.call("PUT", f"{path}/traits", body)["resource_provider_generation"]
        if aggregates:
            body = {"aggregates": aggregates, "resource_provider_generation": seen}
            self.call("PUT", f"{path}/aggregates", body)
        provider_id: str = made["uuid"]
        return provider_id

    def allocate(self, provider_id: str, status: int = 204, **resources: int) -> str:
        """A new consumer that holds these; its id."""
        consumer_id = str(uuid.uuid4())
        body = allocation_body({provider_id: resources})
        self.call("PUT", f"/allocations/{consumer_id}", body, status=status)
        return consumer_id

    def generation(self, provider_id: str) -> int:
        shown = self.call("GET", f"/resource_providers/{provider_id}")
        seen: int = shown["generation"]
        return seen

    def candidates(self, query: str) -> list[set[str]]:
        """The providers of each allocation request."""
        found = self.call("GET", f"/allocation_candidates?{query}")
        requests = [set(each["allocations"]) for each in found["allocation_requests"]]
        assert set(found["provider_summaries"]) >= set().union(*requests)
        return requests


def allocation_body(claims: Mapping[str, Mapping[str, int]], **more: Any) -> dict[str, Any]:
    return {
        "allocations": {each: {"resources": amounts} for each, amounts in claims.items()},
        "project_id": "a-project",
        "user_id": "a-user",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
        **more,
    }


class PlacementCloud:
    """The service, as a neighbour and as an API."""

    def __init__(self, state: Path, database: Database, clock: VirtualClock) -> None:
        settings = Settings(state=str(state))
        assembled = assemble(Kernel(settings, database, clock, database.wakes))
        self.database = database
        self.clock = clock
        self.placement = assembled.contract
        self.http = HttpApp(
            assembled.services, database=database, authenticator=Tokens(), settings=settings.http
        )

    def client(self, project: str = "admin", role: str = "admin") -> PlacementClient:
        return PlacementClient(self.http, token=f"{project}:{role}").at("1.39")

    def offer(self, name: str, inventories: Mapping[str, Inventory] = ROOM) -> HostId:
        with self.database.write(Actor("test")) as tx:
            self.placement.ensure_host(tx, HostId(name), name=name, inventories=inventories)
        return HostId(name)

    def look(self, **demand: int) -> tuple[list[Candidate], dict[str, str]]:
        with self.database.read() as db:
            candidates, rejections = self.placement.candidates(db, demand)
            return list(candidates), {each.host_id: each.why for each in rejections}

    def claim(self, candidate: Candidate, server: str, **demand: int) -> None:
        with self.database.write(Actor("test")) as tx:
            self.placement.claim(
                tx,
                candidate,
                demand,
                server_id=ServerId(server),
                project_id=ProjectId("demo"),
                user_id=UserId("demo"),
            )

    def release(self, server: str) -> None:
        with self.database.write(Actor("test")) as tx:
            self.placement.release(tx, ServerId(server))


@pytest.fixture
def cloud(tmp_path: Path, database: Database, clock: VirtualClock) -> Iterator[PlacementCloud]:
    made = PlacementCloud(tmp_path, database, clock)
    yield made
    made.http.close()


@pytest.fixture
def admin(cloud: PlacementCloud) -> PlacementClient:
    return cloud.client()
