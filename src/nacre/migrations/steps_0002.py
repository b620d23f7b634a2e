"""What migration 0002 must do with rows besides changing tables: nothing that was shared is hidden by it."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from nacre.migrations import limits_0002

_FLAGS = (
    ("network", "network", "shared", "access_as_shared"),
    ("network", "network", "router_external", "access_as_external"),
    ("subnet_pool", "subnetpool", "shared", "access_as_shared"),
    ("security_group", "security_group", "shared", "access_as_shared"),
)
_TEMPLATE = (
    ("egress", "IPv4", None, True),
    ("egress", "IPv6", None, True),
    ("ingress", "IPv4", "PARENT", False),
    ("ingress", "IPv6", "PARENT", False),
)
_RULE = sa.text(
    "INSERT INTO default_security_group_rule (id, project_id, description, tags, revision_number, created_at,"
    " updated_at, direction, ethertype, remote_group_id, used_in_default_sg, used_in_non_default_sg)"
    " VALUES (:id, '', :description, '[]', 0, 0, 0, :direction, :ethertype, :remote_group_id, :yes, :other)"
)
_ENTRY = sa.text(
    "INSERT INTO network_rbac (id, project_id, object_type, object_id, action, target_project)"
    " VALUES (:id, :project_id, :object_type, :object_id, :action, '*')"
)
_SEGMENT = sa.text(
    "INSERT INTO network_segment (id, project_id, description, tags, revision_number, created_at, updated_at,"
    " network_id, network_type, physical_network, segmentation_id, place)"
    " VALUES (:id, '', '', '[]', 0, :created_at, :created_at, :network_id, :kind, :wire, :tag, 0)"
)


def share_what_was_shared(bind: sa.Connection) -> None:
    """Flags of objects become entries for everybody."""
    for table, object_type, flag, action in _FLAGS:
        rows = bind.execute(sa.text(f"SELECT id, project_id FROM {table} WHERE {flag}")).all()  # noqa: S608 - Names of ours.
        for object_id, project_id in rows:
            bind.execute(
                _ENTRY,
                {
                    "id": str(uuid.uuid4()),
                    "project_id": project_id,
                    "object_type": object_type,
                    "object_id": object_id,
                    "action": action,
                },
            )


def lay_template(bind: sa.Connection) -> None:
    """The rules that new security groups have always begun with become the template."""
    for direction, ethertype, remote_group_id, other in _TEMPLATE:
        bind.execute(
            _RULE,
            {
                "id": str(uuid.uuid4()),
                "description": f"Legacy default SG rule for {direction} traffic",
                "direction": direction,
                "ethertype": ethertype,
                "remote_group_id": remote_group_id,
                "yes": True,
                "other": other,
            },
        )


def lay_segments(bind: sa.Connection) -> None:
    """How the frames of a network travel becomes its first segment."""
    rows = bind.execute(
        sa.text(
            "SELECT id, created_at, provider_network_type, provider_physical_network, provider_segmentation_id"
            " FROM network"
        )
    ).all()
    for network_id, created_at, kind, wire, tag in rows:
        bind.execute(
            _SEGMENT,
            {
                "id": str(uuid.uuid4()),
                "created_at": created_at,
                "network_id": network_id,
                "kind": kind,
                "wire": wire,
                "tag": tag,
            },
        )


def upgrade(bind: sa.Connection) -> None:
    """All of it."""
    share_what_was_shared(bind)
    lay_template(bind)
    lay_segments(bind)
    limits_0002.carry_quotas(bind)
    limits_0002.weigh_servers(bind)
