"""OpenID Connect providers: discovery, keys, codes, and tokens that somebody carries.

Source: OpenID Connect Core 1.0 and Discovery 1.0; RFC 7662 for tokens that only the provider understands.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, final
from urllib.parse import urlencode

import msgspec
from joserfc import jwk, jws
from joserfc.errors import JoseError

from nacre.identity.domain.assertions import Claims
from nacre.identity.domain.oidc import (
    ALGORITHMS,
    LONGEST_TOKEN,
    NotProven,
    OidcClient,
    check_audience,
    check_bearer,
    check_id_token,
    check_times,
    is_access_token,
    subject_of,
)
from nacre.identity.drivers.sign_on.base import ProviderAway, SignOnCapabilities
from nacre.identity.drivers.sign_on.fetching import Fetcher, Reply, is_safe
from nacre.kernel.clock import Clock

METADATA_LASTS_S = 3600.0
KEYS_LAST_S = 300.0
KEYS_REST_S = 10.0
"""How soon after keys were read they are read again because somebody names one that is unknown."""
MOST_PROVIDERS = 100
MOST_KEYS = 50
_RSA_BITS = (2048, 8192)

Key = jwk.RSAKey | jwk.ECKey | jwk.OKPKey


class _Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of itself, of which we use this."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    introspection_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Keys(msgspec.Struct, frozen=True):
    by_id: Mapping[str, Key]
    read_at: float


@final
class OpenIdConnect:
    """Speaks with real providers. What they say of themselves, and their keys, is remembered for a while."""

    def __init__(self, clock: Clock, *, timeout_s: float) -> None:
        self.capabilities = SignOnCapabilities(slowest_s=timeout_s)
        self._clock = clock
        self._fetch = Fetcher(timeout_s)
        self._metadata: dict[str, tuple[_Metadata, float]] = {}
        self._keys: dict[str, _Keys] = {}
        self._reading = threading.Lock()

    def login_url(
        self, client: OidcClient, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        endpoint = self._metadata_of(client.issuer).authorization_endpoint
        if not is_safe(endpoint):
            raise ProviderAway(client.issuer, "it has no safe page to log in at")
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(client.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def redeem(
        self, client: OidcClient, *, code: str, verifier: str, redirect_uri: str, nonce: str
    ) -> Claims:
        metadata = self._metadata_of(client.issuer)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        reply = self._post_as(client, metadata, metadata.token_endpoint, form)
        if reply.status != 200:
            raise NotProven(f"the provider does not take the code: {reply.status}")
        given = _object(client.issuer, reply)
        id_token, access_token = given.get("id_token"), given.get("access_token")
        if not isinstance(id_token, str):
            raise NotProven("the provider gives no ID token")
        claims, _ = self._verified(client, metadata, id_token)
        check_id_token(claims, client, nonce=nonce, now=self._clock.now())
        if isinstance(access_token, str):
            claims = self._with_userinfo(client, metadata, claims, access_token)
        return claims

    def examine(self, client: OidcClient, bearer: str) -> Claims:
        if not bearer or len(bearer) > LONGEST_TOKEN:
            raise NotProven("the token is too long, or empty")
        metadata = self._metadata_of(client.issuer)
        if bearer.count(".") != 2:
            claims = self._introspected(client, metadata, bearer)
            return self._with_userinfo(client, metadata, claims, bearer)
        claims, token_type = self._verified(client, metadata, bearer)
        check_bearer(claims, client, now=self._clock.now())
        if is_access_token(claims, token_type):
            claims = self._with_userinfo(client, metadata, claims, bearer)
        return claims

    def close(self) -> None:
        self._fetch.close()

    # -- asking the provider ---------------------------------------------------------------------------

    def _introspected(self, client: OidcClient, metadata: _Metadata, bearer: str) -> Claims:
        """What the provider says of a token that only it understands."""
        if not metadata.introspection_endpoint:
            raise NotProven("the token says nothing itself, and the provider explains none")
        reply = self._post_as(client, metadata, metadata.introspection_endpoint, {"token": bearer})
        if reply.status != 200:
            raise NotProven(f"the provider does not explain the token: {reply.status}")
        claims = _object(client.issuer, reply)
        if claims.get("active") is not True:
            raise NotProven("the provider says that the token counts no more")
        if claims.get("iss", client.issuer) != client.issuer:
            raise NotProven("the token is of another provider")
        subject_of(claims)
        check_times(claims, now=self._clock.now(), must_expire=False)
        check_audience(claims, client)
        return claims | {"iss": client.issuer}

    def _with_userinfo(
        self, client: OidcClient, metadata: _Metadata, claims: Claims, access_token: str
    ) -> Claims:
        """`claims` with what else the provider tells whoever holds the access token."""
        by_program = subject_of(claims) in (claims.get("azp"), claims.get("client_id"))
        if not client.userinfo or not metadata.userinfo_endpoint or by_program:
            return claims
        reply = self._fetch.get(client.issuer, metadata.userinfo_endpoint, bearer=access_token)
        if reply.status != 200:
            raise NotProven(f"the provider tells nothing about the user: {reply.status}")
        told = _object(client.issuer, reply)
        if told.get("sub") != claims["sub"]:
            raise NotProven("the provider tells about somebody else")
        return {**claims, **{name: told[name] for name in told.keys() - _SIGNED}}

    def _post_as(
        self, client: OidcClient, metadata: _Metadata, endpoint: str, form: Mapping[str, str]
    ) -> Reply:
        supported = metadata.token_endpoint_auth_methods_supported
        if client.secret and ("client_secret_basic" in supported or "client_secret_post" not in supported):
            return self._fetch.post(
                client.issuer, endpoint, form, user=client.client_id, secret=client.secret
            )
        own = {"client_id": client.client_id} | ({"client_secret": client.secret} if client.secret else {})
        return self._fetch.post(client.issuer, endpoint, {**form, **own})

    # -- believing what is signed ----------------------------------------------------------------------

    def _verified(self, client: OidcClient, metadata: _Metadata, token: str) -> tuple[Claims, str]:
        """What a token says and of which type it is, once its signature is found to be the provider's."""
        header = _header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise NotProven(f"signatures by {str(algorithm)[:20]!r} prove nothing")
        candidates = self._candidates(client.issuer, metadata, key_id if isinstance(key_id, str) else "")
        for key in candidates:
            try:
                found = jws.deserialize_compact(token, key, algorithms=[algorithm])
                claims = msgspec.json.decode(found.payload or b"")
            except (JoseError, ValueError, TypeError):
                continue  # Signed by another key, or of another kind than this one.
            if isinstance(claims, dict):
                return claims, str(header.get("typ", ""))
        raise NotProven("no key of the provider's has signed the token")

    def _candidates(self, issuer: str, metadata: _Metadata, key_id: str) -> list[Key]:
        keys = self._keys_of(issuer, metadata.jwks_uri)
        if key_id and key_id not in keys.by_id:
            keys = self._keys_of(issuer, metadata.jwks_uri, newer_than=self._clock.now() - KEYS_REST_S)
        return [keys.by_id[key_id]] if key_id in keys.by_id else ([] if key_id else list(keys.by_id.values()))

    # -- remembering -----------------------------------------------------------------------------------

    def _metadata_of(self, issuer: str) -> _Metadata:
        known = self._metadata.get(issuer)
        if known is not None and known[1] > self._clock.now():
            return known[0]
        reply = self._fetch.get(issuer, issuer.rstrip("/") + "/.well-known/openid-configuration")
        if reply.status != 200:
            raise ProviderAway(issuer, f"its configuration answers {reply.status}")
        try:
            metadata = msgspec.convert(_object(issuer, reply), _Metadata)
        except msgspec.ValidationError as error:
            raise ProviderAway(issuer, f"its configuration: {error}") from error
        if metadata.issuer != issuer:
            raise ProviderAway(issuer, f"it calls itself {metadata.issuer[:200]}")
        if len(self._metadata) >= MOST_PROVIDERS:
            self._metadata.clear()
        self._metadata[issuer] = (metadata, self._clock.now() + METADATA_LASTS_S)
        return metadata

    def _keys_of(self, issuer: str, url: str, *, newer_than: float = float("-inf")) -> _Keys:
        """The provider's keys, read after `newer_than`. While they are read, others wait and then share them."""
        oldest = max(newer_than, self._clock.now() - KEYS_LAST_S)
        known = self._keys.get(url)
        if known is not None and known.read_at > oldest:
            return known
        with self._reading:
            known = self._keys.get(url)
            if known is not None and known.read_at > oldest:
                return known
            reply = self._fetch.get(issuer, url)
            if reply.status != 200:
                raise ProviderAway(issuer, f"its keys answer {reply.status}")
            if len(self._keys) >= MOST_PROVIDERS:
                self._keys.clear()
            keys = self._keys[url] = _Keys(_keys_in(_object(issuer, reply)), self._clock.now())
            return keys


_SIGNED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "azp", "client_id", "nonce", "active"})
"""What only the signed token may say, whatever else the provider tells."""


def _object(issuer: str, reply: Reply) -> dict[str, Any]:
    try:
        found: dict[str, Any] = reply.json()
    except (ValueError, RecursionError) as error:
        raise ProviderAway(issuer, f"it answers no JSON: {error}") from error
    return found


def _header(token: str) -> Mapping[str, Any]:
    try:
        header: Mapping[str, Any] = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, UnicodeEncodeError) as error:
        raise NotProven("the token is malformed") from error
    return header


def _keys_in(document: Mapping[str, Any]) -> Mapping[str, Key]:
    """The keys that sign, by their ids; those without one by their place. Those we cannot use are left out."""
    listed = document.get("keys")
    found: dict[str, Key] = {}
    for at, data in enumerate(listed[:MOST_KEYS] if isinstance(listed, list) else []):
        if not isinstance(data, dict) or data.get("use", "sig") != "sig":
            continue
        key_id = data.get("kid")
        try:
            key = jwk.import_key({name: data[name] for name in data if name not in ("key_ops", "use")})
            usable = isinstance(key, jwk.ECKey | jwk.OKPKey) or (
                isinstance(key, jwk.RSAKey) and _RSA_BITS[0] <= key.public_key.key_size <= _RSA_BITS[1]
            )
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if usable:
            found[key_id if isinstance(key_id, str) and key_id else f"\0{at}"] = key  # type: ignore[assignment]
    return found
