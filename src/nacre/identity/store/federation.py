"""Identity providers, their protocols and mappings, this cloud as their client, and other clouds that trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.errors import (
    IdentityProviderNotFound,
    MappingNotFound,
    ProtocolNotFound,
    ServiceProviderNotFound,
)
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import (
    FEDERATED_USER,
    FEDERATION_PROTOCOL,
    IDENTITY_PROVIDER,
    MAPPING,
    OIDC_CLIENT,
    PROVIDER_REMOTE,
    SERVICE_PROVIDER,
    SIGN_ON_FINISHED,
    USER,
)
from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts


class IdentityProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who proves users to us; they live in `domain_id` unless a mapping says otherwise.

    Groups that a mapping gives hold for `authorization_ttl` minutes; without one, as long as the token.
    """

    idp_id: str
    domain_id: str
    enabled: bool = False
    description: str | None = None
    authorization_ttl: int | None = None


class StoredMapping(msgspec.Struct, frozen=True, kw_only=True):
    """Rules, as they were given."""

    mapping_id: str
    schema_version: str = "1.0"
    rules: list[Any]


class FederationProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which an identity provider proves users, and what becomes of them."""

    idp_id: str
    protocol_id: str
    mapping_id: str
    remote_id_attribute: str | None = None


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """This cloud as a client of an OpenID provider. `domain/oidc.py` says what each field means."""

    idp_id: str
    protocol_id: str
    issuer: str
    client_id: str
    sealed_secret: str = ""
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    claims_prefix: str = ""
    userinfo: bool = True


class ServiceProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Another cloud, which trusts this one to prove users to it."""

    sp_id: str
    auth_url: str
    sp_url: str
    description: str | None = None
    enabled: bool = False
    relay_state_prefix: str = ""


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides about a login through one protocol of one identity provider."""

    provider: IdentityProvider
    protocol: FederationProtocol
    mapping: StoredMapping | None
    oidc: OidcSettings | None
    remote_ids: Sequence[str] = ()


IDENTITY_PROVIDERS = Shelf(
    IDENTITY_PROVIDER, IdentityProvider, key="idp_id", missing=IdentityProviderNotFound
)
MAPPINGS = Shelf(MAPPING, StoredMapping, key="mapping_id", missing=MappingNotFound)
SERVICE_PROVIDERS = Shelf(SERVICE_PROVIDER, ServiceProvider, key="sp_id", missing=ServiceProviderNotFound)

_idp: sa.BindParameter[str] = sa.bindparam("this_idp")
_protocol: sa.BindParameter[str] = sa.bindparam("this_protocol")


# -- identity providers ------------------------------------------------------------------------------------

_REMOTES = sa.select(PROVIDER_REMOTE.c.idp_id, PROVIDER_REMOTE.c.remote_id).where(
    PROVIDER_REMOTE.c.idp_id.in_(texts("idp_ids"))
)
_ADD_REMOTE = sa.insert(PROVIDER_REMOTE)
_CLEAR_REMOTES = sa.delete(PROVIDER_REMOTE).where(PROVIDER_REMOTE.c.idp_id == _idp)


def remotes_of(db: Reader, idp_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """What each of the identity providers calls itself."""
    found: dict[str, list[str]] = {idp_id: [] for idp_id in idp_ids}
    for idp_id, remote_id in db.rows(_REMOTES, idp_ids=list(found)) if found else ():
        found[idp_id].append(remote_id)
    return {idp_id: sorted(remotes) for idp_id, remotes in found.items()}


def set_remotes(tx: Tx, idp_id: str, remote_ids: Sequence[str]) -> None:
    """Let an identity provider call itself this, and nothing else. Raises Duplicate."""
    tx.execute(_CLEAR_REMOTES, this_idp=idp_id)
    tx.execute_many(_ADD_REMOTE, [{"idp_id": idp_id, "remote_id": remote_id} for remote_id in remote_ids])


_VOID = sa.update(USER).values(epoch=USER.c.epoch + 1)
_of_provider = sa.select(FEDERATED_USER.c.user_id).where(FEDERATED_USER.c.idp_id == _idp)
_VOID_OF_PROVIDER = _VOID.where(USER.c.user_id.in_(_of_provider))
_VOID_OF_PROTOCOL = _VOID.where(
    USER.c.user_id.in_(_of_provider.where(FEDERATED_USER.c.protocol_id == _protocol))
)


def void_tokens(tx: Tx, idp_id: str, protocol_id: str = "") -> None:
    """Let no token count that users of an identity provider, or of one of its protocols, hold now."""
    if protocol_id:
        tx.execute(_VOID_OF_PROTOCOL, this_idp=idp_id, this_protocol=protocol_id)
    else:
        tx.execute(_VOID_OF_PROVIDER, this_idp=idp_id)


# -- protocols ---------------------------------------------------------------------------------------------

_PROTOCOL_COLUMNS = [FEDERATION_PROTOCOL.c[name] for name in FederationProtocol.__struct_fields__]
_PROTOCOLS = sa.select(*_PROTOCOL_COLUMNS).order_by(FEDERATION_PROTOCOL.c.protocol_id)
_PROTOCOLS_OF = _PROTOCOLS.where(FEDERATION_PROTOCOL.c.idp_id == _idp)
_this_protocol = sa.and_(FEDERATION_PROTOCOL.c.idp_id == _idp, FEDERATION_PROTOCOL.c.protocol_id == _protocol)
_LOCK_PROTOCOL = _PROTOCOLS.where(_this_protocol).with_for_update()
_ONE_PROTOCOL = _PROTOCOLS.where(_this_protocol)
_ADD_PROTOCOL = sa.insert(FEDERATION_PROTOCOL)
_CHANGE_PROTOCOL = (
    sa.update(FEDERATION_PROTOCOL)
    .where(_this_protocol)
    .values(mapping_id=sa.bindparam("mapping_id"), remote_id_attribute=sa.bindparam("remote_id_attribute"))
)
_REMOVE_PROTOCOL = sa.delete(FEDERATION_PROTOCOL).where(_this_protocol)


def protocols_of(db: Reader, idp_id: str) -> Sequence[FederationProtocol]:
    return [_protocol_of(row) for row in db.rows(_PROTOCOLS_OF, this_idp=idp_id)]


def load_protocol(db: Reader, idp_id: str, protocol_id: str) -> FederationProtocol:
    """Raises ProtocolNotFound."""
    row = db.row(_ONE_PROTOCOL, this_idp=idp_id, this_protocol=protocol_id)
    if row is None:
        raise ProtocolNotFound(protocol_id)
    return _protocol_of(row)


def lock_protocol(tx: Tx, idp_id: str, protocol_id: str) -> FederationProtocol:
    """The same, about to be changed or deleted. Raises ProtocolNotFound."""
    row = tx.row(_LOCK_PROTOCOL, this_idp=idp_id, this_protocol=protocol_id)
    if row is None:
        raise ProtocolNotFound(protocol_id)
    return _protocol_of(row)


def _protocol_of(row: Any) -> FederationProtocol:
    return FederationProtocol(**dict(zip(FederationProtocol.__struct_fields__, row, strict=True)))


def add_protocol(tx: Tx, protocol: FederationProtocol) -> None:
    """Raises Duplicate."""
    tx.execute(_ADD_PROTOCOL, **msgspec.structs.asdict(protocol))


def change_protocol(tx: Tx, protocol: FederationProtocol) -> None:
    values = msgspec.structs.asdict(protocol)
    tx.execute(
        _CHANGE_PROTOCOL, this_idp=values.pop("idp_id"), this_protocol=values.pop("protocol_id"), **values
    )


def remove_protocol(tx: Tx, idp_id: str, protocol_id: str) -> None:
    tx.execute(_REMOVE_PROTOCOL, this_idp=idp_id, this_protocol=protocol_id)


# -- this cloud as a client of an OpenID provider ----------------------------------------------------------

_OIDC_COLUMNS = [OIDC_CLIENT.c[name] for name in OidcSettings.__struct_fields__]
_this_client = sa.and_(OIDC_CLIENT.c.idp_id == _idp, OIDC_CLIENT.c.protocol_id == _protocol)
_ONE_CLIENT = sa.select(*_OIDC_COLUMNS).where(_this_client)
_REMOVE_CLIENT = sa.delete(OIDC_CLIENT).where(_this_client)
_ADD_CLIENT = sa.insert(OIDC_CLIENT)


def find_oidc(db: Reader, idp_id: str, protocol_id: str) -> OidcSettings | None:
    row = db.row(_ONE_CLIENT, this_idp=idp_id, this_protocol=protocol_id)
    return None if row is None else _oidc_of(row)


def _oidc_of(row: Any) -> OidcSettings:
    return OidcSettings(**dict(zip(OidcSettings.__struct_fields__, row, strict=True)))


def put_oidc(tx: Tx, settings: OidcSettings) -> None:
    """Let this be the client's configuration. The protocol's row must be locked."""
    remove_oidc(tx, settings.idp_id, settings.protocol_id)
    tx.execute(_ADD_CLIENT, **msgspec.structs.asdict(settings))


def remove_oidc(tx: Tx, idp_id: str, protocol_id: str) -> bool:
    """Whether there was one."""
    return tx.execute(_REMOVE_CLIENT, this_idp=idp_id, this_protocol=protocol_id) > 0


# -- logins ------------------------------------------------------------------------------------------------

_DOOR = (
    sa.select(
        *IDENTITY_PROVIDERS.columns.values(),
        *_PROTOCOL_COLUMNS,
        *MAPPINGS.columns.values(),
        *_OIDC_COLUMNS,
    )
    .select_from(FEDERATION_PROTOCOL)
    .join(IDENTITY_PROVIDER, IDENTITY_PROVIDER.c.idp_id == FEDERATION_PROTOCOL.c.idp_id)
    .outerjoin(MAPPING, MAPPING.c.mapping_id == FEDERATION_PROTOCOL.c.mapping_id)
    .outerjoin(
        OIDC_CLIENT,
        sa.and_(
            OIDC_CLIENT.c.idp_id == FEDERATION_PROTOCOL.c.idp_id,
            OIDC_CLIENT.c.protocol_id == FEDERATION_PROTOCOL.c.protocol_id,
        ),
    )
)
_ONE_DOOR = _DOOR.where(_this_protocol)
_OPEN_DOORS = (
    sa.select(FEDERATION_PROTOCOL.c.idp_id)
    .join(IDENTITY_PROVIDER, IDENTITY_PROVIDER.c.idp_id == FEDERATION_PROTOCOL.c.idp_id)
    .join(
        OIDC_CLIENT,
        sa.and_(
            OIDC_CLIENT.c.idp_id == FEDERATION_PROTOCOL.c.idp_id,
            OIDC_CLIENT.c.protocol_id == FEDERATION_PROTOCOL.c.protocol_id,
        ),
    )
    .where(FEDERATION_PROTOCOL.c.protocol_id == _protocol, IDENTITY_PROVIDER.c.enabled)
    .order_by(FEDERATION_PROTOCOL.c.idp_id)
    .limit(2)
)


def find_door(db: Reader, idp_id: str, protocol_id: str) -> Door | None:
    """All that decides about a login; two statements at most."""
    row = db.row(_ONE_DOOR, this_idp=idp_id, this_protocol=protocol_id)
    if row is None:
        return None
    values = iter(row)
    parts = [
        [next(values) for _ in shape.__struct_fields__]
        for shape in (IdentityProvider, FederationProtocol, StoredMapping, OidcSettings)
    ]
    protocol = _protocol_of(parts[1])
    remotes = remotes_of(db, [idp_id])[idp_id] if protocol.remote_id_attribute else ()
    return Door(
        provider=IDENTITY_PROVIDERS.of(parts[0]),
        protocol=protocol,
        mapping=None if parts[2][0] is None else MAPPINGS.of(parts[2]),
        oidc=None if parts[3][0] is None else _oidc_of(parts[3]),
        remote_ids=remotes,
    )


def open_doors(db: Reader, protocol_id: str) -> Sequence[str]:
    """The enabled identity providers that one may sign on to by this protocol; two at most."""
    return [row[0] for row in db.rows(_OPEN_DOORS, this_protocol=protocol_id)]


_FINISH = sa.text(
    "INSERT INTO identity_sign_on_finished (sign_on_id, expires_at) VALUES (:sign_on_id, :expires_at)"
    " ON CONFLICT DO NOTHING"
)
_FORGET_FINISHED = sa.delete(SIGN_ON_FINISHED).where(SIGN_ON_FINISHED.c.expires_at <= sa.bindparam("now"))


def claim_sign_on(tx: Tx, sign_on_id: str, *, expires_at: float) -> bool:
    """Whether this login through a browser has not been finished before; now it has."""
    tx.execute(_FORGET_FINISHED, now=tx.now)
    return tx.execute(_FINISH, sign_on_id=sign_on_id, expires_at=expires_at) > 0


# -- other clouds ------------------------------------------------------------------------------------------

_ENABLED_SERVICE_PROVIDERS = (
    SERVICE_PROVIDERS.all.where(SERVICE_PROVIDER.c.enabled).order_by(SERVICE_PROVIDER.c.sp_id).limit(1000)
)


def enabled_service_providers(db: Reader) -> Sequence[ServiceProvider]:
    return [SERVICE_PROVIDERS.of(row) for row in db.rows(_ENABLED_SERVICE_PROVIDERS)]
