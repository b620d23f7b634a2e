"""What compute counts of a project, by the names that limits have; and the old names of quotas for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nacre.compute.domain.quotas import RESOURCE_OF
from nacre.compute.store.tables import SERVER, SERVER_GROUP, SERVER_RESOURCE
from nacre.identity.contract import UNLIMITED, Account, Measure, Room, limits
from nacre.kernel.database import Reader, Tx
from nacre.kernel.ids import ServerId

CLASS = "class:"
"""What the name of a resource class begins with where it is limited."""

_THERE = SERVER.c.deleted_at.is_(None)


def _class_by_name(resource: str) -> Measure | None:
    """Any other resource class that flavors ask for."""
    name = resource.removeprefix(CLASS)
    if name == resource or not name:
        return None
    asked = sa.and_(
        SERVER_RESOURCE.c.server_id == SERVER.c.server_id, SERVER_RESOURCE.c.resource_class == name, _THERE
    )
    return Measure(UNLIMITED, SERVER.c.project_id, SERVER_RESOURCE.c.amount, asked)


ACCOUNT = Account(
    "compute",
    {
        "servers": Measure(10, SERVER.c.project_id, only=_THERE),
        "class:VCPU": Measure(20, SERVER.c.project_id, SERVER.c.vcpus, _THERE),
        "class:MEMORY_MB": Measure(51200, SERVER.c.project_id, SERVER.c.memory_mib, _THERE),
        "class:DISK_GB": Measure(UNLIMITED, SERVER.c.project_id, SERVER.c.disk_gib, _THERE),
        "server_groups": Measure(10, SERVER_GROUP.c.project_id),
        # These bound one server, one group or one user, so that nothing is summed.
        "server_group_members": Measure(10),
        "server_key_pairs": Measure(100),
        "server_metadata_items": Measure(128),
        "server_injected_files": Measure(5),
        "server_injected_file_content_bytes": Measure(10240),
        "server_injected_file_path_bytes": Measure(255),
        # Kept for those who still set them. What they bounded is the network service's, which has limits for it.
        "fixed_ips": Measure(UNLIMITED),
        "floating_ips": Measure(UNLIMITED),
        "security_groups": Measure(UNLIMITED),
        "security_group_rules": Measure(UNLIMITED),
    },
    further=_class_by_name,
)


def quotas_of(db: Reader, project_id: str) -> Mapping[str, int]:
    """What a project may have, by the names of quotas."""
    return _as_quotas(limits.limits_of(db, ACCOUNT, project_id))


def defaults(db: Reader) -> Mapping[str, int]:
    """What a project may have without limits of its own, by the names of quotas."""
    return _as_quotas(limits.defaults_of(db, ACCOUNT))


def usage(db: Reader, project_id: str, *, with_subtree: bool = False) -> Mapping[str, int]:
    """What a project has of those quotas that are summed; with all projects below it if asked."""
    used = limits.usage_of(db, ACCOUNT, project_id, whole=with_subtree)
    return {quota: used[resource] for quota, resource in RESOURCE_OF.items() if resource in used}


def ensure(tx: Tx, project_id: str, amounts: Mapping[str, int]) -> None:
    """Give a project limits of its own, by the names of quotas."""
    limits.set_limits(tx, ACCOUNT, project_id, _as_limits(amounts))


def ensure_defaults(tx: Tx, amounts: Mapping[str, int]) -> None:
    """Change what projects may have without limits of their own, by the names of quotas."""
    limits.set_defaults(tx, ACCOUNT, _as_limits(amounts))


def delete(tx: Tx, project_id: str) -> None:
    """Go back to the cloud's own limits."""
    limits.remove_limits(tx, ACCOUNT, project_id)


def rooms(tx: Tx, project_id: str, resources: Sequence[str]) -> Mapping[str, Room]:
    """What is left to a project of resources, which nobody else takes until the transaction ends."""
    return limits.room(tx, ACCOUNT, project_id, resources)


_INSERT_RESOURCE = sa.insert(SERVER_RESOURCE)
_DELETE_RESOURCES = sa.delete(SERVER_RESOURCE).where(SERVER_RESOURCE.c.server_id == sa.bindparam("key"))


def insert_resources(tx: Tx, server_ids: Sequence[ServerId], classes: Mapping[str, int]) -> None:
    """Note what servers ask for of resource classes that have no column of their own."""
    rows: list[dict[str, Any]] = [
        {"server_id": server_id, "resource_class": name, "amount": amount}
        for server_id in server_ids
        for name, amount in classes.items()
    ]
    tx.execute_many(_INSERT_RESOURCE, rows)


def replace_resources(tx: Tx, server_id: ServerId, classes: Mapping[str, int]) -> None:
    """Note that a server asks for this of such resource classes, and for nothing else of them."""
    tx.execute(_DELETE_RESOURCES, key=server_id)
    insert_resources(tx, [server_id], classes)


def _as_quotas(amounts: Mapping[str, int]) -> dict[str, int]:
    return {quota: amounts[resource] for quota, resource in RESOURCE_OF.items()}


def _as_limits(amounts: Mapping[str, int]) -> dict[str, int]:
    return {RESOURCE_OF[quota]: amount for quota, amount in amounts.items()}
