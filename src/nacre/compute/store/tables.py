"""The tables of compute."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.compute.domain.flavors import Flavor
from nacre.compute.domain.guests import GuestImage, HostReport
from nacre.kernel.schema import METADATA, Json

FLAVOR = sa.Table(
    "flavor",
    METADATA,
    sa.Column("flavor_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("vcpus", sa.BigInteger, nullable=False),
    sa.Column("memory_mib", sa.BigInteger, nullable=False),
    sa.Column("disk_gib", sa.BigInteger, nullable=False),
    sa.Column("ephemeral_gib", sa.BigInteger, nullable=False),
    sa.Column("swap_mib", sa.BigInteger, nullable=False),
    sa.Column("rxtx_factor", sa.Double, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("extra_specs", Json(dict[str, str]), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)

FLAVOR_ACCESS = sa.Table(
    "flavor_access",
    METADATA,
    sa.Column("flavor_id", sa.ForeignKey("flavor.flavor_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("project_id", sa.Text, primary_key=True),
)

KEYPAIR = sa.Table(
    "keypair",
    METADATA,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.UniqueConstraint("user_id", "name", name="keypair_name"),
)

# Written by the API. The last four columns keep what domain/status.py derives.
SERVER = sa.Table(
    "server",
    METADATA,
    sa.Column("server_id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("hostname", sa.Text, nullable=False),
    sa.Column("flavor", Json(Flavor), nullable=False),
    sa.Column("flavor_id", sa.Text, nullable=False),
    sa.Column("vcpus", sa.BigInteger, nullable=False),
    sa.Column("memory_mib", sa.BigInteger, nullable=False),
    sa.Column("disk_gib", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("image_id", sa.Text),
    sa.Column("image", Json(GuestImage)),
    sa.Column("key_name", sa.Text),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("user_data", sa.Text),
    sa.Column("metadata", Json(dict[str, str]), nullable=False),
    sa.Column("tags", Json(tuple[str, ...]), nullable=False),
    sa.Column("config_drive", sa.Boolean, nullable=False),
    sa.Column("wanted_zone", sa.Text),
    sa.Column("wanted_host", sa.Text),
    sa.Column("group_id", sa.Text),
    sa.Column("reservation_id", sa.Text, nullable=False),
    sa.Column("launch_index", sa.Integer, nullable=False),
    sa.Column("security_groups", Json(tuple[str, ...]), nullable=False),
    sa.Column("admin_password", sa.Text, nullable=False),
    sa.Column("disk_config", sa.Text, nullable=False),
    sa.Column("power", sa.Text, nullable=False),
    sa.Column("boots", sa.Integer, nullable=False),
    sa.Column("reboot", sa.Text, nullable=False),
    sa.Column("disk", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("kept_disk", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("old_flavor", Json(Flavor)),
    sa.Column("locked_by", sa.Text),
    sa.Column("locked_reason", sa.Text),
    sa.Column("access_ipv4", sa.Text, nullable=False),
    sa.Column("access_ipv6", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("deleted_at", sa.Double),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("vm_state", sa.Text, nullable=False),
    sa.Column("task_state", sa.Text),
    sa.Column("power_state", sa.Integer, nullable=False),
    sa.Index("server_newest", "project_id", "created_at", "server_id"),
    # Covers the sums that limits ask for.
    sa.Index("server_usage", "project_id", "deleted_at", "vcpus", "memory_mib", "disk_gib"),
    sa.Index("server_of_group", "group_id"),
)

# What a server asks for of resource classes that have no column above.
SERVER_RESOURCE = sa.Table(
    "server_resource",
    METADATA,
    sa.Column("server_id", sa.ForeignKey("server.server_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("resource_class", sa.Text, primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Index("server_resource_class", "resource_class", "server_id", "amount"),
)

# Written by the placing loop: the host, or why there is none. `host_generation` is the number of the host's
# wishes under which this guest was last changed.
SERVER_PLACEMENT = sa.Table(
    "server_placement",
    METADATA,
    sa.Column("server_id", sa.ForeignKey("server.server_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("host_id", sa.Text),
    sa.Column("host_generation", sa.BigInteger, nullable=False),
    sa.Column("zone", sa.Text),
    sa.Column("refusal", sa.Text, nullable=False),
    sa.Column("rejections", Json(dict[str, str]), nullable=False),
    sa.Column("decided_at", sa.Double, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Index("server_placement_host", "host_id", "host_generation"),
)

# Written from the reports of the guest's own host.
GUEST_FACTS = sa.Table(
    "guest_facts",
    METADATA,
    sa.Column("server_id", sa.ForeignKey("server.server_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("observed_generation", sa.BigInteger, nullable=False),
    sa.Column("guest_exists", sa.Boolean, nullable=False),
    sa.Column("power", sa.Text, nullable=False),
    sa.Column("boots", sa.Integer, nullable=False),
    sa.Column("ports_up", Json(tuple[str, ...]), nullable=False),
    sa.Column("fault", sa.Text, nullable=False),
    sa.Column("waiting", sa.Text, nullable=False),
    sa.Column("disk", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("launched_at", sa.Double),
    sa.Column("facts_at", sa.Double, nullable=False),
)

HOST = sa.Table(
    "host",
    METADATA,
    sa.Column("host_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("report", Json(HostReport), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("seen_at", sa.Double, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("forced_down", sa.Boolean, nullable=False),
)

SERVER_GROUP = sa.Table(
    "server_group",
    METADATA,
    sa.Column("group_id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("most_per_host", sa.Integer),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Index("server_group_project", "project_id"),
)

AGGREGATE = sa.Table(
    "aggregate",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("aggregate_id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("zone", sa.Text),
    sa.Column("hosts", Json(tuple[str, ...]), nullable=False),
    sa.Column("metadata", Json(dict[str, str]), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double),
)
