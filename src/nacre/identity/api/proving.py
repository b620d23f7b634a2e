"""Proving who calls: one function for each method, and all proofs as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nacre.identity.api.elsewhere import login_elsewhere
from nacre.identity.api.login import CredentialMethod, Proofs, UserRef
from nacre.identity.api.logins import Attempt
from nacre.identity.api.named import domain_id_of
from nacre.identity.api.parts import Parts
from nacre.identity.authority import Admitted
from nacre.identity.directories import DirectoryLogin
from nacre.identity.domain.passcodes import matching_window, secret_of
from nacre.identity.domain.passwords import PasswordRules
from nacre.identity.domain.scopes import UNSCOPED, Scope, ScopeKind
from nacre.identity.domain.tokens import LONGEST_TOKEN, Voucher
from nacre.identity.errors import NotPossible, TokenNotFound
from nacre.identity.standing import UNBOUND, Bound, refused
from nacre.identity.store import application_credentials, users
from nacre.identity.store.application_credentials import CredentialSecret
from nacre.identity.store.credentials import credentials_of
from nacre.identity.store.logins import count_failure, unknown_subject
from nacre.identity.store.users import Login
from nacre.kernel.errors import Bad, Unauthenticated
from nacre.kernel.http.call import Call

MOST_GUESSES = 10
GUESSES_LOCK_S = 300.0
"""Wrong passcodes in a row, where the site locks nobody out: so many, and none are taken for a while."""


class Passcode(msgspec.Struct, frozen=True, kw_only=True):
    """A code that is right, and counts once it is claimed: nobody may have used it, or a later one, before."""

    credential_id: str
    window: int


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody has proven to be, and what bounds the token to be made."""

    user_id: str
    methods: tuple[str, ...]
    expires_at: float | None = None
    parent_audit_id: str = ""
    bound: Bound = UNBOUND
    only_scope: Scope | None = None
    voucher: Voucher | None = None
    passcode: Passcode | None = None
    epoch: int | None = None
    """The user's when a password was read that proves it."""
    options: Mapping[str, Any] | None = None
    """The user's, where they were read on the way."""


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A proof that holds once `secret` is found to be the one whose hash is `known`.

    Without a `secret` it holds already. A claim of somebody unknown has no proof, and takes as long to refuse.
    """

    proof: Proof | None
    secret: str | None = None
    known: str | None = None
    attempt: Attempt | None = None
    """A password, in place of a secret: wrong ones are counted."""
    elsewhere: DirectoryLogin | None = None
    """A password that a directory knows: it says whose it is."""

    @property
    def holds(self) -> bool:
        """Whether there is no secret left to be checked."""
        return self.secret is None and self.attempt is None and self.elsewhere is None


def _by_password(call: Call[Parts], proofs: Proofs) -> Claimed:
    user = _given(proofs.password, "password").user
    login = _find_login(call, user)
    elsewhere = login_elsewhere(call, login, user)
    if elsewhere is not None:
        return Claimed(proof=None, elsewhere=elsewhere)
    attempt = Attempt(login=login, named=user.id or user.name or "", password=user.password)
    if login is None:
        return Claimed(proof=None, attempt=attempt)
    known = login.user
    proof = Proof(user_id=known.user_id, methods=("password",), epoch=known.epoch, options=known.options)
    return Claimed(proof=proof, attempt=attempt)


def _find_login(call: Call[Parts], who: UserRef) -> Login | None:
    with call.database.read() as db:
        if who.id is not None:
            return users.find_login_by_id(db, who.id)
        if who.name is None:
            raise Bad("Expecting to find id or name in user.", where="auth.identity")
        domain_id = domain_id_of(db, who.domain)
        return None if domain_id is None else users.find_login_by_name(db, domain_id, who.name)


def token_given(call: Call[Parts], token: str, *, late_s: float = 0.0) -> Admitted:
    """What a token stands for, which may have expired `late_s` ago. Raises TokenNotFound where it does not count."""
    try:
        return call.parts.authority.admitted(token[: LONGEST_TOKEN + 1], late_s=late_s)
    except Unauthenticated as error:
        raise TokenNotFound from error


def _by_token(call: Call[Parts], proofs: Proofs) -> Claimed:
    admitted = token_given(call, _given(proofs.token, "token").id)
    caller, claims = admitted.caller, admitted.claims
    if claims.trust_id:
        raise NotPossible("A token made from a trust cannot be exchanged for another one.")
    if claims.scope != UNSCOPED and not call.parts.auth.rescope_scoped:
        raise NotPossible("A token with a scope cannot be exchanged for another one here.")
    proof = Proof(
        user_id=caller.user_id,
        methods=("token", *caller.methods),
        expires_at=caller.expires_at,
        # The chain is named after its first token, however often it is rescoped.
        parent_audit_id=caller.audit_ids[-1],
        bound=Bound(credential_id=claims.credential_id),
        only_scope=claims.scope if claims.credential_id else None,
        voucher=claims.voucher,
    )
    return Claimed(proof=proof)


def _by_totp(call: Call[Parts], proofs: Proofs) -> Claimed:
    who = _given(proofs.totp, "totp").user
    login = _find_login(call, who)
    user_id = login.user.user_id if login else ""
    right = _right_passcode(call, user_id, who.passcode)
    if login is None or right is None:
        subject = guesses_of(user_id) if login else unknown_subject(who.id or who.name or "")
        with call.database.write(call.actor) as tx:
            count_failure(tx, subject, guessing_rules(call), user_id=user_id or None)
        return Claimed(proof=None)
    proof = Proof(user_id=user_id, methods=("totp",), passcode=right, options=login.user.options)
    return Claimed(proof=proof)


def _right_passcode(call: Call[Parts], user_id: str, code: str) -> Passcode | None:
    with call.database.read() as db:
        known = credentials_of(db, user_id, "totp")
    found: Passcode | None = None
    for credential in known:
        secret = secret_of(call.parts.seal.open(credential.sealed_blob))
        previous = call.parts.auth.totp_previous_windows
        window = matching_window(secret, code, now=call.now, previous=previous) if secret else None
        if window is not None:
            found = Passcode(credential_id=credential.credential_id, window=window)
    return found


def guesses_of(user_id: str) -> str:
    """Where wrong passcodes are counted: apart from wrong passwords, for a right one must not forget them."""
    return f"passcode-{user_id}"


def guessing_rules(call: Call[Parts]) -> PasswordRules:
    """How many wrong passcodes in a row are too many. They are short, so a site cannot lift this."""
    rules = call.parts.password_rules
    if rules.most_failures:
        return rules
    return msgspec.structs.replace(rules, most_failures=MOST_GUESSES, locked_s=GUESSES_LOCK_S)


def _by_application_credential(call: Call[Parts], proofs: Proofs) -> Claimed:
    method = _given(proofs.application_credential, "application_credential")
    return credential_claim(call, _find_credential(call, method), method.secret)


def credential_claim(call: Call[Parts], found: CredentialSecret | None, secret: str) -> Claimed:
    """The claim to be the program that an application credential is for, if there is one."""
    if found is None or (found.credential.expires_at or call.now + 1) <= call.now:
        return Claimed(proof=None, secret=secret, known=found.secret_hash if found else None)
    proof = Proof(
        user_id=found.credential.user_id,
        methods=("application_credential",),
        bound=Bound(credential_id=found.credential.credential_id),
        only_scope=Scope(ScopeKind.PROJECT, found.credential.project_id),
    )
    return Claimed(proof=proof, secret=secret, known=found.secret_hash)


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
    "totp": _by_totp,
}


def agreed(proofs: list[Proof]) -> Proof:
    """All proofs as one: of one user, and bounded by each of them. Raises LoginRefused."""
    first = proofs[0]
    if any(proof.user_id != first.user_id for proof in proofs):
        raise refused("the methods prove different users")
    if len({proof.bound for proof in proofs if proof.bound != UNBOUND}) > 1:
        raise refused("the methods prove different application credentials")
    bounded = next((proof for proof in proofs if proof.bound != UNBOUND), first)
    return msgspec.structs.replace(
        bounded,
        methods=tuple(method for proof in proofs for method in proof.methods),
        expires_at=min((p.expires_at for p in proofs if p.expires_at is not None), default=None),
        parent_audit_id=next((p.parent_audit_id for p in proofs if p.parent_audit_id), ""),
        passcode=next((p.passcode for p in proofs if p.passcode), None),
        options=next((p.options for p in proofs if p.options is not None), None),
        epoch=next((p.epoch for p in proofs if p.epoch is not None), None),
    )
