"""What every provider of single sign-on promises, the fake and a real one alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest

from nacre.identity.domain.oidc import NotProven, OidcClient, challenge_of, new_verifier
from nacre.identity.drivers.sign_on.base import ProviderAway, SignOn
from nacre.identity.drivers.sign_on.fake import FakeSignOn
from nacre.identity.drivers.sign_on.oidc import OpenIdConnect
from nacre.kernel.clock import VirtualClock
from tests.support.openid_provider import CLIENT, NEEDS_PROVIDER, SECRET, openid_provider

REDIRECT = "http://cloud.test/back"


@dataclass
class Provider:
    """A provider that knows Ann, and how to be her there."""

    driver: SignOn
    client: OidcClient
    clock: VirtualClock
    log_in: Callable[[str], str]
    bearer: Callable[[], str]
    go_away: Callable[[], None]

    def code_for(self, *, verifier: str, nonce: str) -> str:
        url = self.driver.login_url(
            self.client, redirect_uri=REDIRECT, state="s", nonce=nonce, challenge=challenge_of(verifier)
        )
        return self.log_in(url)


@pytest.fixture(params=["fake", pytest.param("oidc", marks=NEEDS_PROVIDER)])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    yield from _fake() if request.param == "fake" else _real()


def _fake() -> Iterator[Provider]:
    clock = VirtualClock()
    driver = FakeSignOn(clock)
    client = OidcClient(issuer="https://idp.test", client_id=CLIENT)
    ann = {"sub": "42", "name": "Ann"}
    said = ann | {"iss": client.issuer, "aud": CLIENT, "exp": clock.now() + 3600}

    def go_away() -> None:
        driver.away = True

    yield Provider(
        driver, client, clock,
        log_in=lambda url: driver.log_in(dict(parse_qsl(urlsplit(url).query)), ann),
        bearer=lambda: driver.issue(said), go_away=go_away,
    )  # fmt: skip
    driver.close()


def _real() -> Iterator[Provider]:
    clock = VirtualClock(time.time())
    driver = OpenIdConnect(clock, timeout_s=5.0)
    with openid_provider(REDIRECT) as there:
        there.add_user("ann")
        client = OidcClient(
            issuer=there.issuer, client_id=CLIENT, secret=SECRET, scopes=("openid", "profile")
        )
        yield Provider(
            driver, client, clock,
            log_in=lambda url: dict(parse_qsl(urlsplit(there.log_in("ann", url)).query))["code"],
            bearer=lambda: there.tokens_for("ann")["id_token"], go_away=there.stop,
        )  # fmt: skip
    driver.close()


def test_a_code_is_redeemed_once_by_whoever_asked_for_it(provider: Provider):
    verifier = new_verifier()
    code = provider.code_for(verifier=verifier, nonce="the nonce of it")
    redeem = {"code": code, "redirect_uri": REDIRECT, "nonce": "the nonce of it"}

    claims = provider.driver.redeem(provider.client, verifier=verifier, **redeem)

    assert claims["name"] == "Ann"
    with pytest.raises(NotProven):
        provider.driver.redeem(provider.client, verifier=verifier, **redeem)


def test_a_code_is_worth_nothing_to_others(provider: Provider):
    verifier = new_verifier()
    by_others = {"verifier": new_verifier(), "redirect_uri": REDIRECT, "nonce": "the nonce of it"}
    in_another_login = {"verifier": verifier, "redirect_uri": REDIRECT, "nonce": "another nonce"}
    for wrong in (by_others, in_another_login):
        code = provider.code_for(verifier=verifier, nonce="the nonce of it")
        with pytest.raises(NotProven):
            provider.driver.redeem(provider.client, code=code, **wrong)


def test_a_bearer_counts_for_us_until_it_expires(provider: Provider):
    bearer = provider.bearer()

    assert provider.driver.examine(provider.client, bearer)["name"] == "Ann"

    for_others = OidcClient(issuer=provider.client.issuer, client_id="others")
    with pytest.raises(NotProven):
        provider.driver.examine(for_others, bearer)
    with pytest.raises(NotProven):
        provider.driver.examine(provider.client, "x" + bearer)
    provider.clock.advance(3600 + 120)
    with pytest.raises(NotProven):
        provider.driver.examine(provider.client, bearer)


def test_a_provider_that_is_away_is_not_taken_for_a_refusal(provider: Provider):
    bearer = provider.bearer()
    provider.go_away()

    with pytest.raises(ProviderAway):
        provider.driver.examine(provider.client, bearer)
    with pytest.raises(ProviderAway):
        provider.code_for(verifier=new_verifier(), nonce="n")
