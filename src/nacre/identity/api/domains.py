"""Domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.identity import policy
from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.fields import UNSET, Description, Extra, Id, ShortName, Unset
from nacre.identity.api.guard import demand, domain_in_sight, known
from nacre.identity.api.lists import flag_filters, listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import Options, check_mutable
from nacre.identity.errors import NotPossible
from nacre.identity.store.projects import DOMAINS, Project, remove_domain
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id
from nacre.kernel.policy import NotAllowed


class CreateDomain(msgspec.Struct, frozen=True, kw_only=True):
    name: ShortName
    description: Description | None = None
    enabled: bool = True
    explicit_domain_id: Id | None = None
    options: Options = Options()
    tags: tuple[str, ...] = ()
    extra: Extra = {}


class UpdateDomain(msgspec.Struct, frozen=True, kw_only=True):
    name: ShortName | Unset = UNSET
    description: Description | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    options: Options | Unset = UNSET
    extra: Extra = {}


CREATE = Body(CreateDomain, key="domain", rest="extra")
UPDATE = Body(UpdateDomain, key="domain", rest="extra")


def create(call: Call[Parts], ask: CreateDomain) -> Answer:
    """A new domain, empty. Errors: Taken."""
    demand(call)
    domain = Project(
        project_id=ask.explicit_domain_id or new_hex_id(),
        name=ask.name,
        description=ask.description or "",
        enabled=ask.enabled,
        is_domain=True,
        options=ask.options.given(),
        extra=ask.extra,
    )
    with name_free("domain", ask.name), call.database.write(call.actor) as tx:
        DOMAINS.insert(tx, domain)
        changed(tx, "create", "domain", domain.project_id, after=domain)
    return Created({"domain": domain_view(call, domain)})


def list_all(call: Call[Parts]) -> Answer:
    """Domains in the caller's sight, by name; filters `name` and `enabled`."""
    own = domain_in_sight(call)
    filters = text_filters(call, "name") | flag_filters(call, "enabled")
    if own is not None:
        filters["project_id"] = own
    with call.database.read() as db:
        page, rows = page_from(db, call, DOMAINS, filters)
    return listed(
        call, "domains", rows, page, lambda row: domain_view(call, row), id_of=lambda row: row.project_id
    )


def show(call: Call[Parts], domain_id: str) -> Answer:
    """A domain. Errors: DomainNotFound."""
    with call.database.read() as db:
        return Ok({"domain": domain_view(call, known(call, lambda: DOMAINS.load(db, domain_id), target_of))})


def update(call: Call[Parts], ask: UpdateDomain, domain_id: str) -> Answer:
    """Change what is given. Errors: DomainNotFound, Taken, NotPossible for an immutable one."""
    with name_free("domain", str(ask.name)), call.database.write(call.actor) as tx:
        before = _locked(tx, call, domain_id)
        check_mutable(before, ask.options)
        if before.project_id == "default" and ask.enabled is False:
            raise Bad("The default domain cannot be disabled.")
        after = updated(before, ask)
        after = msgspec.structs.replace(after, description=after.description or "")
        DOMAINS.update(tx, after)
        changed(tx, "update", "domain", domain_id, before=before, after=after)
    return Ok({"domain": domain_view(call, after)})


def delete(call: Call[Parts], domain_id: str) -> Answer:
    """Delete a disabled domain and everything in it. Errors: DomainNotFound, NotPossible."""
    with call.database.write(call.actor) as tx:
        before = _locked(tx, call, domain_id)
        check_mutable(before, UNSET)
        if before.enabled:
            raise NotPossible("Cannot delete a domain that is enabled, please disable it first.")
        remove_domain(tx, domain_id)
        changed(tx, "delete", "domain", domain_id, before=before)
    return NoContent()


def target_of(domain: Project) -> Mapping[str, Any]:
    """What rules may ask about a domain."""
    return {"domain_id": domain.project_id}


def _locked(tx: Tx, call: Call[Parts], domain_id: str) -> Project:
    """The domain, if the caller may change it. Whoever sees all domains is told that there is none."""
    try:
        return known(call, lambda: DOMAINS.lock(tx, domain_id), target_of)
    except NotAllowed:
        if policy.GET_DOMAIN.allows(call.caller, {}):
            DOMAINS.load(tx, domain_id)
        raise


def domain_view(call: Call[Any], domain: Project) -> dict[str, Any]:
    """A domain as callers see it."""
    return dict(domain.extra) | {
        "id": domain.project_id,
        "name": domain.name,
        "description": domain.description,
        "enabled": domain.enabled,
        "options": domain.options,
        "tags": [],
        "links": self_link(call, f"/v3/domains/{domain.project_id}"),
    }
