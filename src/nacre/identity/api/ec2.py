"""EC2 credentials, and signatures made with them: for services that speak the protocols of EC2 and S3.

Source: Identity API v3 reference, "OS-EC2".
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from nacre.identity import policy
from nacre.identity.api.changes import changed
from nacre.identity.api.delegation import bound_to, demand_undelegated
from nacre.identity.api.fields import Id, Text
from nacre.identity.api.guard import allowed, demand
from nacre.identity.api.lists import self_link, whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import Proof
from nacre.identity.api.scoping import Aim
from nacre.identity.api.tokens import issued
from nacre.identity.domain.ec2 import Ec2Blob, ec2_id
from nacre.identity.domain.scopes import Scope, ScopeKind
from nacre.identity.domain.signatures import (
    S3_LONGEST_S,
    SignedRequest,
    ec2_signature_holds,
    s3_signature_holds,
    s3_signed_at,
    s3_text,
    signed_at,
)
from nacre.identity.errors import CredentialNotFound
from nacre.identity.standing import Bound, refused
from nacre.identity.store.credentials import STORED_CREDENTIALS, Credential, credentials_of
from nacre.identity.store.projects import PROJECTS
from nacre.identity.store.trusts import TRUSTS
from nacre.identity.store.users import USERS
from nacre.kernel.database import Reader
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route

_PATH = "/v3/users/{user_id}/credentials/OS-EC2"
_NO_SECRET = secrets.token_hex(16)


class CreateEc2(msgspec.Struct, frozen=True, kw_only=True):
    """`tenant_id` is the project that the credential is for."""

    tenant_id: Id


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A request that somebody has signed, as a service hands it on. `token` is what was signed, of S3."""

    access: Text
    signature: Text
    host: str = ""
    verb: str = ""
    path: str = ""
    params: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    body_hash: str | None = None
    token: str = ""


class Ec2Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Under either name."""

    credentials: Signed | None = None
    ec2_credentials: Signed | None = msgspec.field(default=None, name="ec2Credentials")


CREATE = Body(CreateEc2, closed=False)
SIGNED = Body(Ec2Ask, closed=False)


# -- credentials -------------------------------------------------------------------------------------------


def create(call: Call[Parts], ask: CreateEc2, user_id: str) -> Answer:
    """A new pair of keys for a user on a project, no better than the token it is made with.

    Errors: UserNotFound, ProjectNotFound; NotPossible for programs that may make no credentials.
    """
    demand(call, user_id=user_id)
    bound = bound_to(call.parts.authority.admitted(call.token))
    blob = Ec2Blob(
        access=secrets.token_hex(16),
        secret=secrets.token_hex(16),
        trust_id=bound.trust_id or None,
        app_cred_id=bound.credential_id or None,
    )
    credential = Credential(
        credential_id=ec2_id(blob.access),
        user_id=user_id,
        project_id=ask.tenant_id,
        type="ec2",
        sealed_blob=call.parts.seal.seal(msgspec.json.encode(blob).decode()),
    )
    with call.database.write(call.actor) as tx:
        USERS.hold(tx, user_id)
        PROJECTS.hold(tx, ask.tenant_id)
        STORED_CREDENTIALS.insert(tx, credential)
        told = {"user_id": user_id, "project_id": ask.tenant_id, "type": "ec2"}
        changed(tx, "create", "credential", credential.credential_id, after=told)
    return Created({"credential": _view(call, credential, blob)})


def list_all(call: Call[Parts], user_id: str) -> Answer:
    """A user's pairs of keys, not to those who act for others. Errors: UserNotFound, NotPossible."""
    demand(call, user_id=user_id)
    demand_undelegated(call.parts.authority.admitted(call.token))
    with call.database.read() as db:
        USERS.load(db, user_id)
        found = credentials_of(db, user_id, "ec2")
    views = [_view(call, each, blob) for each in found if (blob := _blob(call, each)) is not None]
    return whole(call, "credentials", views)


def show(call: Call[Parts], user_id: str, credential_id: str) -> Answer:
    """A pair of keys, by its access key, not to those who act for others. Errors: CredentialNotFound, NotPossible."""
    demand(call, user_id=user_id)
    demand_undelegated(call.parts.authority.admitted(call.token))
    with call.database.read() as db:
        credential, blob = _found(db, call, user_id, credential_id)
    return Ok({"credential": _view(call, credential, blob)})


def delete(call: Call[Parts], user_id: str, credential_id: str) -> Answer:
    """Forget a pair of keys: nothing signed with it counts any more.

    Errors: CredentialNotFound; NotPossible for programs that may make no credentials.
    """
    if not allowed(call, user_id=user_id) and policy.EC2_GET.allows(call.caller, {"user_id": user_id}):
        with call.database.read() as db:
            _found(db, call, user_id, credential_id)  # Whoever may look is told what is not there.
    demand(call, user_id=user_id)
    bound_to(call.parts.authority.admitted(call.token))
    with call.database.write(call.actor) as tx:
        credential, _ = _found(tx, call, user_id, credential_id)
        STORED_CREDENTIALS.remove(tx, credential.credential_id)
        told = {"user_id": credential.user_id, "project_id": credential.project_id, "type": "ec2"}
        changed(tx, "delete", "credential", credential.credential_id, before=told)
    return NoContent()


def _found(db: Reader, call: Call[Parts], user_id: str, access: str) -> tuple[Credential, Ec2Blob]:
    credential = STORED_CREDENTIALS.find(db, ec2_id(access))
    blob = None if credential is None else _blob(call, credential)
    if credential is None or blob is None:
        raise CredentialNotFound(access)
    # Who may do so to everybody's need not know whose it is.
    if credential.user_id != user_id and not allowed(call, user_id=credential.user_id):
        raise CredentialNotFound(access)
    return credential, blob


def _blob(call: Call[Parts], credential: Credential) -> Ec2Blob | None:
    try:
        return msgspec.json.decode(call.parts.seal.open(credential.sealed_blob), type=Ec2Blob)
    except msgspec.DecodeError:
        return None


def _view(call: Call[Parts], credential: Credential, blob: Ec2Blob) -> dict[str, Any]:
    return {
        "user_id": credential.user_id,
        "tenant_id": credential.project_id,
        "access": blob.access,
        "secret": blob.secret,
        "trust_id": blob.trust_id,
        "links": self_link(call, f"/v3/users/{credential.user_id}/credentials/OS-EC2/{blob.access}"),
    }


# -- signatures --------------------------------------------------------------------------------------------


def check_ec2(call: Call[Parts], ask: Ec2Ask) -> Answer:
    """A token of whoever has signed a request to EC2. Errors: LoginRefused for any signature that does not count."""

    def holds(signed: Signed, secret: str) -> bool:
        request = SignedRequest(
            host=signed.host,
            verb=signed.verb,
            path=signed.path,
            params={name: str(value) for name, value in signed.params.items()},
            headers={name.strip().lower(): str(value) for name, value in signed.headers.items()},
            body_hash=signed.body_hash or hashlib.sha256(b"").hexdigest(),
        )
        at = signed_at(request)
        fresh = at is not None and abs(call.now - at) <= call.parts.auth.signature_lifetime_s
        return ec2_signature_holds(secret, signed.signature, request) and fresh

    return _checked(call, ask, holds)


def check_s3(call: Call[Parts], ask: Ec2Ask) -> Answer:
    """A token of whoever has signed a request to S3. Errors: LoginRefused for any signature that does not count."""

    def holds(signed: Signed, secret: str) -> bool:
        said = s3_text(signed.token)
        if not said:
            return False
        at = s3_signed_at(said) if said.startswith(b"AWS4") else call.now
        ttl_s = call.parts.auth.signature_lifetime_s
        fresh = at is not None and call.now - S3_LONGEST_S <= at <= call.now + ttl_s
        return s3_signature_holds(secret, signed.signature, said) and fresh

    return _checked(call, ask, holds)


def _checked(call: Call[Parts], ask: Ec2Ask, holds: Callable[[Signed, str], bool]) -> Answer:
    signed = ask.credentials or ask.ec2_credentials
    if signed is None:
        raise refused("no signature is given")
    with call.database.read() as db:
        credential = STORED_CREDENTIALS.find(db, ec2_id(signed.access))
    blob = _blob(call, credential) if credential is not None and credential.type == "ec2" else None
    right = holds(signed, blob.secret if blob else _NO_SECRET)
    if credential is None or blob is None or not right:
        raise refused(f"the signature with access key {signed.access!r} does not hold")
    return issued(call, _aim(call, credential, blob), _proof(credential), status=200)


def _proof(credential: Credential) -> Proof:
    return Proof(user_id=credential.user_id, methods=("ec2credential",))


def _aim(call: Call[Parts], credential: Credential, blob: Ec2Blob) -> Aim:
    """What a pair of keys is good for: its project; and no more than what it was made by."""
    scope = Scope(ScopeKind.PROJECT, credential.project_id or "")
    if blob.trust_id:
        with call.database.read() as db:
            trust = TRUSTS.find(db, blob.trust_id)
        concerned = trust and credential.user_id in (trust.trustor_user_id, trust.trustee_user_id)
        if trust is None or not concerned or not trust.usable(now=call.now):
            raise refused("the trust it was made by counts no more")
        return Aim(user_id=trust.user_id, scope=scope, bound=Bound(trust_id=trust.trust_id))
    return Aim(user_id=credential.user_id, scope=scope, bound=Bound(credential_id=blob.app_cred_id or ""))


ROUTES = (
    Route("GET", _PATH, list_all, policy.EC2_LIST),
    Route("POST", _PATH, create, policy.EC2_CREATE, CREATE),
    Route("GET", f"{_PATH}/{{credential_id}}", show, policy.EC2_GET),
    Route("DELETE", f"{_PATH}/{{credential_id}}", delete, policy.EC2_DELETE),
    Route("POST", "/v3/ec2tokens", check_ec2, policy.CHECK_SIGNATURE, SIGNED),
    Route("POST", "/v3/s3tokens", check_s3, policy.CHECK_SIGNATURE, SIGNED),
)
