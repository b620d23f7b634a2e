"""Limits as the services read, change and honour them. Part of the contract: each function works in its caller's
transaction, reads what is committed there, and remembers nothing.

A limit bounds what a project and all below it use, so several may bound one project; `domain/limits.py` has the rules.
What is in use is summed whenever it is asked for, from the rows that cause it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.accounts import Account
from nacre.identity.domain import limits as rules
from nacre.identity.domain.limits import UNLIMITED, Bound, Room, Said
from nacre.identity.errors import NotPossible
from nacre.identity.store import limits as store
from nacre.identity.store.limits import REGISTERED_LIMITS, RegisteredLimit
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.ids import ProjectId, new_hex_id

# -- spending ----------------------------------------------------------------------------------------------


def hold(tx: Tx, account: Account, project_id: str, what: str = "") -> None:
    """Let nobody else spend of this account in a project before the transaction ends.

    `what` narrows that to one kind of thing, if everybody who spends it says so.
    """
    store.hold(tx, _lock(account, project_id, what), first=True)


def room(
    tx: Tx, account: Account, project_id: str, resources: Collection[str], *, what: str = ""
) -> Mapping[str, Room]:
    """What is left of resources to a project, and stays so until the transaction ends. `what` is as for `hold`.

    One statement, and one more where limits count what is below a project.
    """
    hold(tx, account, project_id, what)
    now = store.standing(tx, account, project_id, resources)
    bounds = rules.bounds(
        project_id,
        now.used,
        builtin=_builtin(account, resources),
        registered=now.registered,
        limits=now.limits,
    )
    whole = _counting_more(bounds, has_children=now.has_children)
    for node_id in whole:
        if node_id != project_id:
            store.hold(tx, _lock(account, node_id, what), first=False)
    sums = store.used(tx, account, [(node_id, True) for node_id in whole], resources)
    return {
        resource: rules.tightest(
            resource,
            on,
            {bound: sums.get((bound.node_id, bound.whole), now.used)[resource] for bound in on},
            own=now.used[resource],
            unit=_unit(account, resource),
        )
        for resource, on in bounds.items()
    }


def _counting_more(bounds: Mapping[str, Sequence[Bound]], *, has_children: bool) -> list[str]:
    """The nodes whose bounds count more than the project's own use.

    From the bottom to the top, in which order everybody takes them, so that nobody waits in a circle.
    """
    found = {
        (bound.above, bound.node_id)
        for on in bounds.values()
        for bound in on
        if bound.whole and (bound.above or has_children)
    }
    return [node_id for _, node_id in sorted(found)]


def _builtin(account: Account, resources: Collection[str]) -> dict[str, int]:
    measures = {resource: account.measure(resource) for resource in resources}
    return {resource: measure.default for resource, measure in measures.items() if measure}


def _unit(account: Account, resource: str) -> int:
    measure = account.measure(resource)
    return measure.unit if measure else 1


def _lock(account: Account, node_id: str, what: str) -> str:
    return f"limits {account.service} {what} {node_id}"


def plainly_fits(account: Account, resource: str) -> sa.ColumnElement[bool]:
    """Whether `wanted` pieces more fit into `project_id`, as part of a statement that asks other things as well.

    True only where nobody else's use counts; otherwise `room` has the answer. Said under `hold`.
    """
    return store.plainly_fits(account, resource)


# -- reading -----------------------------------------------------------------------------------------------


def defaults_of(db: Reader, account: Account) -> dict[str, int]:
    """What a project may have without limits of its own, by resource."""
    return _own(account, rules.amounts(account.defaults, _said(store.kinds_of(db, account.service))))


def limits_of(db: Reader, account: Account, node_id: str) -> dict[str, int]:
    """What a project may have of each resource: its own limit, or the default."""
    return _own(
        account, rules.amounts(defaults_of(db, account), store.limits_of(db, account.service, node_id))
    )


def limits_of_projects(db: Reader, account: Account) -> Mapping[str, Mapping[str, int]]:
    """The same for every project that has limits of its own."""
    defaults = defaults_of(db, account)
    own: dict[str, list[Said]] = {}
    for said in store.limits_of_projects(db, account.service):
        own.setdefault(said.node_id, []).append(said)
    return {project_id: _own(account, rules.amounts(defaults, said)) for project_id, said in own.items()}


def _own(account: Account, amounts: Mapping[str, int]) -> dict[str, int]:
    """What a service itself names; a site may register more."""
    return {resource: amounts[resource] for resource in account.measures}


def usage_of(db: Reader, account: Account, node_id: str, *, whole: bool = False) -> Mapping[str, int]:
    """What a project uses of each resource that is summed; with all below it if `whole`. In whole units."""
    summed = [resource for resource, measure in account.measures.items() if measure.project is not None]
    used = store.used(db, account, [(node_id, whole)], summed)[node_id, whole]
    return {resource: rules.in_units(used[resource], _unit(account, resource)) for resource in summed}


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """How a node of the tree stands with one resource. `own` is what it uses itself, `subtree` that and all below."""

    service: str
    resource: str
    limit: int
    own: int
    subtree: int


def uses_of(db: Reader, accounts: Sequence[Account], node_id: str) -> Sequence[Use]:
    """Everything that is counted, for one project or domain. One statement, and one for each service."""
    said = store.limits_by_service(db, [account.service for account in accounts], node_id)
    return [use for account in accounts for use in _uses(db, account, node_id, *said[account.service])]


def _uses(
    db: Reader, account: Account, node_id: str, registered: Sequence[Said], own: Sequence[Said]
) -> list[Use]:
    limits = rules.amounts(rules.amounts(account.defaults, registered), own)
    measures = {resource: account.measure(resource) for resource in sorted(limits)}
    summed = [resource for resource, measure in measures.items() if measure and measure.project is not None]
    used = store.used(db, account, [(node_id, False), (node_id, True)], summed)
    return [
        Use(
            service=account.service,
            resource=resource,
            limit=limits[resource],
            own=rules.in_units(used[node_id, False][resource], _unit(account, resource)),
            subtree=rules.in_units(used[node_id, True][resource], _unit(account, resource)),
        )
        for resource in summed
    ]


def _said(kinds: Sequence[RegisteredLimit]) -> list[Said]:
    return [Said("", 0, kind.resource_name, kind.region_id, kind.default_limit) for kind in kinds]


# -- changing ----------------------------------------------------------------------------------------------


def set_limits(tx: Tx, account: Account, node_id: str, wanted: Mapping[str, int]) -> None:
    """Give a project or domain limits of its own; those not named stay. Raises NotPossible; Bad if there is none."""
    if not wanted:
        return
    kinds = _kinds(tx, account, wanted)
    is_domain = store.hold_kind(tx, node_id)
    if is_domain is None:
        raise Bad(f"Project ID {node_id} is not a valid project.", where="project_id")
    before = rules.amounts({}, store.limits_of(tx, account.service, node_id))
    store.set_limits(
        tx,
        [
            {
                "limit_id": new_hex_id(),
                "node_id": node_id,
                "registered_limit_id": kinds[resource].registered_limit_id,
                "is_domain": is_domain,
                "resource_limit": amount,
            }
            for resource, amount in wanted.items()
        ],
    )
    _record(tx, account, node_id, before={name: before.get(name) for name in wanted}, after=wanted)


def remove_limits(tx: Tx, account: Account, node_id: str) -> bool:
    """Let the defaults hold for a project again; whether anything else did."""
    before = rules.amounts({}, store.limits_of(tx, account.service, node_id))
    if before:
        store.remove_limits(tx, account.service, node_id)
        _record(tx, account, node_id, before=before, after=dict.fromkeys(before))
    return bool(before)


def set_defaults(tx: Tx, account: Account, wanted: Mapping[str, int]) -> None:
    """Change what projects may have without limits of their own. Raises NotPossible."""
    if not wanted:
        return
    kinds = _kinds(tx, account, wanted)
    before = {resource: kinds[resource].default_limit for resource in wanted}
    for resource, amount in wanted.items():
        REGISTERED_LIMITS.update(tx, msgspec.structs.replace(kinds[resource], default_limit=amount))
    _record(tx, account, "", before=before, after=wanted)


def _kinds(tx: Tx, account: Account, resources: Collection[str]) -> Mapping[str, RegisteredLimit]:
    """What is registered for these resources; what is not yet is registered with the service's own default."""
    kinds = {
        kind.resource_name: kind
        for kind in sorted(store.hold_kinds(tx, account.service), key=lambda kind: kind.region_id)
    }
    missing = [resource for resource in resources if resource not in kinds]
    if missing:
        service_id = store.find_service_id(tx, account.service)
        if service_id is None:
            raise NotPossible(f"The catalogue has no service of type {account.service} to limit.")
        kinds |= {kind.resource_name: kind for kind in _register(tx, account, service_id, missing)}
    return kinds


def ensure_registered(tx: Tx, account: Account, service_id: str, resources: Collection[str]) -> None:
    """Register those of the resources of a service that are not, with the defaults that it declares."""
    known = {kind.resource_name for kind in store.kinds_of(tx, account.service)}
    _register(tx, account, service_id, [resource for resource in resources if resource not in known])


def _register(
    tx: Tx, account: Account, service_id: str, resources: Collection[str]
) -> Sequence[RegisteredLimit]:
    builtin = _builtin(account, resources)
    kinds = [
        RegisteredLimit(
            registered_limit_id=new_hex_id(),
            service_id=service_id,
            resource_name=resource,
            default_limit=builtin.get(resource, UNLIMITED),
        )
        for resource in resources
    ]
    store.insert_registered(tx, kinds)
    for kind in kinds:
        tx.record(
            Event(action="create", kind="registered_limit", subject=kind.registered_limit_id,
                  after=msgspec.structs.asdict(kind))
        )  # fmt: skip
    return kinds


def _record(
    tx: Tx,
    account: Account,
    node_id: str,
    *,
    before: Mapping[str, int | None],
    after: Mapping[str, int | None],
) -> None:
    """The event of a change of many limits at once; the defaults are nobody's."""
    kind = f"{account.service}_limits" if node_id else f"{account.service}_registered_limits"
    tx.record(
        Event(action="update", kind=kind, subject=node_id or account.service, before=before, after=after,
              project_id=ProjectId(node_id))
    )  # fmt: skip


# -- moving ------------------------------------------------------------------------------------------------


def hold_tree(tx: Tx) -> None:
    """Let nobody spend anything before the transaction ends: the tree of projects is about to change."""
    store.hold_tree(tx)


def check_moved(tx: Tx, accounts: Collection[Account], node_id: str, *, newly_above: Collection[str]) -> None:
    """Refuse a move that has just been written if a limit does not allow it where the project is now.

    The limits of those that were above it before are not asked. Raises NotPossible.
    """
    if not newly_above:
        return
    said = store.limits_of_nodes(tx, newly_above)
    for account in accounts:
        limits = {above: rules.amounts({}, said.get((account.service, above), ())) for above in newly_above}
        bounded = [
            above for above in newly_above if any(limit != UNLIMITED for limit in limits[above].values())
        ]
        if not bounded:
            continue
        resources = sorted({resource for above in bounded for resource in limits[above]})
        used = store.used(tx, account, [(above, True) for above in bounded], resources)
        for above in bounded:
            for resource, limit in limits[above].items():
                in_use = used[above, True][resource]
                if limit != UNLIMITED and in_use > limit * _unit(account, resource):
                    raise NotPossible(
                        f"Cannot move project {node_id}: the limit of {above} for {resource} is {limit},"
                        f" and {rules.in_units(in_use, _unit(account, resource))} would be in use below it."
                    )
