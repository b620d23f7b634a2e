"""What of federation is left out, by name."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import NotImplementedHere
from nacre.kernel.http.call import Answer, Call


class NoSaml(NotImplementedHere):
    """SAML is left out."""

    code = "identity.no_saml"

    def __str__(self) -> str:
        return "SAML is not implemented; single sign-on speaks OpenID Connect."


def saml(call: Call[Any]) -> Answer:
    """Nothing. Errors: NoSaml."""
    raise NoSaml
