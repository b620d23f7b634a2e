"""The authority: says who a token stands for, and signs new ones.

In the steady state it answers from memory. What it remembers is dropped by the wake-ups that every change
of identity sends when it is durable: `kernel/recall.py` says why nothing stale survives that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, final

import msgspec

from nacre.identity.contract import ProjectName
from nacre.identity.domain import tokens
from nacre.identity.domain.catalog import Catalog, view_of
from nacre.identity.domain.roles import RoleGraph
from nacre.identity.domain.scopes import Scope, ScopeKind
from nacre.identity.domain.tokens import BadToken, Claims, TokenKey, Voucher
from nacre.identity.keys import KEYS_CHANGED, open_keys
from nacre.identity.sealing import Seal
from nacre.identity.standing import UNBOUND, Bound, Standing, read_entrusted, read_standing, refused
from nacre.identity.store import tokens as token_store
from nacre.identity.store.endpoint_filters import find_selection
from nacre.identity.store.endpoints import load_catalog
from nacre.identity.store.federation import enabled_service_providers
from nacre.identity.store.projects import PROJECTS
from nacre.identity.store.roles import load_graph
from nacre.identity.store.rules import load_overrides
from nacre.identity.store.tokens import Revoked
from nacre.kernel.assembly import Kernel
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import ProjectId, UserId
from nacre.kernel.policy import Caller, Policy, Rulebook
from nacre.kernel.recall import Recalled

K = TypeVar("K")
V = TypeVar("V")

CHANGED = "identity"
REVOKED = "identity:revoked"
CATALOG_CHANGED = "identity:catalog"

MOST_REMEMBERED = 20_000


StandingKey = tuple[str, Scope, str]
"""A user's id, the scope, and the application credential that bounds the roles there, if any."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A token that counts: what it says, what its user may do, and the caller it stands for."""

    claims: Claims
    standing: Standing
    caller: Caller


@dataclass
class _Rights:
    graph: RoleGraph | None = None
    rules: Rulebook | None = None
    standings: dict[StandingKey, Standing] = field(default_factory=dict)
    entrusted: dict[str, Standing] = field(default_factory=dict)
    admitted: dict[str, Admitted] = field(default_factory=dict)


@dataclass
class _Revoked:
    revoked: Revoked | None = None


@dataclass
class _Keys:
    by_id: Mapping[int, TokenKey] | None = None


@dataclass
class _Catalog:
    catalog: Catalog | None = None
    views: dict[tuple[str, str], msgspec.Raw] = field(default_factory=dict)
    clouds: Sequence[Mapping[str, str]] | None = None


@final
class Authority:
    """Identity, as its neighbours and its own doors see it. One per process; safe from every thread."""

    def __init__(self, kernel: Kernel, seal: Seal, policies: Iterable[Policy] = ()) -> None:
        self._seal = seal
        self._rulebook = Rulebook({policy.name: policy.rule for policy in policies})
        self._database = kernel.database
        self._clock = kernel.clock
        self._lifetime_s = kernel.settings.token.lifetime_s
        self._late_s = float(kernel.settings.auth.late_validation_s)
        clock, wakes = kernel.clock, kernel.wakes
        self._rights = Recalled(_Rights, topic=CHANGED, clock=clock, wakes=wakes)
        self._revoked = Recalled(_Revoked, topic=REVOKED, clock=clock, wakes=wakes)
        self._keys = Recalled(_Keys, topic=KEYS_CHANGED, clock=clock, wakes=wakes)
        self._catalog = Recalled(_Catalog, topic=CATALOG_CHANGED, clock=clock, wakes=wakes)

    # -- what neighbours ask ---------------------------------------------------------------------------

    def authenticate(self, token: str) -> Caller:
        """The caller a token stands for, in memory unless something has changed. Raises LoginRefused."""
        return self.admitted(token).caller

    def admitted(self, token: str, *, late_s: float = 0.0) -> Admitted:
        """The same with all that is known of it. It may have expired `late_s` ago. Raises LoginRefused."""
        rights = self._rights.now()
        admitted = rights.admitted.get(token)
        if admitted is None or not admitted.standing.holds(self._clock.now()):
            admitted = self._admit(token, rights)
        caller = admitted.caller
        if caller.expires_at + late_s <= self._clock.now():
            raise refused("the token has expired")
        if self._revoked_now().covers(caller.audit_ids):
            raise refused("the token is revoked")
        return admitted

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

    def standing(self, user_id: str, scope: Scope, bound: Bound = UNBOUND) -> Standing:
        """What a user may do within a scope. Raises LoginRefused if that is nothing."""
        standing = self._standing(self._rights.now(), user_id, scope, bound)
        if standing.refusal:
            raise refused(standing.refusal)
        return standing

    def entrusted(self, trust_id: str) -> Standing:
        """What a trust gives, with the reason if that is nothing. Raises LoginRefused for one that never was."""
        return self._entrusted(self._rights.now(), trust_id)

    def graph(self) -> RoleGraph:
        """Every role, and which imply which."""
        return self._graph(self._rights.now())

    def rules(self) -> Rulebook:
        """The rules in force: the defaults of every service, and what overrides them."""
        return self._rules(self._rights.now())

    def as_if(self, user_id: str, scope: Scope) -> Caller:
        """The caller that a token of this user for this scope would stand for. Raises LoginRefused."""
        now = self._clock.now()
        standing = self.standing(user_id, scope)
        claims = Claims(
            user_id=UserId(user_id),
            scope=scope,
            methods=(),
            epoch=standing.epoch,
            issued_at=now,
            expires_at=now,
            audit_ids=("",),
        )
        return _caller(claims, standing, self.rules())

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
            catalog = self._seen_from(catalog, project_id)
            view = msgspec.Raw(msgspec.json.encode(view_of(catalog, project_id=project_id, user_id=user_id)))
            _keep(place.views, key, view)
        return view

    def _seen_from(self, catalog: Catalog, project_id: str) -> Catalog:
        """The part of the catalogue that a project sees."""
        if not project_id:
            return catalog
        with self._database.read() as db:
            selection = find_selection(db, project_id)
        return catalog if selection is None else catalog.only(selection)

    def service_providers(self) -> Sequence[Mapping[str, str]]:
        """The other clouds that trust this one, as tokens name them."""
        place = self._catalog.now()
        clouds = place.clouds
        if clouds is None:
            with self._database.read() as db:
                found = enabled_service_providers(db)
            clouds = place.clouds = [
                {"id": each.sp_id, "auth_url": each.auth_url, "sp_url": each.sp_url} for each in found
            ]
        return clouds

    def issue(
        self,
        standing: Standing,
        scope: Scope,
        *,
        methods: Sequence[str],
        expires_at: float | None = None,
        parent_audit_id: str = "",
        voucher: Voucher | None = None,
    ) -> tuple[str, Admitted]:
        """A new token and what it stands for. It lasts no longer than what it is made from. Raises LoginRefused."""
        now = self._clock.now()
        ends = [now + self._lifetime_s, expires_at, standing.ends_at]
        audit_id = tokens.new_audit_id()
        claims = Claims(
            user_id=UserId(standing.access.user.user_id),
            scope=scope,
            methods=tuple(dict.fromkeys(methods)),
            epoch=standing.epoch,
            issued_at=now,
            expires_at=min(end for end in ends if end is not None),
            audit_ids=(audit_id, parent_audit_id) if parent_audit_id else (audit_id,),
            credential_id=standing.credential.credential_id if standing.credential else "",
            trust_id=standing.trust.trust_id if standing.trust else "",
            voucher=voucher,
        )
        if claims.expires_at <= now:
            raise refused("what it would be made from has expired")
        caller = _caller(claims, standing, self.rules())
        admitted = Admitted(claims=claims, standing=standing, caller=caller)
        return tokens.sign(claims, self.signing_key()), admitted

    def signing_key(self) -> TokenKey:
        """The key that signs now."""
        return tokens.signing_key(list(self._keys_now().values()), now=self._clock.now())

    def keys(self) -> Mapping[int, TokenKey]:
        """Every key of ours, by its id."""
        return self._keys_now()

    def revoke(self, tx: Tx, caller: Caller, *, whole_chain: bool = False) -> None:
        """Let the token of `caller` count no more, here at once and elsewhere when they hear of it.

        With `whole_chain`, that goes for every token made from the same first one as well.
        """
        # Others of the chain may last longer than this one, but none longer than a token made now.
        ends_at = tx.now + self._lifetime_s if whole_chain else caller.expires_at
        audit_id = caller.audit_ids[-1 if whole_chain else 0]
        token_store.revoke(tx, audit_id, until=ends_at + self._late_s, whole_chain=whole_chain)
        tx.wake(REVOKED)

    # -- remembering -----------------------------------------------------------------------------------

    def _admit(self, token: str, rights: _Rights) -> Admitted:
        claims = self.claims_of(token)
        bound = Bound(credential_id=claims.credential_id, trust_id=claims.trust_id)
        standing = self._standing(rights, claims.user_id, claims.scope, bound)
        if standing.refusal:
            raise refused(standing.refusal)
        if standing.epoch != claims.epoch:
            raise refused("the password has been changed, or the user was disabled, since it was issued")
        caller = _caller(claims, standing, self._rules(rights))
        admitted = Admitted(claims=claims, standing=standing, caller=caller)
        _keep(rights.admitted, token, admitted)
        return admitted

    def _standing(self, rights: _Rights, user_id: str, scope: Scope, bound: Bound) -> Standing:
        if bound.trust_id:
            standing = self._entrusted(rights, bound.trust_id)
            if standing.access.user.user_id != user_id or standing.scope != scope:
                raise refused(f"trust {bound.trust_id} is for another project or user")
            return standing
        key = (user_id, scope, bound.credential_id)
        found = rights.standings.get(key)
        now = self._clock.now()
        if found is None or not found.holds(now):
            graph = self._graph(rights)
            with self._database.read() as db:
                found = read_standing(db, graph, user_id, scope, bound.credential_id, now=now)
            _keep(rights.standings, key, found)
        return found

    def _entrusted(self, rights: _Rights, trust_id: str) -> Standing:
        found = rights.entrusted.get(trust_id)
        now = self._clock.now()
        if found is None or not found.holds(now):
            graph = self._graph(rights)
            with self._database.read() as db:
                found = read_entrusted(db, graph, trust_id, now=now)
            _keep(rights.entrusted, trust_id, found)
        return found

    def _graph(self, rights: _Rights) -> RoleGraph:
        graph = rights.graph
        if graph is None:
            with self._database.read() as db:
                graph = rights.graph = load_graph(db)
        return graph

    def _rules(self, rights: _Rights) -> Rulebook:
        rules = rights.rules
        if rules is None:
            with self._database.read() as db:
                overrides = load_overrides(db)
            # Most changes are of something else: then every rule stays as it was read.
            rules = self._rulebook
            if overrides != rules.overrides:
                rules = self._rulebook = Rulebook(rules.defaults, overrides)
            rights.rules = rules
        return rules

    def _keys_now(self) -> Mapping[int, TokenKey]:
        place = self._keys.now()
        keys = place.by_id
        if keys is None:
            with self._database.read() as db:
                keys = place.by_id = open_keys(db, self._seal)
        return keys

    def _revoked_now(self) -> Revoked:
        place = self._revoked.now()
        revoked = place.revoked
        if revoked is None:
            with self._database.read() as db:
                revoked = place.revoked = token_store.load_revoked(db, now=self._clock.now())
        return revoked


def _caller(claims: Claims, standing: Standing, rules: Rulebook) -> Caller:
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
        "only": standing.only,
        "rules": rules,
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
