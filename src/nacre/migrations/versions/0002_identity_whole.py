"""Identity whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Keys that were kept in clear give way to sealed ones, which the next start makes.
    op.execute("DELETE FROM token_key")
    op.create_table(
        "identity_endpoint_group",
        sa.Column("endpoint_group_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_group_id"),
    )
    op.create_table(
        "identity_login_failure",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_table(
        "identity_access_rule",
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), server_default="", nullable=False),
        sa.Column("method", sa.Text(), server_default="", nullable=False),
        sa.Column("path", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["identity_user.user_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("rule_id"),
    )
    op.create_index("identity_access_rule_user", "identity_access_rule", ["user_id"], unique=False)
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
    op.create_table(
        "identity_former_password",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("hashes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["identity_user.user_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "identity_passcode_used",
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("window", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["identity_credential.credential_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("credential_id"),
    )
    op.create_table(
        "identity_policy_association",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=True),
        sa.Column("service_id", sa.Text(), nullable=True),
        sa.Column("region_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["endpoint_id"], ["identity_endpoint.endpoint_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["policy_id"], ["identity_policy.policy_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["region_id"], ["identity_region.region_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["service_id"], ["identity_service.service_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("target"),
    )
    op.create_index(
        "identity_policy_association_endpoint", "identity_policy_association", ["endpoint_id"], unique=False
    )
    op.create_index(
        "identity_policy_association_policy", "identity_policy_association", ["policy_id"], unique=False
    )
    op.create_index(
        "identity_policy_association_region", "identity_policy_association", ["region_id"], unique=False
    )
    op.create_index(
        "identity_policy_association_service", "identity_policy_association", ["service_id"], unique=False
    )
    op.create_table(
        "identity_project_endpoint",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["endpoint_id"], ["identity_endpoint.endpoint_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project_id"], ["identity_project.project_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "endpoint_id"),
    )
    op.create_index(
        "identity_project_endpoint_endpoint", "identity_project_endpoint", ["endpoint_id"], unique=False
    )
    op.create_table(
        "identity_project_endpoint_group",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("endpoint_group_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_group_id"], ["identity_endpoint_group.endpoint_group_id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["identity_project.project_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "endpoint_group_id"),
    )
    op.create_index(
        "identity_project_endpoint_group_group",
        "identity_project_endpoint_group",
        ["endpoint_group_id"],
        unique=False,
    )
    op.create_table(
        "identity_trust",
        sa.Column("trust_id", sa.Text(), nullable=False),
        sa.Column("trustor_user_id", sa.Text(), nullable=False),
        sa.Column("trustee_user_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("redelegated_trust_id", sa.Text(), nullable=True),
        sa.Column("impersonation", sa.Boolean(), nullable=False),
        sa.Column("role_ids", sa.Text(), nullable=False),
        sa.Column("redelegation_count", sa.Integer(), nullable=False),
        sa.Column("remaining_uses", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["identity_project.project_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["redelegated_trust_id"], ["identity_trust.trust_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["trustee_user_id"], ["identity_user.user_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["trustor_user_id"], ["identity_user.user_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("trust_id"),
    )
    op.create_index("identity_trust_deleted", "identity_trust", ["deleted_at"], unique=False)
    op.create_index("identity_trust_project", "identity_trust", ["project_id"], unique=False)
    op.create_index("identity_trust_redelegated", "identity_trust", ["redelegated_trust_id"], unique=False)
    op.create_index("identity_trust_trustee", "identity_trust", ["trustee_user_id"], unique=False)
    op.create_index("identity_trust_trustor", "identity_trust", ["trustor_user_id"], unique=False)
    op.add_column("identity_application_credential", sa.Column("rules", sa.Text(), nullable=True))
    op.add_column("identity_user", sa.Column("password_expires_at", sa.Double(), nullable=True))
    op.add_column("identity_user", sa.Column("password_chosen_at", sa.Double(), nullable=True))
    op.add_column("identity_user", sa.Column("active_at", sa.Double(), nullable=True))
    op.drop_column("image", "sha512")
    op.add_column("token_key", sa.Column("sealed_secret", sa.Text(), server_default="", nullable=False))
    op.drop_column("token_key", "secret")
    op.add_column(
        "token_revocation", sa.Column("revoked_at", sa.Double(), server_default="0", nullable=False)
    )
    op.add_column(
        "token_revocation", sa.Column("whole_chain", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
