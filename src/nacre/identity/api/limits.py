"""Limits: what single projects and domains may have, instead of what is registered for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa

from nacre.identity import policy
from nacre.identity.api.changes import changed, name_free
from nacre.identity.api.fields import UNSET, Description, Id, LongName, Unset
from nacre.identity.api.guard import allowed, demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.api.registered_limits import MOST_AT_ONCE, Amount, RegionName
from nacre.identity.errors import NotPossible
from nacre.identity.store import limits as store
from nacre.identity.store.limits import LIMITS, REGISTERED_LIMITS, Limit, RegisteredLimit
from nacre.identity.store.projects import PROJECTS
from nacre.identity.store.tables import LIMIT
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import new_hex_id
from nacre.kernel.policy import NotAllowed

MODEL = {
    "name": "strict_hierarchy",
    "description": (
        "A limit of a project or domain bounds what it and everything below it use together. A project without a"
        " limit of its own is bounded by the registered default, and by every limit above it."
    ),
}


class NewLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    service_id: Id
    resource_name: LongName
    resource_limit: Amount
    project_id: Id | None = None
    domain_id: Id | None = None
    region_id: RegionName | None = None
    description: Description | None = None

    @property
    def kind(self) -> tuple[str, str, str]:
        """What it is a limit of: service, region, resource."""
        return self.service_id, self.region_id or "", self.resource_name


class CreateLimits(msgspec.Struct, frozen=True, kw_only=True):
    limits: Annotated[tuple[NewLimit, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class UpdateLimit(msgspec.Struct, frozen=True, kw_only=True):
    resource_limit: Amount | Unset = UNSET
    description: Description | Unset | None = UNSET


CREATE = Body(CreateLimits)
UPDATE = Body(UpdateLimit, key="limit")


def model(_call: Call[Parts]) -> Answer:
    """How limits of one node of the tree of projects bear on those below it."""
    return Ok({"model": MODEL})


def create(call: Call[Parts], ask: CreateLimits) -> Answer:
    """Limit projects or domains, in all that is asked or in nothing.

    Errors: Bad for an unknown project or domain, or both at once; NotPossible for what is not registered; Taken.
    """
    _demand(call)
    for each in ask.limits:
        if (each.project_id is None) is (each.domain_id is None):
            raise Bad("A limit is either a project's or a domain's.", where="limits")
    names = ", ".join(sorted({each.resource_name for each in ask.limits}))
    with name_free("limit", names), call.database.write(call.actor) as tx:
        kinds = _kinds(tx, ask.limits)
        domains = _domains(tx, ask.limits)
        limits = [_new_limit(each, kinds, domains) for each in ask.limits]
        store.insert_limits(tx, limits)
        for limit in limits:
            changed(tx, "create", "limit", limit.limit_id, after=limit)
    by_id = {kind.registered_limit_id: kind for kind in kinds.values()}
    return Created(
        {"limits": [limit_view(call, limit, by_id[limit.registered_limit_id]) for limit in limits]}
    )


def _new_limit(
    ask: NewLimit, kinds: Mapping[tuple[str, str, str], RegisteredLimit], domains: Mapping[str, bool]
) -> Limit:
    kind = kinds.get(ask.kind)
    if kind is None:
        raise NotPossible("Unable to create a limit that has no corresponding registered limit.")
    node_id = ask.project_id or ask.domain_id or ""
    return Limit(
        limit_id=new_hex_id(),
        node_id=node_id,
        registered_limit_id=kind.registered_limit_id,
        is_domain=domains[node_id],
        resource_limit=ask.resource_limit,
        description=ask.description,
    )


def _kinds(tx: Tx, asked: Sequence[NewLimit]) -> Mapping[tuple[str, str, str], RegisteredLimit]:
    """What is registered for the services asked about; nobody takes it away before this transaction ends."""
    found = store.hold_registered(tx, {each.service_id for each in asked})
    return {(kind.service_id, kind.region_id, kind.resource_name): kind for kind in found}


def _domains(tx: Tx, asked: Sequence[NewLimit]) -> Mapping[str, bool]:
    """The projects and domains asked about, and which of them are domains. Raises Bad."""
    ids = {each.project_id or each.domain_id or "" for each in asked}
    domains = {project.project_id: project.is_domain for project in PROJECTS.some(tx, sorted(ids))}
    for each in asked:
        if each.project_id is not None and each.project_id not in domains:
            raise Bad("There is no such project.", where="limits.project_id")
        if each.domain_id is not None and not domains.get(each.domain_id):
            raise Bad("There is no such domain.", where="limits.domain_id")
    return domains


def list_all(call: Call[Parts]) -> Answer:
    """Limits in the caller's sight: everybody's, those in the domain, or the project's own.

    Filters `service_id`, `region_id`, `resource_name`, `project_id`, `domain_id`.
    """
    conditions = _in_sight(call)
    kinds = text_filters(call, "service_id", "region_id", "resource_name")
    if kinds:
        conditions.append(store.of_registered(**kinds))
    for name, is_domain in (("project_id", False), ("domain_id", True)):
        node_id = call.one(name)
        if node_id is not None:
            conditions.append(sa.and_(LIMIT.c.node_id == node_id, LIMIT.c.is_domain == is_domain))
    with call.database.read() as db:
        page, rows = page_from(db, call, LIMITS, {}, *conditions, first="node_id")
        ids = {limit.registered_limit_id for limit in rows}
        by_id = {kind.registered_limit_id: kind for kind in REGISTERED_LIMITS.some(db, sorted(ids))}
    return listed(
        call,
        "limits",
        rows,
        page,
        lambda limit: limit_view(call, limit, by_id[limit.registered_limit_id]),
        id_of=lambda limit: limit.limit_id,
    )


def _in_sight(call: Call[Parts]) -> list[sa.ColumnElement[bool]]:
    """What narrows a list to what the caller may see. Raises NotAllowed."""
    if allowed(call):
        return []
    domain_id, project_id = call.caller.domain_id, call.caller.project_id
    if domain_id and allowed(call, domain_id=domain_id):
        return [store.of_domain(domain_id)]
    if project_id and allowed(call, project_id=project_id):
        return [LIMIT.c.node_id == project_id]
    raise NotAllowed(call.route.policy.name)


def show(call: Call[Parts], limit_id: str) -> Answer:
    """A limit. Errors: LimitNotFound."""
    with call.database.read() as db:
        limit = LIMITS.find(db, limit_id)
        _check_sight(db, call, limit)
        limit = LIMITS.load(db, limit_id) if limit is None else limit
        kind = REGISTERED_LIMITS.load(db, limit.registered_limit_id)
    return Ok({"limit": limit_view(call, limit, kind)})


def _check_sight(db: Reader, call: Call[Parts], limit: Limit | None) -> None:
    """A stranger is refused whether the limit exists or not."""
    node = PROJECTS.find(db, limit.node_id) if limit else None
    if node is None:
        demand(call)
    elif node.is_domain:
        demand(call, domain_id=node.project_id)
    else:
        demand(call, project_id=node.project_id, domain_id=node.domain_id)


def update(call: Call[Parts], ask: UpdateLimit, limit_id: str) -> Answer:
    """Set another amount, also one below what is in use. Errors: LimitNotFound."""
    _demand(call)
    with call.database.write(call.actor) as tx:
        before = LIMITS.lock(tx, limit_id)
        given = {
            name: getattr(ask, name) for name in ask.__struct_fields__ if getattr(ask, name) is not UNSET
        }
        after = msgspec.structs.replace(before, **given)
        LIMITS.update(tx, after)
        kind = REGISTERED_LIMITS.load(tx, after.registered_limit_id)
        changed(tx, "update", "limit", limit_id, before=before, after=after)
    return Ok({"limit": limit_view(call, after, kind)})


def delete(call: Call[Parts], limit_id: str) -> Answer:
    """Let what is registered hold again. Errors: LimitNotFound."""
    _demand(call)
    with call.database.write(call.actor) as tx:
        before = LIMITS.lock(tx, limit_id)
        LIMITS.remove(tx, limit_id)
        changed(tx, "delete", "limit", limit_id, before=before)
    return NoContent()


def _demand(call: Call[Parts]) -> None:
    demand(call, scope="domain" if call.caller.domain_id else "other")


def limit_view(call: Call[Any], limit: Limit, kind: RegisteredLimit) -> dict[str, Any]:
    """A limit as callers see it."""
    return {
        "id": limit.limit_id,
        "project_id": None if limit.is_domain else limit.node_id,
        "domain_id": limit.node_id if limit.is_domain else None,
        "service_id": kind.service_id,
        "region_id": kind.region_id or None,
        "resource_name": kind.resource_name,
        "resource_limit": limit.resource_limit,
        "description": limit.description,
        "links": self_link(call, f"/v3/limits/{limit.limit_id}"),
    }


ROUTES = (
    Route("GET", "/v3/limits/model", model, policy.GET_LIMIT_MODEL),
    Route("GET", "/v3/limits", list_all, policy.LIST_LIMITS),
    Route("POST", "/v3/limits", create, policy.CREATE_LIMITS, CREATE),
    Route("GET", "/v3/limits/{limit_id}", show, policy.GET_LIMIT),
    Route("PATCH", "/v3/limits/{limit_id}", update, policy.UPDATE_LIMIT, UPDATE),
    Route("DELETE", "/v3/limits/{limit_id}", delete, policy.DELETE_LIMIT),
)
