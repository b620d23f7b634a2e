"""The tables of placement. Usage is stored nowhere: it is the sum of allocations."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.kernel.schema import METADATA

PROVIDER = sa.Table(
    "resource_provider",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host_id", sa.Text, nullable=True, unique=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("parent_id", sa.Text, sa.ForeignKey("resource_provider.id"), nullable=True, index=True),
    sa.Column("root_id", sa.Text, nullable=False, index=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
)

INVENTORY = sa.Table(
    "inventory",
    METADATA,
    sa.Column(
        "provider_id", sa.Text, sa.ForeignKey("resource_provider.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("resource_class", sa.Text, primary_key=True),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("reserved", sa.Integer, nullable=False),
    sa.Column("min_unit", sa.Integer, nullable=False),
    sa.Column("max_unit", sa.Integer, nullable=False),
    sa.Column("step_size", sa.Integer, nullable=False),
    sa.Column("allocation_ratio", sa.Double, nullable=False),
    sa.Index("inventory_class", "resource_class"),
)

CONSUMER = sa.Table(
    "consumer",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("consumer_type", sa.Text, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Index("consumer_project", "project_id"),
)

ALLOCATION = sa.Table(
    "allocation",
    METADATA,
    sa.Column("consumer_id", sa.Text, sa.ForeignKey("consumer.id"), primary_key=True),
    sa.Column("provider_id", sa.Text, sa.ForeignKey("resource_provider.id"), primary_key=True),
    sa.Column("resource_class", sa.Text, primary_key=True),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Index("allocation_provider", "provider_id"),
    sa.Index("allocation_class", "resource_class"),
)

PROVIDER_TRAIT = sa.Table(
    "provider_trait",
    METADATA,
    sa.Column(
        "provider_id", sa.Text, sa.ForeignKey("resource_provider.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("trait", sa.Text, primary_key=True),
    sa.Index("provider_trait_trait", "trait"),
)

PROVIDER_AGGREGATE = sa.Table(
    "provider_aggregate",
    METADATA,
    sa.Column(
        "provider_id", sa.Text, sa.ForeignKey("resource_provider.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("aggregate_id", sa.Text, primary_key=True),
)

CUSTOM_CLASS = sa.Table("resource_class", METADATA, sa.Column("name", sa.Text, primary_key=True))
CUSTOM_TRAIT = sa.Table("trait", METADATA, sa.Column("name", sa.Text, primary_key=True))
