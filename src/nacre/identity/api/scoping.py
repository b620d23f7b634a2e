"""What a token is to be good for: the scope that is asked for, found by id or by name."""

from __future__ import annotations

from nacre.identity.api.login import NoTrusts, ScopeAsk
from nacre.identity.api.named import domain_id_of, project_id_of, required
from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import Proof
from nacre.identity.authority import Authority, refused
from nacre.identity.domain.scopes import SYSTEM, UNSCOPED, Scope, ScopeKind
from nacre.identity.errors import LoginRefused
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call


def scope_of(call: Call[Parts], ask: ScopeAsk | str | None, proof: Proof) -> Scope:
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
