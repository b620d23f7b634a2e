"""What a token is to be good for: the scope that is asked for, found by id or by name."""

from __future__ import annotations

import msgspec

from nacre.identity.api.login import ScopeAsk
from nacre.identity.api.named import domain_id_of, project_id_of, required
from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import Proof
from nacre.identity.authority import Authority
from nacre.identity.domain.scopes import SYSTEM, UNSCOPED, Scope, ScopeKind
from nacre.identity.errors import LoginRefused, NotPossible, TrustNotFound
from nacre.identity.standing import UNBOUND, Bound, refused
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """Whose name a token is to bear, what it is to be good for, and what narrows it."""

    user_id: str
    scope: Scope
    bound: Bound


def aim_of(call: Call[Parts], ask: ScopeAsk | str | None, proof: Proof) -> Aim:
    """What is asked for, by somebody who has proven to be a user.

    Raises LoginRefused where there is no such thing, Bad where none is named, NotPossible or TrustNotFound for a
    trust of others or one that is used up.
    """
    if isinstance(ask, ScopeAsk) and ask.trust is not None:
        return _entrusted(call, ask.trust.id, proof)
    return Aim(user_id=proof.user_id, scope=_scope_of(call, ask, proof), bound=proof.bound)


def _entrusted(call: Call[Parts], trust_id: str, proof: Proof) -> Aim:
    if proof.bound != UNBOUND:
        raise NotPossible("An application credential cannot be used with a trust.")
    try:
        trust = call.parts.authority.entrusted(trust_id).trust
    except LoginRefused:
        trust = None
    if trust is None or trust.trustee_user_id != proof.user_id:
        raise NotPossible("The user is not a trustee of this trust.")
    if not trust.usable(now=call.now):
        raise TrustNotFound(trust_id)
    return Aim(
        user_id=trust.user_id,
        scope=Scope(ScopeKind.PROJECT, trust.project_id),
        bound=Bound(trust_id=trust.trust_id),
    )


def _scope_of(call: Call[Parts], ask: ScopeAsk | str | None, proof: Proof) -> Scope:
    if isinstance(ask, str):
        if ask != "unscoped":
            raise Bad(f"'{ask[:60]}' is not a scope.", where="auth.scope")
        ask = ScopeAsk(unscoped={})
    if ask is None:
        return proof.only_scope or _default_scope(call.parts.authority, proof.user_id)
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
        return Scope(ScopeKind.PROJECT, project_id_of(db, ask.project))
    if ask.domain is not None:
        return Scope(ScopeKind.DOMAIN, required(domain_id_of(db, ask.domain)))
    if ask.system is not None and not ask.system.all:
        raise Bad("The system can only be had as a whole: all must be true.", where="auth.scope.system")
    return SYSTEM if ask.system is not None else UNSCOPED


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
