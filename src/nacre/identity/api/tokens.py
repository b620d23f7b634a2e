"""The door where tokens are made, checked and revoked.

Source: Identity API v3 reference, "Authentication and token management".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.identity.api.guard import allowed
from nacre.identity.api.login import AUTH, Auth, ScopeAsk
from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import METHODS, Claimed, Proof, agreed
from nacre.identity.api.scoping import scope_of
from nacre.identity.api.token_view import is_scoped, token_view
from nacre.identity.authority import refused
from nacre.identity.domain.tokens import LONGEST_TOKEN
from nacre.identity.errors import TokenNotFound
from nacre.kernel.errors import Bad, Unauthenticated
from nacre.kernel.events import Event
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.policy import Caller, NotAllowed

__all__ = ["AUTH", "issue", "revoke", "show", "show_catalog"]


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
    return await call.in_thread(_issue, call, ask.scope, agreed(proofs))


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
    return _issue(call, ask.scope, agreed(proofs)) if len(proofs) == len(claimed) else claimed


def _issue(call: Call[Parts], ask: ScopeAsk | str | None, proof: Proof) -> Answer:
    authority = call.parts.authority
    scope = scope_of(call, ask, proof)
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


def _body(call: Call[Parts], caller: Caller) -> dict[str, Any]:
    view = token_view(caller)
    if is_scoped(caller) and call.one("nocatalog") is None:
        view["catalog"] = _catalog(call, caller)
    return {"token": view}


def _catalog(call: Call[Parts], caller: Caller) -> msgspec.Raw:
    return call.parts.authority.catalog_view(project_id=caller.project_id, user_id=caller.user_id)
