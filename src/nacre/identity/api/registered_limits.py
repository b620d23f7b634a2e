"""Registered limits: what each project may have of a service's resources unless a limit says otherwise."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from nacre.identity import policy
from nacre.identity.api.changes import changed, name_free
from nacre.identity.api.fields import UNSET, Description, Id, LongName, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.errors import NotPossible
from nacre.identity.store import limits as store
from nacre.identity.store.limits import REGISTERED_LIMITS, RegisteredLimit
from nacre.identity.store.regions import REGIONS
from nacre.identity.store.services import SERVICES
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import new_hex_id

MOST_AT_ONCE = 1000

Amount = Annotated[int, msgspec.Meta(ge=-1, le=2147483647)]
RegionName = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class NewRegisteredLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    service_id: Id
    resource_name: LongName
    default_limit: Amount
    region_id: RegionName | None = None
    description: Description | None = None


class CreateRegisteredLimits(msgspec.Struct, frozen=True, kw_only=True):
    registered_limits: Annotated[
        tuple[NewRegisteredLimit, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)
    ]


class UpdateRegisteredLimit(msgspec.Struct, frozen=True, kw_only=True):
    service_id: Id | Unset = UNSET
    resource_name: LongName | Unset = UNSET
    default_limit: Amount | Unset = UNSET
    region_id: RegionName | Unset | None = UNSET
    description: Description | Unset | None = UNSET


CREATE = Body(CreateRegisteredLimits)
UPDATE = Body(UpdateRegisteredLimit, key="registered_limit")


def create(call: Call[Parts], ask: CreateRegisteredLimits) -> Answer:
    """Register limits, all of them or none. Errors: Bad for an unknown service or region, Taken."""
    _demand(call)
    kinds = [
        RegisteredLimit(
            registered_limit_id=new_hex_id(),
            service_id=each.service_id,
            region_id=each.region_id or "",
            resource_name=each.resource_name,
            default_limit=each.default_limit,
            description=each.description,
        )
        for each in ask.registered_limits
    ]
    names = ", ".join(sorted({kind.resource_name for kind in kinds}))
    with name_free("registered limit", names), call.database.write(call.actor) as tx:
        _check_places(tx, kinds)
        store.insert_registered(tx, kinds)
        for kind in kinds:
            changed(tx, "create", "registered_limit", kind.registered_limit_id, after=kind)
    return Created({"registered_limits": [registered_limit_view(call, kind) for kind in kinds]})


def _check_places(tx: Tx, kinds: list[RegisteredLimit]) -> None:
    """Raise Bad unless the services and regions are in the catalogue."""
    service_ids = {kind.service_id for kind in kinds}
    if len(SERVICES.some(tx, sorted(service_ids))) < len(service_ids):
        raise Bad("There is no such service in the catalogue.", where="registered_limits.service_id")
    region_ids = {kind.region_id for kind in kinds} - {""}
    if len(REGIONS.some(tx, sorted(region_ids))) < len(region_ids):
        raise Bad("There is no such region in the catalogue.", where="registered_limits.region_id")


def list_all(call: Call[Parts]) -> Answer:
    """Registered limits by resource; filters `service_id`, `region_id`, `resource_name`."""
    with call.database.read() as db:
        filters = text_filters(call, "service_id", "region_id", "resource_name")
        page, rows = page_from(db, call, REGISTERED_LIMITS, filters, first="resource_name")
    return listed(
        call,
        "registered_limits",
        rows,
        page,
        lambda kind: registered_limit_view(call, kind),
        id_of=lambda kind: kind.registered_limit_id,
    )


def show(call: Call[Parts], registered_limit_id: str) -> Answer:
    """A registered limit. Errors: RegisteredLimitNotFound."""
    with call.database.read() as db:
        kind = REGISTERED_LIMITS.load(db, registered_limit_id)
    return Ok({"registered_limit": registered_limit_view(call, kind)})


def update(call: Call[Parts], ask: UpdateRegisteredLimit, registered_limit_id: str) -> Answer:
    """Change what is given; of one that limits refer to, only the default and the description.

    Errors: RegisteredLimitNotFound, NotPossible, Bad, Taken.
    """
    _demand(call)
    with name_free("registered limit", str(ask.resource_name)), call.database.write(call.actor) as tx:
        before = REGISTERED_LIMITS.lock(tx, registered_limit_id)
        after = _updated(before, ask)
        if _place(before) != _place(after):
            _check_unused(tx, registered_limit_id)
            _check_places(tx, [after])
        REGISTERED_LIMITS.update(tx, after)
        changed(tx, "update", "registered_limit", registered_limit_id, before=before, after=after)
    return Ok({"registered_limit": registered_limit_view(call, after)})


def _updated(before: RegisteredLimit, ask: UpdateRegisteredLimit) -> RegisteredLimit:
    given = {name: getattr(ask, name) for name in ask.__struct_fields__ if getattr(ask, name) is not UNSET}
    if "region_id" in given:
        given["region_id"] = given["region_id"] or ""
    return msgspec.structs.replace(before, **given)


def _place(kind: RegisteredLimit) -> tuple[str, str, str]:
    return kind.service_id, kind.region_id, kind.resource_name


def delete(call: Call[Parts], registered_limit_id: str) -> Answer:
    """Delete a registered limit that no limit refers to. Errors: RegisteredLimitNotFound, NotPossible."""
    _demand(call)
    with call.database.write(call.actor) as tx:
        before = REGISTERED_LIMITS.lock(tx, registered_limit_id)
        _check_unused(tx, registered_limit_id)
        REGISTERED_LIMITS.remove(tx, registered_limit_id)
        changed(tx, "delete", "registered_limit", registered_limit_id, before=before)
    return NoContent()


def _check_unused(tx: Tx, registered_limit_id: str) -> None:
    if store.is_in_use(tx, registered_limit_id):
        raise NotPossible(
            f"Unable to update or delete registered limit {registered_limit_id} because there are project limits"
            " associated with it."
        )


def _demand(call: Call[Parts]) -> None:
    demand(call, scope="domain" if call.caller.domain_id else "other")


def registered_limit_view(call: Call[Any], kind: RegisteredLimit) -> dict[str, Any]:
    """A registered limit as callers see it."""
    return {
        "id": kind.registered_limit_id,
        "service_id": kind.service_id,
        "region_id": kind.region_id or None,
        "resource_name": kind.resource_name,
        "default_limit": kind.default_limit,
        "description": kind.description,
        "links": self_link(call, f"/v3/registered_limits/{kind.registered_limit_id}"),
    }


ROUTES = (
    Route("GET", "/v3/registered_limits", list_all, policy.LIST_REGISTERED_LIMITS),
    Route("POST", "/v3/registered_limits", create, policy.CREATE_REGISTERED_LIMITS, CREATE),
    *(
        Route(method, "/v3/registered_limits/{registered_limit_id}", handler, rule, body)
        for method, handler, rule, body in (
            ("GET", show, policy.GET_REGISTERED_LIMIT, None),
            ("PATCH", update, policy.UPDATE_REGISTERED_LIMIT, UPDATE),
            ("DELETE", delete, policy.DELETE_REGISTERED_LIMIT, None),
        )
    ),
)
