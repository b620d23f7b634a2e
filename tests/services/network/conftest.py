"""The network service alone: its own store, a fake engine, callers made of tokens, loops run by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nacre.identity.contract import ProjectName
from nacre.kernel.assembly import Kernel
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import LoopSettings, Settings
from nacre.kernel.database import Database, Reader
from nacre.kernel.errors import Unauthenticated
from nacre.kernel.events import Actor
from nacre.kernel.http.app import HttpApp
from nacre.kernel.ids import ProjectId, UserId
from nacre.kernel.loops import LoopEngine
from nacre.kernel.policy import Caller
from nacre.network.assemble import assemble
from nacre.network.drivers.fake import FakeNetwork
from nacre.network.store.quotas import ACCOUNT
from nacre.placement.assemble import assemble as assemble_placement
from tests.conformance.answers import CheckedClient
from tests.conformance.network import NETWORK
from tests.support.asgi import Reply
from tests.support.limits import plant_tree, register_limits
from tests.support.stores import lay_sqlite

ROLES = {
    "admin": ("admin", "manager", "member", "reader"),
    "member": ("member", "reader"),
    "reader": ("reader",),
}
ROOT = "/networking/v2.0"


def caller_of(project: str, role: str = "member") -> Caller:
    return Caller(
        user_id=UserId(f"user-of-{project}"),
        user_name=project,
        user_domain_id="default",
        user_domain_name="Default",
        project_id=ProjectId(project),
        roles=ROLES[role],
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """SQLite alone is fast; modules in which the database decides who comes first run on both."""
    if "database_url" in metafunc.fixturenames:
        both = getattr(metafunc.module, "ON_BOTH_DATABASES", False)
        metafunc.parametrize("database_url", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store without rows, of the kind that the module asks for."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres").new_database()
        return url
    return lay_sqlite(tmp_path / "store.db")


class Tokens:
    """A token is `PROJECT:ROLE`."""

    def authenticate(self, token: str) -> Caller:
        project, _, role = token.partition(":")
        if role not in ROLES:
            raise Unauthenticated
        return caller_of(project, role)

    def projects(self, db: Reader, project_ids: Collection[ProjectId]) -> Mapping[ProjectId, ProjectName]:
        return {}


PATHS = {
    "policy": "/qos/policies",
    "metering_label": "/metering/metering-labels",
    "metering_label_rule": "/metering/metering-label-rules",
    "security_groups_default_statefulness": "/security-groups-default-statefulness",
}


def plural(noun: str) -> str:
    """The path of a noun's list."""
    if noun in PATHS:
        return PATHS[noun]
    path = noun if noun == "service_profile" else noun.replace("_", "-")
    return f"/{path[:-1]}ies" if path.endswith("y") else f"/{path}s"


class NetworkClient(CheckedClient):
    """Calls with the words that clients of networks use most. Paths are below the version's root.

    Time passes with every call, so that what is made later is younger.
    """

    description = NETWORK
    clock: VirtualClock

    def request(self, method: str, url: str, **options: Any) -> Reply:
        self.clock.advance(0.001)
        return super().request(method, url if url.startswith("/networking") else ROOT + url, **options)

    def make(self, noun: str, **attributes: Any) -> dict[str, Any]:
        """One object, made."""
        reply = self.post(plural(noun), json={noun: attributes})
        assert reply.status == 201, reply
        made: dict[str, Any] = reply.json[noun]
        return made

    def refused(self, noun: str, **attributes: Any) -> tuple[int, str]:
        """Status and type of the problem when one object is not made."""
        return problem(self.post(plural(noun), json={noun: attributes}))

    def find(self, path: str) -> list[dict[str, Any]]:
        """The objects of a list."""
        reply = self.get(path)
        assert reply.status == 200, reply
        found: list[dict[str, Any]] = next(
            value for name, value in reply.json.items() if not name.endswith("_links")
        )
        return found

    def show(self, noun: str, made: Mapping[str, Any]) -> dict[str, Any]:
        reply = self.get(f"{plural(noun)}/{made['id']}")
        assert reply.status == 200, reply
        shown: dict[str, Any] = reply.json[noun]
        return shown

    def change(self, noun: str, made: Mapping[str, Any], **attributes: Any) -> Reply:
        return self.put(f"{plural(noun)}/{made['id']}", json={noun: attributes})

    def changed(self, noun: str, made: Mapping[str, Any], **attributes: Any) -> dict[str, Any]:
        reply = self.change(noun, made, **attributes)
        assert reply.status == 200, reply
        after: dict[str, Any] = reply.json[noun]
        return after

    def remove(self, noun: str, made: Mapping[str, Any]) -> Reply:
        return self.delete(f"{plural(noun)}/{made['id']}")

    # -- whole scenes -----------------------------------------------------------------------------------

    def make_network(self, cidr: str = "10.0.0.0/24", **subnet: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A network with one subnet."""
        net = self.make("network")
        return net, self.make("subnet", **{"network_id": net["id"], "ip_version": 4, "cidr": cidr} | subnet)

    def join(self, router: Mapping[str, Any], **leg: Any) -> Reply:
        return self.put(f"/routers/{router['id']}/add_router_interface", json=leg)

    def leave(self, router: Mapping[str, Any], **leg: Any) -> Reply:
        return self.put(f"/routers/{router['id']}/remove_router_interface", json=leg)


def problem(reply: Reply) -> tuple[int, str]:
    """Status and type of a refusal."""
    assert reply.status >= 400, reply
    return reply.status, reply.json["NeutronError"]["type"]


class NetworkCloud:
    """The service over a fake engine, and its loops, which run when told to."""

    def __init__(
        self, state: Path, database: Database, clock: VirtualClock, hosts: str = "fake:2", driver: Any = None
    ) -> None:
        settings = Settings(state=str(state), hosts=hosts)
        kernel = Kernel(settings, database, clock, database.wakes)
        self.driver = driver or FakeNetwork()
        self.placement = assemble_placement(kernel).contract
        assembled = assemble(kernel, identity=Tokens(), placement=self.placement, driver=self.driver)
        self.clock = clock
        self.database = database
        self.networks = assembled.contract
        self.http = HttpApp(
            assembled.services, database=database, authenticator=Tokens(), settings=settings.http
        )
        self.engine = LoopEngine(database, assembled.loops, LoopSettings(), node="test")
        with database.write(Actor("test")) as tx:
            assembled.seed(tx)
        register_limits(self.database, ACCOUNT)
        plant_tree(self.database, "admin", "demo", "stranger")
        self.engine.begin()

    def client(self, project: str = "demo", role: str = "member") -> NetworkClient:
        client = NetworkClient(self.http, token=f"{project}:{role}")
        client.clock = self.clock
        return client

    def settle(self, within_s: float = 30.0) -> None:
        """Let time pass until the loops owe nothing. Raises AssertionError, naming what is still owed."""
        end = self.clock.now() + within_s
        while True:
            while self.engine.turn():
                pass
            owed = self.engine.status()["trouble"]
            moment = self.engine.next_due_at()
            if not owed or moment is None:
                return
            assert moment <= end, f"still owed: {owed}"
            self.clock.advance_to(moment)

    def audit(self) -> list[str]:
        with self.database.read() as db:
            return list(self.networks.audit(db))

    def outside(self, cidr: str = "172.24.4.0/24", **subnet: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """An external network with its subnet."""
        admin = self.client("admin", "admin")
        net = admin.make(
            "network",
            **{
                "router:external": True,
                "provider:network_type": "flat",
                "provider:physical_network": "public",
            },
        )
        usual = {"network_id": net["id"], "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
        return net, admin.make("subnet", **usual | subnet)


@pytest.fixture
def cloud(tmp_path: Path, database: Database, clock: VirtualClock) -> Iterator[NetworkCloud]:
    made = NetworkCloud(tmp_path, database, clock)
    yield made
    made.http.close()


@pytest.fixture
def demo(cloud: NetworkCloud) -> NetworkClient:
    return cloud.client()


@pytest.fixture
def admin(cloud: NetworkCloud) -> NetworkClient:
    return cloud.client("admin", "admin")


@pytest.fixture
def stranger(cloud: NetworkCloud) -> NetworkClient:
    return cloud.client("stranger")
