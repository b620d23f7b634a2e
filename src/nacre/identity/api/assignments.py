"""The list of role assignments, as they were given or as they come out.

Source: Identity API v3 reference, "List role assignments".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from nacre.identity import policy
from nacre.identity.api.lists import whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import load_placed
from nacre.identity.domain.assignments import Held, effective
from nacre.identity.domain.roles import RoleGraph
from nacre.identity.store import projects as project_store
from nacre.identity.store.assignments import find_assignments
from nacre.identity.store.groups import everybody_in
from nacre.identity.store.names import names_of
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; None where nothing is said."""

    user_id: str | None
    group_id: str | None
    role_id: str | None
    project_id: str | None
    domain_id: str | None
    system: bool
    inherited: bool
    effective: bool
    include_names: bool
    include_subtree: bool

    @property
    def target(self) -> tuple[str, str] | None:
        """The kind and id of the one target asked for."""
        if self.project_id is not None:
            return "project", self.project_id
        if self.domain_id is not None:
            return "domain", self.domain_id
        return ("system", "all") if self.system else None


def list_all(call: Call[Parts]) -> Answer:
    """Assignments that meet the filters. `effective` shows what users hold in the end, groups resolved.

    Errors: Bad for filters that contradict each other.
    """
    filters = _filters(call)
    graph = call.parts.authority.graph()
    with call.database.read() as db:
        own = _sight(db, call, filters)
        some = (
            _effective(db, filters, graph, now=call.now)
            if filters.effective
            else _given(db, filters, now=call.now)
        )
        found = sorted(set(some), key=lambda held: (held.target_id, held.actor_id, held.role_id))
        if own is not None:
            inside = project_store.ids_in_domain(db, own)
            found = [held for held in found if held.target_id in inside]
        names = _names(db, found, graph) if filters.include_names else {}
    return whole(call, "role_assignments", [_view(call, held, names) for held in found])


def _filters(call: Call[Parts]) -> Filters:
    filters = Filters(
        user_id=call.one("user.id"),
        group_id=call.one("group.id"),
        role_id=call.one("role.id"),
        project_id=call.one("scope.project.id"),
        domain_id=call.one("scope.domain.id"),
        system=call.one("scope.system") is not None,
        inherited=call.one("scope.OS-INHERIT:inherited_to") is not None,
        effective=_stated(call, "effective"),
        include_names=_stated(call, "include_names"),
        include_subtree=_stated(call, "include_subtree"),
    )
    if filters.user_id is not None and filters.group_id is not None:
        raise Bad("Specify a user or group, not both.")
    if filters.effective and filters.group_id is not None:
        raise Bad("Combining effective and group filter will always result in an empty list.")
    if sum(each is not None for each in (filters.project_id, filters.domain_id)) + filters.system > 1:
        raise Bad("Specify a domain, a project or the system, not several.")
    if filters.include_subtree and filters.project_id is None:
        raise Bad("scope.project.id must be specified if include_subtree is also specified.")
    return filters


def _stated(call: Call[Parts], name: str) -> bool:
    """Such a flag counts as set when it is there, whatever it says, but for `0` and `false`."""
    value = call.one(name)
    return value is not None and value.lower() not in ("0", "false")


def _sight(db: Reader, call: Call[Parts], filters: Filters) -> str | None:
    """The one domain on whose things roles may be shown; None for all. Raises NotAllowed.

    A token for a domain shows what is in it, whatever else its user may see. Managers of a project may ask about
    it, and about each one below it.
    """
    below = filters.include_subtree
    rule = policy.LIST_ASSIGNMENTS_BELOW if below else call.route.policy
    caller = call.caller
    target: Mapping[str, Any] = {}
    if filters.project_id is not None:
        found = project_store.projects_above(db, filters.project_id)
        target = load_placed(found, filters.project_id).target if found else {}
    own = caller.domain_id
    if own and rule.allows(caller, target if below else {"domain_id": own}):
        return own
    rule.enforce(caller, target)
    return None


def _given(db: Reader, filters: Filters, *, now: float) -> Iterable[Held]:
    """The assignments just as they were given."""
    actor = filters.user_id or filters.group_id
    targets = _targets(db, filters)
    for each in find_assignments(
        db,
        actor_ids=None if actor is None else [actor],
        target_ids=targets,
        role_id=filters.role_id,
        target_kind=filters.target[0] if filters.target else None,
        inherited=True if filters.inherited else None,
        now=now,
    ):
        yield Held(**msgspec.structs.asdict(each))


def _targets(db: Reader, filters: Filters) -> list[str] | None:
    if filters.target is None:
        return None
    kind, target_id = filters.target
    if kind == "project" and filters.include_subtree:
        return [each.project_id for each in project_store.projects_below(db, target_id)]
    return [target_id]


def _effective(db: Reader, filters: Filters, graph: RoleGraph, *, now: float) -> Iterable[Held]:
    """What comes of the assignments, filtered by what comes out."""
    targets = _targets(db, filters)
    sources = None
    if targets is not None:
        above = project_store.projects_above(db, filters.project_id) if filters.project_id else []
        sources = [*targets, *(each.project_id for each in above)]
    given = [
        Held(**msgspec.structs.asdict(each))
        for each in find_assignments(
            db,
            held_by=filters.user_id,
            target_ids=sources,
            inherited=True if filters.inherited else None,
            now=now,
        )
    ]
    groups = {held.actor_id for held in given if held.actor_kind == "group"}
    handed_down = {held.target_id for held in given if held.inherited}
    kind = filters.target[0] if filters.target else None
    for held in effective(
        given,
        members=everybody_in(db, sorted(groups), now=now),
        projects_below=project_store.subtrees_of(db, handed_down),
        graph=graph,
    ):
        if (
            filters.user_id in (None, held.actor_id)
            and filters.role_id in (None, held.role_id)
            and kind in (None, held.target_kind)
            and (targets is None or held.target_id in targets)
        ):
            yield held


# -- views -------------------------------------------------------------------------------------------------


def _names(db: Reader, found: Sequence[Held], graph: RoleGraph) -> Mapping[str, Mapping[str, Any]]:
    """How everything in a list is called, by id."""
    role_domains = {role.domain_id for role in graph.roles.values() if role.domain_id}
    ids = {each for held in found for each in (held.actor_id, held.target_id)}
    named = names_of(db, ids | role_domains)

    def shown(name: str, domain_id: str, domain_name: str) -> Mapping[str, Any]:
        return {"name": name} | ({"domain": {"id": domain_id, "name": domain_name}} if domain_id else {})

    roles = {
        role.role_id: shown(
            role.name, role.domain_id, named[role.domain_id].name if role.domain_id in named else ""
        )
        for role in graph.roles.values()
    }
    return roles | {key: shown(each.name, each.domain_id, each.domain_name) for key, each in named.items()}


def _view(call: Call[Any], held: Held, names: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    def shown(subject: str) -> dict[str, Any]:
        return {"id": subject, **names.get(subject, {})}

    scope: dict[str, Any] = (
        {"system": {"all": True}}
        if held.target_kind == "system"
        else {held.target_kind: shown(held.target_id)}
    )
    if held.inherited or held.from_id:
        scope["OS-INHERIT:inherited_to"] = "projects"
    return {
        "role": shown(held.role_id),
        held.actor_kind: shown(held.actor_id),
        "scope": scope,
        "links": _links(call.url, held),
    }


def _links(url: Callable[[str], str], held: Held) -> dict[str, str]:
    """Where the assignment behind it was given, and what else made it so."""
    kind, target = (held.from_kind, held.from_id) if held.from_id else (held.target_kind, held.target_id)
    place = "system" if kind == "system" else f"{kind}s/{target}"
    actor = f"groups/{held.group_id}" if held.group_id else f"{held.actor_kind}s/{held.actor_id}"
    path = f"{place}/{actor}/roles/{held.prior_role_id or held.role_id}"
    if held.inherited or held.from_id:
        path = f"OS-INHERIT/{path}/inherited_to_projects"
    links = {"assignment": url(f"/v3/{path}")}
    if held.group_id:
        links["membership"] = url(f"/v3/groups/{held.group_id}/users/{held.actor_id}")
    if held.prior_role_id:
        links["prior_role"] = url(f"/v3/roles/{held.prior_role_id}/implies/{held.role_id}")
    return links
