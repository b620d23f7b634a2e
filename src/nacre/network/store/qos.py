"""Policies of quality of service, as rows, and who is shaped by them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.qos import QosPolicy, QosRule
from nacre.network.domain.rbac import Action
from nacre.network.errors import QosPolicyNotFound
from nacre.network.store import rbac
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import (
    FLOATING_IP,
    FURTHER_GATEWAY,
    NETWORK,
    PORT,
    QOS_POLICY,
    QOS_RULE,
    ROUTER,
)

POLICIES = Shelf(QOS_POLICY, QosPolicy)
RULES = Shelf(QOS_RULE, QosRule)

_policy_id: sa.BindParameter[str] = sa.bindparam("policy_id")
_RULES_OF = RULES.all.where(QOS_RULE.c.policy_id.in_(texts("ids"))).order_by(
    QOS_RULE.c.kind, QOS_RULE.c.direction
)
_FORGET_RULES = sa.delete(QOS_RULE).where(QOS_RULE.c.policy_id == _policy_id)
_REPLACE_RULE = (
    sa.update(QOS_RULE)
    .where(QOS_RULE.c.id == sa.bindparam("this"))
    .values({name: sa.bindparam(name) for name in (*RULES.names, "slot")})
)
_DEFAULT = sa.select(QOS_POLICY.c.id).where(
    QOS_POLICY.c.project_id == sa.bindparam("project_id"), QOS_POLICY.c.is_default
)
_NETWORKS = sa.select(NETWORK.c.id).where(NETWORK.c.qos_policy_id == _policy_id)
_FLOATING_IPS = sa.select(FLOATING_IP.c.id).where(FLOATING_IP.c.qos_policy_id == _policy_id)
_PORTS = sa.select(PORT.c.id).where(PORT.c.qos_policy_id == _policy_id)
_ROUTERS = (
    sa.select(ROUTER.c.id)
    .outerjoin(FURTHER_GATEWAY, FURTHER_GATEWAY.c.router_id == ROUTER.c.id)
    .where(
        sa.or_(ROUTER.c.gateway_qos_policy_id == _policy_id, FURTHER_GATEWAY.c.qos_policy_id == _policy_id)
    )
)
_SHAPED = sa.union(
    _PORTS,
    sa.select(PORT.c.id)
    .join(NETWORK, NETWORK.c.id == PORT.c.network_id)
    .where(NETWORK.c.qos_policy_id == _policy_id, PORT.c.qos_policy_id.is_(None)),
    sa.select(ROUTER.c.gateway_port_id).where(ROUTER.c.gateway_qos_policy_id == _policy_id),
    sa.select(FURTHER_GATEWAY.c.port_id).where(FURTHER_GATEWAY.c.qos_policy_id == _policy_id),
)
_OF_NETWORKS = sa.select(NETWORK.c.id, NETWORK.c.qos_policy_id).where(
    NETWORK.c.id.in_(texts("ids")), NETWORK.c.qos_policy_id.is_not(None)
)
_FLOATING_IPS_SHAPED = sa.union(
    _FLOATING_IPS,
    sa.select(FLOATING_IP.c.id)
    .join(NETWORK, NETWORK.c.id == FLOATING_IP.c.floating_network_id)
    .where(NETWORK.c.qos_policy_id == _policy_id, FLOATING_IP.c.qos_policy_id.is_(None)),
)
_INHERITING = sa.select(FLOATING_IP.c.id).where(
    FLOATING_IP.c.floating_network_id == sa.bindparam("network_id"),
    FLOATING_IP.c.qos_policy_id.is_(None),
    FLOATING_IP.c.router_id.is_not(None),
)
_USERS: Mapping[str, sa.Select[str]] = {
    "port": _PORTS,
    "network": _NETWORKS,
    "floatingip": _FLOATING_IPS,
    "router": _ROUTERS,
}


def seen_by(project_id: str) -> sa.ColumnElement[bool]:
    """The policies a project may know of: its own and those shared with it."""
    return rbac.seen_by(project_id, "qos_policy")


def lock(tx: Tx, policy_id: str) -> QosPolicy:
    """A policy that nobody else changes before this transaction ends. Raises QosPolicyNotFound."""
    policy = POLICIES.lock(tx, policy_id)
    if policy is None:
        raise QosPolicyNotFound(policy_id)
    return policy


def is_usable_by(db: Reader, policy: QosPolicy, project_id: str) -> bool:
    """Whether a project may shape its things by a policy: it is its own, or shared with it."""
    return (
        policy.project_id == project_id
        or policy.shared
        or rbac.grants(db, project_id, "qos_policy", policy.id, Action.SHARED)
    )


def default_of(db: Reader, project_id: str) -> str | None:
    """The policy that a project's new networks get, if there is one."""
    row = db.row(_DEFAULT, project_id=project_id)
    return None if row is None else row[0]


def rules_of(db: Reader, policy_ids: Collection[str]) -> Mapping[str, list[QosRule]]:
    """The rules of policies."""
    found: dict[str, list[QosRule]] = {policy_id: [] for policy_id in policy_ids}
    for rule in map(RULES.of, db.rows(_RULES_OF, ids=list(policy_ids)) if policy_ids else ()):
        found[rule.policy_id].append(rule)
    return found


def ports_shaped_by(db: Reader, policy_id: str) -> list[str]:
    """The ports that a policy shapes: those it was given to, those on its networks that have none of their own, and
    the gateways it was given to.
    """
    return [row[0] for row in db.rows(_SHAPED, policy_id=policy_id)]


def floating_ips_shaped_by(db: Reader, policy_id: str) -> list[str]:
    """The floating IPs that a policy was given to, and those of its networks that have none of their own."""
    return [row[0] for row in db.rows(_FLOATING_IPS_SHAPED, policy_id=policy_id)]


def floating_ips_inheriting(db: Reader, network_id: str) -> list[str]:
    """The floating IPs that lead somewhere and are shaped by the policy of their external network."""
    return [row[0] for row in db.rows(_INHERITING, network_id=network_id)]


def of_networks(db: Reader, network_ids: Collection[str]) -> Mapping[str, str]:
    """The policies of those networks that have one."""
    rows = db.rows(_OF_NETWORKS, ids=list(network_ids)) if network_ids else ()
    return {row[0]: row[1] for row in rows}


def users(db: Reader, policy_id: str) -> Iterator[tuple[str, str]]:
    """The kind and the id of each thing that a policy was given to; asked for kind by kind."""
    for kind, statement in _USERS.items():
        for row in db.rows(statement, policy_id=policy_id):
            yield kind, row[0]


def replace_rule(tx: Tx, rule: QosRule) -> None:
    """Write a rule over the one with its id. Raises Duplicate."""
    tx.execute(_REPLACE_RULE, this=rule.id, **RULES.row_of(rule), slot=rule.slot)


def forget(tx: Tx, policy_id: str) -> None:
    """Delete a policy with its rules."""
    tx.execute(_FORGET_RULES, policy_id=policy_id)
    POLICIES.remove(tx, policy_id)
