"""The configuration of domains: one row for each option that a domain sets for itself.

Whoever remembers something of it listens to CONFIG_CHANGED, which every change here wakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.identity.domain.domain_config import Config, typed
from nacre.identity.sealing import Seal
from nacre.identity.store.tables import DOMAIN_CONFIG
from nacre.kernel.database import Reader, Tx

CONFIG_CHANGED = "identity:domain_config"
DIRECTORIES_LOOP = "directories"
"""The loop that mirrors the users and groups of directories; its keys are the ids of domains."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One option of one domain. A sensitive one has `sealed` instead of a value."""

    group: str
    option: str
    value: Any = None
    sealed: str = ""


_c = DOMAIN_CONFIG.c
_ALL = (
    sa.select(_c.group, _c.option, _c.value, _c.sealed)
    .where(_c.domain_id == sa.bindparam("domain_id"))
    .order_by(_c.group, _c.option)
)
_DRIVERS = sa.select(_c.domain_id, _c.value).where(_c.group == "identity", _c.option == "driver")
_PUT = sa.text(
    'INSERT INTO identity_domain_config (domain_id, "group", option, value, sealed)'
    " VALUES (:domain_id, :group, :option, :value, :sealed)"
    ' ON CONFLICT (domain_id, "group", option)'
    " DO UPDATE SET value = excluded.value, sealed = excluded.sealed"
).bindparams(sa.bindparam("value", type_=_c.value.type))
_REMOVE_ALL = sa.delete(DOMAIN_CONFIG).where(_c.domain_id == sa.bindparam("this"))
_REMOVE_GROUP = _REMOVE_ALL.where(_c.group == sa.bindparam("that_group"))
_REMOVE_ONE = _REMOVE_GROUP.where(_c.option == sa.bindparam("that_option"))


def load_settings(db: Reader, domain_id: str) -> Sequence[Setting]:
    """Every option that a domain sets for itself, in order."""
    rows = db.rows(_ALL, domain_id=domain_id)
    return [Setting(group=row[0], option=row[1], value=row[2], sealed=row[3]) for row in rows]


def load_config(db: Reader, domain_id: str, *, seal: Seal) -> Config:
    """What a domain sets for itself, with its secrets in clear and every value in its own type.

    Options that it does not set are not in it; `domain.domain_config.with_defaults` adds them. For use within
    this process only. Raises SealBroken.
    """
    config: dict[str, dict[str, Any]] = {}
    for setting in load_settings(db, domain_id):
        value = seal.open(setting.sealed) if setting.sealed else setting.value
        config.setdefault(setting.group, {})[setting.option] = value
    return typed(config)


def load_drivers(db: Reader) -> Mapping[str, str]:
    """The identity driver of each domain that names one."""
    return {row[0]: row[1] for row in db.rows(_DRIVERS)}


def put_settings(tx: Tx, domain_id: str, settings: Sequence[Setting]) -> None:
    """Let these options say this, whatever they said before; others stay."""
    tx.execute_many(_PUT, [{"domain_id": domain_id, **msgspec.structs.asdict(each)} for each in settings])
    _tell(tx, domain_id)


def remove_settings(tx: Tx, domain_id: str, *, group: str = "", option: str = "") -> None:
    """Unset one option, a whole group, or everything."""
    if option:
        tx.execute(_REMOVE_ONE, this=domain_id, that_group=group, that_option=option)
    elif group:
        tx.execute(_REMOVE_GROUP, this=domain_id, that_group=group)
    else:
        tx.execute(_REMOVE_ALL, this=domain_id)
    _tell(tx, domain_id)


def _tell(tx: Tx, domain_id: str) -> None:
    """Let every node forget what it remembers, and somebody look at the directory the domain may have now."""
    tx.wake(CONFIG_CHANGED)
    tx.make_due(DIRECTORIES_LOOP, domain_id)
