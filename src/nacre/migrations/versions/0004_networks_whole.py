"""Networks whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chassis",
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("ailing", sa.Boolean(), nullable=False),
        sa.Column("reported_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("host_id"),
    )
    op.create_index(
        "chassis_ailing",
        "chassis",
        ["host_id"],
        unique=False,
        sqlite_where=sa.text("ailing"),
        postgresql_where=sa.text("ailing"),
    )
    op.create_table(
        "default_statefulness",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("stateful", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id"),
    )
    op.create_table(
        "host_wire",
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("physical_network", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", "physical_network"),
    )
    op.create_table(
        "local_ip_host", sa.Column("host_id", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("host_id")
    )
    op.create_table(
        "network_segment_range",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("default", sa.Boolean(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("network_type", sa.Text(), nullable=False),
        sa.Column("physical_network", sa.Text(), nullable=True),
        sa.Column("minimum", sa.BigInteger(), nullable=False),
        sa.Column("maximum", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_network_segment_range_project_id"), "network_segment_range", ["project_id"], unique=False
    )
    op.create_table(
        "local_ip",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("local_port_id", sa.Text(), nullable=False),
        sa.Column("network_id", sa.Text(), nullable=False),
        sa.Column("local_ip_address", sa.Text(), nullable=False),
        sa.Column("ip_mode", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["local_port_id"],
            ["port.id"],
        ),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["network.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("local_port_id"),
    )
    op.create_index(op.f("ix_local_ip_network_id"), "local_ip", ["network_id"], unique=False)
    op.create_index(op.f("ix_local_ip_project_id"), "local_ip", ["project_id"], unique=False)
    op.create_table(
        "port_binding",
        sa.Column("port_id", sa.Text(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("vnic_type", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["port_id"], ["port.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("port_id", "host_id"),
    )
    op.create_table(
        "further_gateway",
        sa.Column("port_id", sa.Text(), nullable=False),
        sa.Column("router_id", sa.Text(), nullable=False),
        sa.Column("network_id", sa.Text(), nullable=False),
        sa.Column("enable_snat", sa.Boolean(), nullable=False),
        sa.Column("qos_policy_id", sa.Text(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["network.id"],
        ),
        sa.ForeignKeyConstraint(
            ["port_id"],
            ["port.id"],
        ),
        sa.ForeignKeyConstraint(
            ["router_id"],
            ["router.id"],
        ),
        sa.PrimaryKeyConstraint("port_id"),
    )
    op.create_index(op.f("ix_further_gateway_network_id"), "further_gateway", ["network_id"], unique=False)
    op.create_index(
        op.f("ix_further_gateway_qos_policy_id"), "further_gateway", ["qos_policy_id"], unique=False
    )
    op.create_index(op.f("ix_further_gateway_router_id"), "further_gateway", ["router_id"], unique=False)
    op.create_table(
        "local_ip_association",
        sa.Column("local_ip_id", sa.Text(), nullable=False),
        sa.Column("fixed_port_id", sa.Text(), nullable=False),
        sa.Column("fixed_ip", sa.Text(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fixed_port_id"],
            ["port.id"],
        ),
        sa.ForeignKeyConstraint(
            ["local_ip_id"],
            ["local_ip.id"],
        ),
        sa.PrimaryKeyConstraint("local_ip_id", "fixed_port_id"),
    )
    op.create_index(
        op.f("ix_local_ip_association_fixed_port_id"), "local_ip_association", ["fixed_port_id"], unique=False
    )
    op.create_index(
        op.f("ix_local_ip_association_host_id"), "local_ip_association", ["host_id"], unique=False
    )
    op.create_table(
        "ndp_proxy",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("router_id", sa.Text(), nullable=False),
        sa.Column("port_id", sa.Text(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"],
            ["port.id"],
        ),
        sa.ForeignKeyConstraint(
            ["router_id"],
            ["router.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_ndp_proxy_port_id"), "ndp_proxy", ["port_id"], unique=False)
    op.create_index(op.f("ix_ndp_proxy_project_id"), "ndp_proxy", ["project_id"], unique=False)
    op.create_index(op.f("ix_ndp_proxy_router_id"), "ndp_proxy", ["router_id"], unique=False)
    op.create_index("ndp_proxy_address", "ndp_proxy", ["router_id", "ip_address"], unique=True)
    op.create_index(
        "network_segment_number", "network_segment", ["network_type", "segmentation_id"], unique=False
    )
    op.add_column("port", sa.Column("ip_allocation", sa.Text(), server_default="immediate", nullable=False))
    op.add_column("port", sa.Column("data_plane_status", sa.Text(), nullable=True))
    op.add_column("qos_rule", sa.Column("min_kbps", sa.Integer(), server_default="0", nullable=False))
    op.add_column("qos_rule", sa.Column("min_kpps", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "router",
        sa.Column("enable_default_route_ecmp", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "router",
        sa.Column("enable_default_route_bfd", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "router", sa.Column("enable_ndp_proxy", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
