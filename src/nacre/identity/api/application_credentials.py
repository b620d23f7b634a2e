"""Application credentials: secrets by which a program acts for its user on one project.

Source: Identity API v3 reference, "Application credentials".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nacre.identity.api.access_rules import MOST_RULES, RuleAsk, asked_rules
from nacre.identity.api.changes import changed, name_free
from nacre.identity.api.delegation import demand_undelegated, later
from nacre.identity.api.fields import Description, Id, LongName, Password, Text
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.api.token_view import rule_view
from nacre.identity.domain.roles import Role
from nacre.identity.errors import ApplicationCredentialNotFound
from nacre.identity.passwords import hash_made_here, new_secret
from nacre.identity.store.access_rules import ensure_rules
from nacre.identity.store.application_credentials import CREDENTIALS, ApplicationCredential
from nacre.identity.store.projects import PROJECTS
from nacre.identity.store.users import USERS
from nacre.kernel.clock import iso_micro
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id


class RoleRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role by id or by name."""

    id: Id | None = None
    name: LongName | None = None


class CreateCredential(msgspec.Struct, frozen=True, kw_only=True):
    """Without `roles` (or with none), all that the caller's token has; without a `secret`, one is made.

    An `id` is ours to choose, whatever is asked for.
    """

    id: Text | None = None
    system: Text | None = None

    name: LongName
    description: Description | None = None
    secret: Password | None = None
    expires_at: str | None = None
    roles: tuple[RoleRef, ...] | None = None
    unrestricted: bool | None = False
    access_rules: Annotated[tuple[RuleAsk, ...], Meta(max_length=MOST_RULES)] | None = None
    project_id: str | None = None


CREATE = Body(CreateCredential, key="application_credential")


async def create(call: Call[Parts], ask: CreateCredential, user_id: str) -> Answer:
    """A new application credential for the caller's own project. Its secret is shown this once.

    With access rules, tokens made by it are good for the requests they name alone.
    Errors: Taken; Bad for roles the token does not have; AccessRuleNotFound; NotPossible for a token that may not
    make any.
    """
    demand(call, user_id=user_id)
    secret = ask.secret or new_secret()
    # What was made here cannot be guessed; what a user thought of can, and is hashed slowly.
    secret_hash = await call.parts.passwords.hash(secret) if ask.secret else hash_made_here(secret)
    return await call.in_thread(_create, call, ask, secret, secret_hash)


def _create(call: Call[Parts], ask: CreateCredential, secret: str, secret_hash: str) -> Answer:
    caller = call.caller
    if not caller.project_id or ask.project_id not in (None, caller.project_id):
        raise Bad("An application credential is for the project of the token it is made with.")
    demand_undelegated(call.parts.authority.admitted(call.token))
    rules = asked_rules(call, ask.access_rules)
    credential = ApplicationCredential(
        credential_id=new_hex_id(),
        user_id=caller.user_id,
        project_id=caller.project_id,
        name=ask.name,
        description=ask.description or "",
        role_ids=_role_ids(call, ask.roles),
        unrestricted=bool(ask.unrestricted),
        expires_at=later(ask.expires_at, now=call.now, where="application_credential.expires_at"),
        rules=rules,
    )
    with name_free("application_credential", ask.name), call.database.write(call.actor) as tx:
        USERS.hold(tx, credential.user_id)
        PROJECTS.hold(tx, credential.project_id)
        ensure_rules(tx, rules or ())
        CREDENTIALS.insert(tx, credential, secret_hash=secret_hash)
        changed(tx, "create", "application_credential", credential.credential_id, after=credential)
    return Created({"application_credential": _view(call, credential) | {"secret": secret}})


def _role_ids(call: Call[Parts], roles: Sequence[RoleRef] | None) -> tuple[str, ...]:
    held = dict(zip(call.caller.roles, call.caller.role_ids, strict=True))
    if not roles:
        return tuple(sorted(held.values()))
    chosen: set[str] = set()
    for role in roles:
        role_id = role.id or held.get(role.name or "")
        if role_id not in held.values():
            raise Bad("The token does not have this role.", where="application_credential.roles")
        chosen.add(str(role_id))
    return tuple(sorted(chosen))


def list_all(call: Call[Parts], user_id: str) -> Answer:
    """A user's application credentials, by name; filter `name`."""
    demand(call, user_id=user_id)
    filters = {"user_id": user_id} | text_filters(call, "name")
    with call.database.read() as db:
        page, rows = page_from(db, call, CREDENTIALS, filters)
    return listed(
        call, "application_credentials", rows, page, lambda row: _view(call, row),
        id_of=lambda row: row.credential_id,
    )  # fmt: skip


def show(call: Call[Parts], user_id: str, credential_id: str) -> Answer:
    """An application credential, without its secret. Errors: ApplicationCredentialNotFound."""
    demand(call, user_id=user_id)
    with call.database.read() as db:
        credential = CREDENTIALS.load(db, credential_id)
    _check_owner(credential, user_id)
    return Ok({"application_credential": _view(call, credential)})


def delete(call: Call[Parts], user_id: str, credential_id: str) -> Answer:
    """Delete an application credential; tokens made by it are void. Errors: ApplicationCredentialNotFound."""
    demand(call, user_id=user_id)
    demand_undelegated(call.parts.authority.admitted(call.token))
    with call.database.write(call.actor) as tx:
        before = CREDENTIALS.lock(tx, credential_id)
        _check_owner(before, user_id)
        CREDENTIALS.remove(tx, credential_id)
        changed(tx, "delete", "application_credential", credential_id, before=before)
    return NoContent()


def _check_owner(credential: ApplicationCredential, user_id: str) -> None:
    if credential.user_id != user_id:
        raise ApplicationCredentialNotFound(credential.credential_id)


def _view(call: Call[Parts], credential: ApplicationCredential) -> dict[str, Any]:
    roles = call.parts.authority.graph().roles
    held: list[Role] = [roles[role_id] for role_id in credential.role_ids if role_id in roles]
    expires_at = credential.expires_at
    view: dict[str, Any] = {
        "id": credential.credential_id,
        "name": credential.name,
        "description": credential.description or None,
        "user_id": credential.user_id,
        "project_id": credential.project_id,
        "roles": [
            {"id": role.role_id, "name": role.name, "domain_id": role.domain_id or None} for role in held
        ],
        "unrestricted": credential.unrestricted,
        "expires_at": None if expires_at is None else iso_micro(expires_at, zulu=False),
        "links": self_link(
            call, f"/v3/users/{credential.user_id}/application_credentials/{credential.credential_id}"
        ),
    }
    if credential.rules is not None:
        view["access_rules"] = [rule_view(rule) for rule in credential.rules]
    return view
