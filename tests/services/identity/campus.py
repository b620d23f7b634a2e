"""A site whose domains have directories, for the tests of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nacre.identity.domain.directories import Kind, subject_id_of
from nacre.identity.drivers.fake_directory import FakePeople
from nacre.identity.loops.directories import DirectoriesLoop
from nacre.kernel.outcome import Outcome
from tests.services.identity.conftest import Site
from tests.support.asgi import AsgiClient, Reply

DOMAINS = "/identity/v3/domains"


@dataclass
class Campus:
    """A site, and one of its domains that has a directory."""

    site: Site
    domain_id: str

    @property
    def admin(self) -> AsgiClient:
        return self.site.as_user()

    @property
    def loop(self) -> DirectoriesLoop:
        (loop,) = (each for each in self.site.assembled.loops if isinstance(each, DirectoriesLoop))
        return loop

    def look(self) -> Outcome:
        """Let the loop look at the directory, a moment later."""
        self.site.clock.advance(1)
        return self.loop.reconcile(self.domain_id)

    def log_in(self, name: str, password: str = "", *, scope: Any = None) -> Reply:
        return self.site.log_in(name, password=password or name, domain=self.domain_id, scope=scope)

    def token(self, name: str, password: str = "", *, scope: Any = None) -> str:
        reply = self.log_in(name, password, scope=scope)
        assert reply.status == 201, reply
        return reply.headers["x-subject-token"]

    def counts(self, token: str) -> bool:
        """Whether a token still counts."""
        status = self.site.client(token).get("/identity/v3/auth/projects").status
        assert status in (200, 401)
        return status == 200

    def user_id(self, key: str) -> str:
        return subject_id_of(self.domain_id, Kind.USER, key)

    def group_id(self, key: str) -> str:
        return subject_id_of(self.domain_id, Kind.GROUP, key)

    def user(self, key: str) -> Any:
        reply = self.admin.get(f"/identity/v3/users/{self.user_id(key)}")
        return reply.json["user"] if reply.status == 200 else None

    def names(self, kind: str = "user") -> set[str]:
        rows = self.admin.get(f"/identity/v3/{kind}s?domain_id={self.domain_id}").json[f"{kind}s"]
        return {row["name"] for row in rows}

    def members(self, key: str) -> set[str]:
        users = self.admin.get(f"/identity/v3/groups/{self.group_id(key)}/users").json["users"]
        return {user["name"] for user in users}

    def operate(self, *, accept_losses: bool = False) -> None:
        """Ask for a look, as `nacre identity mirror` does."""
        door = AsgiClient(self.site.http, local=True)
        path = f"/directories/v1/domains/{self.domain_id}"
        assert door.post(path, json={"accept_losses": accept_losses}).status == 202

    def state(self) -> Any:
        """How it stands with the directory, as `nacre identity check` shows it."""
        door = AsgiClient(self.site.http, local=True)
        reply = door.get("/directories/v1/domains")
        assert reply.status == 200, reply
        return next((each for each in reply.json["domains"] if each["id"] == self.domain_id), None)


def with_directory(site: Site, name: str, options: Mapping[str, Any], **fields: Any) -> Campus:
    """A new domain of this name, whose directory is configured through the API."""
    domain_id = site.make("domain", name=name, **fields)
    config = {"identity": {"driver": "ldap"}, "ldap": dict(options)}
    reply = site.as_user().put(f"{DOMAINS}/{domain_id}/config", json={"config": config})
    assert reply.status in (200, 201), reply
    return Campus(site, domain_id)


def opener(*crowds: FakePeople) -> Mapping[str, Any]:
    """Drivers with which the domain whose url is `ldap://N` gets the Nth of these."""
    return {"ldap": lambda options: crowds[int(options["url"].rpartition("/")[2])].open(options)}
