"""How many of each noun a project may have. What it has is counted, always."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.network.errors import OverQuota
from nacre.network.store.shelf import serialise
from nacre.network.store.tables import (
    FLOATING_IP,
    NETWORK,
    NETWORK_QUOTA,
    PORT,
    ROUTER,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
    SUBNET_POOL,
)

DEFAULTS: Mapping[str, int] = {
    "network": 500,
    "subnet": 500,
    "port": 5000,
    "router": 100,
    "floatingip": 200,
    "security_group": 500,
    "security_group_rule": 5000,
    "subnetpool": -1,
}
"""-1 is without bound."""

_TABLES = {
    "network": NETWORK,
    "subnet": SUBNET,
    "port": PORT,
    "router": ROUTER,
    "floatingip": FLOATING_IP,
    "security_group": SECURITY_GROUP,
    "security_group_rule": SECURITY_GROUP_RULE,
    "subnetpool": SUBNET_POOL,
}


def used_of(noun: str) -> sa.ScalarSelect[int]:
    """How many a project has, as part of a statement."""
    table = _TABLES[noun]
    return (
        sa.select(sa.func.count())
        .select_from(table)
        .where(table.c.project_id == sa.bindparam("project_id"))
        .scalar_subquery()
    )


def most_of(noun: str) -> sa.ScalarSelect[int]:
    """How many a project may have, as part of a statement; nothing where the default holds."""
    return (
        sa.select(NETWORK_QUOTA.c.most)
        .where(NETWORK_QUOTA.c.project_id == sa.bindparam("project_id"), NETWORK_QUOTA.c.noun == noun)
        .scalar_subquery()
    )


_ROOM = {noun: sa.select(most_of(noun), used_of(noun)) for noun in DEFAULTS}
_USAGE = sa.select(*[used_of(noun) for noun in DEFAULTS])
_LIMITS = sa.select(NETWORK_QUOTA.c.noun, NETWORK_QUOTA.c.most).where(
    NETWORK_QUOTA.c.project_id == sa.bindparam("project_id")
)
_ALL = sa.select(NETWORK_QUOTA.c.project_id, NETWORK_QUOTA.c.noun, NETWORK_QUOTA.c.most).order_by(
    NETWORK_QUOTA.c.project_id
)
_SET = sa.text(
    "INSERT INTO network_quota (project_id, noun, most) VALUES (:project_id, :noun, :most)"
    " ON CONFLICT (project_id, noun) DO UPDATE SET most = excluded.most"
)
_FORGET = sa.delete(NETWORK_QUOTA).where(NETWORK_QUOTA.c.project_id == sa.bindparam("project_id"))


def check_room(tx: Tx, project_id: str, noun: str, *, wanted: int = 1) -> None:
    """Refuse what a project may have no more of. Raises OverQuota.

    What belongs to no project, such as the ports of routers' gateways, is not counted.
    """
    if not project_id or not wanted:
        return
    hold(tx, project_id, noun)
    row = tx.row(_ROOM[noun], project_id=project_id)
    assert row is not None
    refuse_beyond(noun, most=row[0], used=row[1], wanted=wanted)


def hold(tx: Tx, project_id: str, noun: str) -> None:
    """Let nobody else count this noun of a project before this transaction ends."""
    serialise(tx, f"quota {noun} {project_id}")


def refuse_beyond(noun: str, *, most: int | None, used: int, wanted: int) -> None:
    """Raises OverQuota where `used` and `wanted` are more than `most`, or than the default if that is None."""
    bound = DEFAULTS[noun] if most is None else most
    if 0 <= bound < used + wanted:
        raise OverQuota(noun)


def limits(db: Reader, project_id: str) -> dict[str, int]:
    """What a project may have."""
    return dict(DEFAULTS) | {row[0]: row[1] for row in db.rows(_LIMITS, project_id=project_id)}


def usage(db: Reader, project_id: str) -> dict[str, int]:
    """What a project has."""
    row = db.row(_USAGE, project_id=project_id)
    assert row is not None
    return dict(zip(DEFAULTS, row, strict=True))


def all_limits(db: Reader) -> Mapping[str, dict[str, int]]:
    """The limits of every project that has its own."""
    found: dict[str, dict[str, int]] = {}
    for project_id, noun, most in db.rows(_ALL):
        found.setdefault(project_id, dict(DEFAULTS))[noun] = most
    return found


def set_limits(tx: Tx, project_id: str, wanted: Mapping[str, int]) -> None:
    """Give a project limits of its own."""
    tx.execute_many(
        _SET, [{"project_id": project_id, "noun": noun, "most": most} for noun, most in wanted.items()]
    )


def forget_limits(tx: Tx, project_id: str) -> bool:
    """Back to the defaults; whether there was anything else."""
    return tx.execute(_FORGET, project_id=project_id) > 0
