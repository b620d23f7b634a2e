"""Which policy an endpoint, a service, or a service within a region follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from nacre.identity.domain.catalog import Endpoint, PolicyAssociation
from nacre.identity.store.tables import POLICY_ASSOCIATION, REGION
from nacre.kernel.database import Reader, Tx

_c = POLICY_ASSOCIATION.c
_ALL = sa.select(*(_c[name] for name in PolicyAssociation.__struct_fields__))
_target: sa.BindParameter[str] = sa.bindparam("this")
_BY_TARGET = _ALL.where(_c.target == _target)
_BY_POLICY = _ALL.where(_c.policy_id == sa.bindparam("policy_id"))
_BY_ENDPOINT = _ALL.where(
    sa.or_(_c.endpoint_id == sa.bindparam("endpoint_id"), _c.service_id == sa.bindparam("service_id"))
)
_ASSOCIATE = sa.text(
    "INSERT INTO identity_policy_association (target, policy_id, endpoint_id, service_id, region_id)"
    " VALUES (:target, :policy_id, :endpoint_id, :service_id, :region_id)"
    " ON CONFLICT (target) DO UPDATE SET policy_id = excluded.policy_id"
)
_REMOVE = sa.delete(POLICY_ASSOCIATION).where(_c.target == _target, _c.policy_id == sa.bindparam("that"))
_PARENTS = sa.select(REGION.c.region_id, REGION.c.parent_region_id)


def find_association(db: Reader, wanted: PolicyAssociation) -> PolicyAssociation | None:
    """What the target of `wanted` follows, whichever policy that is."""
    row = db.row(_BY_TARGET, this=wanted.target)
    return None if row is None else _of(row)


def _of(row: Sequence[str | None]) -> PolicyAssociation:
    return msgspec.convert(
        dict(zip(PolicyAssociation.__struct_fields__, row, strict=True)), PolicyAssociation
    )


def load_of_policy(db: Reader, policy_id: str) -> Sequence[PolicyAssociation]:
    """All that follows a policy."""
    return [_of(row) for row in db.rows(_BY_POLICY, policy_id=policy_id)]


def load_around(db: Reader, endpoint: Endpoint) -> Sequence[PolicyAssociation]:
    """All that could count for an endpoint."""
    rows = db.rows(_BY_ENDPOINT, endpoint_id=endpoint.endpoint_id, service_id=endpoint.service_id)
    return [_of(row) for row in rows]


def load_parents(db: Reader) -> Mapping[str, str | None]:
    """Every region, and the one it lies within."""
    return {row[0]: row[1] for row in db.rows(_PARENTS)}


def associate(tx: Tx, association: PolicyAssociation) -> None:
    """Let a target follow a policy, and no longer another one."""
    tx.execute(_ASSOCIATE, target=association.target, **msgspec.structs.asdict(association))


def remove_association(tx: Tx, association: PolicyAssociation) -> bool:
    """Let a target not follow a policy; whether it did."""
    return tx.execute(_REMOVE, this=association.target, that=association.policy_id) > 0
