"""Packets are limited, guests may tag twice, interfaces have tags, and servers get other disks and sizes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("qos_rule", sa.Column("max_kpps", sa.Integer(), server_default="0", nullable=False))
    op.add_column("qos_rule", sa.Column("max_burst_kpps", sa.Integer(), server_default="0", nullable=False))
    op.add_column("port", sa.Column("nic_tag", sa.Text()))
    op.add_column("network", sa.Column("qinq", sa.Boolean(), server_default=sa.false(), nullable=False))
    # The addresses of ports, in order, are told by the index alone.
    op.drop_index("ix_port_address_port_id", table_name="port_address")
    op.create_index("port_address_of_port", "port_address", ["port_id", "place", "subnet_id", "ip"])
    # Servers are rebuilt and resized: root disks have numbers, and one may be kept to go back to.
    op.add_column("server", sa.Column("disk", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("server", sa.Column("kept_disk", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("server", sa.Column("old_flavor", sa.Text(), nullable=True))
    op.add_column("guest_facts", sa.Column("disk", sa.BigInteger(), server_default="1", nullable=False))
