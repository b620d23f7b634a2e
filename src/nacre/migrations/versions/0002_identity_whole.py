"""Identity whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_domain_config",
        sa.Column("domain_id", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("option", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("sealed", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["identity_project.project_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("domain_id", "group", "option"),
    )
