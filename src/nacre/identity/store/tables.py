"""The tables of identity.

Domains and projects are one tree in one table: a domain is a row with `is_domain`, without a parent; a project's
parent is another project or its domain. `domain_id` and `parent_id` are empty, never NULL, so that
names of domains are unique by the same rule as names of projects within a domain.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nacre.kernel.schema import METADATA, Json


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


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
    _id("project_id"),
    _id("tag"),
    sa.Index("identity_project_tag_tag", "tag"),
)

USER = sa.Table(
    "identity_user",
    METADATA,
    _id("user_id"),
    _text("domain_id"),
    _text("name"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("default_project_id", sa.Text),
    sa.Column("options", Json(dict[str, Any]), nullable=False),
    _extra(),
    sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("password_set_at", sa.Double),
    sa.UniqueConstraint("domain_id", "name", name="identity_user_name"),
)

GROUP = sa.Table(
    "identity_group",
    METADATA,
    _id("group_id"),
    _text("domain_id"),
    _text("name"),
    _text("description"),
    _extra(),
    sa.UniqueConstraint("domain_id", "name", name="identity_group_name"),
)

MEMBERSHIP = sa.Table(
    "identity_membership",
    METADATA,
    _id("user_id"),
    _id("group_id"),
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
    _id("prior_role_id"),
    _id("implied_role_id"),
)

# `actor_id` is a user's or a group's, `target_id` a project's or a domain's, or `all` for the system.
ASSIGNMENT = sa.Table(
    "identity_assignment",
    METADATA,
    _id("actor_id"),
    _id("target_id"),
    _id("role_id"),
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
    _text("service_id"),
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
    _text("user_id"),
    _text("project_id"),
    _text("name"),
    _text("description"),
    _text("secret_hash"),
    sa.Column("role_ids", Json(tuple[str, ...]), nullable=False),
    sa.Column("unrestricted", sa.Boolean, nullable=False),
    sa.Column("expires_at", sa.Double),
    sa.UniqueConstraint("user_id", "name", name="identity_application_credential_name"),
    sa.Index("identity_application_credential_project", "project_id"),
)

TOKEN_KEY = sa.Table(
    "token_key",
    METADATA,
    sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("signs_from", sa.Double, nullable=False),
)

TOKEN_REVOCATION = sa.Table(
    "token_revocation",
    METADATA,
    _id("audit_id"),
    sa.Column("expires_at", sa.Double, nullable=False),
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
    _text("user_id"),
    sa.Column("project_id", sa.Text),
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
    sa.Column("domain_id", sa.ForeignKey("identity_project.project_id", ondelete="CASCADE"), primary_key=True),
    _id("group"),
    _id("option"),
    sa.Column("value", Json()),
    _text("sealed"),
)
