"""Identity whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nacre.migrations import steps_0002

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Keys that were kept in clear give way to sealed ones, which the next start makes.
    op.execute("DELETE FROM token_key")
    op.create_table(
        "address_group",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_address_group_project_id"), "address_group", ["project_id"], unique=False)
    op.create_table(
        "address_scope",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_address_scope_project_id"), "address_scope", ["project_id"], unique=False)
    op.create_table(
        "default_security_group_rule",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("ethertype", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=True),
        sa.Column("port_range_min", sa.Integer(), nullable=True),
        sa.Column("port_range_max", sa.Integer(), nullable=True),
        sa.Column("remote_ip_prefix", sa.Text(), nullable=True),
        sa.Column("remote_group_id", sa.Text(), nullable=True),
        sa.Column("remote_address_group_id", sa.Text(), nullable=True),
        sa.Column("used_in_default_sg", sa.Boolean(), nullable=False),
        sa.Column("used_in_non_default_sg", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_default_security_group_rule_project_id"),
        "default_security_group_rule",
        ["project_id"],
        unique=False,
    )
    op.create_table(
        "identity_endpoint_group",
        sa.Column("endpoint_group_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_group_id"),
    )
    op.create_table(
        "identity_limit",
        sa.Column("limit_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), server_default="", nullable=False),
        sa.Column("registered_limit_id", sa.Text(), server_default="", nullable=False),
        sa.Column("is_domain", sa.Boolean(), nullable=False),
        sa.Column("resource_limit", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("limit_id"),
        sa.UniqueConstraint("node_id", "registered_limit_id", name="identity_limit_node"),
    )
    op.create_index("identity_limit_registered", "identity_limit", ["registered_limit_id"], unique=False)
    op.create_table(
        "identity_login_failure",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_table(
        "identity_mapping",
        sa.Column("mapping_id", sa.Text(), nullable=False),
        sa.Column("schema_version", sa.Text(), server_default="", nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mapping_id"),
    )
    op.create_table(
        "identity_registered_limit",
        sa.Column("registered_limit_id", sa.Text(), nullable=False),
        sa.Column("service_id", sa.Text(), server_default="", nullable=False),
        sa.Column("region_id", sa.Text(), server_default="", nullable=False),
        sa.Column("resource_name", sa.Text(), server_default="", nullable=False),
        sa.Column("default_limit", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("registered_limit_id"),
        sa.UniqueConstraint(
            "service_id", "resource_name", "region_id", name="identity_registered_limit_resource"
        ),
    )
    op.create_table(
        "identity_rule_change",
        sa.Column("edition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("set_at", sa.Double(), nullable=False),
        sa.Column("set_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("edition"),
    )
    op.create_index("identity_rule_change_name", "identity_rule_change", ["name", "edition"], unique=False)
    op.create_table(
        "identity_service_provider",
        sa.Column("sp_id", sa.Text(), nullable=False),
        sa.Column("auth_url", sa.Text(), server_default="", nullable=False),
        sa.Column("sp_url", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("relay_state_prefix", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sp_id"),
    )
    op.create_table(
        "identity_sign_on_finished",
        sa.Column("sign_on_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("sign_on_id"),
    )
    op.create_index(
        "identity_sign_on_finished_expires", "identity_sign_on_finished", ["expires_at"], unique=False
    )
    op.create_table(
        "metering_label",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_metering_label_project_id"), "metering_label", ["project_id"], unique=False)
    op.create_table(
        "network_agent",
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("heard_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", "kind"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "network_flavor",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("service_type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "network_rbac",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_project", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_network_rbac_project_id"), "network_rbac", ["project_id"], unique=False)
    op.create_index(
        "network_rbac_object",
        "network_rbac",
        ["object_id", "object_type", "action", "target_project"],
        unique=True,
    )
    op.create_index(
        "network_rbac_target",
        "network_rbac",
        ["target_project", "object_type", "action", "object_id"],
        unique=False,
    )
    op.create_table(
        "qos_policy",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_qos_policy_project_id"), "qos_policy", ["project_id"], unique=False)
    op.create_index(
        "qos_policy_default",
        "qos_policy",
        ["project_id"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "service_profile",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("driver", sa.Text(), nullable=False),
        sa.Column("metainfo", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "address_group_address",
        sa.Column("address_group_id", sa.Text(), nullable=False),
        sa.Column("cidr", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["address_group_id"],
            ["address_group.id"],
        ),
        sa.PrimaryKeyConstraint("address_group_id", "cidr"),
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
        "identity_directory",
        sa.Column("domain_id", sa.Text(), nullable=False),
        sa.Column("mirrored_at", sa.Double(), nullable=True),
        sa.Column("users", sa.Integer(), nullable=False),
        sa.Column("groups", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.Column("trouble_since", sa.Double(), nullable=True),
        sa.Column("accept_losses", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["identity_project.project_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("domain_id"),
    )
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
        "identity_mirrored",
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("domain_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("handle", sa.Text(), server_default="", nullable=False),
        sa.Column("print", sa.Text(), server_default="", nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("absent_since", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["domain_id"], ["identity_project.project_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    op.create_index(
        "identity_mirrored_domain", "identity_mirrored", ["domain_id", "kind", "subject_id"], unique=False
    )
    op.create_index("identity_mirrored_handle", "identity_mirrored", ["domain_id", "handle"], unique=False)
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
        "identity_provider",
        sa.Column("idp_id", sa.Text(), nullable=False),
        sa.Column("domain_id", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("authorization_ttl", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["domain_id"], ["identity_project.project_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("idp_id"),
    )
    op.create_index("identity_provider_domain", "identity_provider", ["domain_id"], unique=False)
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
    op.create_table(
        "metering_label_rule",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("metering_label_id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("remote_ip_prefix", sa.Text(), nullable=True),
        sa.Column("source_ip_prefix", sa.Text(), nullable=True),
        sa.Column("destination_ip_prefix", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["metering_label_id"],
            ["metering_label.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_metering_label_rule_metering_label_id"),
        "metering_label_rule",
        ["metering_label_id"],
        unique=False,
    )
    op.create_table(
        "network_flavor_profile",
        sa.Column("flavor_id", sa.Text(), nullable=False),
        sa.Column("service_profile_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flavor_id"],
            ["network_flavor.id"],
        ),
        sa.ForeignKeyConstraint(
            ["service_profile_id"],
            ["service_profile.id"],
        ),
        sa.PrimaryKeyConstraint("flavor_id", "service_profile_id"),
    )
    op.create_index(
        "network_flavor_profile_profile", "network_flavor_profile", ["service_profile_id"], unique=False
    )
    op.create_table(
        "network_segment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("network_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("network_type", sa.Text(), nullable=False),
        sa.Column("physical_network", sa.Text(), nullable=True),
        sa.Column("segmentation_id", sa.Integer(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["network.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_network_segment_network_id"), "network_segment", ["network_id"], unique=False)
    op.create_index(op.f("ix_network_segment_project_id"), "network_segment", ["project_id"], unique=False)
    op.create_table(
        "qos_rule",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("max_kbps", sa.Integer(), nullable=False),
        sa.Column("max_burst_kbps", sa.Integer(), nullable=False),
        sa.Column("dscp_mark", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["qos_policy.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("qos_rule_slot", "qos_rule", ["policy_id", "slot"], unique=True)
    op.create_table(
        "server_resource",
        sa.Column("server_id", sa.Text(), nullable=False),
        sa.Column("resource_class", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["server.server_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("server_id", "resource_class"),
    )
    op.create_index(
        "server_resource_class", "server_resource", ["resource_class", "server_id", "amount"], unique=False
    )
    op.create_table(
        "identity_federated_membership",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("idp_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["identity_group.group_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["idp_id"], ["identity_provider.idp_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["identity_user.user_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "idp_id", "group_id"),
    )
    op.create_index(
        "identity_federated_membership_group", "identity_federated_membership", ["group_id"], unique=False
    )
    op.create_index(
        "identity_federated_membership_idp", "identity_federated_membership", ["idp_id"], unique=False
    )
    op.create_table(
        "identity_federated_user",
        sa.Column("idp_id", sa.Text(), nullable=False),
        sa.Column("protocol_id", sa.Text(), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["idp_id"], ["identity_provider.idp_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["identity_user.user_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("idp_id", "protocol_id", "unique_id"),
    )
    op.create_index("identity_federated_user_user", "identity_federated_user", ["user_id"], unique=False)
    op.create_table(
        "identity_federation_protocol",
        sa.Column("idp_id", sa.Text(), nullable=False),
        sa.Column("protocol_id", sa.Text(), nullable=False),
        sa.Column("mapping_id", sa.Text(), server_default="", nullable=False),
        sa.Column("remote_id_attribute", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["idp_id"], ["identity_provider.idp_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("idp_id", "protocol_id"),
    )
    op.create_index(
        "identity_federation_protocol_mapping", "identity_federation_protocol", ["mapping_id"], unique=False
    )
    op.create_table(
        "identity_provider_remote",
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("idp_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["idp_id"], ["identity_provider.idp_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("remote_id"),
    )
    op.create_index("identity_provider_remote_idp", "identity_provider_remote", ["idp_id"], unique=False)
    op.create_table(
        "trunk",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("port_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"],
            ["port.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("port_id"),
    )
    op.create_index(op.f("ix_trunk_project_id"), "trunk", ["project_id"], unique=False)
    op.create_table(
        "auto_topology",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("network_id", sa.Text(), nullable=False),
        sa.Column("router_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["network_id"], ["network.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["router_id"], ["router.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_index(op.f("ix_auto_topology_network_id"), "auto_topology", ["network_id"], unique=False)
    op.create_index(op.f("ix_auto_topology_router_id"), "auto_topology", ["router_id"], unique=False)
    op.create_table(
        "identity_oidc_client",
        sa.Column("idp_id", sa.Text(), nullable=False),
        sa.Column("protocol_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), server_default="", nullable=False),
        sa.Column("client_id", sa.Text(), server_default="", nullable=False),
        sa.Column("sealed_secret", sa.Text(), server_default="", nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("audiences", sa.Text(), nullable=False),
        sa.Column("clients", sa.Text(), nullable=False),
        sa.Column("claims_prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("userinfo", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["idp_id", "protocol_id"],
            ["identity_federation_protocol.idp_id", "identity_federation_protocol.protocol_id"],
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("idp_id", "protocol_id"),
    )
    op.create_table(
        "trunk_subport",
        sa.Column("port_id", sa.Text(), nullable=False),
        sa.Column("trunk_id", sa.Text(), nullable=False),
        sa.Column("segmentation_type", sa.Text(), nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"],
            ["port.id"],
        ),
        sa.ForeignKeyConstraint(
            ["trunk_id"],
            ["trunk.id"],
        ),
        sa.PrimaryKeyConstraint("port_id"),
    )
    op.create_index("trunk_subport_tag", "trunk_subport", ["trunk_id", "segmentation_id"], unique=True)
    op.create_table(
        "port_forwarding",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("floating_ip_id", sa.Text(), nullable=False),
        sa.Column("internal_port_id", sa.Text(), nullable=False),
        sa.Column("internal_ip_address", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("external_first", sa.Integer(), nullable=False),
        sa.Column("external_last", sa.Integer(), nullable=False),
        sa.Column("internal_first", sa.Integer(), nullable=False),
        sa.Column("internal_last", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["floating_ip_id"],
            ["floating_ip.id"],
        ),
        sa.ForeignKeyConstraint(
            ["internal_port_id"],
            ["port.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_port_forwarding_floating_ip_id"), "port_forwarding", ["floating_ip_id"], unique=False
    )
    op.create_index(
        op.f("ix_port_forwarding_internal_port_id"), "port_forwarding", ["internal_port_id"], unique=False
    )
    op.add_column("floating_ip", sa.Column("qos_policy_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_floating_ip_qos_policy_id"), "floating_ip", ["qos_policy_id"], unique=False)
    op.add_column("identity_application_credential", sa.Column("rules", sa.Text(), nullable=True))
    op.add_column("identity_user", sa.Column("password_expires_at", sa.Double(), nullable=True))
    op.add_column("identity_user", sa.Column("password_chosen_at", sa.Double(), nullable=True))
    op.add_column("identity_user", sa.Column("active_at", sa.Double(), nullable=True))
    op.drop_column("image", "sha512")
    op.add_column("network", sa.Column("qos_policy_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_network_qos_policy_id"), "network", ["qos_policy_id"], unique=False)
    op.add_column("port", sa.Column("dns_domain", sa.Text(), server_default="", nullable=False))
    op.add_column("port", sa.Column("extra_dhcp_opts", sa.Text(), server_default="[]", nullable=False))
    op.add_column("port", sa.Column("qos_policy_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_port_qos_policy_id"), "port", ["qos_policy_id"], unique=False)
    op.add_column("router", sa.Column("flavor_id", sa.Text(), nullable=True))
    op.add_column("router", sa.Column("ha", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("router", sa.Column("gateway_qos_policy_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_router_flavor_id"), "router", ["flavor_id"], unique=False)
    op.create_index(
        op.f("ix_router_gateway_qos_policy_id"), "router", ["gateway_qos_policy_id"], unique=False
    )
    op.add_column("security_group_rule", sa.Column("remote_address_group_id", sa.Text(), nullable=True))
    op.create_index(
        op.f("ix_security_group_rule_remote_address_group_id"),
        "security_group_rule",
        ["remote_address_group_id"],
        unique=False,
    )
    op.add_column("server", sa.Column("disk_gib", sa.BigInteger(), server_default="0", nullable=False))
    op.drop_index(op.f("server_usage"), table_name="server")
    op.create_index(
        "server_usage",
        "server",
        ["project_id", "deleted_at", "vcpus", "memory_mib", "disk_gib"],
        unique=False,
    )
    op.add_column("subnet", sa.Column("segment_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_subnet_segment_id"), "subnet", ["segment_id"], unique=False)
    op.add_column("subnet_pool", sa.Column("address_scope_id", sa.Text(), nullable=True))
    op.create_index(
        op.f("ix_subnet_pool_address_scope_id"), "subnet_pool", ["address_scope_id"], unique=False
    )
    op.add_column("token_key", sa.Column("sealed_secret", sa.Text(), server_default="", nullable=False))
    op.drop_column("token_key", "secret")
    op.add_column(
        "token_revocation", sa.Column("revoked_at", sa.Double(), server_default="0", nullable=False)
    )
    op.add_column(
        "token_revocation", sa.Column("whole_chain", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index(
        "network_segment_wire",
        "network_segment",
        ["physical_network", sa.text("coalesce(segmentation_id, 0)")],
        unique=True,
    )
    # Rows follow once all tables are there.
    steps_0002.upgrade(op.get_bind())
