"""The door where tokens are made, checked and revoked.

Source: Identity API v3 reference, "Authentication and token management".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.identity.api.elsewhere import prove_elsewhere
from nacre.identity.api.guard import allowed
from nacre.identity.api.lists import whole
from nacre.identity.api.login import AUTH, Auth, ScopeAsk
from nacre.identity.api.logins import note_active, prove_password
from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import (
    METHODS,
    Claimed,
    Passcode,
    Proof,
    agreed,
    guesses_of,
    guessing_rules,
    token_given,
)
from nacre.identity.api.receipts import receipt_for, with_receipt
from nacre.identity.api.scoping import Aim, aim_of
from nacre.identity.api.token_view import is_scoped, token_view
from nacre.identity.authority import Admitted
from nacre.identity.domain.trusts import Trust
from nacre.identity.errors import LoginRefused, NotPossible, TokenNotFound, TrustNotFound
from nacre.identity.standing import refused
from nacre.identity.store.credentials import claim_passcode
from nacre.identity.store.logins import forget_failures_unless_locked
from nacre.identity.store.tokens import load_revocations
from nacre.identity.store.trusts import claim_use
from nacre.kernel.clock import iso_micro, iso_z, parse_iso
from nacre.kernel.errors import Bad
from nacre.kernel.events import Actor, Event
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.ids import ProjectId, UserId
from nacre.kernel.policy import Caller, NotAllowed

__all__ = ["AUTH", "issue", "revoke", "show", "show_catalog"]


async def issue(call: Call[Parts], ask: Auth) -> Answer:
    """Prove who calls, and give a token for the scope they ask for; or a receipt, where more is to be proven.

    Written is only what can be used but once (passcodes, and uses of a trust that are counted) and what is noted
    of passwords: wrong ones, a stronger hash, and once a day that the user was there.
    Errors: LoginRefused, in the same words for every reason; PasswordExpired for a right one; TooManyLogins;
    DirectoryDown, where a directory knows the password;
    NotPossible, TrustNotFound.
    """
    claimed = await call.in_thread(_claimed, call, ask)
    if isinstance(claimed, Answer):
        return claimed
    proofs = []
    for claim in claimed:
        if claim.elsewhere is not None:
            proofs.append(Proof(user_id=await prove_elsewhere(call, claim.elsewhere), methods=("password",)))
            continue
        if claim.attempt is not None:
            await prove_password(call, claim.attempt)
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
    proofs = [claim.proof for claim in claimed if claim.proof is not None and claim.holds]
    return _issue(call, ask.scope, agreed(proofs)) if len(proofs) == len(claimed) else claimed


def _issue(call: Call[Parts], ask: ScopeAsk | str | None, proof: Proof) -> Answer:
    proof = with_receipt(call, proof)
    if proof.passcode is not None:
        _claim(call, proof, proof.passcode)
    lacking = receipt_for(call, proof)
    return lacking or issued(call, aim_of(call, ask, proof), proof)


def issued(call: Call[Parts], aim: Aim, proof: Proof, *, status: int = 201) -> Answer:
    """A token, as identity answers it. Raises as `new_token` does."""
    token, admitted = new_token(call, aim, proof)
    headers = {"X-Subject-Token": token, "Vary": "X-Auth-Token"}
    return Answer(_body(call, admitted), status, headers)


def new_token(call: Call[Parts], aim: Aim, proof: Proof) -> tuple[str, Admitted]:
    """A token for somebody who has proven all that was asked of them.

    Raises LoginRefused; NotPossible for a trust that gives nothing any more, TrustNotFound for one used up.
    """
    authority = call.parts.authority
    try:
        standing = authority.standing(aim.user_id, aim.scope, aim.bound)
    except LoginRefused as refusal:
        if aim.bound.trust_id:
            raise NotPossible("The trust gives nothing any more.") from refusal
        raise
    user = standing.access.user
    if proof.epoch is not None and user.user_id == proof.user_id and user.epoch > proof.epoch:
        raise refused("the password was changed while it was checked")
    if standing.trust is not None and standing.trust.remaining_uses is not None:
        _claim_use(call, proof, standing.trust)
    if user.user_id == proof.user_id and "token" not in proof.methods:
        note_active(call, user)
    return authority.issue(
        standing,
        aim.scope,
        methods=proof.methods,
        expires_at=proof.expires_at,
        parent_audit_id=proof.parent_audit_id,
        voucher=proof.voucher,
    )


def _claim(call: Call[Parts], proof: Proof, passcode: Passcode) -> None:
    """Let a right passcode never count again. Raises LoginRefused if it has before, or after too many wrong ones."""
    with call.database.write(_actor(call, proof)) as tx:
        if not forget_failures_unless_locked(tx, guesses_of(proof.user_id), guessing_rules(call)):
            raise refused("too many wrong passcodes were given")
        if not claim_passcode(tx, passcode.credential_id, passcode.window):
            raise refused("the passcode has been used before")


def _claim_use(call: Call[Parts], proof: Proof, trust: Trust) -> None:
    """Take one of a trust's uses. Raises TrustNotFound if others have taken the last one."""
    with call.database.write(_actor(call, proof)) as tx:
        if not claim_use(tx, trust.trust_id):
            raise TrustNotFound(trust.trust_id)
        tx.record(Event(action="use", kind="trust", subject=trust.trust_id))


def _actor(call: Call[Parts], proof: Proof) -> Actor:
    return Actor.user(UserId(proof.user_id), ProjectId(""), call.request_id)


def show(call: Call[Parts]) -> Answer:
    """What a token stands for; with `allow_expired`, also for a while after its end.

    Errors: TokenNotFound for one that does not count (any more), and for one with access rules if whoever asks
    does not say that they heed them.
    """
    late = call.one("allow_expired") == "" or call.flag("allow_expired")
    token, admitted = _subject(call, late_s=call.parts.auth.late_validation_s if late else 0.0)
    if not allowed(call, user_id=admitted.caller.user_id):
        raise NotAllowed(call.route.policy.name)
    if admitted.caller.only is not None and not _heeds_rules(call):
        raise TokenNotFound
    return Answer(_body(call, admitted), 200, {"X-Subject-Token": token, "Vary": "X-Auth-Token"})


def _heeds_rules(call: Call[Parts]) -> bool:
    """Whether the service that asks says that it enforces access rules, in their first version or a later one."""
    try:
        return float(call.headers.get("openstack-identity-access-rules", "0")) >= 1
    except ValueError:
        return False


def revoke(call: Call[Parts]) -> Answer:
    """Let a token count no more, from now on; with `whole_chain`, nor all that come of the same first one."""
    _, admitted = _subject(call)
    caller = admitted.caller
    if not allowed(call, user_id=caller.user_id):
        raise NotAllowed(call.route.policy.name)
    whole_chain = call.flag("whole_chain")
    with call.database.write(call.actor) as tx:
        call.parts.authority.revoke(tx, caller, whole_chain=whole_chain)
        tx.record(Event(action="revoke", kind="token", subject=caller.audit_ids[0]))
    return NoContent()


def show_catalog(call: Call[Parts]) -> Answer:
    """The catalogue, as the caller's token has it. Errors: NotPossible for a token without a scope."""
    if not is_scoped(call.caller):
        raise NotPossible("A token without a scope has no catalogue.")
    links = {"self": call.url("/v3/auth/catalog"), "previous": None, "next": None}
    return Ok({"catalog": _catalog(call, call.caller), "links": links})


def list_revoked(call: Call[Parts]) -> Answer:
    """The tokens that were revoked before their time, by audit id."""
    with call.database.read() as db:
        found = load_revocations(db, now=call.now)
    return Ok({"revoked": [{"audit_id": each.audit_id, "expires": iso_z(each.expires_at)} for each in found]})


def list_revocation_events(call: Call[Parts]) -> Answer:
    """What services that check tokens themselves must know: which were revoked, `since` a time. Errors: Bad."""
    since = _moment(call.one("since"))
    with call.database.read() as db:
        found = load_revocations(db, now=call.now)
    events = [
        {
            "audit_chain_id" if each.whole_chain else "audit_id": each.audit_id,
            "issued_before": iso_micro(each.revoked_at),
            "revoked_at": iso_micro(each.revoked_at),
        }
        for each in found
        if each.revoked_at >= since
    ]
    return whole(call, "events", events)


def _moment(text: str | None) -> float:
    try:
        return parse_iso(text) if text else 0.0
    except (ValueError, OverflowError) as error:
        raise Bad("This is not a time.", where="since") from error


def _subject(call: Call[Parts], *, late_s: float = 0.0) -> tuple[str, Admitted]:
    token = call.headers.get("x-subject-token", "")
    return token, token_given(call, token, late_s=late_s)


def _body(call: Call[Parts], admitted: Admitted) -> dict[str, Any]:
    view = token_view(admitted)
    if is_scoped(admitted.caller) and call.one("nocatalog") is None:
        view["catalog"] = _catalog(call, admitted.caller)
    clouds = call.parts.authority.service_providers()
    if clouds:
        view["service_providers"] = clouds
    return {"token": view}


def _catalog(call: Call[Parts], caller: Caller) -> msgspec.Raw:
    return call.parts.authority.catalog_view(project_id=caller.project_id, user_id=caller.user_id)
