"""Credentials and policies, which identity keeps for other services."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_credential",
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), server_default="", nullable=False),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("sealed_blob", sa.Text(), server_default="", nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id"),
    )
    op.create_index("identity_credential_user", "identity_credential", ["user_id"], unique=False)
    op.create_index("identity_credential_project", "identity_credential", ["project_id"], unique=False)
    op.create_table(
        "identity_policy",
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("blob", sa.Text(), server_default="", nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("policy_id"),
    )
