"""What migration 0002 does so that quotas live on as limits, and that what servers use can be summed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

import sqlalchemy as sa

_COMPUTE: Mapping[str, tuple[str, int]] = {
    "instances": ("servers", 10),
    "cores": ("class:VCPU", 20),
    "ram": ("class:MEMORY_MB", 51200),
    "metadata_items": ("server_metadata_items", 128),
    "key_pairs": ("server_key_pairs", 100),
    "server_groups": ("server_groups", 10),
    "server_group_members": ("server_group_members", 10),
    "injected_files": ("server_injected_files", 5),
    "injected_file_content_bytes": ("server_injected_file_content_bytes", 10240),
    "injected_file_path_bytes": ("server_injected_file_path_bytes", 255),
    "fixed_ips": ("fixed_ips", -1),
    "floating_ips": ("floating_ips", -1),
    "security_groups": ("security_groups", -1),
    "security_group_rules": ("security_group_rules", -1),
}
_NETWORK: Mapping[str, tuple[str, int]] = {
    noun: (noun, default)
    for noun, default in (
        ("network", 500),
        ("subnet", 500),
        ("port", 5000),
        ("router", 100),
        ("floatingip", 200),
        ("security_group", 500),
        ("security_group_rule", 5000),
        ("subnetpool", -1),
    )
}
"""The old name of each quota, its name as a limit, and the default that held."""

_WHOLE_CLOUD = "class:default"
_GIB = 1 << 30
_SERVICE = sa.text("SELECT service_id FROM identity_service WHERE type = :type ORDER BY service_id LIMIT 1")
_REGISTER = sa.text(
    "INSERT INTO identity_registered_limit (registered_limit_id, service_id, region_id, resource_name, default_limit)"
    " VALUES (:id, :service_id, '', :name, :amount)"
)
_LIMIT = sa.text(
    "INSERT INTO identity_limit (limit_id, node_id, registered_limit_id, is_domain, resource_limit)"
    " VALUES (:id, :node_id, :registered_limit_id, :is_domain, :amount)"
)


def carry_quotas(bind: sa.Connection) -> None:
    """Quotas of the whole cloud become defaults, and those of projects limits; then their tables go."""
    compute = bind.execute(sa.text("SELECT scope, resource, amount FROM compute_quota")).all()
    _carry(bind, "compute", _COMPUTE, [tuple(row) for row in compute])
    network = bind.execute(sa.text("SELECT project_id, noun, most FROM network_quota")).all()
    _carry(bind, "network", _NETWORK, [tuple(row) for row in network])
    for table in ("compute_quota", "network_quota"):
        bind.execute(sa.text(f"DROP TABLE {table}"))


def _carry(
    bind: sa.Connection, service: str, names: Mapping[str, tuple[str, int]], rows: list[tuple[str, str, int]]
) -> None:
    service_id = bind.execute(_SERVICE, {"type": service}).scalar()
    if service_id is None or not rows:
        return
    defaults = {quota: amount for scope, quota, amount in rows if scope == _WHOLE_CLOUD}
    kinds: dict[str, str] = {}
    for quota, (name, builtin) in names.items():
        kinds[quota] = uuid.uuid4().hex
        amount = defaults.get(quota, builtin)
        bind.execute(
            _REGISTER, {"id": kinds[quota], "service_id": service_id, "name": name, "amount": amount}
        )
    for scope, quota, amount in rows:
        if quota in kinds and not scope.startswith("class:"):
            limit = {"id": uuid.uuid4().hex, "node_id": scope, "registered_limit_id": kinds[quota]}
            bind.execute(_LIMIT, limit | {"is_domain": False, "amount": amount})


def weigh_servers(bind: sa.Connection) -> None:
    """Servers say what disk they take, as new ones do."""
    for server_id, flavor, image in bind.execute(
        sa.text("SELECT server_id, flavor, image FROM server")
    ).all():
        bind.execute(
            sa.text("UPDATE server SET disk_gib = :disk_gib WHERE server_id = :server_id"),
            {"disk_gib": _disk_gib(json.loads(flavor), json.loads(image or "{}")), "server_id": server_id},
        )


def _disk_gib(flavor: Mapping[str, int], image: Mapping[str, int]) -> int:
    root = flavor["disk_gib"] or -(-image.get("virtual_size_bytes", 0) // _GIB)
    return root + flavor["ephemeral_gib"] + -(-flavor["swap_mib"] // 1024)
