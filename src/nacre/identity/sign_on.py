"""Logins that somebody else proves: what is remembered of one between its beginning and its end.

Nothing is written when a login begins. All that its end needs travels sealed in the `state` that the provider hands
back, bound to the browser by a cookie, for ten minutes and for one use.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import ClassVar, final

import msgspec

from nacre.identity.domain.assertions import Claims
from nacre.identity.domain.oidc import NotProven, OidcClient, challenge_of, new_verifier
from nacre.identity.drivers.sign_on.base import SignOn
from nacre.identity.sealing import Seal, SealBroken
from nacre.identity.standing import refused
from nacre.identity.store.federation import IdentityProvider, OidcSettings
from nacre.kernel.config import Settings
from nacre.kernel.errors import Unauthenticated

LASTS_S = 600.0
LONGEST_STATE = 8192
_COOKIE_BYTES = 24


@dataclass(eq=False)
class NotTrusted(Unauthenticated):
    """A browser is to be sent with a token to where no dashboard of this site is."""

    code: ClassVar[str] = "identity.not_trusted"
    origin: str

    def __str__(self) -> str:
        return f"{self.origin[:200]!r} is not a trusted dashboard host."


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A login under way: everything its end is compared with."""

    sign_on_id: str
    idp_id: str
    protocol_id: str
    origin: str
    redirect_uri: str
    nonce: str
    verifier: str
    browser: str
    ends_at: float


@final
class SignOns:
    """Begins and ends logins by way of `driver`. Safe from every thread; no method may be called in a transaction."""

    def __init__(self, driver: SignOn, seal: Seal, settings: Settings) -> None:
        self._driver = driver
        self._seal = seal
        self._dashboards = frozenset(settings.sign_on.trusted_dashboards.split())
        self._public_url = settings.sign_on.public_url.rstrip("/")
        self._token_lasts_s = settings.token.lifetime_s

    def begin(self, oidc: OidcSettings, *, origin: str, redirect_uri: str, cookie: str, now: float) -> str:
        """Where the browser goes next. Raises NotTrusted, ProviderAway."""
        self.demand_trusted(origin)
        begun = Begun(
            sign_on_id=secrets.token_urlsafe(16),
            idp_id=oidc.idp_id,
            protocol_id=oidc.protocol_id,
            origin=origin,
            redirect_uri=redirect_uri,
            nonce=secrets.token_urlsafe(24),
            verifier=new_verifier(),
            browser=_digest(cookie),
            ends_at=now + LASTS_S,
        )
        return self._driver.login_url(
            self._client(oidc),
            redirect_uri=redirect_uri,
            state=self._seal.seal(msgspec.json.encode(begun).decode()),
            nonce=begun.nonce,
            challenge=challenge_of(begun.verifier),
        )

    def returned(self, state: str, *, cookie: str, now: float) -> Begun:
        """The login that a browser returns from. Raises LoginRefused; whether it is the first time is for others."""
        try:
            begun = msgspec.json.decode(self._seal.open(state[:LONGEST_STATE]), type=Begun)
        except (SealBroken, msgspec.MsgspecError) as error:
            raise refused("the state is not ours") from error
        if begun.ends_at <= now:
            raise refused("the login took too long")
        if not cookie or not hmac.compare_digest(begun.browser, _digest(cookie)):
            raise refused("the login was begun in another browser")
        return begun

    def redeem(self, oidc: OidcSettings, begun: Begun, code: str) -> Claims:
        """What the provider claims of who returned. Raises LoginRefused, ProviderAway."""
        try:
            return self._driver.redeem(
                self._client(oidc),
                code=code,
                verifier=begun.verifier,
                redirect_uri=begun.redirect_uri,
                nonce=begun.nonce,
            )
        except NotProven as error:
            raise refused(f"{oidc.issuer}: {error}") from error

    def examine(self, oidc: OidcSettings, bearer: str) -> Claims:
        """What the provider claims of who holds a token of its. Raises LoginRefused, ProviderAway."""
        try:
            return self._driver.examine(self._client(oidc), bearer)
        except NotProven as error:
            raise refused(f"{oidc.issuer}: {error}") from error

    def demand_trusted(self, origin: str) -> None:
        """Raises NotTrusted unless the site has named this very address."""
        if origin not in self._dashboards:
            raise NotTrusted(origin)

    def public_url(self, asked: str) -> str:
        """Where browsers reach identity, if they have asked for it at `asked`."""
        return self._public_url or asked

    def memberships_end(self, provider: IdentityProvider, *, now: float) -> float:
        """Until when groups hold that a login now brings."""
        return now + (60.0 * (provider.authorization_ttl or 0) or self._token_lasts_s)

    def token_ends(self, *, now: float) -> float:
        """Until when a token holds that a login now brings."""
        return now + self._token_lasts_s

    def close(self) -> None:
        """Let go of every connection."""
        self._driver.close()

    def _client(self, oidc: OidcSettings) -> OidcClient:
        return OidcClient(
            issuer=oidc.issuer,
            client_id=oidc.client_id,
            secret=self._seal.open(oidc.sealed_secret) if oidc.sealed_secret else "",
            scopes=oidc.scopes,
            audiences=oidc.audiences,
            clients=oidc.clients,
            userinfo=oidc.userinfo,
        )


def new_cookie() -> str:
    """What a browser is known by while it logs in."""
    return secrets.token_urlsafe(_COOKIE_BYTES)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
