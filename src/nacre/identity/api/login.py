"""What is asked of the door where tokens are made.

Source: Identity API v3 reference, "Authentication and token management".
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.fields import Password, Text
from nacre.kernel.http.body import Body


class DomainRef(msgspec.Struct, frozen=True, kw_only=True):
    """A domain by id, or by name."""

    id: Text | None = None
    name: Text | None = None


class UserRef(msgspec.Struct, frozen=True, kw_only=True):
    """A user by id, or by name within a domain."""

    id: Text | None = None
    name: Text | None = None
    domain: DomainRef = DomainRef()


class PasswordUser(UserRef, frozen=True, kw_only=True):
    """A user with the password that is to prove it."""

    password: Password


class PasswordMethod(msgspec.Struct, frozen=True, kw_only=True):
    user: PasswordUser


class TokenMethod(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class TotpUser(UserRef, frozen=True, kw_only=True):
    """A user with the passcode that their device shows."""

    passcode: Text


class TotpMethod(msgspec.Struct, frozen=True, kw_only=True):
    user: TotpUser


class CredentialMethod(msgspec.Struct, frozen=True, kw_only=True):
    """An application credential by id, or by name and user."""

    id: Text | None = None
    name: Text | None = None
    secret: Password
    user: UserRef = UserRef()


class Proofs(msgspec.Struct, frozen=True, kw_only=True):
    """How the caller means to prove who they are; all of `methods` must succeed."""

    methods: tuple[Text, ...]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None
    application_credential: CredentialMethod | None = None
    totp: TotpMethod | None = None


class ProjectRef(msgspec.Struct, frozen=True, kw_only=True):
    """A project by id, or by name within a domain."""

    id: Text | None = None
    name: Text | None = None
    domain: DomainRef = DomainRef()


class SystemRef(msgspec.Struct, frozen=True, kw_only=True):
    all: bool


class TrustRef(msgspec.Struct, frozen=True, kw_only=True):
    id: Text


class ScopeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One of these; `unscoped` asks for nothing, where silence asks for the user's default project."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    system: SystemRef | None = None
    unscoped: dict[str, Any] | None = None
    trust: TrustRef | None = msgspec.field(default=None, name="OS-TRUST:trust")


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    identity: Proofs
    scope: ScopeAsk | str | None = None


AUTH = Body(Auth, key="auth", closed=False)
