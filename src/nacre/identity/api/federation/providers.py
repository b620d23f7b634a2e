"""Identity providers.

Source: Identity API v3 reference, OS-FEDERATION, "Identity providers".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.federation.fields import Minutes, RemoteId, named
from nacre.identity.api.fields import UNSET, Description, Id, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import flag_filters, listed, page_from, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.store.federation import (
    IDENTITY_PROVIDERS,
    IdentityProvider,
    remotes_of,
    set_remotes,
    void_tokens,
)
from nacre.identity.store.projects import DOMAINS, PROJECTS, Project
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id


class CreateProvider(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    domain_id: Id | None = None
    enabled: bool | None = None
    description: Description | None = None
    authorization_ttl: Minutes | None = None
    remote_ids: tuple[RemoteId, ...] | None = None


class UpdateProvider(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    enabled: bool | Unset = UNSET
    description: Description | Unset | None = UNSET
    authorization_ttl: Minutes | Unset | None = UNSET
    remote_ids: tuple[RemoteId, ...] | Unset | None = UNSET


CREATE = Body(CreateProvider, key="identity_provider")
UPDATE = Body(UpdateProvider, key="identity_provider")


def create(call: Call[Parts], ask: CreateProvider, idp_id: str) -> Answer:
    """A new identity provider, with a domain of its own unless one is named. Errors: DomainNotFound, Taken."""
    demand(call)
    remote_ids = _checked(ask.remote_ids)
    with call.database.write(call.actor) as tx:
        provider = IdentityProvider(
            idp_id=named(idp_id, ask.id),
            domain_id=_domain_for(tx, idp_id, ask.domain_id),
            enabled=bool(ask.enabled),
            description=ask.description,
            authorization_ttl=ask.authorization_ttl,
        )
        with name_free("identity provider", idp_id):
            IDENTITY_PROVIDERS.insert(tx, provider)
        _set_remotes(tx, idp_id, remote_ids)
        changed(tx, "create", "identity provider", idp_id, after=provider)
    return Created({"identity_provider": _view(call, provider, remote_ids)})


def _domain_for(tx: Tx, idp_id: str, domain_id: str | None) -> str:
    if domain_id is not None:
        return DOMAINS.hold(tx, domain_id).project_id
    made = new_hex_id()
    domain = Project(
        project_id=made,
        domain_id="",
        parent_id="",
        name=made,
        description=f"Users of the identity provider {idp_id}.",
        is_domain=True,
    )
    PROJECTS.insert(tx, domain)
    changed(tx, "create", "domain", made, after=domain)
    return made


def _checked(remote_ids: Sequence[str] | None) -> Sequence[str]:
    if len(set(remote_ids or ())) != len(remote_ids or ()):
        raise Bad("each may be named once.", where="identity_provider.remote_ids")
    return sorted(remote_ids or ())


def _set_remotes(tx: Tx, idp_id: str, remote_ids: Sequence[str]) -> None:
    with name_free("identity provider's remote id", ", ".join(remote_ids)):
        set_remotes(tx, idp_id, remote_ids)


def list_all(call: Call[Parts]) -> Answer:
    """Identity providers by id; filters `id` and `enabled`."""
    demand(call)
    filters = flag_filters(call, "enabled")
    if call.one("id") is not None:
        filters |= {"idp_id": call.one("id")}
    filters |= text_filters(call, "domain_id")
    with call.database.read() as db:
        page, rows = page_from(db, call, IDENTITY_PROVIDERS, filters, first="idp_id")
        remotes = remotes_of(db, [row.idp_id for row in rows])
    return listed(
        call, "identity_providers", rows, page,
        lambda row: _view(call, row, remotes[row.idp_id]), id_of=lambda row: row.idp_id,
    )  # fmt: skip


def show(call: Call[Parts], idp_id: str) -> Answer:
    """An identity provider. Errors: IdentityProviderNotFound."""
    demand(call)
    with call.database.read() as db:
        provider = IDENTITY_PROVIDERS.load(db, idp_id)
        return Ok({"identity_provider": _view(call, provider, remotes_of(db, [idp_id])[idp_id])})


def update(call: Call[Parts], ask: UpdateProvider, idp_id: str) -> Answer:
    """Change what is given. Disabling it voids its users' tokens at once.

    Errors: IdentityProviderNotFound, Taken for a remote id.
    """
    demand(call)
    named(idp_id, ask.id)
    with call.database.write(call.actor) as tx:
        before = IDENTITY_PROVIDERS.lock(tx, idp_id)
        after = updated(before, ask)
        IDENTITY_PROVIDERS.update(tx, after)
        if ask.remote_ids is UNSET:
            remote_ids = remotes_of(tx, [idp_id])[idp_id]
        else:
            remote_ids = _checked(ask.remote_ids)
            _set_remotes(tx, idp_id, remote_ids)
        if before.enabled and not after.enabled:
            void_tokens(tx, idp_id)
        changed(tx, "update", "identity provider", idp_id, before=before, after=after)
    return Ok({"identity_provider": _view(call, after, remote_ids)})


def delete(call: Call[Parts], idp_id: str) -> Answer:
    """Delete an identity provider with its protocols; its users stay, their tokens are void.

    Errors: IdentityProviderNotFound.
    """
    demand(call)
    with call.database.write(call.actor) as tx:
        before = IDENTITY_PROVIDERS.lock(tx, idp_id)
        void_tokens(tx, idp_id)
        IDENTITY_PROVIDERS.remove(tx, idp_id)
        changed(tx, "delete", "identity provider", idp_id, before=before)
    return NoContent()


def _view(call: Call[Any], provider: IdentityProvider, remote_ids: Sequence[str]) -> dict[str, Any]:
    here = f"/v3/OS-FEDERATION/identity_providers/{provider.idp_id}"
    return {
        "id": provider.idp_id,
        "domain_id": provider.domain_id,
        "enabled": provider.enabled,
        "description": provider.description,
        "authorization_ttl": provider.authorization_ttl,
        "remote_ids": remote_ids,
        "links": {"self": call.url(here), "protocols": call.url(f"{here}/protocols")},
    }
