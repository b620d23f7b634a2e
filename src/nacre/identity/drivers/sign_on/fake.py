"""A provider within this process. It can be told to be slow, to fail, and to forget."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from urllib.parse import urlencode

import msgspec

from nacre.identity.domain.assertions import Claims
from nacre.identity.domain.oidc import NotProven, OidcClient, challenge_of, check_bearer, check_id_token
from nacre.identity.drivers.sign_on.base import ProviderAway, SignOnCapabilities
from nacre.kernel.clock import Clock


class _Begun(msgspec.Struct, frozen=True, kw_only=True):
    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    claims: Claims


class FakeSignOn:
    """Proves whoever it has been told to, and holds no conversation with anybody.

    While `away` is set it answers nobody; `before` runs ahead of each answer, and may take its time.
    """

    def __init__(self, clock: Clock) -> None:
        self.capabilities = SignOnCapabilities()
        self.away = False
        self.before: Callable[[], None] = lambda: None
        self._clock = clock
        self._codes: dict[str, _Begun] = {}
        self._bearers: dict[str, Claims] = {}
        self._lock = threading.Lock()

    def login_url(
        self, client: OidcClient, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        self._answer(client)
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
        return f"{client.issuer}/login?{urlencode(asked)}"

    def log_in(self, asked: dict[str, str], claims: Claims) -> str:
        """The code with which a browser returns that was sent to `login_url` with these parameters."""
        code = secrets.token_urlsafe(16)
        with self._lock:
            self._codes[code] = _Begun(
                client_id=asked["client_id"],
                redirect_uri=asked["redirect_uri"],
                nonce=asked["nonce"],
                challenge=asked["code_challenge"],
                claims=claims,
            )
        return code

    def issue(self, claims: Claims) -> str:
        """A token that says `claims`."""
        bearer = secrets.token_urlsafe(16)
        with self._lock:
            self._bearers[bearer] = claims
        return bearer

    def forget(self) -> None:
        """Know of no code and no token any more."""
        with self._lock:
            self._codes.clear()
            self._bearers.clear()

    def redeem(
        self, client: OidcClient, *, code: str, verifier: str, redirect_uri: str, nonce: str
    ) -> Claims:
        self._answer(client)
        with self._lock:
            begun = self._codes.pop(code, None)
        if begun is None or (begun.client_id, begun.redirect_uri) != (client.client_id, redirect_uri):
            raise NotProven("the code is not known")
        if challenge_of(verifier) != begun.challenge:
            raise NotProven("the code was asked for by somebody else")
        now = self._clock.now()
        claims = {"iss": client.issuer, "aud": client.client_id, "exp": now + 300, "nonce": begun.nonce}
        check_id_token(claims | dict(begun.claims), client, nonce=nonce, now=now)
        return begun.claims

    def examine(self, client: OidcClient, bearer: str) -> Claims:
        self._answer(client)
        with self._lock:
            claims = self._bearers.get(bearer)
        if claims is None:
            raise NotProven("the token is not known")
        check_bearer(claims, client, now=self._clock.now())
        return claims

    def close(self) -> None:
        """Nothing is held."""

    def _answer(self, client: OidcClient) -> None:
        self.before()
        if self.away:
            raise ProviderAway(client.issuer, "it has been told not to")
