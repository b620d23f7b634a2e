"""The rows a cloud cannot be without. Safe to repeat; what an operator changed or took away stays so."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from nacre.identity import limits
from nacre.identity.accounts import Account
from nacre.identity.authority import CATALOG_CHANGED, CHANGED
from nacre.identity.bootstrap import CatalogEntry
from nacre.identity.domain.catalog import INTERFACES, CloudService, Endpoint, Region
from nacre.identity.domain.roles import Role
from nacre.identity.keys import read_for_s, rotate_keys
from nacre.identity.passwords import Passwords
from nacre.identity.store import assignments, roles
from nacre.identity.store.assignments import Assignment
from nacre.identity.store.endpoints import ENDPOINTS
from nacre.identity.store.limits import find_service_id
from nacre.identity.store.projects import PROJECTS, Project
from nacre.identity.store.regions import REGIONS
from nacre.identity.store.roles import ROLES
from nacre.identity.store.seeded import SEEDS, Seeded, insert_seeds, seeds_like
from nacre.identity.store.services import SERVICES
from nacre.identity.store.tokens import load_keys
from nacre.identity.store.users import USERS, User
from nacre.kernel.config import Settings
from nacre.kernel.database import Tx
from nacre.kernel.events import Event
from nacre.kernel.ids import new_hex_id

DEFAULT_DOMAIN = "default"
LINE_OF_ROLES = ("admin", "manager", "member", "reader")
"""Each of these implies the next."""
OTHER_ROLES = ("service",)


@dataclass(frozen=True)
class Seed:
    """What to seed: the catalogue as this program is mounted, and the first passwords."""

    settings: Settings
    catalog: Sequence[CatalogEntry]
    bootstrap: Mapping[str, str]
    passwords: Passwords
    first_token_key: str
    """The sealed secret of the key that signs until the first rotation."""
    accounts: Sequence[Account] = ()

    def __call__(self, tx: Tx) -> None:
        """Make what was never made before, and let the addresses follow where the program listens now."""
        if not load_keys(tx):
            rotate_keys(tx, self.first_token_key, lifetime_s=read_for_s(self.settings))
        self._seed_domain(tx)
        role_ids = self._seed_roles(tx)
        self._seed_people(tx, role_ids)
        self._seed_catalog(tx)
        self._seed_limits(tx)

    def _seed_domain(self, tx: Tx) -> None:
        _once(tx, "domain:default", partial(_default_domain, tx))

    def _seed_roles(self, tx: Tx) -> Mapping[str, str]:
        ids = {
            name: _once(tx, f"role:{name}", partial(_role, tx, name))
            for name in (*LINE_OF_ROLES, *OTHER_ROLES)
        }
        for prior, implied in itertools.pairwise(LINE_OF_ROLES):
            _once(tx, f"implication:{prior}", partial(_imply, tx, ids[prior], ids[implied]))
        return ids

    def _seed_people(self, tx: Tx, role_ids: Mapping[str, str]) -> None:
        """The project of each of the first users, and their roles."""
        _once(tx, "project:service", partial(_project, tx, "service", "For the services of the cloud"))
        for name, role in (("admin", "admin"), ("demo", "member")):
            project_id = _once(tx, f"project:{name}", partial(_project, tx, name, ""))
            user_id = _once(tx, f"user:{name}", partial(self._user, tx, name, project_id))
            targets = [("project", project_id)] + ([("system", "all")] if name == "admin" else [])
            for kind, target_id in targets:
                given = Assignment(
                    actor_kind="user",
                    actor_id=user_id,
                    target_kind=kind,
                    target_id=target_id,
                    role_id=role_ids[role],
                )
                _once(tx, f"assignment:{name}:{kind}", partial(_assign, tx, given))

    def _user(self, tx: Tx, name: str, project_id: str) -> str:
        user = User(
            user_id=new_hex_id(),
            domain_id=DEFAULT_DOMAIN,
            name=name,
            default_project_id=project_id,
            created_at=tx.now,
        )
        # The one hash that is worked out inside a transaction: nobody else is here before the first start.
        password_hash = self.passwords.hash_here(self.bootstrap[f"{name}_password"])
        USERS.insert(tx, user, password_hash=password_hash, password_set_at=tx.now)
        tx.record(Event(action="create", kind="user", subject=user.user_id, after={"name": name}))
        return user.user_id

    def _seed_catalog(self, tx: Tx) -> None:
        region_id = self.settings.region
        _once(tx, f"region:{region_id}", partial(_region, tx, region_id))
        for entry in self.catalog:
            service_id = _once(tx, f"service:{entry.type}", partial(_service, tx, entry))
            for interface in INTERFACES:
                url = self.settings.base_url + entry.path
                wanted = Endpoint(
                    endpoint_id=new_hex_id(),
                    service_id=service_id,
                    region_id=region_id,
                    interface=interface,
                    url=url,
                )
                _ensure_endpoint(tx, f"endpoint:{region_id}:{entry.type}:{interface}", wanted)

    def _seed_limits(self, tx: Tx) -> None:
        """Register what each service of the catalogue counts, with its defaults; each resource once for ever."""
        seeded = seeds_like(tx, "registered_limit:")
        for account in self.accounts:
            names = {f"registered_limit:{account.service}:{each}": each for each in account.measures}
            fresh = {name: resource for name, resource in names.items() if name not in seeded}
            service_id = find_service_id(tx, account.service) if fresh else None
            if service_id is not None:
                limits.ensure_registered(tx, account, service_id, fresh.values())
                insert_seeds(tx, [Seeded(what=name, subject_id=service_id) for name in fresh])


def _once(tx: Tx, what: str, make: Callable[[], str], *, value: str = "") -> str:
    """The id of what was seeded as `what`; made now if it never was."""
    seeded = SEEDS.find(tx, what)
    if seeded is not None:
        return seeded.subject_id
    subject_id = make()
    SEEDS.insert(tx, Seeded(what=what, subject_id=subject_id, value=value))
    tx.wake(CHANGED)
    tx.wake(CATALOG_CHANGED)
    return subject_id


def _ensure_endpoint(tx: Tx, what: str, wanted: Endpoint) -> None:
    """Make an endpoint once; afterwards move it only while it still says what we said."""
    endpoint_id = _once(tx, what, partial(_endpoint, tx, wanted), value=wanted.url)
    seeded = SEEDS.find(tx, what)
    if seeded is None or seeded.value == wanted.url:
        return
    before = ENDPOINTS.find(tx, endpoint_id)
    if before is None or before.url != seeded.value:
        return
    ENDPOINTS.update(tx, msgspec.structs.replace(before, url=wanted.url))
    SEEDS.update(tx, msgspec.structs.replace(seeded, value=wanted.url))
    tx.record(
        Event(
            action="update",
            kind="endpoint",
            subject=endpoint_id,
            before={"url": before.url},
            after={"url": wanted.url},
        )
    )
    tx.wake(CATALOG_CHANGED)


def _default_domain(tx: Tx) -> str:
    domain = Project(
        project_id=DEFAULT_DOMAIN, name="Default", description="The default domain", is_domain=True
    )
    PROJECTS.insert(tx, domain)
    return DEFAULT_DOMAIN


def _role(tx: Tx, name: str) -> str:
    found = roles.find_role_by_name(tx, name)
    if found is not None:
        return found.role_id
    role = Role(role_id=new_hex_id(), name=name)
    ROLES.insert(tx, role)
    return role.role_id


def _imply(tx: Tx, prior_role_id: str, implied_role_id: str) -> str:
    roles.imply(tx, prior_role_id, implied_role_id)
    return prior_role_id


def _project(tx: Tx, name: str, description: str) -> str:
    project = Project(
        project_id=new_hex_id(),
        domain_id=DEFAULT_DOMAIN,
        parent_id=DEFAULT_DOMAIN,
        name=name,
        description=description,
    )
    PROJECTS.insert(tx, project)
    return project.project_id


def _assign(tx: Tx, given: Assignment) -> str:
    assignments.give(tx, given)
    return given.actor_id


def _region(tx: Tx, region_id: str) -> str:
    if REGIONS.find(tx, region_id) is None:
        REGIONS.insert(tx, Region(region_id=region_id))
    return region_id


def _service(tx: Tx, entry: CatalogEntry) -> str:
    service = CloudService(service_id=new_hex_id(), type=entry.type, name=entry.name)
    SERVICES.insert(tx, service)
    return service.service_id


def _endpoint(tx: Tx, wanted: Endpoint) -> str:
    ENDPOINTS.insert(tx, wanted)
    return wanted.endpoint_id
