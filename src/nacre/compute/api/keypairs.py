"""Key pairs: given or made here. They belong to users; administrators may name another user."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from nacre.compute.api.common import Parts
from nacre.compute.domain.keypairs import Keypair, fingerprint_of, new_keys
from nacre.compute.domain.quotas import check_amounts
from nacre.compute.store import keypairs, quotas
from nacre.compute.store.tables import KEYPAIR
from nacre.kernel.clock import iso_micro
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http import paging
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.http.paging import Order
from nacre.kernel.http.versions import Version, Windows, since
from nacre.kernel.policy import NotAllowed

KeyName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A(?!\s)[A-Za-z0-9 _.@-]*[A-Za-z0-9_.@-]\Z")
]
PublicKey = Annotated[str, msgspec.Meta(min_length=1, max_length=65535)]
UserText = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]

_WINDOWS = Windows({"type": since("2.2")})
_WITH_TYPE: Final = since("2.2")
_FOR_OTHERS: Final = since("2.10")
_PAGED: Final = since("2.35")
_NOTHING_MADE: Final = since("2.92")


class CreateKeypair(msgspec.Struct, frozen=True, kw_only=True):
    """A key to keep, or, without one, a pair to make."""

    name: KeyName
    public_key: PublicKey | None = None
    type: Literal["ssh", "x509"] = "ssh"
    user_id: UserText | None = None


CREATE = Body(
    CreateKeypair,
    key="keypair",
    windows={"type": since("2.2"), "user_id": since("2.10")},
    required={"public_key": _NOTHING_MADE},
)


def create(call: Call[Parts], ask: CreateKeypair) -> Answer:
    """Keep a public key, or make a pair whose private half only this answer shows.

    Errors: KeypairExists, BadPublicKey, QuotaReached.
    """
    user_id = _owner(call, ask.user_id)
    made = None if ask.public_key else new_keys(ask.name, ask.type)
    public_key = made.public_key if made else str(ask.public_key)
    fingerprint = fingerprint_of(public_key, ask.type)
    with call.database.write(call.actor) as tx:
        room = quotas.rooms(tx, call.project_id, ["server_key_pairs"])
        check_amounts(room, {"server_key_pairs": keypairs.count(tx, user_id) + 1})
        keypairs.insert(tx, user_id, ask.name, kind=ask.type, fingerprint=fingerprint, public_key=public_key)
        tx.record(
            Event(action="create", kind="keypair", subject=ask.name, after={"fingerprint": fingerprint})
        )
    view: dict[str, Any] = {
        "name": ask.name,
        "type": ask.type,
        "public_key": public_key,
        "fingerprint": fingerprint,
        "user_id": user_id,
    }
    if made:
        view["private_key"] = made.private_key
    return Answer(
        {"keypair": _WINDOWS.project(view, call.version)}, 201 if call.version in _WITH_TYPE else 200
    )


def listed(call: Call[Parts]) -> Answer:
    """A user's key pairs."""
    user_id = _owner(call, call.one("user_id"))
    statement = keypairs.SELECT.where(KEYPAIR.c.user_id == user_id)
    with call.database.read() as db:
        if call.version not in _PAGED:
            found = list(keypairs.listed(db, statement.order_by(KEYPAIR.c.name).limit(1000)))
            return Ok({"keypairs": [{"keypair": _short_view(each, call.version)} for each in found]})
        return Ok(_page(call, db, statement))


def _page(call: Call[Parts], db: Reader, statement: Any) -> dict[str, Any]:
    page = paging.page_of(call, sortable=[], default=[Order("name", False)])
    # The marker is a name, and names are unique for one user.
    if page.marker is not None:
        statement = statement.where(KEYPAIR.c.name > page.marker)
    found = list(keypairs.listed(db, statement.order_by(KEYPAIR.c.name).limit(page.limit + 1)))
    body = {"keypairs": [{"keypair": _short_view(each, call.version)} for each in found[: page.limit]]}
    return body | paging.links(call, "keypairs", found, page, id_of=lambda each: each.name)


def show(call: Call[Parts], name: str) -> Answer:
    """One key pair. Raises KeypairNotFound."""
    with call.database.read() as db:
        found = keypairs.load(db, _owner(call, call.one("user_id")), name)
    view = _short_view(found, call.version) | {
        "user_id": found.user_id,
        "id": found.number,
        "created_at": iso_micro(found.created_at, zulu=False),
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
    }
    return Ok({"keypair": view})


def delete(call: Call[Parts], name: str) -> Answer:
    """Delete a key pair. Raises KeypairNotFound."""
    with call.database.write(call.actor) as tx:
        keypairs.delete(tx, _owner(call, call.one("user_id")), name)
        tx.record(Event(action="delete", kind="keypair", subject=name))
    return NoContent() if call.version in _WITH_TYPE else Answer(None, 202)


def _short_view(keypair: Keypair, version: Version) -> dict[str, Any]:
    view = {
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
        "type": keypair.kind,
    }
    return _WINDOWS.project(view, version)


def _owner(call: Call[Parts], named: str | None) -> str:
    """Whose key pairs are meant. Only administrators may name somebody else."""
    if named is None:
        return call.caller.user_id
    if call.version not in _FOR_OTHERS:
        raise Bad("it is not known in this version.", where="user_id")
    if named != call.caller.user_id and not call.may({"user_id": named}):
        raise NotAllowed(call.route.policy.name)
    return named
