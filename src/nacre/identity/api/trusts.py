"""Trusts: a user lets another use some of their roles on one project, for a time or a number of times.

Source: Identity API v3 reference, "OS-TRUST API".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nacre.identity import policy
from nacre.identity.api.changes import changed
from nacre.identity.api.delegation import demand_undelegated, later
from nacre.identity.api.fields import Id, LongName, Text
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.domain.roles import Role
from nacre.identity.domain.trusts import Trust, beyond, depth_of
from nacre.identity.errors import NotPossible, RoleNotFound, TrustNotFound
from nacre.identity.store.tables import TRUST
from nacre.identity.store.trusts import TRUSTS, Pedigree, find_pedigree, remove_trust
from nacre.identity.store.users import USERS
from nacre.kernel.clock import iso_micro
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import new_hex_id

_NOBODY = "\0"
_PATH = "/v3/OS-TRUST/trusts"


class RoleRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role by id or by name."""

    id: Id | None = None
    name: LongName | None = None


class CreateTrust(msgspec.Struct, frozen=True, kw_only=True):
    """`redelegation_count` is silent for as often as the site, or the trust it is handed on from, allows."""

    trustor_user_id: Text
    trustee_user_id: Text
    impersonation: bool
    project_id: Text | None = None
    roles: tuple[RoleRef, ...] = ()
    allow_redelegation: bool | None = False
    redelegation_count: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    redelegated_trust_id: Text | None = None
    remaining_uses: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    expires_at: Text | None = None


CREATE = Body(CreateTrust, key="trust", closed=False)


def create(call: Call[Parts], ask: CreateTrust) -> Answer:
    """Trust somebody with some of the caller's own roles on the project of their token.

    With a token made from a trust, hand that one on: never more than it gives, nor longer.
    Errors: NotPossible for what may not be handed on, and for programs; RoleNotFound for a role the caller does not
    have; UserNotFound; Bad.
    """
    demand(call, trustor_user_id=ask.trustor_user_id)
    caller, admitted = call.caller, call.parts.authority.admitted(call.token)
    if admitted.claims.credential_id:
        demand_undelegated(admitted)
    if not caller.project_id or ask.project_id != caller.project_id:
        raise NotPossible("A trust is for the project of the token it is made with.")
    with call.database.read() as db:
        pedigree = find_pedigree(db, admitted.claims.trust_id) if admitted.claims.trust_id else None
    trust = _new_trust(call, ask, pedigree)
    with call.database.write(call.actor) as tx:
        USERS.hold(tx, trust.trustee_user_id)
        if trust.redelegated_trust_id and TRUSTS.hold(tx, trust.redelegated_trust_id).deleted_at is not None:
            raise TrustNotFound(trust.redelegated_trust_id)
        TRUSTS.insert(tx, trust)
        changed(tx, "create", "trust", trust.trust_id, after=trust)
    return Created({"trust": _view(call, trust)})


def _new_trust(call: Call[Parts], ask: CreateTrust, pedigree: Pedigree | None) -> Trust:
    ancestors = pedigree.trusts if pedigree else ()
    parent = ancestors[0] if ancestors else None
    if ask.redelegated_trust_id not in (None, parent and parent.trust_id):
        raise NotPossible("A trust is handed on with a token made from it.")
    allowed = bool(ask.allow_redelegation) and ask.redelegation_count != 0
    if allowed and ask.remaining_uses is not None:
        raise Bad("It must not be set if the trust may be handed on.", where="trust.remaining_uses")
    depth = depth_of(
        ask.redelegation_count,
        allowed=allowed,
        most=call.parts.auth.trust_most_redelegations,
        parent=parent,
    )
    if isinstance(depth, str):
        raise NotPossible(depth)
    expires_at = later(ask.expires_at, now=call.now, where="trust.expires_at")
    trust = Trust(
        trust_id=new_hex_id(),
        trustor_user_id=ask.trustor_user_id,
        trustee_user_id=ask.trustee_user_id,
        project_id=call.caller.project_id,
        redelegated_trust_id=parent.trust_id if parent else None,
        impersonation=ask.impersonation,
        role_ids=_role_ids(call, ask.roles),
        redelegation_count=depth,
        remaining_uses=ask.remaining_uses,
        expires_at=parent.expires_at if parent and expires_at is None else expires_at,
    )
    too_much = beyond(trust, ancestors)
    if too_much:
        raise NotPossible(too_much)
    return trust


def _role_ids(call: Call[Parts], roles: Sequence[RoleRef]) -> tuple[str, ...]:
    if not roles:
        raise NotPossible("At least one role should be specified.")
    held = dict(zip(call.caller.roles, call.caller.role_ids, strict=True))
    chosen: set[str] = set()
    for role in roles:
        role_id = role.id or held.get(role.name or "")
        if role_id is None or role_id not in call.caller.role_ids:
            raise RoleNotFound(role.id or role.name or "")
        chosen.add(role_id)
    return tuple(sorted(chosen))


def list_all(call: Call[Parts]) -> Answer:
    """Trusts, without their roles: the caller's own, as `trustor_user_id` or `trustee_user_id`; all for readers."""
    filters = text_filters(call, "trustor_user_id", "trustee_user_id")
    demand(call, **({"trustor_user_id": _NOBODY, "trustee_user_id": _NOBODY} | filters))
    with call.database.read() as db:
        page, rows = page_from(db, call, TRUSTS, filters, TRUST.c.deleted_at.is_(None), first="trust_id")
    return listed(
        call, "trusts", rows, page, lambda trust: _summary(call, trust), id_of=lambda trust: trust.trust_id
    )


def show(call: Call[Parts], trust_id: str) -> Answer:
    """A trust, to those it concerns. Errors: TrustNotFound."""
    with call.database.read() as db:
        return Ok({"trust": _view(call, _seen(db, call, trust_id))})


def delete(call: Call[Parts], trust_id: str) -> Answer:
    """Trust no more: every token made from it, or from what it was handed on to, is void. Errors: TrustNotFound."""
    with call.database.write(call.actor) as tx:
        trust = _seen(tx, call, trust_id)
        remove_trust(tx, trust_id)
        changed(tx, "delete", "trust", trust_id, before=trust)
    return NoContent()


def list_roles(call: Call[Parts], trust_id: str) -> Answer:
    """The roles that a trust gives. Errors: TrustNotFound."""
    with call.database.read() as db:
        trust = _seen(db, call, trust_id)
    path = f"{_PATH}/{trust_id}/roles"
    links = {"self": call.url(path), "previous": None, "next": None}
    return Ok({"roles": [_role_view(call, role) for role in _roles(call, trust)], "links": links})


def show_role(call: Call[Parts], trust_id: str, role_id: str) -> Answer:
    """One of the roles that a trust gives. Errors: TrustNotFound, RoleNotFound."""
    with call.database.read() as db:
        trust = _seen(db, call, trust_id)
    for role in _roles(call, trust):
        if role.role_id == role_id:
            return Ok({"role": _role_view(call, role)})
    raise RoleNotFound(role_id)


def _seen(db: Reader, call: Call[Parts], trust_id: str) -> Trust:
    """A trust, for those who may know of it. To everybody else it is the same whether there is one.

    Raises NotAllowed, TrustNotFound.
    """
    trust = TRUSTS.find(db, trust_id)
    demand(
        call,
        trustor_user_id=trust.trustor_user_id if trust else _NOBODY,
        trustee_user_id=trust.trustee_user_id if trust else _NOBODY,
    )
    if trust is None or trust.deleted_at is not None:
        raise TrustNotFound(trust_id)
    return trust


def _roles(call: Call[Parts], trust: Trust) -> Sequence[Role]:
    roles = call.parts.authority.graph().roles
    return [roles[role_id] for role_id in trust.role_ids if role_id in roles]


def _role_view(call: Call[Parts], role: Role) -> dict[str, Any]:
    return {
        "id": role.role_id,
        "name": role.name,
        "domain_id": role.domain_id or None,
        "description": role.description or None,
        "options": role.options,
        "links": self_link(call, f"/v3/roles/{role.role_id}"),
    }


def _summary(call: Call[Parts], trust: Trust) -> dict[str, Any]:
    return {
        "id": trust.trust_id,
        "trustor_user_id": trust.trustor_user_id,
        "trustee_user_id": trust.trustee_user_id,
        "project_id": trust.project_id,
        "impersonation": trust.impersonation,
        "expires_at": None if trust.expires_at is None else iso_micro(trust.expires_at),
        "remaining_uses": trust.remaining_uses,
        "redelegated_trust_id": trust.redelegated_trust_id,
        "redelegation_count": trust.redelegation_count,
        "deleted_at": None,
        "links": self_link(call, f"{_PATH}/{trust.trust_id}"),
    }


def _view(call: Call[Parts], trust: Trust) -> dict[str, Any]:
    roles_links = {"self": call.url(f"{_PATH}/{trust.trust_id}/roles"), "previous": None, "next": None}
    return _summary(call, trust) | {
        "roles": [_role_view(call, role) for role in _roles(call, trust)],
        "roles_links": roles_links,
    }


ROUTES = (
    Route("GET", _PATH, list_all, policy.LIST_TRUSTS),
    Route("POST", _PATH, create, policy.CREATE_TRUST, CREATE),
    Route("GET", f"{_PATH}/{{trust_id}}", show, policy.GET_TRUST),
    Route("DELETE", f"{_PATH}/{{trust_id}}", delete, policy.DELETE_TRUST),
    Route("GET", f"{_PATH}/{{trust_id}}/roles", list_roles, policy.LIST_TRUST_ROLES),
    Route("GET", f"{_PATH}/{{trust_id}}/roles/{{role_id}}", show_role, policy.GET_TRUST_ROLE),
)
