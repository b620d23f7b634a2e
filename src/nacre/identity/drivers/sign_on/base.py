"""Single sign-on: somebody else proves who a user is, and tells us what they know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import msgspec

from nacre.identity.domain.assertions import Claims
from nacre.identity.domain.oidc import OidcClient
from nacre.kernel.errors import Unavailable


class SignOnCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver can do, as data. No question takes longer than `slowest_s`."""

    opaque_bearers: bool = True
    slowest_s: float = 5.0


@dataclass(eq=False)
class ProviderAway(Unavailable):
    """A provider does not answer, or not as it should. Nobody can be proven by it now."""

    code: ClassVar[str] = "identity.provider_away"
    issuer: str
    reason: str

    def __str__(self) -> str:
        return f"The identity provider {self.issuer} does not answer: {self.reason}."


class SignOn(Protocol):
    """Speaks with providers. Safe from every thread, and never called inside a transaction.

    Every method raises ProviderAway when the provider gives no whole answer in good time.
    """

    @property
    def capabilities(self) -> SignOnCapabilities: ...

    def login_url(
        self, client: OidcClient, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        """Where a browser goes to prove who its user is; it comes back to `redirect_uri` with a code."""
        ...

    def redeem(
        self, client: OidcClient, *, code: str, verifier: str, redirect_uri: str, nonce: str
    ) -> Claims:
        """What is claimed of whoever came back with `code`. Raises NotProven."""
        ...

    def examine(self, client: OidcClient, bearer: str) -> Claims:
        """What is claimed of whoever holds a token of the provider's. Raises NotProven."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
