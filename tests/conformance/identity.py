"""Identity's description, and where it does not say what the service and its clients do."""

from __future__ import annotations

from tests.conformance.answers import CheckedClient, Description

EXCEPTIONS = {
    "token/user/password_expires_at": "null while the password does not expire",
    "GET /v3/auth/projects: links": "an object, as the links of every other list",
    "GET /v3/auth/projects: projects/*/links": "an object, as a project's links are everywhere else",
    "GET /v3/auth/domains: links": "an object, as the links of every other list",
    "GET /v3/auth/domains: domains/*/links": "an object, as a domain's links are everywhere else",
    "GET /v3/OS-FEDERATION/projects: links": "as of /v3/auth/projects",
    "GET /v3/OS-FEDERATION/projects: projects/*/links": "as of /v3/auth/projects",
    "GET /v3/OS-FEDERATION/domains: links": "as of /v3/auth/domains",
    "GET /v3/OS-FEDERATION/domains: domains/*/links": "as of /v3/auth/domains",
    "protocol/remote_id_attribute": "null where the protocol has none of its own",
    "protocol": "shows its identity provider, as it does in lists",
    "trust/remaining_uses": "0 once the last use is taken",
    "region/parent_id": "a caller's own field: a region's parent is its parent_region_id",
    "roles/*/description": "null for a role without a description, as where a role is shown by itself",
    "POST /v3/domains: domain": "a caller's own fields are kept and shown",
}

NEVER_WERE = {
    *(f"{method} /v3/OS-OAUTH2/token" for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")),
    *(f"{method} /v3/{door}" for method in ("GET", "HEAD") for door in ("ec2tokens", "s3tokens")),
}
"""Doors that can only be posted to."""

IDENTITY = Description(
    "identity-v3.14.json",
    prefix="/identity",
    exceptions=EXCEPTIONS,
    never_were=NEVER_WERE,
    left_out=("OS-OAUTH1", "OS-SIMPLE-CERT", "saml2"),
)


class IdentityClient(CheckedClient):
    """A client of identity whose answers are looked up in its description."""

    description = IDENTITY
