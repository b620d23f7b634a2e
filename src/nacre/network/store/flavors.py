"""Flavors and service profiles, as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.texts import texts
from nacre.network.domain.flavors import NetworkFlavor, ServiceProfile
from nacre.network.errors import FlavorNotFound, ServiceProfileNotFound
from nacre.network.store.shelf import Shelf
from nacre.network.store.tables import FLAVOR_PROFILE, NETWORK_FLAVOR, ROUTER, SERVICE_PROFILE

FLAVORS = Shelf(NETWORK_FLAVOR, NetworkFlavor)
PROFILES = Shelf(SERVICE_PROFILE, ServiceProfile)

_PROFILES_OF = (
    sa.select(FLAVOR_PROFILE.c.flavor_id, FLAVOR_PROFILE.c.service_profile_id)
    .where(FLAVOR_PROFILE.c.flavor_id.in_(texts("ids")))
    .order_by(FLAVOR_PROFILE.c.flavor_id, FLAVOR_PROFILE.c.service_profile_id)
)
_BIND = sa.insert(FLAVOR_PROFILE)
_UNBIND = sa.delete(FLAVOR_PROFILE).where(
    FLAVOR_PROFILE.c.flavor_id == sa.bindparam("flavor"),
    FLAVOR_PROFILE.c.service_profile_id == sa.bindparam("profile"),
)
_UNBIND_ALL = sa.delete(FLAVOR_PROFILE).where(FLAVOR_PROFILE.c.flavor_id == sa.bindparam("flavor"))
_BOUND = sa.select(FLAVOR_PROFILE.c.flavor_id).where(
    FLAVOR_PROFILE.c.service_profile_id == sa.bindparam("profile")
)
_ROUTERS = sa.select(ROUTER.c.id).where(ROUTER.c.flavor_id == sa.bindparam("flavor"))


def everybody(_project_id: str) -> sa.ColumnElement[bool]:
    """Flavors are for all to choose from."""
    return sa.true()


def nobody(_project_id: str) -> sa.ColumnElement[bool]:
    """What is behind flavors is the operator's to know."""
    return sa.false()


def whole(db: Reader, rows: Sequence[AnyRow]) -> list[NetworkFlavor]:
    """The flavors of rows: one more statement, however many there are."""
    ids = [row[0] for row in rows]
    profiles: dict[str, list[str]] = defaultdict(list)
    for flavor_id, profile_id in db.rows(_PROFILES_OF, ids=ids) if ids else ():
        profiles[flavor_id].append(profile_id)
    return [FLAVORS.of(row, service_profiles=tuple(profiles[row[0]])) for row in rows]


def find(db: Reader, flavor_id: str) -> NetworkFlavor | None:
    """A flavor, or None."""
    return FLAVORS.find(db, flavor_id)


def lock(tx: Tx, flavor_id: str) -> NetworkFlavor:
    """A flavor that nobody else changes before this transaction ends. Raises FlavorNotFound."""
    rows = tx.rows(FLAVORS.all.where(NETWORK_FLAVOR.c.id == flavor_id).with_for_update())
    if not rows:
        raise FlavorNotFound(flavor_id)
    return whole(tx, rows)[0]


def lock_profile(tx: Tx, profile_id: str) -> ServiceProfile:
    """A profile that nobody else changes before this transaction ends. Raises ServiceProfileNotFound."""
    profile = PROFILES.lock(tx, profile_id)
    if profile is None:
        raise ServiceProfileNotFound(profile_id)
    return profile


def bind(tx: Tx, flavor_id: str, profile_id: str) -> None:
    """Let a flavor stand for a profile. Raises Duplicate."""
    tx.execute(_BIND, flavor_id=flavor_id, service_profile_id=profile_id)


def unbind(tx: Tx, flavor_id: str, profile_id: str) -> bool:
    """Let a flavor stand for a profile no longer; whether it did."""
    return tx.execute(_UNBIND, flavor=flavor_id, profile=profile_id) > 0


def remove(tx: Tx, flavor_id: str) -> None:
    """Delete a flavor, and what it stands for."""
    tx.execute(_UNBIND_ALL, flavor=flavor_id)
    FLAVORS.remove(tx, flavor_id)


def standing_for(db: Reader, profile_id: str) -> list[str]:
    """The flavors that stand for a profile."""
    return [row[0] for row in db.rows(_BOUND, profile=profile_id)]


def routers_of(db: Reader, flavor_id: str) -> list[str]:
    """The routers of a flavor."""
    return [row[0] for row in db.rows(_ROUTERS, flavor=flavor_id)]
