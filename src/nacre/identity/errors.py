"""What can go wrong in identity. Refusals to log in all read alike, so that they reveal nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nacre.kernel.errors import Conflict, Forbidden, NotFound, Unauthenticated, Unavailable


@dataclass(eq=False)
class Missing(NotFound):
    """There is no such thing. Each noun has its own type."""

    code: ClassVar[str] = "identity.missing"
    noun: ClassVar[str] = "resource"
    subject: str

    def __str__(self) -> str:
        return f"Could not find {self.noun}: {self.subject[:100]}."


class DomainNotFound(Missing):
    noun = "domain"


class ProjectNotFound(Missing):
    noun = "project"


class TagNotFound(Missing):
    noun = "project tag"


class UserNotFound(Missing):
    noun = "user"


class GroupNotFound(Missing):
    noun = "group"


class MembershipNotFound(Missing):
    noun = "user in group"


class RoleNotFound(Missing):
    noun = "role"


class ImplicationNotFound(Missing):
    noun = "implied role"


class AssignmentNotFound(Missing):
    noun = "role assignment"


class RegionNotFound(Missing):
    noun = "region"


class ServiceNotFound(Missing):
    noun = "service"


class EndpointNotFound(Missing):
    noun = "endpoint"


class ApplicationCredentialNotFound(Missing):
    noun = "application credential"


class AccessRuleNotFound(Missing):
    noun = "access rule"


class TrustNotFound(Missing):
    noun = "trust"


class CredentialNotFound(Missing):
    noun = "credential"


class PolicyNotFound(Missing):
    noun = "policy"


class DomainConfigNotFound(Missing):
    noun = "domain configuration"


class EndpointGroupNotFound(Missing):
    noun = "endpoint group"


class EndpointAssociationNotFound(Missing):
    noun = "endpoint association"


class PolicyAssociationNotFound(Missing):
    noun = "policy association"


class RegisteredLimitNotFound(Missing):
    noun = "registered limit"


class LimitNotFound(Missing):
    noun = "limit"


class IdentityProviderNotFound(Missing):
    noun = "identity provider"


class ProtocolNotFound(Missing):
    noun = "federation protocol"


class MappingNotFound(Missing):
    noun = "mapping"


class OidcClientNotFound(Missing):
    noun = "OpenID client"


class ServiceProviderNotFound(Missing):
    noun = "service provider"


class TokenNotFound(NotFound):
    """The token asked about is not one, or not any more."""

    code: ClassVar[str] = "identity.token_not_found"

    def __str__(self) -> str:
        return "Could not find token."


@dataclass(eq=False)
class Taken(Conflict):
    """Something else has this name or id where it must be unique."""

    code: ClassVar[str] = "identity.taken"
    noun: str
    name: str

    def __str__(self) -> str:
        return f"Conflict occurred attempting to store {self.noun} - Duplicate entry found with '{self.name[:100]}'."


@dataclass(eq=False)
class InUse(Conflict):
    """Something else still refers to it."""

    code: ClassVar[str] = "identity.in_use"
    noun: str
    subject: str
    by: str

    def __str__(self) -> str:
        return f"The {self.noun} {self.subject[:100]} cannot be deleted: {self.by}."


@dataclass(eq=False)
class NotPossible(Forbidden):
    """Whoever asks, things as they stand do not allow it."""

    code: ClassVar[str] = "identity.not_possible"
    reason: str

    def __str__(self) -> str:
        return self.reason


class LoginRefused(Unauthenticated):
    """Not proven, or not any more. The same words for every reason; the log has the reason."""

    code: ClassVar[str] = "identity.login_refused"

    def __str__(self) -> str:
        return "The request you have made requires authentication."


@dataclass(eq=False)
class PasswordExpired(Unauthenticated):
    """The password is right, and good for nothing but to be changed. Clients know the words."""

    code: ClassVar[str] = "identity.password_expired"
    user_id: str

    def __str__(self) -> str:
        return f"The password is expired and needs to be changed for user: {self.user_id}."


class TooManyLogins(Unavailable):
    """More passwords wait to be checked than can be in good time."""

    code: ClassVar[str] = "identity.too_many_logins"

    def __str__(self) -> str:
        return "Too many logins at the moment; try again."


class FromDirectory(Forbidden):
    """Users and groups of a directory are as they are there."""

    code: ClassVar[str] = "identity.from_directory"

    def __str__(self) -> str:
        return "The users and groups of this domain come from a directory, which is only read."


@dataclass(eq=False)
class DirectoryDown(Unavailable):
    """A domain's directory cannot say whether a password is right. The log says why."""

    code: ClassVar[str] = "identity.directory_down"
    domain_id: str

    def __str__(self) -> str:
        return "The directory of this domain does not answer at the moment; try again."
