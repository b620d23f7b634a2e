"""This cloud as a client of OpenID providers: what it is called there, and its secret, which is never shown.

The Identity API has no place for this; it is an own resource below each protocol. `docs/federation.md` explains it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nacre.identity.api.changes import changed
from nacre.identity.api.fields import Text
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import self_link
from nacre.identity.api.parts import Parts
from nacre.identity.errors import OidcClientNotFound
from nacre.identity.store import federation as store
from nacre.identity.store.federation import OidcSettings
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent, Ok

_Name = Annotated[str, Meta(min_length=1, max_length=255)]
_Names = Annotated[tuple[_Name, ...], Meta(max_length=50)]
_HTTPS_OR_HERE = r"^(https://[^\s?#]+|http://(localhost|127\.0\.0\.1|\[::1\])[:/][^\s?#]*)$"
_Issuer = Annotated[str, Meta(max_length=500, pattern=_HTTPS_OR_HERE)]
_Secret = Annotated[str, Meta(max_length=1024)]


class PutClient(msgspec.Struct, frozen=True, kw_only=True):
    """Without a `client_secret` the one that is kept stays; an empty one makes it a public client."""

    issuer: _Issuer
    client_id: _Name
    client_secret: _Secret | None = None
    scopes: _Names = ("openid", "profile", "email")
    audiences: _Names = ()
    clients: _Names = ()
    claims_prefix: Text = "OIDC-"
    userinfo: bool = True


PUT = Body(PutClient, key="oidc")


def put(call: Call[Parts], ask: PutClient, idp_id: str, protocol_id: str) -> Answer:
    """Let this be how the cloud is a client of the provider. Errors: ProtocolNotFound."""
    demand(call)
    if "openid" not in ask.scopes:
        raise Bad("openid must be among them.", where="oidc.scopes")
    sealed = call.parts.seal.seal(ask.client_secret) if ask.client_secret else ""
    with call.database.write(call.actor) as tx:
        store.lock_protocol(tx, idp_id, protocol_id)
        before = store.find_oidc(tx, idp_id, protocol_id)
        # A secret goes to nobody but whom it was given for: another issuer or client needs its own.
        if ask.client_secret is None and before is not None and _same_client(before, ask):
            sealed = before.sealed_secret
        after = OidcSettings(
            idp_id=idp_id,
            protocol_id=protocol_id,
            issuer=ask.issuer,
            client_id=ask.client_id,
            sealed_secret=sealed,
            scopes=ask.scopes,
            audiences=ask.audiences,
            clients=ask.clients,
            claims_prefix=ask.claims_prefix,
            userinfo=ask.userinfo,
        )
        store.put_oidc(tx, after)
        changed(
            tx, "set", "openid client", f"{idp_id}/{protocol_id}", before=_told(before), after=_told(after)
        )
    return Ok({"oidc": _view(call, after)})


def _same_client(before: OidcSettings, ask: PutClient) -> bool:
    return (before.issuer, before.client_id) == (ask.issuer, ask.client_id)


def show(call: Call[Parts], idp_id: str, protocol_id: str) -> Answer:
    """How the cloud is a client of the provider, without the secret. Errors: OidcClientNotFound."""
    demand(call)
    with call.database.read() as db:
        found = store.find_oidc(db, idp_id, protocol_id)
    if found is None:
        raise OidcClientNotFound(f"{idp_id}/{protocol_id}")
    return Ok({"oidc": _view(call, found)})


def delete(call: Call[Parts], idp_id: str, protocol_id: str) -> Answer:
    """Be a client of the provider no more; nobody comes in by it. Errors: ProtocolNotFound, OidcClientNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        store.lock_protocol(tx, idp_id, protocol_id)
        if not store.remove_oidc(tx, idp_id, protocol_id):
            raise OidcClientNotFound(f"{idp_id}/{protocol_id}")
        changed(tx, "delete", "openid client", f"{idp_id}/{protocol_id}")
    return NoContent()


def _told(settings: OidcSettings | None) -> dict[str, Any] | None:
    """What may be told of a client to anybody who may know it is there."""
    if settings is None:
        return None
    told = msgspec.structs.asdict(settings)
    told["has_secret"] = bool(told.pop("sealed_secret"))
    return told


def _view(call: Call[Any], settings: OidcSettings) -> dict[str, Any]:
    path = f"/v3/OS-FEDERATION/identity_providers/{settings.idp_id}/protocols/{settings.protocol_id}/oidc"
    told = _told(settings) or {}
    return {name: told[name] for name in told if name not in ("idp_id", "protocol_id")} | {
        "links": self_link(call, path)
    }
