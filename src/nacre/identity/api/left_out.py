"""What Nacre leaves out of identity, by name: an answer of 501 says more than one of 404."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import NotImplementedHere
from nacre.kernel.http.call import Answer, Call
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import ANYBODY, Policy

_LEFT_OUT = Policy("identity:left_out", ANYBODY)


class NoOAuth1(NotImplementedHere):
    """Delegation by OAuth 1 is left out: trusts and application credentials do the same."""

    def __str__(self) -> str:
        return "OAuth 1 (OS-OAUTH1) is not implemented; trusts and application credentials delegate as well."


class NoSaml(NotImplementedHere):
    """SAML is left out: single sign-on is by OpenID Connect."""

    def __str__(self) -> str:
        return "SAML is not implemented; single sign-on is by OpenID Connect."


class NoCertificates(NotImplementedHere):
    """Certificates of tokens are left out: tokens are not signed with any."""

    def __str__(self) -> str:
        return "OS-SIMPLE-CERT is not implemented: tokens are not signed with certificates."


def no_oauth1(call: Call[Any], **_path: str) -> Answer:
    """Always NoOAuth1."""
    raise NoOAuth1


def no_saml(call: Call[Any]) -> Answer:
    """Always NoSaml."""
    raise NoSaml


def no_certificates(call: Call[Any]) -> Answer:
    """Always NoCertificates."""
    raise NoCertificates


_OAUTH1 = {
    "/v3/OS-OAUTH1/consumers": ("GET", "POST"),
    "/v3/OS-OAUTH1/consumers/{consumer_id}": ("GET", "PATCH", "DELETE"),
    "/v3/OS-OAUTH1/request_token": ("GET", "POST"),
    "/v3/OS-OAUTH1/access_token": ("GET", "POST"),
    "/v3/OS-OAUTH1/authorize/{request_token_id}": ("PUT",),
    "/v3/users/{user_id}/OS-OAUTH1/access_tokens": ("GET",),
    "/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}": ("GET", "DELETE"),
    "/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}/roles": ("GET",),
    "/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}/roles/{role_id}": ("GET",),
}
_SAML = {
    "/v3/auth/OS-FEDERATION/saml2": ("GET", "POST"),
    "/v3/auth/OS-FEDERATION/saml2/ecp": ("GET", "POST"),
    "/v3/OS-FEDERATION/saml2/metadata": ("GET",),
}
_CERTIFICATES = {"/v3/OS-SIMPLE-CERT/ca": ("GET",), "/v3/OS-SIMPLE-CERT/certificates": ("GET",)}

ROUTES = tuple(
    Route(method, path, handler, _LEFT_OUT)
    for paths, handler in ((_OAUTH1, no_oauth1), (_SAML, no_saml), (_CERTIFICATES, no_certificates))
    for path, methods in paths.items()
    for method in methods
)
