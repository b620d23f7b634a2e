"""The tables of the image service."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.kernel.schema import METADATA

IMAGE = sa.Table(
    "image",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=True),
    sa.Column("name", sa.Text, nullable=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("visibility", sa.Text, nullable=False),
    sa.Column("disk_format", sa.Text, nullable=True),
    sa.Column("container_format", sa.Text, nullable=True),
    sa.Column("min_disk_gib", sa.Integer, nullable=False),
    sa.Column("min_memory_mib", sa.Integer, nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("sha256", sa.Text, nullable=True),
    sa.Column("md5", sa.Text, nullable=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=True),
    sa.Column("virtual_size_bytes", sa.BigInteger, nullable=True),
    sa.Column("upload_id", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Index("image_owner", "owner", "created_at"),
    sa.Index("image_created", "created_at", "id"),
    sa.Index("image_sha256", "sha256"),
    sa.Index("image_upload", "upload_id"),
)

IMAGE_PROPERTY = sa.Table(
    "image_property",
    METADATA,
    sa.Column("image_id", sa.Text, sa.ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Index("image_property_name", "name"),
)

IMAGE_TAG = sa.Table(
    "image_tag",
    METADATA,
    sa.Column("image_id", sa.Text, sa.ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Index("image_tag_tag", "tag"),
)

IMAGE_MEMBER = sa.Table(
    "image_member",
    METADATA,
    sa.Column("image_id", sa.Text, sa.ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Index("image_member_member", "member_id"),
)
