"""The authority: says who a token stands for, and signs new ones.

In the steady state it answers from memory. What it remembers is dropped by the wake-ups that every change
of identity sends when it is durable: `kernel/recall.py` says why nothing stale survives that.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, final

import msgspec

from nacre.identity.contract import ProjectName
from nacre.identity.domain import tokens
from nacre.identity.domain.catalog import Catalog, view_of
from nacre.identity.domain.roles import Role, RoleGraph
from nacre.identity.domain.scopes import Scope, ScopeKind
from nacre.identity.domain.tokens import BadToken, Claims, TokenKey
from nacre.identity.errors import LoginRefused
from nacre.identity.store import access as access_store
from nacre.identity.store import tokens as token_store
from nacre.identity.store.access import Access
from nacre.identity.store.application_credentials import CREDENTIALS
from nacre.identity.store.endpoints import load_catalog
from nacre.identity.store.projects import PROJECTS
from nacre.identity.store.roles import load_graph
from nacre.kernel.assembly import Kernel
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import ProjectId, UserId
from nacre.kernel.policy import Caller
from nacre.kernel.recall import Recalled

log = logging.getLogger("nacre.identity")

K = TypeVar("K")
V = TypeVar("V")

CHANGED = "identity"
REVOKED = "identity:revoked"
KEYS_CHANGED = "identity:keys"
CATALOG_CHANGED = "identity:catalog"

MOST_REMEMBERED = 20_000
KEY_SETTLES_S = 60.0
"""How long a new key waits before it signs: by then every node has heard of it."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do within a scope, as long as nothing changes. `refusal` says why nothing, if so."""

    access: Access
    roles: tuple[Role, ...]
    refusal: str = ""
    credential_expires_at: float | None = None


StandingKey = tuple[str, Scope, str]
"""A user's id, the scope, and the application credential that bounds the roles, if any."""


@dataclass
class _Rights:
    graph: RoleGraph | None = None
    standings: dict[StandingKey, Standing] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)


@dataclass
class _Revoked:
    audit_ids: frozenset[str] | None = None


@dataclass
class _Keys:
    by_id: Mapping[int, TokenKey] | None = None


@dataclass
class _Catalog:
    catalog: Catalog | None = None
    views: dict[tuple[str, str], msgspec.Raw] = field(default_factory=dict)


@final
class Authority:
    """Identity, as its neighbours and its own doors see it. One per process; safe from every thread."""

    def __init__(self, kernel: Kernel) -> None:
        self._database = kernel.database
        self._clock = kernel.clock
        self._lifetime_s = kernel.settings.token.lifetime_s
        clock, wakes = kernel.clock, kernel.wakes
        self._rights = Recalled(_Rights, topic=CHANGED, clock=clock, wakes=wakes)
        self._revoked = Recalled(_Revoked, topic=REVOKED, clock=clock, wakes=wakes)
        self._keys = Recalled(_Keys, topic=KEYS_CHANGED, clock=clock, wakes=wakes)
        self._catalog = Recalled(_Catalog, topic=CATALOG_CHANGED, clock=clock, wakes=wakes)

    # -- what neighbours ask ---------------------------------------------------------------------------

    def authenticate(self, token: str) -> Caller:
        """The caller a token stands for, in memory unless something has changed. Raises LoginRefused."""
        rights = self._rights.now()
        caller = rights.callers.get(token)
        if caller is None:
            caller = self._admit(token, rights)
        if caller.expires_at <= self._clock.now():
            raise refused("the token has expired")
        if caller.audit_ids[0] in self._revoked_now():
            raise refused("the token is revoked")
        return caller

    def projects(self, db: Reader, project_ids: Collection[ProjectId]) -> Mapping[ProjectId, ProjectName]:
        """Those of the projects that exist."""
        return {
            ProjectId(project.project_id): ProjectName(
                project_id=ProjectId(project.project_id),
                name=project.name,
                domain_id=project.domain_id or project.project_id,
                enabled=project.enabled,
            )
            for project in PROJECTS.some(db, list(project_ids))
        }

    # -- what identity's own doors ask -----------------------------------------------------------------

    def claims_of(self, token: str) -> Claims:
        """What a token says; whether it still counts is for `authenticate`. Raises LoginRefused."""
        try:
            return tokens.read(token, self._keys_now())
        except (BadToken, msgspec.MsgspecError) as error:
            raise refused(f"the token is not ours: {error}") from error

    def standing(self, user_id: str, scope: Scope, credential_id: str = "") -> Standing:
        """What a user may do within a scope. Raises LoginRefused if that is nothing."""
        standing = self._standing(self._rights.now(), (user_id, scope, credential_id))
        if standing.refusal:
            raise refused(standing.refusal)
        return standing

    def graph(self) -> RoleGraph:
        """Every role, and which imply which."""
        return self._graph(self._rights.now())

    def catalog_view(self, *, project_id: str, user_id: str) -> msgspec.Raw:
        """The catalogue as JSON, with the caller's project put into it."""
        place = self._catalog.now()
        catalog = place.catalog
        if catalog is None:
            with self._database.read() as db:
                catalog = place.catalog = load_catalog(db)
        # Most catalogues name no user; keeping one view per project serves all of its users.
        named = any("(user_id)" in each.url for _, endpoints in catalog.services for each in endpoints)
        key = (project_id, user_id if named else "")
        view = place.views.get(key)
        if view is None:
            view = msgspec.Raw(msgspec.json.encode(view_of(catalog, project_id=project_id, user_id=user_id)))
            _keep(place.views, key, view)
        return view

    def issue(
        self,
        standing: Standing,
        scope: Scope,
        *,
        methods: Sequence[str],
        expires_at: float | None = None,
        parent_audit_id: str = "",
        credential_id: str = "",
    ) -> tuple[str, Caller]:
        """A new token and the caller it stands for. It lasts no longer than what it is made from."""
        now = self._clock.now()
        ends = [now + self._lifetime_s, expires_at, standing.credential_expires_at]
        audit_id = tokens.new_audit_id()
        claims = Claims(
            user_id=UserId(standing.access.user.user_id),
            scope=scope,
            methods=tuple(dict.fromkeys(methods)),
            epoch=standing.access.user.epoch,
            issued_at=now,
            expires_at=min(end for end in ends if end is not None),
            audit_ids=(audit_id, parent_audit_id) if parent_audit_id else (audit_id,),
            credential_id=credential_id,
        )
        keys = list(self._keys_now().values())
        return tokens.sign(claims, tokens.signing_key(keys, now=now)), _caller(claims, standing)

    def revoke(self, tx: Tx, caller: Caller) -> None:
        """Let the token of `caller` count no more, here at once and elsewhere when they hear of it."""
        token_store.revoke(tx, caller.audit_ids[0], expires_at=caller.expires_at)
        tx.wake(REVOKED)

    # -- remembering -----------------------------------------------------------------------------------

    def _admit(self, token: str, rights: _Rights) -> Caller:
        claims = self.claims_of(token)
        standing = self._standing(rights, (claims.user_id, claims.scope, claims.credential_id))
        if standing.refusal:
            raise refused(standing.refusal)
        if standing.access.user.epoch != claims.epoch:
            raise refused("the password has been changed, or the user was disabled, since it was issued")
        caller = _caller(claims, standing)
        _keep(rights.callers, token, caller)
        return caller

    def _standing(self, rights: _Rights, key: StandingKey) -> Standing:
        standing = rights.standings.get(key)
        if standing is None:
            standing = self._read_standing(rights, *key)
            _keep(rights.standings, key, standing)
        return standing

    def _read_standing(self, rights: _Rights, user_id: str, scope: Scope, credential_id: str) -> Standing:
        graph = self._graph(rights)
        with self._database.read() as db:
            access = access_store.find_access(db, user_id, scope)
            if access is None:
                raise refused(f"there is no user {user_id!r}")
            roles = graph.effective(access.role_ids)
            expires_at = None
            if credential_id:
                credential = CREDENTIALS.find(db, credential_id)
                if credential is None:
                    return Standing(access=access, roles=(), refusal="the application credential is gone")
                granted = graph.closure(credential.role_ids)
                roles = tuple(role for role in roles if role.role_id in granted)
                expires_at = credential.expires_at
        return Standing(
            access=access,
            roles=roles,
            refusal=_refusal_of(access, scope, roles),
            credential_expires_at=expires_at,
        )

    def _graph(self, rights: _Rights) -> RoleGraph:
        graph = rights.graph
        if graph is None:
            with self._database.read() as db:
                graph = rights.graph = load_graph(db)
        return graph

    def _keys_now(self) -> Mapping[int, TokenKey]:
        place = self._keys.now()
        keys = place.by_id
        if keys is None:
            with self._database.read() as db:
                keys = place.by_id = {key.key_id: key for key in token_store.load_keys(db)}
        return keys

    def _revoked_now(self) -> frozenset[str]:
        place = self._revoked.now()
        revoked = place.audit_ids
        if revoked is None:
            with self._database.read() as db:
                revoked = place.audit_ids = token_store.load_revoked(db, now=self._clock.now())
        return revoked


def rotate_keys(tx: Tx, *, lifetime_s: float) -> None:
    """Let a new key sign from soon on, and forget those that no living token is signed with."""
    keys = token_store.load_keys(tx)
    if not keys:
        token_store.add_key(tx, tokens.new_key(1, signs_from=tx.now))
    else:
        token_store.add_key(tx, tokens.new_key(keys[-1].key_id + 1, signs_from=tx.now + KEY_SETTLES_S))
        # Every token signed before the newest key that has signed for a whole lifetime has expired.
        settled = [key.key_id for key in keys if key.signs_from + lifetime_s + KEY_SETTLES_S <= tx.now]
        if settled:
            token_store.remove_keys_before(tx, max(settled))
    tx.wake(KEYS_CHANGED)


def refused(why: str) -> LoginRefused:
    """The refusal that reveals nothing; the reason goes to the log."""
    log.info("refused: %s", why)
    return LoginRefused()


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


def _caller(claims: Claims, standing: Standing) -> Caller:
    access, scope = standing.access, claims.scope
    target = access.target
    common = {
        "user_id": claims.user_id,
        "user_name": access.user.name,
        "user_domain_id": access.user_domain.project_id,
        "user_domain_name": access.user_domain.name,
        "system": scope.kind is ScopeKind.SYSTEM,
        "roles": tuple(role.name for role in standing.roles),
        "role_ids": tuple(role.role_id for role in standing.roles),
        "methods": claims.methods,
        "audit_ids": claims.audit_ids,
        "issued_at": claims.issued_at,
        "expires_at": claims.expires_at,
    }
    if scope.kind is ScopeKind.PROJECT and target and access.target_domain:
        common |= {
            "project_id": ProjectId(target.project_id),
            "project_name": target.name,
            "project_domain_id": access.target_domain.project_id,
            "project_domain_name": access.target_domain.name,
        }
    if scope.kind is ScopeKind.DOMAIN and target:
        common |= {"domain_id": target.project_id, "domain_name": target.name}
    return Caller(**common)  # type: ignore[arg-type]


def _keep(place: dict[K, V], key: K, value: V) -> None:
    """Remember `value`; a place that has become too large begins anew."""
    if len(place) >= MOST_REMEMBERED:
        place.clear()
    place[key] = value
