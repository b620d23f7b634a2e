"""Names of users, groups, projects and domains by their ids, for lists that show them beside each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
import sqlalchemy as sa

from nacre.identity.store.tables import GROUP, PROJECT, USER
from nacre.kernel.database import Reader
from nacre.kernel.texts import texts


class Named(msgspec.Struct, frozen=True):
    """A name, and the domain it is a name in; a domain's own name is in none."""

    name: str
    domain_id: str
    domain_name: str


_DOMAIN = PROJECT.alias("domain")
_ids = texts("ids")


def _named(
    key: sa.Column[str], name: sa.Column[str], domain_id: sa.Column[str]
) -> sa.Select[str, str, str, str]:
    return (
        sa.select(key, name, domain_id, sa.func.coalesce(_DOMAIN.c.name, ""))
        .select_from(key.table)
        .outerjoin(_DOMAIN, _DOMAIN.c.project_id == domain_id)
        .where(key.in_(_ids))
    )


_NAMES = sa.union_all(
    *(
        _named(table.c[key], table.c.name, table.c.domain_id)
        for table, key in ((USER, "user_id"), (GROUP, "group_id"), (PROJECT, "project_id"))
    )
)


def names_of(db: Reader, ids: Collection[str]) -> Mapping[str, Named]:
    """What these are called, as far as they exist. One statement."""
    if not ids:
        return {}
    return {row[0]: Named(row[1], row[2], row[3]) for row in db.rows(_NAMES, ids=sorted(ids))}
