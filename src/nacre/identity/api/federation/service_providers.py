"""Service providers: other clouds that trust this one. Tokens name those that are enabled.

Source: Identity API v3 reference, OS-FEDERATION, "Service providers".
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import catalog_changed, name_free, updated
from nacre.identity.api.federation.fields import CloudUrl, named
from nacre.identity.api.fields import UNSET, Description, Text, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import flag_filters, listed, page_from, self_link
from nacre.identity.api.parts import Parts
from nacre.identity.store.federation import SERVICE_PROVIDERS, ServiceProvider
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok

_RELAY_STATE_PREFIX = "ss:mem:"


class CreateServiceProvider(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    auth_url: CloudUrl
    sp_url: CloudUrl
    description: Description | None = None
    enabled: bool | None = None
    relay_state_prefix: Text | None = None


class UpdateServiceProvider(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    auth_url: CloudUrl | Unset = UNSET
    sp_url: CloudUrl | Unset = UNSET
    description: Description | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    relay_state_prefix: Text | Unset = UNSET


CREATE = Body(CreateServiceProvider, key="service_provider")
UPDATE = Body(UpdateServiceProvider, key="service_provider")


def create(call: Call[Parts], ask: CreateServiceProvider, sp_id: str) -> Answer:
    """A new service provider, disabled unless said otherwise. Errors: Taken."""
    demand(call)
    provider = ServiceProvider(
        sp_id=named(sp_id, ask.id),
        auth_url=ask.auth_url,
        sp_url=ask.sp_url,
        description=ask.description,
        enabled=bool(ask.enabled),
        relay_state_prefix=_RELAY_STATE_PREFIX if ask.relay_state_prefix is None else ask.relay_state_prefix,
    )
    with name_free("service provider", sp_id), call.database.write(call.actor) as tx:
        SERVICE_PROVIDERS.insert(tx, provider)
        catalog_changed(tx, "create", "service provider", sp_id, after=provider)
    return Created({"service_provider": _view(call, provider)})


def list_all(call: Call[Parts]) -> Answer:
    """Service providers by id; filters `id` and `enabled`."""
    demand(call)
    filters = flag_filters(call, "enabled")
    if call.one("id") is not None:
        filters |= {"sp_id": call.one("id")}
    with call.database.read() as db:
        page, rows = page_from(db, call, SERVICE_PROVIDERS, filters, first="sp_id")
    return listed(
        call, "service_providers", rows, page, lambda row: _view(call, row), id_of=lambda row: row.sp_id
    )


def show(call: Call[Parts], sp_id: str) -> Answer:
    """A service provider. Errors: ServiceProviderNotFound."""
    demand(call)
    with call.database.read() as db:
        return Ok({"service_provider": _view(call, SERVICE_PROVIDERS.load(db, sp_id))})


def update(call: Call[Parts], ask: UpdateServiceProvider, sp_id: str) -> Answer:
    """Change what is given. Errors: ServiceProviderNotFound."""
    demand(call)
    named(sp_id, ask.id)
    with call.database.write(call.actor) as tx:
        before = SERVICE_PROVIDERS.lock(tx, sp_id)
        after = updated(before, ask)
        SERVICE_PROVIDERS.update(tx, after)
        catalog_changed(tx, "update", "service provider", sp_id, before=before, after=after)
    return Ok({"service_provider": _view(call, after)})


def delete(call: Call[Parts], sp_id: str) -> Answer:
    """Forget a service provider. Errors: ServiceProviderNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = SERVICE_PROVIDERS.lock(tx, sp_id)
        SERVICE_PROVIDERS.remove(tx, sp_id)
        catalog_changed(tx, "delete", "service provider", sp_id, before=before)
    return NoContent()


def _view(call: Call[Any], provider: ServiceProvider) -> dict[str, Any]:
    return {
        "id": provider.sp_id,
        "auth_url": provider.auth_url,
        "sp_url": provider.sp_url,
        "description": provider.description,
        "enabled": provider.enabled,
        "relay_state_prefix": provider.relay_state_prefix,
        "links": self_link(call, f"/v3/OS-FEDERATION/service_providers/{provider.sp_id}"),
    }
