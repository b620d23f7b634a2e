"""Standing: what a user may do within a scope, as long as nothing changes, and what narrows it.

A token made by an application credential, or from a trust, gives no more than those do, and nothing at all once
its user, or whoever trusted them, has lost a part of that.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from nacre.identity.domain.roles import Role, RoleGraph
from nacre.identity.domain.scopes import Scope, ScopeKind
from nacre.identity.domain.trusts import Trust
from nacre.identity.errors import LoginRefused
from nacre.identity.store.access import Access, find_access
from nacre.identity.store.application_credentials import CREDENTIALS, ApplicationCredential
from nacre.identity.store.trusts import find_pedigree
from nacre.kernel.database import Reader
from nacre.kernel.narrowing import RequestRule

log = logging.getLogger("nacre.identity")


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What narrows a token beyond its scope: an application credential, a trust, or nothing. Ids, or empty."""

    credential_id: str = ""
    trust_id: str = ""


UNBOUND = Bound()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do within a scope, as long as nothing changes. `refusal` says why nothing, if so.

    `epoch` is the sum of the epochs of everybody it hangs on. Each of them only ever rises, so the sum is the same
    only as long as each of them is.
    """

    access: Access
    roles: tuple[Role, ...]
    epoch: int
    refusal: str = ""
    credential: ApplicationCredential | None = None
    trust: Trust | None = None

    @property
    def ends_at(self) -> float | None:
        """When what narrows it expires, if ever."""
        bound = self.credential or self.trust
        return bound.expires_at if bound else None

    def holds(self, now: float) -> bool:
        """Whether nothing of it has ended by itself: what an identity provider has said counts for a while only."""
        return self.access.holds_until is None or self.access.holds_until > now

    @property
    def scope(self) -> Scope | None:
        """The one scope it is for, if what narrows it is for but one."""
        bound = self.credential or self.trust
        return Scope(ScopeKind.PROJECT, bound.project_id) if bound else None

    @property
    def only(self) -> tuple[RequestRule, ...] | None:
        """The only requests that may be made, if that is narrowed."""
        if self.credential is None or self.credential.rules is None:
            return None
        return tuple(
            RequestRule(service=rule.service, method=rule.method, path=rule.path)
            for rule in self.credential.rules
        )


def refused(why: str) -> LoginRefused:
    """The refusal that reveals nothing; the reason goes to the log."""
    log.info("refused: %s", why)
    return LoginRefused()


def read_standing(
    db: Reader, graph: RoleGraph, user_id: str, scope: Scope, credential_id: str, *, now: float
) -> Standing:
    """The standing of a user. Four statements at most. Raises LoginRefused for a user who is gone."""
    access = find_access(db, user_id, scope, now=now)
    if access is None:
        raise refused(f"there is no user {user_id!r}")
    if credential_id:
        return _of_program(db, graph, access, scope, credential_id)
    roles = graph.effective(access.role_ids)
    return Standing(
        access=access, roles=roles, epoch=access.user.epoch, refusal=_refusal_of(access, scope, roles)
    )


def _of_program(db: Reader, graph: RoleGraph, access: Access, scope: Scope, credential_id: str) -> Standing:
    credential = CREDENTIALS.find(db, credential_id)
    epoch = access.user.epoch
    if credential is None:
        return Standing(access=access, roles=(), epoch=epoch, refusal="the application credential is gone")
    roles = graph.effective(credential.role_ids)
    refusal = _refusal_of(access, scope, roles)
    if (credential.user_id, Scope(ScopeKind.PROJECT, credential.project_id)) != (access.user.user_id, scope):
        refusal = f"application credential {credential_id} is another user's, or for another project"
    elif not set(credential.role_ids) <= graph.closure(access.role_ids):
        refusal = f"the user has lost a role of application credential {credential_id}"
    return Standing(access=access, roles=roles, epoch=epoch, refusal=refusal, credential=credential)


def read_entrusted(db: Reader, graph: RoleGraph, trust_id: str, *, now: float) -> Standing:
    """The standing of whoever uses a trust: on its project, in the name it says. Raises LoginRefused if it is gone."""
    pedigree = find_pedigree(db, trust_id)
    if pedigree is None:
        raise refused(f"there is no trust {trust_id!r}")
    trust, people = pedigree.trusts[0], pedigree.people
    scope = Scope(ScopeKind.PROJECT, trust.project_id)
    access = find_access(db, pedigree.first.trustor_user_id, scope, now=now)
    if access is None:
        raise refused(f"the trustor of {trust_id!r} is just being deleted")
    roles = graph.effective(trust.role_ids)
    refusal = ""
    if any(each.deleted_at is not None for each in pedigree.trusts):
        refusal = f"trust {trust_id} is deleted"
    elif not all(person.enabled for person in people.values()):
        refusal = f"somebody whom trust {trust_id} hangs on is disabled"
    elif not _handed_down(graph, [*(each.role_ids for each in pedigree.trusts), access.role_ids]):
        refusal = f"the trustor has lost a role of trust {trust_id}"
    person = people[trust.user_id]
    access = msgspec.structs.replace(
        access, user=person.user, user_domain=person.domain, role_ids=trust.role_ids
    )
    return Standing(
        access=access,
        roles=roles,
        epoch=sum(person.user.epoch for person in people.values()),
        refusal=refusal or _refusal_of(access, scope, roles),
        trust=trust,
    )


def _handed_down(graph: RoleGraph, roles: Sequence[Sequence[str]]) -> bool:
    """Whether everybody in a line gave no roles but those they were given, or what these imply."""
    return all(set(given) <= graph.closure(had) for given, had in pairwise(roles))


def _refusal_of(access: Access, scope: Scope, roles: Sequence[Role]) -> str:
    """Why a user may do nothing at all within a scope; empty if that is not so."""
    user, target = access.user, access.target
    if not user.enabled or not access.user_domain.enabled:
        return f"user {user.user_id} or the user's domain is disabled"
    if scope.kind is ScopeKind.UNSCOPED:
        return ""
    if scope.kind is not ScopeKind.SYSTEM:
        if target is None or target.is_domain is not (scope.kind is ScopeKind.DOMAIN):
            return f"there is no {scope.kind} {scope.target_id!r}"
        if not target.enabled or not (access.target_domain and access.target_domain.enabled):
            return f"{scope.kind} {scope.target_id} or its domain is disabled"
    return "" if roles else f"user {user.user_id} holds no role on {scope.kind} {scope.target_id!r}"
