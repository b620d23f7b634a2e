"""Entries that share objects with projects, as rows; and what they make visible."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.ports import DeviceOwner
from nacre.network.domain.rbac import EVERYBODY, Action, RbacPolicy, uncovered
from nacre.network.errors import RbacPolicyNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import (
    ADDRESS_GROUP,
    ADDRESS_SCOPE,
    FLOATING_IP,
    NETWORK,
    NETWORK_RBAC,
    PORT,
    PORT_SECURITY_GROUP,
    QOS_POLICY,
    ROUTER,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
    SUBNET_POOL,
)

POLICIES = Shelf(NETWORK_RBAC, RbacPolicy)

TABLES: Mapping[str, sa.Table] = {
    "network": NETWORK,
    "subnetpool": SUBNET_POOL,
    "address_scope": ADDRESS_SCOPE,
    "address_group": ADDRESS_GROUP,
    "security_group": SECURITY_GROUP,
    "qos_policy": QOS_POLICY,
}
"""Where the objects of each kind are kept. Each table has a column `shared`, for entries that name everybody."""

_object_id: sa.BindParameter[str] = sa.bindparam("object_id")
_USES: Mapping[tuple[str, Action], Mapping[str, sa.Select[Any]]] = {
    ("network", Action.SHARED): {
        "port": sa.select(PORT.c.id, PORT.c.project_id).where(PORT.c.network_id == _object_id)
    },
    ("network", Action.EXTERNAL): {
        "floatingip": sa.select(FLOATING_IP.c.id, FLOATING_IP.c.project_id).where(
            FLOATING_IP.c.floating_network_id == _object_id
        ),
        # The port by which a router goes out is nobody's own.
        "port": sa.select(PORT.c.id, ROUTER.c.project_id).where(
            PORT.c.network_id == _object_id,
            PORT.c.device_owner == str(DeviceOwner.ROUTER_GATEWAY),
            PORT.c.device_id == ROUTER.c.id,
        ),
    },
    ("subnetpool", Action.SHARED): {
        "subnet": sa.select(SUBNET.c.id, SUBNET.c.project_id).where(SUBNET.c.subnetpool_id == _object_id)
    },
    ("address_scope", Action.SHARED): {
        "subnetpool": sa.select(SUBNET_POOL.c.id, SUBNET_POOL.c.project_id).where(
            SUBNET_POOL.c.address_scope_id == _object_id
        )
    },
    ("address_group", Action.SHARED): {
        "rule": sa.select(SECURITY_GROUP_RULE.c.id, SECURITY_GROUP_RULE.c.project_id).where(
            SECURITY_GROUP_RULE.c.remote_address_group_id == _object_id
        )
    },
    ("security_group", Action.SHARED): {
        "port": sa.select(PORT.c.id, PORT.c.project_id).where(
            PORT.c.id == PORT_SECURITY_GROUP.c.port_id, PORT_SECURITY_GROUP.c.security_group_id == _object_id
        ),
        "rule": sa.select(SECURITY_GROUP_RULE.c.id, SECURITY_GROUP_RULE.c.project_id).where(
            SECURITY_GROUP_RULE.c.remote_group_id == _object_id
        ),
    },
    ("qos_policy", Action.SHARED): {
        "port": sa.select(PORT.c.id, PORT.c.project_id).where(PORT.c.qos_policy_id == _object_id),
        "network": sa.select(NETWORK.c.id, NETWORK.c.project_id).where(NETWORK.c.qos_policy_id == _object_id),
        "floatingip": sa.select(FLOATING_IP.c.id, FLOATING_IP.c.project_id).where(
            FLOATING_IP.c.qos_policy_id == _object_id
        ),
        "router": sa.select(ROUTER.c.id, ROUTER.c.project_id).where(
            ROUTER.c.gateway_qos_policy_id == _object_id
        ),
    },
}
"""What uses an object, by kind, with the projects it belongs to."""


def _project(of: sa.Select[Any]) -> sa.ColumnElement[str]:
    found: sa.ColumnElement[str] = of.selected_columns.project_id
    return found


_USERS = {
    use: sa.union(*(each.with_only_columns(_project(each)).distinct() for each in kinds.values()))
    for use, kinds in _USES.items()
}
"""The projects that use an object, its owner included."""
_USES_OF = {
    use: {
        kind: each.where(_project(each).in_(texts("projects"))).order_by(each.selected_columns.id)
        for kind, each in kinds.items()
    }
    for use, kinds in _USES.items()
}

_OF_OBJECT = POLICIES.all.where(
    NETWORK_RBAC.c.object_id == _object_id, NETWORK_RBAC.c.object_type == sa.bindparam("object_type")
)
_FORGET = sa.delete(NETWORK_RBAC).where(
    NETWORK_RBAC.c.object_id == _object_id, NETWORK_RBAC.c.object_type == sa.bindparam("object_type")
)
_GRANT = (
    sa.select(NETWORK_RBAC.c.id)
    .where(NETWORK_RBAC.c.object_id == _object_id, NETWORK_RBAC.c.object_type == sa.bindparam("object_type"))
    .where(NETWORK_RBAC.c.action.in_(texts("actions")))
    .where(NETWORK_RBAC.c.target_project.in_(texts("targets")))
    .limit(1)
)
_SHARED_WITH = (
    sa.select(NETWORK_RBAC.c.object_id)
    .where(NETWORK_RBAC.c.object_id.in_(texts("ids")))
    .where(NETWORK_RBAC.c.object_type == sa.bindparam("object_type"))
    .where(NETWORK_RBAC.c.action == str(Action.SHARED))
    .where(NETWORK_RBAC.c.target_project.in_(texts("targets")))
)


class SharedObject(msgspec.Struct, frozen=True):
    """An object that can be shared: whose it is, and whether routers take it when nobody names a way out."""

    id: str
    project_id: str
    is_default_way_out: bool = False


# -- what entries make visible -----------------------------------------------------------------------------


def shown_to(project_id: str, object_type: str, *actions: Action) -> sa.Select[Any]:
    """The ids of the objects that a project was shown by entries, as part of a statement."""
    shown = sa.select(NETWORK_RBAC.c.object_id).where(
        NETWORK_RBAC.c.target_project.in_((EVERYBODY, project_id)),
        NETWORK_RBAC.c.object_type == object_type,
    )
    return shown.where(NETWORK_RBAC.c.action.in_(list(map(str, actions)))) if actions else shown


def seen_by(project_id: str, object_type: str) -> sa.ColumnElement[bool]:
    """The objects of one kind that a project may know of: its own, and those it was shown."""
    table = TABLES[object_type]
    return sa.or_(table.c.project_id == project_id, table.c.id.in_(shown_to(project_id, object_type)))


def shared_with(db: Reader, project_id: str, object_type: str, ids: Collection[str]) -> frozenset[str]:
    """Those of the objects that a project may use as its own by an entry."""
    targets = [EVERYBODY, project_id]
    rows = db.rows(_SHARED_WITH, ids=list(ids), object_type=object_type, targets=targets) if ids else ()
    return frozenset(row[0] for row in rows)


def grants(db: Reader, project_id: str, object_type: str, object_id: str, *actions: Action) -> bool:
    """Whether an entry lets a project do one of these things with an object."""
    found = db.row(
        _GRANT,
        object_id=object_id,
        object_type=object_type,
        actions=list(map(str, actions)),
        targets=[EVERYBODY, project_id],
    )
    return found is not None


def policies_seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The entries a project may know of: those it made, whoever they are for."""
    return NETWORK_RBAC.c.project_id == project_id


# -- entries ------------------------------------------------------------------------------------------------


def lock(tx: Tx, policy_id: str) -> RbacPolicy:
    """An entry that nobody else changes before this transaction ends. Raises RbacPolicyNotFound."""
    policy = POLICIES.lock(tx, policy_id)
    if policy is None:
        raise RbacPolicyNotFound(policy_id)
    return policy


def of_object(db: Reader, object_type: str, object_id: str) -> list[RbacPolicy]:
    """The entries on one object."""
    return [POLICIES.of(row) for row in db.rows(_OF_OBJECT, object_type=object_type, object_id=object_id)]


def users(db: Reader, object_type: str, object_id: str, action: Action) -> frozenset[str]:
    """The projects that use an object in this way."""
    return frozenset(row[0] for row in db.rows(_USERS[object_type, action], object_id=object_id))


def cut_off_by(
    db: Reader, shared: SharedObject, object_type: str, action: Action, targets: Collection[str]
) -> frozenset[str]:
    """The projects that use an object and could not if entries named only `targets`."""
    if EVERYBODY in targets:
        return frozenset()
    return uncovered(users(db, object_type, shared.id, action), shared.project_id, targets)


def uses_of(
    db: Reader, object_type: str, object_id: str, action: Action, projects: Collection[str]
) -> Iterator[tuple[str, str]]:
    """The kind and the id of each thing by which projects use an object in this way; asked for kind by kind."""
    for kind, statement in _USES_OF[object_type, action].items():
        for row in db.rows(statement, object_id=object_id, projects=list(projects)):
            yield kind, row[0]


def find_object(db: Reader, object_type: str, object_id: str) -> SharedObject | None:
    """An object, by its kind, or None."""
    return _shared_object(db.row(_object(object_type, object_id)))


def lock_object(tx: Tx, object_type: str, object_id: str) -> SharedObject | None:
    """An object, by its kind, or None. Nobody else changes it before this transaction ends."""
    return _shared_object(tx.row(_object(object_type, object_id).with_for_update()))


def _object(object_type: str, object_id: str) -> sa.Select[Any]:
    table = TABLES[object_type]
    is_default = table.c.is_default if object_type == "network" else sa.false()
    return sa.select(table.c.id, table.c.project_id, is_default).where(table.c.id == object_id)


def _shared_object(row: AnyRow | None) -> SharedObject | None:
    return None if row is None else SharedObject(row[0], row[1], bool(row[2]))


def settle_object(tx: Tx, object_type: str, object_id: str) -> None:
    """Write what an object shows of its entries, and count its revision up."""
    table = TABLES[object_type]
    held = {(each.action, each.target_project) for each in of_object(tx, object_type, object_id)}
    values: dict[str, Any] = {
        "shared": (Action.SHARED, EVERYBODY) in held,
        "revision_number": table.c.revision_number + 1,
        "updated_at": tx.now,
    }
    if object_type == "network":
        values["router_external"] = any(action is Action.EXTERNAL for action, _target in held)
    tx.execute(sa.update(table).where(table.c.id == object_id).values(values))


def forget(tx: Tx, object_type: str, object_id: str) -> None:
    """Delete the entries on an object that is deleted."""
    tx.execute(_FORGET, object_type=object_type, object_id=object_id)
