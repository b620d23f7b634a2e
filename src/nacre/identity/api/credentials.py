"""Credentials: secrets of users that identity keeps for other services, such as EC2 keys."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.delegation import bound_to, demand_undelegated
from nacre.identity.api.fields import UNSET, Extra, Id, LongName, Unset
from nacre.identity.api.guard import allowed, demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.domain.ec2 import Ec2Blob, ec2_id
from nacre.identity.standing import UNBOUND, Bound
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


CREATE = Body(CreateCredential, key="credential", rest="extra")
UPDATE = Body(UpdateCredential, key="credential", rest="extra")


def create(call: Call[Parts], ask: CreateCredential) -> Answer:
    """Keep a secret for a user; keys for EC2 are no better than the token they are kept with.

    Errors: Bad for an `ec2` one without project or keys; Taken; NotPossible for programs that may make no credentials.
    """
    demand(call, user_id=ask.user_id)
    admitted = call.parts.authority.admitted(call.token)
    bound = bound_to(admitted)
    if ask.type != "ec2":
        demand_undelegated(admitted)
    credential_id, blob = _kept(ask, bound)
    credential = Credential(
        credential_id=credential_id,
        user_id=ask.user_id,
        project_id=ask.project_id,
        type=ask.type,
        sealed_blob=call.parts.seal.seal(blob),
        extra=ask.extra,
    )
    with name_free("credential", credential.credential_id), call.database.write(call.actor) as tx:
        _check_ends(tx, credential)
        STORED_CREDENTIALS.insert(tx, credential)
        changed(tx, "create", "credential", credential.credential_id, after=_told(credential))
    return Created({"credential": _view(call, credential)})


def _kept(ask: CreateCredential, bound: Bound) -> tuple[str, str]:
    """The id of a new credential, and its blob as it is to be kept."""
    if ask.type != "ec2":
        return new_hex_id(), ask.blob
    if ask.project_id is None:
        raise Bad("An ec2 credential is for a project.", where="credential.project_id")
    blob = _ec2_blob(ask.blob)
    if bound == UNBOUND and (blob.trust_id, blob.app_cred_id) == (None, None):
        return ec2_id(blob.access), ask.blob
    blob = msgspec.structs.replace(
        blob, trust_id=bound.trust_id or None, app_cred_id=bound.credential_id or None
    )
    return ec2_id(blob.access), msgspec.json.encode(blob).decode()


def _ec2_blob(text: str) -> Ec2Blob:
    try:
        return msgspec.json.decode(text, type=Ec2Blob)
    except msgspec.DecodeError as error:
        raise Bad("It must hold an access key and a secret key, as JSON.", where="credential.blob") from error


def _check_same_bounds(before: Credential, after: Credential, had: str, now: str) -> None:
    """Raise Bad where a change of the blob, or of the type, would free keys for EC2 of what they are bound by."""
    if (before.type == "ec2") != (after.type == "ec2"):
        raise Bad("Keys for EC2 stay what they are, and nothing else becomes that.", where="credential.type")
    if after.type == "ec2":
        first, second = _ec2_blob(had), _ec2_blob(now)
        if (first.trust_id, first.app_cred_id) != (second.trust_id, second.app_cred_id):
            raise Bad("What the keys are bound by cannot be changed.", where="credential.blob")


def list_all(call: Call[Parts]) -> Answer:
    """The caller's own credentials; everybody's for the admin. Filters `user_id` and `type`.

    Secrets are not shown to those who act for others: they would be more than they were lent. Errors: NotPossible.
    """
    demand_undelegated(call.parts.authority.admitted(call.token))
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
    """A credential with its secret, not to those who act for others. Errors: CredentialNotFound, NotPossible."""
    demand_undelegated(call.parts.authority.admitted(call.token))
    with call.database.read() as db:
        credential = STORED_CREDENTIALS.find(db, credential_id)
        demand(call, user_id=credential.user_id if credential else "\0")
        return Ok({"credential": _view(call, STORED_CREDENTIALS.load(db, credential_id))})


def update(call: Call[Parts], ask: UpdateCredential, credential_id: str) -> Answer:
    """Change what is given, but nothing that keys for EC2 are bound by.

    Errors: CredentialNotFound, Bad; NotPossible for programs that may make no credentials.
    """
    demand_undelegated(call.parts.authority.admitted(call.token))
    with call.database.write(call.actor) as tx:
        before = _locked(tx, call, credential_id)
        after = updated(before, ask)
        kept = call.parts.seal.open(before.sealed_blob)
        _check_same_bounds(before, after, kept, ask.blob if isinstance(ask.blob, str) else kept)
        if isinstance(ask.blob, str):
            after = msgspec.structs.replace(after, sealed_blob=call.parts.seal.seal(ask.blob))
        demand(call, user_id=after.user_id)
        _check_ends(tx, after)
        STORED_CREDENTIALS.update(tx, after)
        changed(tx, "update", "credential", credential_id, before=_told(before), after=_told(after))
    return Ok({"credential": _view(call, after)})


def delete(call: Call[Parts], credential_id: str) -> Answer:
    """Forget a secret. Errors: CredentialNotFound; NotPossible for programs that may make no credentials."""
    bound_to(call.parts.authority.admitted(call.token))
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
