"""The operator's doors to directories: how it stands with them, what is wrong, and what shall be done about it."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.parts import Parts
from nacre.identity.errors import DomainNotFound
from nacre.identity.store import directories as store
from nacre.identity.store.directories import DIRECTORIES, DirectoryState
from nacre.identity.store.projects import DOMAINS, Project, find_domain_id
from nacre.kernel.database import Reader
from nacre.kernel.events import Actor, Event
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Accepted, Answer, Call, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import PUBLIC


class Mirror(msgspec.Struct, frozen=True, kw_only=True):
    """A look at a directory that is wanted now."""

    accept_losses: bool = False


MIRROR = Body(Mirror)


def list_all(call: Call[Parts]) -> Answer:
    """Every domain that has, or had, a directory, and how it stands with each."""
    with call.database.read() as db:
        ids = sorted({*call.parts.directories.domain_ids(), *store.known_domains(db)})
        states = {state.domain_id: state for state in DIRECTORIES.some(db, ids)}
        domains = DOMAINS.some(db, ids)
    return Ok({"domains": [_view(domain, states.get(domain.project_id)) for domain in domains]})


def check(call: Call[Parts], domain: str) -> Answer:
    """What is found when everything is tried with a domain's directory. Errors: DomainNotFound."""
    with call.database.read() as db:
        found = _domain(db, domain)
        state = DIRECTORIES.find(db, found.project_id)
    findings = call.parts.directories.examine(found.project_id)
    told = [{"good": finding.good, "what": finding.what, "cure": finding.cure} for finding in findings]
    return Ok({"domain": _view(found, state), "findings": told})


def mirror(call: Call[Parts], ask: Mirror, domain: str) -> Answer:
    """Look at a domain's directory now. With `accept_losses`, as many may vanish as are gone.

    Errors: DomainNotFound.
    """
    actor = Actor("operator", ProjectId(""), call.request_id)
    with call.database.write(actor) as tx:
        found = _domain(tx, domain)
        if ask.accept_losses:
            state = DIRECTORIES.find(tx, found.project_id) or DirectoryState(domain_id=found.project_id)
            store.note(tx, msgspec.structs.replace(state, accept_losses=True))
            tx.record(Event(action="accept-losses", kind="directory", subject=found.project_id))
        tx.make_due(store.LOOP, found.project_id)
    return Accepted({})


def _domain(db: Reader, name_or_id: str) -> Project:
    domain_id = find_domain_id(db, name_or_id) or name_or_id
    domain = DOMAINS.find(db, domain_id)
    if domain is None:
        raise DomainNotFound(name_or_id)
    return domain


def _view(domain: Project, state: DirectoryState | None) -> dict[str, Any]:
    state = state or DirectoryState(domain_id=domain.project_id)
    return {"id": domain.project_id, "name": domain.name} | {
        name: value for name, value in msgspec.structs.asdict(state).items() if name != "domain_id"
    }


LOCAL_ROUTES = (
    Route("GET", "/v1/domains", list_all, PUBLIC),
    Route("GET", "/v1/domains/{domain}", check, PUBLIC),
    Route("POST", "/v1/domains/{domain}", mirror, PUBLIC, MIRROR),
)
