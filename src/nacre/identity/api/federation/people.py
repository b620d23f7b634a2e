"""Who a user is for identity providers, as part of the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nacre.identity.api.federation.fields import ProviderId
from nacre.identity.errors import ProtocolNotFound
from nacre.identity.store.federated_users import FederatedUser, set_federated
from nacre.identity.store.federation import load_protocol
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad

_UniqueId = Annotated[str, Meta(min_length=1, max_length=255)]


class ProvenBy(msgspec.Struct, frozen=True, kw_only=True):
    protocol_id: ProviderId
    unique_id: _UniqueId


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Who a user is for one identity provider, by each of its protocols."""

    idp_id: ProviderId
    protocols: Annotated[tuple[ProvenBy, ...], Meta(min_length=1, max_length=100)]


Federated = Annotated[tuple[Elsewhere, ...], Meta(max_length=100)]


def set_elsewhere(tx: Tx, user_id: str, federated: Sequence[Elsewhere]) -> Sequence[FederatedUser]:
    """Let the user be these elsewhere, and nobody else. Raises Bad for a protocol that is not there, Duplicate."""
    users = [
        FederatedUser(idp_id=each.idp_id, protocol_id=by.protocol_id, unique_id=by.unique_id, user_id=user_id)
        for each in federated
        for by in each.protocols
    ]
    try:
        for idp_id, protocol_id in sorted({(user.idp_id, user.protocol_id) for user in users}):
            load_protocol(tx, idp_id, protocol_id)
    except ProtocolNotFound as problem:
        raise Bad(str(problem), where="user.federated") from problem
    set_federated(tx, user_id, users)
    return users


def elsewhere_view(users: Sequence[FederatedUser]) -> dict[str, Any]:
    """What this adds to the view of a user; nothing for one who is nobody elsewhere."""
    by_provider: dict[str, list[dict[str, str]]] = {}
    for user in users:
        proven_by = {"protocol_id": user.protocol_id, "unique_id": user.unique_id}
        by_provider.setdefault(user.idp_id, []).append(proven_by)
    listed = [{"idp_id": idp_id, "protocols": protocols} for idp_id, protocols in by_provider.items()]
    return {"federated": listed} if listed else {}
