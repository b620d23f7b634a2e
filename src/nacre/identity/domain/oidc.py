"""OpenID Connect, as far as it decides: what a signed statement must say before it is believed.

Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 7519; RFC 7636; RFC 9068.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.identity.domain.assertions import Claims

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Signatures by a private key alone: never `none`, and never a shared secret, for which a public key could pass."""

CLOCKS_DIFFER_S = 60.0
LONGEST_TOKEN = 16_384


class OidcClient(msgspec.Struct, frozen=True, kw_only=True):
    """This cloud as a client of a provider, known to it as `client_id`.

    A bearer token is meant for us if it names one of `audiences` (the client itself, unless told otherwise), or if
    it was issued to one of `clients`, for providers whose access tokens name no audience. With `userinfo`, the
    provider is asked what more it knows of whoever holds an access token.
    """

    issuer: str
    client_id: str
    secret: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    audiences: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    userinfo: bool = True

    @property
    def own_audiences(self) -> tuple[str, ...]:
        return self.audiences or (self.client_id,)


class NotProven(Exception):
    """Nobody is proven to be anybody. The text says why, for the log; it holds no secret."""


def check_id_token(claims: Claims, client: OidcClient, *, nonce: str, now: float) -> None:
    """Raises NotProven unless this is about a login that we began, and was meant for us alone."""
    _check_issue(claims, client, now=now)
    audiences = _texts(claims.get("aud"))
    if client.client_id not in audiences:
        raise NotProven(f"the ID token is for {audiences!r}")
    if claims.get("azp", client.client_id) != client.client_id or (
        len(audiences) > 1 and "azp" not in claims
    ):
        raise NotProven("the ID token was issued to another client")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise NotProven("the ID token answers another login")


def check_bearer(claims: Claims, client: OidcClient, *, now: float) -> None:
    """Raises NotProven unless this is a token in force that is meant for us."""
    _check_issue(claims, client, now=now)
    if "events" in claims or claims.get("typ") in ("Refresh", "Offline", "Logout"):
        raise NotProven("it is no token to be carried")
    check_audience(claims, client)


def check_audience(claims: Claims, client: OidcClient) -> None:
    """Raises NotProven unless a bearer token is meant for us."""
    if set(_texts(claims.get("aud"))) & set(client.own_audiences):
        return
    issued_to = {claims.get("azp"), claims.get("client_id")} - {None}
    if not issued_to or not issued_to <= set(client.clients):
        raise NotProven(f"the token is for {claims.get('aud')!r}, issued to {sorted(map(str, issued_to))}")


def check_times(claims: Claims, *, now: float, must_expire: bool = True) -> None:
    """Raises NotProven outside of the time for which it is said."""
    ends, begins = _moment(claims, "exp"), _moment(claims, "nbf")
    if ends is None and must_expire:
        raise NotProven("the token never expires")
    if ends is not None and ends + CLOCKS_DIFFER_S <= now:
        raise NotProven("the token has expired")
    if begins is not None and begins - CLOCKS_DIFFER_S > now:
        raise NotProven("the token is not in force yet")


def is_access_token(claims: Claims, token_type: str) -> bool:
    """Whether the provider will tell more to who holds it; an ID token says all it can already."""
    return (
        token_type.lower().removeprefix("application/") == "at+jwt"
        or claims.get("typ") == "Bearer"
        or "scope" in claims
        or "scp" in claims
    )


def subject_of(claims: Claims) -> str:
    """Whom it is about. Raises NotProven."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > 255:
        raise NotProven("the token is about nobody")
    return subject


def new_verifier() -> str:
    """A secret that only whoever began a login can know."""
    return secrets.token_urlsafe(48)


def challenge_of(verifier: str) -> str:
    """What is told of a verifier when a login begins."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_issue(claims: Claims, client: OidcClient, *, now: float) -> None:
    if claims.get("iss") != client.issuer:
        raise NotProven(f"the token is of {str(claims.get('iss'))[:200]!r}")
    subject_of(claims)
    check_times(claims, now=now)


def _moment(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise NotProven(f"{name} is no moment")
    return value


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
