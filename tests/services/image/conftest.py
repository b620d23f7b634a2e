"""The image service alone: its own store and files, callers made of tokens, loops run by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.image.assemble import assemble
from nacre.image.store.quotas import ACCOUNT
from nacre.kernel.assembly import Kernel
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import LoopSettings, Settings
from nacre.kernel.database import Database
from nacre.kernel.errors import Unauthenticated
from nacre.kernel.http.app import HttpApp
from nacre.kernel.ids import ProjectId, UserId
from nacre.kernel.loops import LoopEngine
from nacre.kernel.policy import Caller
from tests.support.asgi import AsgiClient, Reply
from tests.support.limits import register_limits

ROLES = {
    "admin": ("admin", "manager", "member", "reader"),
    "member": ("member", "reader"),
    "reader": ("reader",),
}
PATCH = "application/openstack-images-v2.1-json-patch"
OCTETS = {"Content-Type": "application/octet-stream"}


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


class ImageClient(AsgiClient):
    """Calls with the words that image clients use most."""

    def make(self, **attributes: Any) -> dict[str, Any]:
        body = {"name": "an image", "disk_format": "raw", "container_format": "bare", **attributes}
        reply = self.post("/image/v2/images", json=body)
        assert reply.status == 201, reply
        made: dict[str, Any] = reply.json
        return made

    def upload(self, made: dict[str, Any], content: bytes, **options: Any) -> Reply:
        return self.put(f"/image{made['file']}", body=content, headers=OCTETS, **options)

    def make_active(self, content: bytes = b"content", **attributes: Any) -> dict[str, Any]:
        made = self.make(**attributes)
        reply = self.upload(made, content)
        assert reply.status == 204, reply
        return self.show(made)

    def show(self, made: dict[str, Any]) -> dict[str, Any]:
        reply = self.get(f"/image{made['self']}")
        assert reply.status == 200, reply
        shown: dict[str, Any] = reply.json
        return shown

    def change(self, made: dict[str, Any], *operations: dict[str, Any]) -> Reply:
        return self.change_raw(made, list(operations))

    def change_raw(self, made: dict[str, Any], document: Any, media_type: str = PATCH) -> Reply:
        return self.patch(f"/image{made['self']}", json=document, headers={"Content-Type": media_type})

    def names(self, query: str = "") -> list[str]:
        reply = self.get(f"/image/v2/images?{query}")
        assert reply.status == 200, reply
        return [each["name"] for each in reply.json["images"]]


class ImageCloud:
    """The service, its files below `state`, and its loops, which run when told to."""

    def __init__(self, state: Path, database: Database, clock: VirtualClock, **options: Any) -> None:
        settings = Settings(state=str(state))
        kernel = Kernel(settings, database, clock, database.wakes)
        assembled = assemble(kernel, **options)
        self.state = state
        self.clock = clock
        self.database = database
        self.images = assembled.contract
        self.http = HttpApp(
            assembled.services, database=database, authenticator=Tokens(), settings=settings.http
        )
        self.engine = LoopEngine(database, assembled.loops, LoopSettings(), node="test")
        register_limits(database, ACCOUNT)

    def client(self, project: str = "demo", role: str = "member") -> ImageClient:
        return ImageClient(self.http, token=f"{project}:{role}")

    def settle(self, after_s: float = 0.0) -> None:
        """Let time pass and the loops look at everything there is."""
        self.clock.advance(after_s)
        self.engine.begin()
        while self.engine.turn():
            pass

    def files(self) -> list[str]:
        """Every file of the service, by its path below the state directory."""
        return sorted(
            str(path.relative_to(self.state)) for path in self.state.rglob("*/*/*") if path.is_file()
        )


@pytest.fixture
def cloud(tmp_path: Path, database: Database, clock: VirtualClock) -> Iterator[ImageCloud]:
    state = tmp_path / "state"
    state.mkdir()
    made = ImageCloud(state, database, clock)
    yield made
    made.http.close()


@pytest.fixture
def demo(cloud: ImageCloud) -> ImageClient:
    return cloud.client()


@pytest.fixture
def admin(cloud: ImageCloud) -> ImageClient:
    return cloud.client("admin", "admin")


@pytest.fixture
def stranger(cloud: ImageCloud) -> ImageClient:
    return cloud.client("stranger")


@pytest.fixture
def some_bytes() -> bytes:
    """Three and a half mebibytes of no format."""
    return random.Random(7).randbytes(3_670_016)
