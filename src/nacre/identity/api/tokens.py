"""The door where tokens are made, checked and revoked.

Source: Identity API v3 reference, "Authentication and token management".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from nacre.identity.api.fields import Password, Text
from nacre.identity.api.guard import allowed
from nacre.identity.api.parts import Parts
from nacre.identity.authority import Authority, refused
from nacre.identity.domain.scopes import SYSTEM, UNSCOPED, Scope, ScopeKind
from nacre.identity.domain.tokens import LONGEST_TOKEN
from nacre.identity.errors import LoginRefused, TokenNotFound
from nacre.identity.store import application_credentials, users
from nacre.identity.store.application_credentials import CredentialSecret
from nacre.identity.store.projects import find_by_name, find_domain_id
from nacre.identity.store.users import Login
from nacre.kernel.clock import iso_micro
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad, NotImplementedHere, Unauthenticated
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.policy import Caller, NotAllowed

# -- what is asked -----------------------------------------------------------------------------------------


class DomainRef(msgspec.Struct, frozen=True, kw_only=True):
    """A domain by id, or by name."""

    id: Text | None = None
    name: Text | None = None


class UserRef(msgspec.Struct, frozen=True, kw_only=True):
    """A user by id, or by name within a domain."""

    id: Text | None = None
    name: Text | None = None
    domain: DomainRef = DomainRef()


class PasswordUser(UserRef, frozen=True, kw_only=True):
    """A user with the password that is to prove it."""

    password: Password


class PasswordMethod(msgspec.Struct, frozen=True, kw_only=True):
    user: PasswordUser


class TokenMethod(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class CredentialMethod(msgspec.Struct, frozen=True, kw_only=True):
    """An application credential by id, or by name and user."""

    id: Text | None = None
    name: Text | None = None
    secret: Password
    user: UserRef = UserRef()


class Proofs(msgspec.Struct, frozen=True, kw_only=True):
    """How the caller means to prove who they are; all of `methods` must succeed."""

    methods: tuple[Text, ...]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None
    application_credential: CredentialMethod | None = None


class ProjectRef(msgspec.Struct, frozen=True, kw_only=True):
    """A project by id, or by name within a domain."""

    id: Text | None = None
    name: Text | None = None
    domain: DomainRef = DomainRef()


class SystemRef(msgspec.Struct, frozen=True, kw_only=True):
    all: bool


class ScopeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One of these; `unscoped` asks for nothing, where silence asks for the user's default project."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    system: SystemRef | None = None
    unscoped: dict[str, Any] | None = None
    trust: dict[str, Any] | None = msgspec.field(default=None, name="OS-TRUST:trust")


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    identity: Proofs
    scope: ScopeAsk | str | None = None


AUTH = Body(Auth, key="auth", closed=False)


class NoTrusts(NotImplementedHere):
    """Trusts are left out."""

    def __str__(self) -> str:
        return "Tokens scoped to a trust (OS-TRUST) are not implemented."


# -- proving -----------------------------------------------------------------------------------------------


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody has proven to be, and what bounds the token to be made."""

    user_id: str
    methods: tuple[str, ...]
    expires_at: float | None = None
    parent_audit_id: str = ""
    credential_id: str = ""
    only_scope: Scope | None = None


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A proof that holds once `secret` is found to be the one whose hash is `known`.

    Without a `secret` it holds already. A claim of somebody unknown has no proof, and takes as long to refuse.
    """

    proof: Proof | None
    secret: str | None = None
    known: str | None = None


def _by_password(call: Call[Parts], proofs: Proofs) -> Claimed:
    user = _given(proofs.password, "password").user
    login = _find_login(call, user)
    if login is None:
        return Claimed(proof=None, secret=user.password)
    proof = Proof(user_id=login.user.user_id, methods=("password",))
    return Claimed(proof=proof, secret=user.password, known=login.password_hash)


def _find_login(call: Call[Parts], who: UserRef) -> Login | None:
    with call.database.read() as db:
        if who.id is not None:
            return users.find_login_by_id(db, who.id)
        if who.name is None:
            raise Bad("Expecting to find id or name in user.", where="auth.identity")
        domain_id = _domain_id(db, who.domain)
        return None if domain_id is None else users.find_login_by_name(db, domain_id, who.name)


def _by_token(call: Call[Parts], proofs: Proofs) -> Claimed:
    token, authority = _given(proofs.token, "token").id, call.parts.authority
    caller = authority.authenticate(token)
    claims = authority.claims_of(token)
    proof = Proof(
        user_id=caller.user_id,
        methods=("token", *caller.methods),
        expires_at=caller.expires_at,
        # The chain is named after its first token, however often it is rescoped.
        parent_audit_id=caller.audit_ids[-1],
        credential_id=claims.credential_id,
        only_scope=claims.scope if claims.credential_id else None,
    )
    return Claimed(proof=proof)


def _by_application_credential(call: Call[Parts], proofs: Proofs) -> Claimed:
    method = _given(proofs.application_credential, "application_credential")
    found = _find_credential(call, method)
    if found is None or (found.credential.expires_at or call.now + 1) <= call.now:
        return Claimed(proof=None, secret=method.secret, known=found.secret_hash if found else None)
    proof = Proof(
        user_id=found.credential.user_id,
        methods=("application_credential",),
        credential_id=found.credential.credential_id,
        only_scope=Scope(ScopeKind.PROJECT, found.credential.project_id),
    )
    return Claimed(proof=proof, secret=method.secret, known=found.secret_hash)


def _find_credential(call: Call[Parts], method: CredentialMethod) -> CredentialSecret | None:
    if method.id is None and method.name is None:
        raise Bad("Expecting to find id or name.", where="auth.identity.application_credential")
    login = None if method.id is not None else _find_login(call, method.user)
    with call.database.read() as db:
        if method.id is not None:
            return application_credentials.find_secret_by_id(db, method.id)
        user_id = login.user.user_id if login else ""
        return application_credentials.find_secret_by_name(db, user_id, method.name or "")


def _given(method: Any, name: str) -> Any:
    if method is None:
        raise Bad(f"Expecting to find {name} in identity.", where="auth.identity")
    return method


METHODS: Mapping[str, Callable[[Call[Parts], Proofs], Claimed]] = {
    "password": _by_password,
    "token": _by_token,
    "application_credential": _by_application_credential,
}


def _agreed(proofs: list[Proof]) -> Proof:
    """All proofs as one: of one user, and bounded by each of them. Raises LoginRefused."""
    first = proofs[0]
    if any(proof.user_id != first.user_id for proof in proofs):
        raise refused("the methods prove different users")
    bounded = next((proof for proof in proofs if proof.credential_id), first)
    return msgspec.structs.replace(
        bounded,
        methods=tuple(method for proof in proofs for method in proof.methods),
        expires_at=min((p.expires_at for p in proofs if p.expires_at is not None), default=None),
        parent_audit_id=next((p.parent_audit_id for p in proofs if p.parent_audit_id), ""),
    )


# -- scopes ------------------------------------------------------------------------------------------------


def _scope_of(call: Call[Parts], ask: ScopeAsk | str | None, proof: Proof) -> Scope:
    """The scope asked for. Raises LoginRefused where there is no such thing, Bad where none is named."""
    if isinstance(ask, str):
        if ask != "unscoped":
            raise Bad(f"'{ask[:60]}' is not a scope.", where="auth.scope")
        ask = ScopeAsk(unscoped={})
    if ask is None:
        return proof.only_scope or _default_scope(call.parts.authority, proof.user_id)
    if ask.trust is not None:
        raise NoTrusts
    with call.database.read() as db:
        scope = _named_scope(db, ask)
    if proof.only_scope is not None and scope != proof.only_scope:
        raise refused("an application credential is for its own project only")
    return scope


def _named_scope(db: Reader, ask: ScopeAsk) -> Scope:
    named = [part for part in (ask.project, ask.domain, ask.system, ask.unscoped) if part is not None]
    if len(named) != 1:
        raise Bad("Expecting exactly one of project, domain, system or unscoped.", where="auth.scope")
    if ask.project is not None:
        return Scope(ScopeKind.PROJECT, _project_id(db, ask.project))
    if ask.domain is not None:
        return Scope(ScopeKind.DOMAIN, _required(_domain_id(db, ask.domain)))
    if ask.system is not None and not ask.system.all:
        raise Bad("The system can only be had as a whole: all must be true.", where="auth.scope.system")
    return SYSTEM if ask.system is not None else UNSCOPED


def _project_id(db: Reader, ref: ProjectRef) -> str:
    if ref.id is not None:
        return ref.id
    if ref.name is None:
        raise Bad("Expecting to find id or name in project.", where="auth.scope.project")
    project = find_by_name(db, _required(_domain_id(db, ref.domain)), ref.name)
    return _required(project.project_id if project else None)


def _domain_id(db: Reader, ref: DomainRef) -> str | None:
    if ref.id:
        return ref.id
    if not ref.name:
        raise Bad("Expecting to find id or name in domain.", where="auth")
    return find_domain_id(db, ref.name)


def _required(found: str | None) -> str:
    if not found:
        raise refused("there is no such project or domain")
    return found


def _default_scope(authority: Authority, user_id: str) -> Scope:
    """The user's default project where it can be used, else nothing."""
    default = authority.standing(user_id, UNSCOPED).access.user.default_project_id
    if not default:
        return UNSCOPED
    scope = Scope(ScopeKind.PROJECT, default)
    try:
        authority.standing(user_id, scope)
    except LoginRefused:
        return UNSCOPED
    return scope


# -- handlers ----------------------------------------------------------------------------------------------


async def issue(call: Call[Parts], ask: Auth) -> Answer:
    """Prove who calls, and give a token for the scope they ask for. Nothing is written.

    Errors: LoginRefused, in the same words for every reason; TooManyLogins.
    """
    claimed = await call.in_thread(_claimed, call, ask)
    if isinstance(claimed, Answer):
        return claimed
    proofs = []
    for claim in claimed:
        right = claim.secret is None or await call.parts.passwords.secret_matches(claim.secret, claim.known)
        if claim.proof is None or not right:
            raise refused("a name or a secret is wrong")
        proofs.append(claim.proof)
    return await call.in_thread(_issue, call, ask.scope, _agreed(proofs))


def _claimed(call: Call[Parts], ask: Auth) -> Sequence[Claimed] | Answer:
    """What is claimed by each method; or the answer at once, where no secret needs to be checked."""
    methods = dict.fromkeys(ask.identity.methods)
    if not methods:
        raise Bad("At least one method is needed.", where="auth.identity.methods")
    unknown = methods.keys() - METHODS.keys()
    if unknown:
        raise refused(f"unknown methods {sorted(unknown)}")
    claimed = [METHODS[method](call, ask.identity) for method in methods]
    proofs = [claim.proof for claim in claimed if claim.proof is not None and claim.secret is None]
    return _issue(call, ask.scope, _agreed(proofs)) if len(proofs) == len(claimed) else claimed


def _issue(call: Call[Parts], ask: ScopeAsk | str | None, proof: Proof) -> Answer:
    authority = call.parts.authority
    scope = _scope_of(call, ask, proof)
    standing = authority.standing(proof.user_id, scope, proof.credential_id)
    token, caller = authority.issue(
        standing,
        scope,
        methods=proof.methods,
        expires_at=proof.expires_at,
        parent_audit_id=proof.parent_audit_id,
        credential_id=proof.credential_id,
    )
    headers = {"X-Subject-Token": token, "Vary": "X-Auth-Token"}
    return Answer(_body(call, caller), 201, headers)


def show(call: Call[Parts]) -> Answer:
    """What a token stands for. Errors: TokenNotFound for one that does not count (any more)."""
    token, caller = _subject(call)
    if not allowed(call, user_id=caller.user_id):
        raise NotAllowed(call.route.policy.name)
    return Answer(_body(call, caller), 200, {"X-Subject-Token": token, "Vary": "X-Auth-Token"})


def revoke(call: Call[Parts]) -> Answer:
    """Let a token count no more, from now on."""
    _, caller = _subject(call)
    if not allowed(call, user_id=caller.user_id):
        raise NotAllowed(call.route.policy.name)
    with call.database.write(call.actor) as tx:
        call.parts.authority.revoke(tx, caller)
        tx.record(Event(action="revoke", kind="token", subject=caller.audit_ids[0]))
    return NoContent()


def show_catalog(call: Call[Parts]) -> Answer:
    """The catalogue, as the caller's token has it."""
    links = {"self": call.url("/v3/auth/catalog"), "previous": None, "next": None}
    return Ok({"catalog": _catalog(call, call.caller), "links": links})


def _subject(call: Call[Parts]) -> tuple[str, Caller]:
    token = call.headers.get("x-subject-token", "")
    try:
        return token, call.parts.authority.authenticate(token[: LONGEST_TOKEN + 1])
    except Unauthenticated as error:
        raise TokenNotFound from error


# -- views -------------------------------------------------------------------------------------------------


def _body(call: Call[Parts], caller: Caller) -> dict[str, Any]:
    view = token_view(caller)
    if _is_scoped(caller) and call.one("nocatalog") is None:
        view["catalog"] = _catalog(call, caller)
    return {"token": view}


def _catalog(call: Call[Parts], caller: Caller) -> msgspec.Raw:
    return call.parts.authority.catalog_view(project_id=caller.project_id, user_id=caller.user_id)


def _is_scoped(caller: Caller) -> bool:
    return bool(caller.project_id or caller.domain_id or caller.system)


def token_view(caller: Caller) -> dict[str, Any]:
    """A token as callers see it, without the catalogue."""
    view: dict[str, Any] = {
        "methods": caller.methods,
        "user": {
            "id": caller.user_id,
            "name": caller.user_name,
            "domain": {"id": caller.user_domain_id, "name": caller.user_domain_name},
            "password_expires_at": None,
        },
        "audit_ids": caller.audit_ids,
        "expires_at": iso_micro(caller.expires_at),
        "issued_at": iso_micro(caller.issued_at),
    }
    if caller.project_id:
        view["project"] = {
            "id": caller.project_id,
            "name": caller.project_name,
            "domain": {"id": caller.project_domain_id, "name": caller.project_domain_name},
        }
        view["is_domain"] = False
    if caller.domain_id:
        view["domain"] = {"id": caller.domain_id, "name": caller.domain_name}
    if caller.system:
        view["system"] = {"all": True}
    if _is_scoped(caller):
        view["roles"] = [
            {"id": role_id, "name": name} for role_id, name in zip(caller.role_ids, caller.roles, strict=True)
        ]
    return view
