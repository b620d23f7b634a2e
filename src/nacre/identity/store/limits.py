"""Registered limits, limits, and what is summed up against them."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.accounts import Account, Measure
from nacre.identity.domain.limits import Said
from nacre.identity.errors import LimitNotFound, RegisteredLimitNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import ENDPOINT, LIMIT, PROJECT, REGISTERED_LIMIT, SERVICE
from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts


class RegisteredLimit(msgspec.Struct, frozen=True, kw_only=True):
    """What a site lets each project have of a resource, unless a limit says otherwise."""

    registered_limit_id: str
    service_id: str
    region_id: str = ""
    resource_name: str
    default_limit: int
    description: str | None = None


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What one project or domain may have of a registered resource, together with all below it."""

    limit_id: str
    node_id: str
    registered_limit_id: str
    is_domain: bool
    resource_limit: int
    description: str | None = None


REGISTERED_LIMITS = Shelf(
    REGISTERED_LIMIT, RegisteredLimit, key="registered_limit_id", missing=RegisteredLimitNotFound
)
LIMITS = Shelf(LIMIT, Limit, key="limit_id", missing=LimitNotFound)

_IN_USE = sa.select(LIMIT.c.limit_id).where(LIMIT.c.registered_limit_id == sa.bindparam("this")).limit(1)


def is_in_use(db: Reader, registered_limit_id: str) -> bool:
    """Whether a project or domain has a limit of this kind."""
    return db.row(_IN_USE, this=registered_limit_id) is not None


def of_registered(**fields: Any) -> sa.ColumnElement[bool]:
    """The condition that a limit is of a kind whose columns equal `fields`."""
    kinds = sa.select(REGISTERED_LIMIT.c.registered_limit_id).where(
        *[REGISTERED_LIMIT.c[name] == value for name, value in fields.items()]
    )
    return LIMIT.c.registered_limit_id.in_(kinds)


def of_domain(domain_id: str) -> sa.ColumnElement[bool]:
    """The condition that a limit is of a domain or of a project in it."""
    inside = sa.select(PROJECT.c.project_id).where(PROJECT.c.domain_id == domain_id)
    return sa.or_(LIMIT.c.node_id == domain_id, LIMIT.c.node_id.in_(inside))


_OF_SERVICES = REGISTERED_LIMITS.all.where(
    REGISTERED_LIMIT.c.service_id.in_(texts("service_ids"))
).with_for_update(read=True)


def hold_registered(tx: Tx, service_ids: Collection[str]) -> list[RegisteredLimit]:
    """What is registered for services and about to be referred to; nobody changes it before this transaction ends."""
    return [REGISTERED_LIMITS.of(row) for row in tx.rows(_OF_SERVICES, service_ids=list(service_ids))]


def insert_registered(tx: Tx, kinds: Sequence[RegisteredLimit]) -> None:
    """Write new ones. Raises Duplicate."""
    tx.execute_many(sa.insert(REGISTERED_LIMIT), [msgspec.structs.asdict(kind) for kind in kinds])


def insert_limits(tx: Tx, limits: Sequence[Limit]) -> None:
    """Write new ones. Raises Duplicate."""
    tx.execute_many(sa.insert(LIMIT), [msgspec.structs.asdict(limit) for limit in limits])


# -- what is said of a service's resources -----------------------------------------------------------------

# A limit for one region counts where the service has an endpoint there.
_COUNTS_HERE = sa.or_(
    REGISTERED_LIMIT.c.region_id == "",
    sa.exists().where(
        ENDPOINT.c.service_id == REGISTERED_LIMIT.c.service_id,
        ENDPOINT.c.region_id == REGISTERED_LIMIT.c.region_id,
    ),
)
_OF_SERVICE = sa.and_(
    SERVICE.c.type == sa.bindparam("service"),
    REGISTERED_LIMIT.c.service_id == SERVICE.c.service_id,
    _COUNTS_HERE,
)
_KINDS = sa.select(*REGISTERED_LIMITS.columns.values()).where(_OF_SERVICE)
_HOLD_KINDS = _KINDS.with_for_update(of=REGISTERED_LIMIT)
_KINDS_OF_SERVICES = (
    sa.select(
        SERVICE.c.type, REGISTERED_LIMIT.c.resource_name, REGISTERED_LIMIT.c.region_id,
        REGISTERED_LIMIT.c.default_limit, LIMIT.c.resource_limit,
    )
    .select_from(
        REGISTERED_LIMIT.join(SERVICE, SERVICE.c.service_id == REGISTERED_LIMIT.c.service_id).outerjoin(
            LIMIT,
            sa.and_(
                LIMIT.c.registered_limit_id == REGISTERED_LIMIT.c.registered_limit_id,
                LIMIT.c.node_id == sa.bindparam("node_id"),
            ),
        )
    )
    .where(SERVICE.c.type.in_(texts("services")), _COUNTS_HERE)
)  # fmt: skip
_SERVICE_ID = (
    sa.select(SERVICE.c.service_id)
    .where(SERVICE.c.type == sa.bindparam("service"))
    .order_by(SERVICE.c.service_id)
    .limit(1)
)
_OF_NODE = (
    sa.select(LIMIT.c.node_id, REGISTERED_LIMIT.c.resource_name, REGISTERED_LIMIT.c.region_id)
    .add_columns(LIMIT.c.resource_limit)
    .where(LIMIT.c.registered_limit_id == REGISTERED_LIMIT.c.registered_limit_id, _OF_SERVICE)
)
_OF_NODES = (
    sa.select(SERVICE.c.type, LIMIT.c.node_id, REGISTERED_LIMIT.c.resource_name, REGISTERED_LIMIT.c.region_id)
    .add_columns(LIMIT.c.resource_limit)
    .where(
        LIMIT.c.node_id.in_(texts("node_ids")),
        LIMIT.c.registered_limit_id == REGISTERED_LIMIT.c.registered_limit_id,
        REGISTERED_LIMIT.c.service_id == SERVICE.c.service_id,
        _COUNTS_HERE,
    )
)
_OF_ONE = _OF_NODE.where(LIMIT.c.node_id == sa.bindparam("node_id"))
_OF_PROJECTS = _OF_NODE.where(sa.not_(LIMIT.c.is_domain)).order_by(LIMIT.c.node_id)
_HOLD_KIND = (
    sa.select(PROJECT.c.is_domain)
    .where(PROJECT.c.project_id == sa.bindparam("node_id"))
    .with_for_update(read=True)
)
_SET = sa.text(
    "INSERT INTO identity_limit (limit_id, node_id, registered_limit_id, is_domain, resource_limit)"
    " VALUES (:limit_id, :node_id, :registered_limit_id, :is_domain, :resource_limit)"
    " ON CONFLICT (node_id, registered_limit_id) DO UPDATE SET resource_limit = excluded.resource_limit"
)
_REMOVE = sa.delete(LIMIT).where(
    LIMIT.c.node_id == sa.bindparam("node_id"),
    LIMIT.c.registered_limit_id.in_(sa.select(REGISTERED_LIMIT.c.registered_limit_id).where(_OF_SERVICE)),
)


def kinds_of(db: Reader, service: str) -> list[RegisteredLimit]:
    """Everything registered for a service that counts here."""
    return [REGISTERED_LIMITS.of(row) for row in db.rows(_KINDS, service=service)]


def hold_kinds(tx: Tx, service: str) -> list[RegisteredLimit]:
    """The same, about to be changed or referred to: nobody else changes it before this transaction ends."""
    return [REGISTERED_LIMITS.of(row) for row in tx.rows(_HOLD_KINDS, service=service)]


def limits_by_service(
    db: Reader, services: Collection[str], node_id: str
) -> Mapping[str, tuple[list[Said], list[Said]]]:
    """For each of some services the defaults, and the limits of a node's own. One statement."""
    found: dict[str, tuple[list[Said], list[Said]]] = {service: ([], []) for service in services}
    for service, resource, region, default, own in db.rows(
        _KINDS_OF_SERVICES, services=list(services), node_id=node_id
    ):
        found[service][0].append(Said("", 0, resource, region, default))
        if own is not None:
            found[service][1].append(Said(node_id, 0, resource, region, own))
    return found


def find_service_id(db: Reader, service: str) -> str | None:
    """The service of this type in the catalogue."""
    found: str | None = db.scalar(_SERVICE_ID, service=service)
    return found


def limits_of(db: Reader, service: str, node_id: str) -> list[Said]:
    """The limits of a node's own."""
    return [Said(row[0], 0, *row[1:]) for row in db.rows(_OF_ONE, service=service, node_id=node_id)]


def limits_of_nodes(db: Reader, node_ids: Collection[str]) -> Mapping[tuple[str, str], list[Said]]:
    """The limits of some nodes' own, by service and node. One statement."""
    found: dict[tuple[str, str], list[Said]] = {}
    for service, node_id, *said in db.rows(_OF_NODES, node_ids=sorted(node_ids)):
        found.setdefault((service, node_id), []).append(Said(node_id, 0, *said))
    return found


def limits_of_projects(db: Reader, service: str) -> list[Said]:
    """The limits of every project that has its own, project by project."""
    return [Said(row[0], 0, *row[1:]) for row in db.rows(_OF_PROJECTS, service=service)]


def hold_kind(tx: Tx, node_id: str) -> bool | None:
    """Whether a node is a domain, which nobody deletes before this transaction ends; None if there is no such node."""
    found: bool | None = tx.scalar(_HOLD_KIND, node_id=node_id)
    return found


def set_limits(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write limits over those that are there."""
    tx.execute_many(_SET, rows)


def remove_limits(tx: Tx, service: str, node_id: str) -> bool:
    """Take all limits of a service from a node; whether there were any."""
    return tx.execute(_REMOVE, service=service, node_id=node_id) > 0


# -- what bounds a project, and what it uses ---------------------------------------------------------------


def _line_from(project: str) -> sa.CTE:
    """A project, its parent, and so on up, each with the number of steps."""
    start = sa.select(
        sa.cast(sa.bindparam(project), sa.Text).label("node_id"), sa.literal_column("0").label("above")
    ).cte(f"line_from_{project}", recursive=True)
    return start.union_all(
        sa.select(PROJECT.c.parent_id, start.c.above + 1).where(
            PROJECT.c.project_id == start.c.node_id, PROJECT.c.parent_id != ""
        )
    )


_line = _line_from("node_0")
_LIMITS_UPWARDS: sa.Select[Any] = sa.select(
    _line.c.above, _line.c.node_id, REGISTERED_LIMIT.c.resource_name, REGISTERED_LIMIT.c.region_id,
    LIMIT.c.resource_limit,
).where(
    LIMIT.c.node_id == _line.c.node_id,
    LIMIT.c.registered_limit_id == REGISTERED_LIMIT.c.registered_limit_id,
    _OF_SERVICE,
)  # fmt: skip
_DEFAULT, _USED, _CHILD = -1, -2, -3


def _row_of(kind: int, *, resource: Any = "", region: Any = "", amount: Any) -> sa.Select[Any]:
    """A row beside those of limits, told from them by its number of steps upwards."""
    columns = [sa.literal_column(str(kind)), sa.literal_column("''"), resource, region, amount]
    return sa.select(*[sa.literal_column(f"'{each}'") if isinstance(each, str) else each for each in columns])


_DEFAULTS = _row_of(
    _DEFAULT,
    resource=REGISTERED_LIMIT.c.resource_name,
    region=REGISTERED_LIMIT.c.region_id,
    amount=REGISTERED_LIMIT.c.default_limit,
).where(_OF_SERVICE)
_HAS_CHILD = _row_of(_CHILD, amount=sa.literal_column("1")).where(
    sa.exists().where(PROJECT.c.parent_id == sa.bindparam("node_0"))
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of some resources of a project and what the project itself uses of them."""

    registered: Sequence[Said]
    limits: Sequence[Said]
    used: Mapping[str, int]
    has_children: bool


def standing(db: Reader, account: Account, project_id: str, resources: Collection[str]) -> Standing:
    """How a project stands with some resources of a service. One statement."""
    names = tuple(sorted(resources))
    rows = db.rows(_standing(account, names), node_0=project_id, service=account.service)
    registered: list[Said] = []
    limits: list[Said] = []
    used, has_children = dict.fromkeys(names, 0), False
    for above, node_id, resource, region, amount in rows:
        if above == _USED:
            used[resource] = int(amount)
        elif above == _CHILD:
            has_children = True
        else:
            said = Said(node_id, above, resource, region, int(amount))
            (registered if above == _DEFAULT else limits).append(said)
    return Standing(registered=registered, limits=limits, used=used, has_children=has_children)


@functools.lru_cache(maxsize=1024)
def _standing(account: Account, names: tuple[str, ...]) -> sa.CompoundSelect[Any]:
    # Written out, since a list of a length that may change costs as much as the whole question.
    named = sa.or_(sa.false(), *[REGISTERED_LIMIT.c.resource_name == name for name in names])
    parts: list[sa.Select[Any]] = [_LIMITS_UPWARDS.where(named), _DEFAULTS.where(named), _HAS_CHILD]
    for number, (sums, resources) in enumerate(_sums(account, names, "node_0", whole=False)):
        part = sums.cte(f"part_{number}")
        parts += [
            _row_of(
                _USED, resource=sa.literal(resource), amount=sa.cast(part.c[f"sum_{place}"], sa.BigInteger)
            )
            for place, resource in enumerate(resources)
        ]
    return sa.union_all(*parts)


Whose = tuple[str, bool]
"""A node, and whether what is below it counts as well."""


def used(
    db: Reader, account: Account, whose: Sequence[Whose], resources: Collection[str]
) -> Mapping[Whose, Mapping[str, int]]:
    """What each of these uses of resources, in the measures' own amounts. One statement."""
    names = tuple(sorted(resources))
    found: dict[Whose, dict[str, int]] = {each: dict.fromkeys(names, 0) for each in whose}
    statement, order = _used(account, names, tuple(whole for _, whole in whose))
    if statement is not None and whose:
        nodes = {f"node_{place}": node_id for place, (node_id, _) in enumerate(whose)}
        for place, *amounts in db.rows(statement, **nodes):
            found[whose[place]].update(zip(order, map(int, amounts), strict=True))
    return found


@functools.lru_cache(maxsize=1024)
def _used(
    account: Account, names: tuple[str, ...], wholes: tuple[bool, ...]
) -> tuple[sa.Select[Any] | sa.CompoundSelect[Any] | None, tuple[str, ...]]:
    """The statement, a row for each node, and the resources that its columns but the first are of."""
    rows: list[sa.Select[Any]] = []
    order: tuple[str, ...] = ()
    for place, whole in enumerate(wholes):
        parts = _sums(account, names, f"node_{place}", whole=whole)
        if not parts:
            return None, ()
        order = tuple(resource for _, resources in parts for resource in resources)
        tables = [sums.subquery(f"part_{place}_{number}") for number, (sums, _) in enumerate(parts)]
        together: Any = tables[0]
        for table in tables[1:]:
            together = together.join(table, sa.true())
        columns = [column for table in tables for column in table.c]
        rows.append(sa.select(sa.literal_column(str(place)), *columns).select_from(together))
    return (rows[0] if len(rows) == 1 else sa.union_all(*rows)), order


def _sums(
    account: Account, names: tuple[str, ...], node: str, *, whole: bool
) -> list[tuple[sa.Select[Any], tuple[str, ...]]]:
    """Statements of one row each that sum resources up, one for those that are summed from the same rows."""
    together: dict[tuple[int, int], list[tuple[str, Measure]]] = {}
    for name in names:
        measure = account.measure(name)
        if measure is not None and measure.project is not None:
            together.setdefault((id(measure.project), id(measure.only)), []).append((name, measure))
    return [(_sum(each, node, whole=whole), tuple(name for name, _ in each)) for each in together.values()]


def _sum(measured: Sequence[tuple[str, Measure]], node: str, *, whole: bool) -> sa.Select[Any]:
    first = measured[0][1]
    assert first.project is not None
    sums = [
        (sa.func.count() if measure.amount is None else sa.func.coalesce(sa.func.sum(measure.amount), 0))
        for _, measure in measured
    ]
    columns: list[Any] = [each.label(f"sum_{place}") for place, each in enumerate(sums)]
    statement = sa.select(*columns)
    owner = first.project.in_(_below(node)) if whole else first.project == sa.bindparam(node)
    statement = statement.select_from(first.project.table)
    return statement.where(owner, *([] if first.only is None else [first.only]))


@functools.cache
def _below(node: str) -> sa.Select[Any]:
    """The ids of a node and of everything below it. One object for each name, so that a statement can have it twice."""
    start = sa.select(sa.cast(sa.bindparam(node), sa.Text).label("project_id")).cte(
        f"below_{node}", recursive=True
    )
    tree = start.union_all(sa.select(PROJECT.c.project_id).where(PROJECT.c.parent_id == start.c.project_id))
    return sa.select(tree.c.project_id)


def plainly_fits(account: Account, resource: str) -> sa.ColumnElement[bool]:
    """Whether `wanted` pieces more fit into `project_id`, as part of a statement that asks other things as well.

    True only where nobody else's use counts, so that one look is enough; otherwise the limits have to be asked.
    """
    measure = account.measures[resource]
    assert measure.project is not None
    assert measure.amount is None
    project: sa.BindParameter[str] = sa.bindparam("project_id")
    here = sa.and_(
        SERVICE.c.type == account.service,
        REGISTERED_LIMIT.c.service_id == SERVICE.c.service_id,
        REGISTERED_LIMIT.c.resource_name == resource,
        _COUNTS_HERE,
    )
    limited = sa.and_(LIMIT.c.registered_limit_id == REGISTERED_LIMIT.c.registered_limit_id, here)
    nearest = REGISTERED_LIMIT.c.region_id.desc()
    own = sa.select(LIMIT.c.resource_limit).where(limited, LIMIT.c.node_id == project)
    own_limit = own.order_by(nearest).limit(1).scalar_subquery()
    default = sa.select(REGISTERED_LIMIT.c.default_limit).where(here).order_by(nearest).limit(1)
    most = sa.func.coalesce(own_limit, default.scalar_subquery(), sa.literal(measure.default))
    rows = sa.select(sa.func.count()).select_from(measure.project.table).where(measure.project == project)
    line = _line_from("project_id")
    is_bounded_above = sa.exists().where(limited, LIMIT.c.node_id == line.c.node_id, line.c.above > 0)
    has_children = sa.exists().where(PROJECT.c.parent_id == project)
    return sa.and_(
        sa.or_(most < 0, rows.scalar_subquery() + sa.bindparam("wanted", type_=sa.Integer) <= most),
        sa.not_(is_bounded_above),
        sa.or_(sa.not_(has_children), own_limit.is_(None)),
    )


# -- one after the other -----------------------------------------------------------------------------------

_HOLD = sa.text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('limits tree', 0)),"
    " pg_advisory_xact_lock(hashtextextended(:name, 0))"
)
_HOLD_MORE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_HOLD_TREE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('limits tree', 0))")


def hold(tx: Tx, name: str, *, first: bool) -> None:
    """Let nobody else who says the same `name` go on, nor anybody move a project, before this transaction ends.

    SQLite has one writer anyway.
    """
    if tx.dialect == "postgresql":
        tx.execute(_HOLD if first else _HOLD_MORE, name=name)


def hold_tree(tx: Tx) -> None:
    """Let nobody spend anything before this transaction ends."""
    if tx.dialect == "postgresql":
        tx.execute(_HOLD_TREE)
