"""The tables of identity.

Domains and projects are one tree in one table: a domain is a row with `is_domain`, without a parent; a project's
parent is another project or its domain. `domain_id` and `parent_id` are empty, never NULL, so that
names of domains are unique by the same rule as names of projects within a domain.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nacre.identity.domain.access_rules import AccessRule
from nacre.identity.domain.catalog import EndpointFilters
from nacre.kernel.schema import METADATA, Json


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _part_of(name: str, whole: sa.Column[Any], **options: Any) -> sa.Column[Any]:
    """The key of what this belongs to, and goes with."""
    return sa.Column(name, sa.ForeignKey(whole, ondelete="CASCADE"), nullable=False, **options)


def _extra() -> sa.Column[Any]:
    """Fields that callers add to their things and that mean nothing to us."""
    return sa.Column("extra", Json(dict[str, Any]), nullable=False)


PROJECT = sa.Table(
    "identity_project",
    METADATA,
    _id("project_id"),
    _text("domain_id"),
    _text("parent_id"),
    _text("name"),
    _text("description"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("is_domain", sa.Boolean, nullable=False),
    sa.Column("options", Json(dict[str, Any]), nullable=False),
    _extra(),
    sa.UniqueConstraint("domain_id", "name", name="identity_project_name"),
    sa.Index("identity_project_parent", "parent_id"),
)

PROJECT_TAG = sa.Table(
    "identity_project_tag",
    METADATA,
    _part_of("project_id", PROJECT.c.project_id, primary_key=True),
    _id("tag"),
    sa.Index("identity_project_tag_tag", "tag"),
)

USER = sa.Table(
    "identity_user",
    METADATA,
    _id("user_id"),
    _part_of("domain_id", PROJECT.c.project_id, server_default=""),
    _text("name"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("default_project_id", sa.Text),
    sa.Column("options", Json(dict[str, Any]), nullable=False),
    _extra(),
    sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("password_set_at", sa.Double),
    sa.Column("password_expires_at", sa.Double),
    # When the user chose it. What an administrator sets has no such moment, and may be changed at once.
    sa.Column("password_chosen_at", sa.Double),
    # When the user last logged in or was enabled, to the day; never yet counts from `created_at`.
    sa.Column("active_at", sa.Double),
    sa.UniqueConstraint("domain_id", "name", name="identity_user_name"),
)

GROUP = sa.Table(
    "identity_group",
    METADATA,
    _id("group_id"),
    _part_of("domain_id", PROJECT.c.project_id, server_default=""),
    _text("name"),
    _text("description"),
    _extra(),
    sa.UniqueConstraint("domain_id", "name", name="identity_group_name"),
)

MEMBERSHIP = sa.Table(
    "identity_membership",
    METADATA,
    _part_of("user_id", USER.c.user_id, primary_key=True),
    _part_of("group_id", GROUP.c.group_id, primary_key=True),
    sa.Index("identity_membership_group", "group_id"),
)

ROLE = sa.Table(
    "identity_role",
    METADATA,
    _id("role_id"),
    _text("name"),
    _text("domain_id"),
    _text("description"),
    sa.Column("options", Json(dict[str, Any]), nullable=False),
    sa.UniqueConstraint("domain_id", "name", name="identity_role_name"),
)

IMPLICATION = sa.Table(
    "identity_implication",
    METADATA,
    _part_of("prior_role_id", ROLE.c.role_id, primary_key=True),
    _part_of("implied_role_id", ROLE.c.role_id, primary_key=True),
)

# `actor_id` is a user's or a group's, `target_id` a project's or a domain's, or `all` for the system.
ASSIGNMENT = sa.Table(
    "identity_assignment",
    METADATA,
    _id("actor_id"),
    _id("target_id"),
    _part_of("role_id", ROLE.c.role_id, primary_key=True),
    sa.Column("inherited", sa.Boolean, primary_key=True),
    _text("actor_kind"),
    _text("target_kind"),
    sa.Index("identity_assignment_target", "target_id"),
    sa.Index("identity_assignment_role", "role_id"),
)

REGION = sa.Table(
    "identity_region",
    METADATA,
    _id("region_id"),
    _text("description"),
    sa.Column("parent_region_id", sa.Text),
    _extra(),
)

SERVICE = sa.Table(
    "identity_service",
    METADATA,
    _id("service_id"),
    _text("type"),
    _text("name"),
    _text("description"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _extra(),
)

ENDPOINT = sa.Table(
    "identity_endpoint",
    METADATA,
    _id("endpoint_id"),
    _part_of("service_id", SERVICE.c.service_id, server_default=""),
    sa.Column("region_id", sa.Text),
    _text("interface"),
    _text("url"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _extra(),
    sa.Index("identity_endpoint_service", "service_id"),
)

APPLICATION_CREDENTIAL = sa.Table(
    "identity_application_credential",
    METADATA,
    _id("credential_id"),
    _part_of("user_id", USER.c.user_id, server_default=""),
    _part_of("project_id", PROJECT.c.project_id, server_default=""),
    _text("name"),
    _text("description"),
    _text("secret_hash"),
    sa.Column("role_ids", Json(tuple[str, ...]), nullable=False),
    sa.Column("unrestricted", sa.Boolean, nullable=False),
    sa.Column("expires_at", sa.Double),
    sa.Column("rules", Json(tuple[AccessRule, ...])),
    sa.UniqueConstraint("user_id", "name", name="identity_application_credential_name"),
    sa.Index("identity_application_credential_project", "project_id"),
)

TOKEN_KEY = sa.Table(
    "token_key",
    METADATA,
    sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
    _text("sealed_secret"),
    sa.Column("signs_from", sa.Double, nullable=False),
)

TOKEN_REVOCATION = sa.Table(
    "token_revocation",
    METADATA,
    _id("audit_id"),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.Column("revoked_at", sa.Double, nullable=False, server_default="0"),
    sa.Column("whole_chain", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("token_revocation_expires", "expires_at"),
)

# What was made by the first start, and what it said then; what an operator changes or deletes stays so.
SEEDED = sa.Table(
    "identity_seeded",
    METADATA,
    _id("what"),
    _text("subject_id"),
    _text("value"),
)

CREDENTIAL = sa.Table(
    "identity_credential",
    METADATA,
    _id("credential_id"),
    _part_of("user_id", USER.c.user_id, server_default=""),
    sa.Column("project_id", sa.ForeignKey(PROJECT.c.project_id, ondelete="CASCADE")),
    _text("type"),
    _text("sealed_blob"),
    _extra(),
    sa.Index("identity_credential_user", "user_id"),
    sa.Index("identity_credential_project", "project_id"),
)

POLICY = sa.Table(
    "identity_policy",
    METADATA,
    _id("policy_id"),
    _text("type"),
    _text("blob"),
    _extra(),
)

# -- what is configured for one domain --------------------------------------------------------------------

DOMAIN_CONFIG = sa.Table(
    "identity_domain_config",
    METADATA,
    sa.Column(
        "domain_id", sa.ForeignKey("identity_project.project_id", ondelete="CASCADE"), primary_key=True
    ),
    _id("group"),
    _id("option"),
    sa.Column("value", Json()),
    _text("sealed"),
)

# -- passwords ---------------------------------------------------------------------------------------------

# Hashes of the passwords a user had before, the newest first; as many as the site compares with.
FORMER_PASSWORD = sa.Table(
    "identity_former_password",
    METADATA,
    sa.Column("user_id", sa.ForeignKey(USER.c.user_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("hashes", Json(tuple[str, ...]), nullable=False),
)

# Wrong passwords, or passcodes, in a row. `subject` names both whose they are and of which kind; all unknown users
# share a few subjects, and have no `user_id`.
LOGIN_FAILURE = sa.Table(
    "identity_login_failure",
    METADATA,
    _id("subject"),
    sa.Column("user_id", sa.ForeignKey(USER.c.user_id, ondelete="CASCADE")),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failed_at", sa.Double, nullable=False),
    sa.Index("identity_login_failure_user", "user_id"),
)

# -- ways to authenticate ----------------------------------------------------------------------------------

# A trust that was deleted stays for a while, so that those it concerned are told that it is gone.
TRUST = sa.Table(
    "identity_trust",
    METADATA,
    _id("trust_id"),
    sa.Column("trustor_user_id", sa.ForeignKey("identity_user.user_id", ondelete="CASCADE"), nullable=False),
    sa.Column("trustee_user_id", sa.ForeignKey("identity_user.user_id", ondelete="CASCADE"), nullable=False),
    sa.Column("project_id", sa.ForeignKey("identity_project.project_id", ondelete="CASCADE"), nullable=False),
    sa.Column("redelegated_trust_id", sa.ForeignKey("identity_trust.trust_id", ondelete="CASCADE")),
    sa.Column("impersonation", sa.Boolean, nullable=False),
    sa.Column("role_ids", Json(tuple[str, ...]), nullable=False),
    sa.Column("redelegation_count", sa.Integer, nullable=False),
    sa.Column("remaining_uses", sa.Integer),
    sa.Column("expires_at", sa.Double),
    sa.Column("deleted_at", sa.Double),
    sa.Index("identity_trust_trustor", "trustor_user_id"),
    sa.Index("identity_trust_trustee", "trustee_user_id"),
    sa.Index("identity_trust_project", "project_id"),
    sa.Index("identity_trust_redelegated", "redelegated_trust_id"),
    sa.Index("identity_trust_deleted", "deleted_at"),
)

# What application credentials may be narrowed to. A credential holds a copy of its rules, which nobody can take.
ACCESS_RULE = sa.Table(
    "identity_access_rule",
    METADATA,
    _id("rule_id"),
    sa.Column("user_id", sa.ForeignKey("identity_user.user_id", ondelete="CASCADE"), nullable=False),
    _text("service"),
    _text("method"),
    _text("path"),
    sa.Index("identity_access_rule_user", "user_id"),
)

# The newest window of which a passcode has been accepted: none of it or before it is ever accepted again.
PASSCODE_USED = sa.Table(
    "identity_passcode_used",
    METADATA,
    sa.Column(
        "credential_id",
        sa.ForeignKey("identity_credential.credential_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("window", sa.BigInteger, nullable=False),
)

# -- which projects see which endpoints, and which policy an endpoint follows ------------------------------

ENDPOINT_GROUP = sa.Table(
    "identity_endpoint_group",
    METADATA,
    _id("endpoint_group_id"),
    _text("name"),
    _text("description"),
    sa.Column("filters", Json(EndpointFilters), nullable=False),
)

PROJECT_ENDPOINT = sa.Table(
    "identity_project_endpoint",
    METADATA,
    sa.Column("project_id", sa.ForeignKey(PROJECT.c.project_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("endpoint_id", sa.ForeignKey(ENDPOINT.c.endpoint_id, ondelete="CASCADE"), primary_key=True),
    sa.Index("identity_project_endpoint_endpoint", "endpoint_id"),
)

PROJECT_ENDPOINT_GROUP = sa.Table(
    "identity_project_endpoint_group",
    METADATA,
    sa.Column("project_id", sa.ForeignKey(PROJECT.c.project_id, ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "endpoint_group_id",
        sa.ForeignKey(ENDPOINT_GROUP.c.endpoint_group_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Index("identity_project_endpoint_group_group", "endpoint_group_id"),
)

# `target` names what follows the policy, which is at most one: an endpoint, a service, or a service in a region.
POLICY_ASSOCIATION = sa.Table(
    "identity_policy_association",
    METADATA,
    _id("target"),
    sa.Column("policy_id", sa.ForeignKey(POLICY.c.policy_id, ondelete="CASCADE"), nullable=False),
    sa.Column("endpoint_id", sa.ForeignKey(ENDPOINT.c.endpoint_id, ondelete="CASCADE")),
    sa.Column("service_id", sa.ForeignKey(SERVICE.c.service_id, ondelete="CASCADE")),
    sa.Column("region_id", sa.ForeignKey(REGION.c.region_id, ondelete="CASCADE")),
    sa.Index("identity_policy_association_policy", "policy_id"),
    sa.Index("identity_policy_association_endpoint", "endpoint_id"),
    sa.Index("identity_policy_association_service", "service_id"),
    sa.Index("identity_policy_association_region", "region_id"),
)

# -- single sign-on: who proves users elsewhere, and what they become here ---------------------------------

IDENTITY_PROVIDER = sa.Table(
    "identity_provider",
    METADATA,
    _id("idp_id"),
    sa.Column("domain_id", sa.ForeignKey(PROJECT.c.project_id, ondelete="CASCADE"), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("authorization_ttl", sa.Integer),
    sa.Index("identity_provider_domain", "domain_id"),
)

# What an identity provider calls itself: no two share a name.
PROVIDER_REMOTE = sa.Table(
    "identity_provider_remote",
    METADATA,
    _id("remote_id"),
    sa.Column("idp_id", sa.ForeignKey(IDENTITY_PROVIDER.c.idp_id, ondelete="CASCADE"), nullable=False),
    sa.Index("identity_provider_remote_idp", "idp_id"),
)

MAPPING = sa.Table(
    "identity_mapping",
    METADATA,
    _id("mapping_id"),
    _text("schema_version"),
    sa.Column("rules", Json(list[Any]), nullable=False),
)

FEDERATION_PROTOCOL = sa.Table(
    "identity_federation_protocol",
    METADATA,
    sa.Column("idp_id", sa.ForeignKey(IDENTITY_PROVIDER.c.idp_id, ondelete="CASCADE"), primary_key=True),
    _id("protocol_id"),
    _text("mapping_id"),
    sa.Column("remote_id_attribute", sa.Text),
    sa.Index("identity_federation_protocol_mapping", "mapping_id"),
)

# How this cloud is a client of an OpenID provider; the secret is sealed.
OIDC_CLIENT = sa.Table(
    "identity_oidc_client",
    METADATA,
    _id("idp_id"),
    _id("protocol_id"),
    _text("issuer"),
    _text("client_id"),
    _text("sealed_secret"),
    sa.Column("scopes", Json(tuple[str, ...]), nullable=False),
    sa.Column("audiences", Json(tuple[str, ...]), nullable=False),
    sa.Column("clients", Json(tuple[str, ...]), nullable=False),
    _text("claims_prefix"),
    sa.Column("userinfo", sa.Boolean, nullable=False),
    sa.ForeignKeyConstraint(
        ["idp_id", "protocol_id"],
        [FEDERATION_PROTOCOL.c.idp_id, FEDERATION_PROTOCOL.c.protocol_id],
        ondelete="CASCADE",
    ),
)

# Each login through a browser may be finished once: its name stays here until it could not be finished anyway.
SIGN_ON_FINISHED = sa.Table(
    "identity_sign_on_finished",
    METADATA,
    _id("sign_on_id"),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.Index("identity_sign_on_finished_expires", "expires_at"),
)

SERVICE_PROVIDER = sa.Table(
    "identity_service_provider",
    METADATA,
    _id("sp_id"),
    _text("auth_url"),
    _text("sp_url"),
    sa.Column("description", sa.Text),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _text("relay_state_prefix"),
)

# Who a user is for an identity provider.
FEDERATED_USER = sa.Table(
    "identity_federated_user",
    METADATA,
    sa.Column("idp_id", sa.ForeignKey(IDENTITY_PROVIDER.c.idp_id, ondelete="CASCADE"), primary_key=True),
    _id("protocol_id"),
    _id("unique_id"),
    sa.Column("user_id", sa.ForeignKey(USER.c.user_id, ondelete="CASCADE"), nullable=False),
    sa.Index("identity_federated_user_user", "user_id"),
)

# The groups an identity provider has last put a user into, and until when that holds.
FEDERATED_MEMBERSHIP = sa.Table(
    "identity_federated_membership",
    METADATA,
    sa.Column("user_id", sa.ForeignKey(USER.c.user_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("idp_id", sa.ForeignKey(IDENTITY_PROVIDER.c.idp_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("group_id", sa.ForeignKey(GROUP.c.group_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.Index("identity_federated_membership_group", "group_id"),
    sa.Index("identity_federated_membership_idp", "idp_id"),
)

# -- limits ------------------------------------------------------------------------------------------------

# `region_id` is empty, never NULL, where a limit is registered for all regions.
REGISTERED_LIMIT = sa.Table(
    "identity_registered_limit",
    METADATA,
    _id("registered_limit_id"),
    _part_of("service_id", SERVICE.c.service_id, server_default=""),
    _text("region_id"),
    _text("resource_name"),
    sa.Column("default_limit", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint(
        "service_id", "resource_name", "region_id", name="identity_registered_limit_resource"
    ),
)

# `node_id` is a project's or a domain's.
LIMIT = sa.Table(
    "identity_limit",
    METADATA,
    _id("limit_id"),
    _part_of("node_id", PROJECT.c.project_id, server_default=""),
    _part_of("registered_limit_id", REGISTERED_LIMIT.c.registered_limit_id, server_default=""),
    sa.Column("is_domain", sa.Boolean, nullable=False),
    sa.Column("resource_limit", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint("node_id", "registered_limit_id", name="identity_limit_node"),
    sa.Index("identity_limit_registered", "registered_limit_id"),
)

# -- directories: users and groups that are mirrored from elsewhere ----------------------------------------

# One row beside each mirrored user or group; who has none is our own. `print` differs when the directory says
# something else, `absent_since` tells since when the directory no longer has it.
MIRRORED = sa.Table(
    "identity_mirrored",
    METADATA,
    _id("subject_id"),
    sa.Column("domain_id", sa.ForeignKey(PROJECT.c.project_id, ondelete="CASCADE"), nullable=False),
    _text("kind"),
    _text("key"),
    _text("handle"),
    _text("print"),
    sa.Column("written_at", sa.Double, nullable=False),
    sa.Column("absent_since", sa.Double),
    sa.Index("identity_mirrored_domain", "domain_id", "kind", "subject_id"),
    sa.Index("identity_mirrored_handle", "domain_id", "handle"),
)

# How it stands between us and each domain's directory.
DIRECTORY = sa.Table(
    "identity_directory",
    METADATA,
    sa.Column("domain_id", sa.ForeignKey(PROJECT.c.project_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("mirrored_at", sa.Double),
    sa.Column("users", sa.Integer, nullable=False),
    sa.Column("groups", sa.Integer, nullable=False),
    _text("trouble"),
    sa.Column("trouble_since", sa.Double),
    sa.Column("accept_losses", sa.Boolean, nullable=False),
)

# -- rules of policy ---------------------------------------------------------------------------------------

# Every change of a rule, one after the other: the newest of a name counts, and none of it is ever forgotten.
# Without a `rule`, the default counts again.
RULE_CHANGE = sa.Table(
    "identity_rule_change",
    METADATA,
    sa.Column("edition", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("name"),
    sa.Column("rule", sa.Text),
    sa.Column("set_at", sa.Double, nullable=False),
    _text("set_by"),
    sa.Index("identity_rule_change_name", "name", "edition"),
)
