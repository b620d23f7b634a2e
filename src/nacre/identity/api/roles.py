"""Roles, and which imply which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nacre.identity import policy
from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.fields import UNSET, Description, Id, LongName, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import Options
from nacre.identity.domain.roles import Role, RoleGraph
from nacre.identity.errors import ImplicationNotFound, NotPossible, RoleNotFound
from nacre.identity.store import roles as store
from nacre.identity.store.projects import DOMAINS
from nacre.identity.store.roles import ROLES
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import UserId, new_hex_id
from nacre.kernel.policy import Caller, Policy, Rulebook


class CreateRole(msgspec.Struct, frozen=True, kw_only=True):
    name: LongName
    domain_id: Id | None = None
    description: Description | None = None
    options: Options = Options()


class UpdateRole(msgspec.Struct, frozen=True, kw_only=True):
    name: LongName | Unset = UNSET
    domain_id: Id | Unset | None = UNSET
    description: Description | Unset | None = UNSET
    options: Options | Unset = UNSET


CREATE = Body(CreateRole, key="role", closed=False)
UPDATE = Body(UpdateRole, key="role", closed=False)


def create(call: Call[Parts], ask: CreateRole) -> Answer:
    """A new role, of the whole cloud or of a domain. Errors: DomainNotFound, Taken."""
    role = Role(
        role_id=new_hex_id(),
        name=ask.name,
        domain_id=ask.domain_id or "",
        description=ask.description or "",
        options=ask.options.given(),
    )
    _demand(call, role, of_domain=policy.CREATE_DOMAIN_ROLE)
    with name_free("role", ask.name), call.database.write(call.actor) as tx:
        if role.domain_id:
            DOMAINS.hold(tx, role.domain_id)
        ROLES.insert(tx, role)
        changed(tx, "create", "role", role.role_id, after=role)
    return Created({"role": role_view(call, role)})


def list_all(call: Call[Parts]) -> Answer:
    """The roles of the cloud, or with `domain_id` those of a domain; filter `name`."""
    filters = {"domain_id": ""} | text_filters(call, "name", "domain_id")
    if filters["domain_id"]:
        policy.LIST_DOMAIN_ROLES.enforce(call.caller, {"domain_id": filters["domain_id"]})
    else:
        demand(call, by_name=bool(filters.get("name")))
    with call.database.read() as db:
        page, rows = page_from(db, call, ROLES, filters)
    return listed(
        call, "roles", rows, page, lambda role: role_view(call, role), id_of=lambda role: role.role_id
    )


def show(call: Call[Parts], role_id: str) -> Answer:
    """A role. Errors: RoleNotFound."""
    with call.database.read() as db:
        role = ROLES.load(db, role_id)
    _demand(call, role, of_domain=policy.GET_DOMAIN_ROLE)
    return Ok({"role": role_view(call, role)})


def _demand(call: Call[Parts], role: Role, *, of_domain: Policy) -> None:
    """Raise NotAllowed unless the caller may do this to the role; `of_domain` decides about a domain's own.

    Roles are words of the whole cloud: that there is one is no secret, what it is called may be.
    """
    decides = of_domain if role.domain_id else call.route.policy
    decides.enforce(call.caller, target_of(role))


def target_of(role: Role) -> Mapping[str, Any]:
    """What rules may ask about a role."""
    return {"role_id": role.role_id, "role_name": role.name, "role_domain_id": role.domain_id or None}


def update(call: Call[Parts], ask: UpdateRole, role_id: str) -> Answer:
    """Change what is given. Errors: RoleNotFound, Taken, NotPossible for an immutable one."""
    with name_free("role", str(ask.name)), call.database.write(call.actor) as tx:
        before = ROLES.lock(tx, role_id)
        _demand(call, before, of_domain=policy.UPDATE_DOMAIN_ROLE)
        _check_mutable(before, ask.options)
        if ask.domain_id is not UNSET and (ask.domain_id or "") != before.domain_id:
            raise Bad("Update of `domain_id` is not allowed.")
        after = updated(before, ask)
        after = msgspec.structs.replace(
            after, description=after.description or "", domain_id=before.domain_id
        )
        ROLES.update(tx, after)
        changed(tx, "update", "role", role_id, before=before, after=after)
    return Ok({"role": role_view(call, after)})


def delete(call: Call[Parts], role_id: str) -> Answer:
    """Delete a role; whoever holds it loses it. Errors: RoleNotFound, NotPossible for an immutable one."""
    with call.database.write(call.actor) as tx:
        before = ROLES.lock(tx, role_id)
        _demand(call, before, of_domain=policy.DELETE_DOMAIN_ROLE)
        _check_mutable(before, UNSET)
        ROLES.remove(tx, role_id)
        changed(tx, "delete", "role", role_id, before=before)
    return NoContent()


# -- implied roles -----------------------------------------------------------------------------------------


def list_implied(call: Call[Parts], prior_role_id: str) -> Answer:
    """The roles that one implies directly. Errors: RoleNotFound."""
    demand(call)
    with call.database.read() as db:
        graph = store.load_graph(db)
    if prior_role_id not in graph.roles:
        raise RoleNotFound(prior_role_id)
    links = self_link(call, f"/v3/roles/{prior_role_id}/implies")
    return Ok({"role_inference": _inference(call, graph, prior_role_id), "links": links})


def list_inferences(call: Call[Parts]) -> Answer:
    """Every role that implies others, with those."""
    demand(call)
    with call.database.read() as db:
        graph = store.load_graph(db)
    inferences = [_inference(call, graph, prior) for prior in sorted(graph.implied)]
    return Ok({"role_inferences": inferences, "links": self_link(call, "/v3/role_inferences")})


def show_implication(call: Call[Parts], prior_role_id: str, implied_role_id: str) -> Answer:
    """That one role implies another. Errors: RoleNotFound, ImplicationNotFound."""
    demand(call)
    with call.database.read() as db:
        prior, implied = ROLES.load(db, prior_role_id), ROLES.load(db, implied_role_id)
        graph = store.load_graph(db)
    if implied_role_id not in graph.implied.get(prior_role_id, ()):
        raise ImplicationNotFound(implied_role_id)
    return Ok(_implication(call, prior, implied))


def check_implication(call: Call[Parts], prior_role_id: str, implied_role_id: str) -> Answer:
    """204 if one role implies another. Errors: RoleNotFound, ImplicationNotFound."""
    show_implication(call, prior_role_id, implied_role_id)
    return NoContent()


def create_implication(call: Call[Parts], prior_role_id: str, implied_role_id: str) -> Answer:
    """Let one role imply another; safe to repeat. Nothing may imply admin, nor a cloud's role a domain's.

    Errors: RoleNotFound, NotPossible.
    """
    demand(call)
    with call.database.write(call.actor) as tx:
        prior, implied = ROLES.hold(tx, prior_role_id), ROLES.hold(tx, implied_role_id)
        if implied.domain_id and not prior.domain_id:
            raise NotPossible("A role of the whole cloud cannot imply a role of one domain.")
        if makes_admin(call.caller.rules, [implied]):
            raise NotPossible(f"Role {implied.name} makes administrators, and cannot be implied.")
        store.imply(tx, prior_role_id, implied_role_id)
        changed(tx, "imply", "role", prior_role_id, after={"implied_role_id": implied_role_id})
    return Created(_implication(call, prior, implied))


def delete_implication(call: Call[Parts], prior_role_id: str, implied_role_id: str) -> Answer:
    """Let one role imply another no more. Errors: RoleNotFound, ImplicationNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        ROLES.hold(tx, prior_role_id)
        ROLES.hold(tx, implied_role_id)
        if not store.unimply(tx, prior_role_id, implied_role_id):
            raise ImplicationNotFound(implied_role_id)
        changed(tx, "unimply", "role", prior_role_id, before={"implied_role_id": implied_role_id})
    return NoContent()


# -- shared ------------------------------------------------------------------------------------------------


def makes_admin(rules: Rulebook, roles: Sequence[Role]) -> bool:
    """Whether somebody who holds just these roles is an administrator under the rules in force."""
    names = tuple(role.name for role in roles if not role.domain_id)
    holder = Caller(user_id=UserId("?"), user_name="", user_domain_id="?", user_domain_name="", roles=names)
    return rules.named("admin").holds(holder, {}, rules)


def _check_mutable(before: Role, options: Options | Unset) -> None:
    freed = options is not UNSET and options.immutable in (False, None)
    if before.options.get("immutable") and not freed:
        raise NotPossible(f"Cannot change role {before.role_id}: it is immutable.")


def role_view(call: Call[Any], role: Role) -> dict[str, Any]:
    """A role as callers see it."""
    return {
        "id": role.role_id,
        "name": role.name,
        "domain_id": role.domain_id or None,
        "description": role.description or None,
        "options": role.options,
        "links": self_link(call, f"/v3/roles/{role.role_id}"),
    }


def _brief(call: Call[Any], role: Role) -> dict[str, Any]:
    return {"id": role.role_id, "name": role.name, "links": self_link(call, f"/v3/roles/{role.role_id}")}


def _inference(call: Call[Any], graph: RoleGraph, prior: str) -> dict[str, Any]:
    implied = sorted((graph.roles[each] for each in graph.implied.get(prior, ())), key=lambda role: role.name)
    return {
        "prior_role": _brief(call, graph.roles[prior]),
        "implies": [_brief(call, role) for role in implied],
    }


def _implication(call: Call[Any], prior: Role, implied: Role) -> dict[str, Any]:
    return {
        "role_inference": {"prior_role": _brief(call, prior), "implies": _brief(call, implied)},
        "links": self_link(call, f"/v3/roles/{prior.role_id}/implies/{implied.role_id}"),
    }
