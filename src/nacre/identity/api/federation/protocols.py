"""Protocols of identity providers.

Source: Identity API v3 reference, OS-FEDERATION, "Protocols".
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.federation.fields import Attribute, ProviderId, named
from nacre.identity.api.fields import UNSET, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import whole
from nacre.identity.api.parts import Parts
from nacre.identity.errors import MappingNotFound
from nacre.identity.store import federation as store
from nacre.identity.store.federation import IDENTITY_PROVIDERS, MAPPINGS, FederationProtocol
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok


class CreateProtocol(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    mapping_id: ProviderId
    remote_id_attribute: Attribute | None = None


class UpdateProtocol(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    mapping_id: ProviderId | Unset = UNSET
    remote_id_attribute: Attribute | Unset | None = UNSET


CREATE = Body(CreateProtocol, key="protocol")
UPDATE = Body(UpdateProtocol, key="protocol")


def create(call: Call[Parts], ask: CreateProtocol, idp_id: str, protocol_id: str) -> Answer:
    """A new way to prove users. Errors: IdentityProviderNotFound, Bad for an unknown mapping, Taken."""
    demand(call)
    protocol = FederationProtocol(
        idp_id=idp_id,
        protocol_id=named(protocol_id, ask.id),
        mapping_id=ask.mapping_id,
        remote_id_attribute=ask.remote_id_attribute or None,
    )
    with name_free("federation protocol", protocol_id), call.database.write(call.actor) as tx:
        IDENTITY_PROVIDERS.hold(tx, idp_id)
        _hold_mapping(tx, protocol.mapping_id)
        store.add_protocol(tx, protocol)
        changed(tx, "create", "federation protocol", protocol_id, after=protocol)
    return Created({"protocol": _view(call, protocol)})


def _hold_mapping(tx: Tx, mapping_id: str) -> None:
    try:
        MAPPINGS.hold(tx, mapping_id)
    except MappingNotFound as problem:
        raise Bad(str(problem), where="protocol.mapping_id") from problem


def list_all(call: Call[Parts], idp_id: str) -> Answer:
    """The protocols of an identity provider, by id. Errors: IdentityProviderNotFound."""
    demand(call)
    with call.database.read() as db:
        IDENTITY_PROVIDERS.load(db, idp_id)
        protocols = store.protocols_of(db, idp_id)
    return whole(call, "protocols", [_view(call, protocol) for protocol in protocols])


def show(call: Call[Parts], idp_id: str, protocol_id: str) -> Answer:
    """A protocol. Errors: ProtocolNotFound."""
    demand(call)
    with call.database.read() as db:
        return Ok({"protocol": _view(call, store.load_protocol(db, idp_id, protocol_id))})


def update(call: Call[Parts], ask: UpdateProtocol, idp_id: str, protocol_id: str) -> Answer:
    """Change what is given; what another mapping gives, users have from their next login on.

    Errors: ProtocolNotFound, Bad for an unknown mapping.
    """
    demand(call)
    named(protocol_id, ask.id)
    with call.database.write(call.actor) as tx:
        before = store.lock_protocol(tx, idp_id, protocol_id)
        after = updated(before, ask)
        _hold_mapping(tx, after.mapping_id)
        store.change_protocol(tx, after)
        changed(tx, "update", "federation protocol", protocol_id, before=before, after=after)
    return Ok({"protocol": _view(call, after)})


def delete(call: Call[Parts], idp_id: str, protocol_id: str) -> Answer:
    """Let nobody be proven in this way; tokens of who was are void at once. Errors: ProtocolNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = store.lock_protocol(tx, idp_id, protocol_id)
        store.void_tokens(tx, idp_id, protocol_id)
        store.remove_protocol(tx, idp_id, protocol_id)
        changed(tx, "delete", "federation protocol", protocol_id, before=before)
    return NoContent()


def _view(call: Call[Any], protocol: FederationProtocol) -> dict[str, Any]:
    provider = f"/v3/OS-FEDERATION/identity_providers/{protocol.idp_id}"
    return {
        "id": protocol.protocol_id,
        "idp_id": protocol.idp_id,
        "mapping_id": protocol.mapping_id,
        "remote_id_attribute": protocol.remote_id_attribute,
        "links": {
            "self": call.url(f"{provider}/protocols/{protocol.protocol_id}"),
            "identity_provider": call.url(provider),
        },
    }
