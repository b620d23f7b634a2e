"""Credentials: secrets of users that identity keeps for other services, such as EC2 keys."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.fields import UNSET, Extra, Id, LongName, Unset
from nacre.identity.api.guard import allowed, demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.store.credentials import STORED_CREDENTIALS, Credential
from nacre.identity.store.projects import PROJECTS
from nacre.identity.store.users import USERS
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad, NotFound
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id
from nacre.kernel.policy import NotAllowed


class CreateCredential(msgspec.Struct, frozen=True, kw_only=True):
    blob: str
    type: LongName
    user_id: Id
    project_id: Id | None = None
    extra: Extra = {}


class UpdateCredential(msgspec.Struct, frozen=True, kw_only=True):
    blob: str | Unset = UNSET
    type: LongName | Unset = UNSET
    user_id: Id | Unset = UNSET
    project_id: Id | Unset | None = UNSET
    extra: Extra = {}


class Ec2Blob(msgspec.Struct, frozen=True, kw_only=True):
    """What the blob of an `ec2` credential must say at least."""

    access: str
    secret: str


CREATE = Body(CreateCredential, key="credential", rest="extra")
UPDATE = Body(UpdateCredential, key="credential", rest="extra")


def create(call: Call[Parts], ask: CreateCredential) -> Answer:
    """Keep a secret for a user. Errors: Bad for an `ec2` one without project or keys, Taken."""
    demand(call, user_id=ask.user_id)
    credential = Credential(
        credential_id=_id_of(ask),
        user_id=ask.user_id,
        project_id=ask.project_id,
        type=ask.type,
        sealed_blob=call.parts.seal.seal(ask.blob),
        extra=ask.extra,
    )
    with name_free("credential", credential.credential_id), call.database.write(call.actor) as tx:
        _check_ends(tx, credential)
        STORED_CREDENTIALS.insert(tx, credential)
        changed(tx, "create", "credential", credential.credential_id, after=_told(credential))
    return Created({"credential": _view(call, credential)})


def _id_of(ask: CreateCredential) -> str:
    """An `ec2` credential is found by its access key, so its id derives from that.

    Source: Identity API v3 reference, "Create credential".
    """
    if ask.type != "ec2":
        return new_hex_id()
    if ask.project_id is None:
        raise Bad("An ec2 credential is for a project.", where="credential.project_id")
    try:
        blob = msgspec.json.decode(ask.blob, type=Ec2Blob)
    except msgspec.DecodeError as error:
        raise Bad("It must hold an access key and a secret key, as JSON.", where="credential.blob") from error
    return hashlib.sha256(blob.access.encode()).hexdigest()


def list_all(call: Call[Parts]) -> Answer:
    """The caller's own credentials; everybody's for the admin. Filters `user_id` and `type`."""
    filters = text_filters(call, "user_id", "type")
    if not allowed(call):
        own = call.caller.user_id
        if filters.get("user_id", own) != own:
            raise NotAllowed(call.route.policy.name)
        filters["user_id"] = own
    with call.database.read() as db:
        page, rows = page_from(db, call, STORED_CREDENTIALS, filters, first="credential_id")
    return listed(
        call, "credentials", rows, page, lambda row: _view(call, row), id_of=lambda row: row.credential_id
    )


def show(call: Call[Parts], credential_id: str) -> Answer:
    """A credential with its secret. Errors: CredentialNotFound."""
    with call.database.read() as db:
        credential = STORED_CREDENTIALS.find(db, credential_id)
        demand(call, user_id=credential.user_id if credential else "\0")
        return Ok({"credential": _view(call, STORED_CREDENTIALS.load(db, credential_id))})


def update(call: Call[Parts], ask: UpdateCredential, credential_id: str) -> Answer:
    """Change what is given. Errors: CredentialNotFound, Bad."""
    with call.database.write(call.actor) as tx:
        before = _locked(tx, call, credential_id)
        after = updated(before, ask)
        if isinstance(ask.blob, str):
            after = msgspec.structs.replace(after, sealed_blob=call.parts.seal.seal(ask.blob))
        demand(call, user_id=after.user_id)
        _check_ends(tx, after)
        STORED_CREDENTIALS.update(tx, after)
        changed(tx, "update", "credential", credential_id, before=_told(before), after=_told(after))
    return Ok({"credential": _view(call, after)})


def delete(call: Call[Parts], credential_id: str) -> Answer:
    """Forget a secret. Errors: CredentialNotFound."""
    with call.database.write(call.actor) as tx:
        before = _locked(tx, call, credential_id)
        STORED_CREDENTIALS.remove(tx, credential_id)
        changed(tx, "delete", "credential", credential_id, before=_told(before))
    return NoContent()


def _locked(tx: Tx, call: Call[Parts], credential_id: str) -> Credential:
    credential = STORED_CREDENTIALS.find(tx, credential_id)
    demand(call, user_id=credential.user_id if credential else "\0")
    return STORED_CREDENTIALS.lock(tx, credential_id)


def _check_ends(tx: Tx, credential: Credential) -> None:
    """Raise Bad unless there are such a user and project."""
    try:
        USERS.hold(tx, credential.user_id)
        if credential.project_id is not None:
            PROJECTS.hold(tx, credential.project_id)
    except NotFound as error:
        raise Bad(str(error), where="credential") from error


def _told(credential: Credential) -> dict[str, Any]:
    """What the event log may know of it."""
    return {"user_id": credential.user_id, "project_id": credential.project_id, "type": credential.type}


def _view(call: Call[Parts], credential: Credential) -> dict[str, Any]:
    return dict(credential.extra) | {
        "id": credential.credential_id,
        "user_id": credential.user_id,
        "project_id": credential.project_id,
        "type": credential.type,
        "blob": call.parts.seal.open(credential.sealed_blob),
        "links": self_link(call, f"/v3/credentials/{credential.credential_id}"),
    }
