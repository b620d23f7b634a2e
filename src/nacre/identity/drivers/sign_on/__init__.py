"""What identity asks of providers that prove a site's users to it."""

from __future__ import annotations

from nacre.identity.drivers.sign_on.fake import FakeSignOn
from nacre.identity.drivers.sign_on.oidc import OpenIdConnect

DRIVERS = {"fake": FakeSignOn, "oidc": OpenIdConnect}
