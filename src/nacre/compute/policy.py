"""Who may do what in compute. Defaults follow the roles admin > manager > member > reader."""

from __future__ import annotations

from nacre.kernel.policy import ADMIN, ANYBODY, OWN_MEMBER, OWN_READER, Policy

OWN_KEYS = "rule:admin or rule:self"

FLAVOR_READ = Policy("compute:flavors:read", ANYBODY)
FLAVOR_READ_ALL = Policy("compute:flavors:read_all", ADMIN)
FLAVOR_MANAGE = Policy("compute:flavors:manage", ADMIN)
FLAVOR_ACCESS = Policy("compute:flavors:access", ADMIN)

KEYPAIR_READ = Policy("compute:keypairs:read", OWN_KEYS)
KEYPAIR_WRITE = Policy("compute:keypairs:write", OWN_KEYS)

SERVER_LIST = Policy("compute:servers:list", OWN_READER)
SERVER_SHOW = Policy("compute:servers:show", OWN_READER)
SERVER_CREATE = Policy("compute:servers:create", OWN_MEMBER)
SERVER_CREATE_ON_HOST = Policy("compute:servers:create:forced_host", ADMIN)
SERVER_UPDATE = Policy("compute:servers:update", OWN_MEMBER)
SERVER_DELETE = Policy("compute:servers:delete", OWN_MEMBER)
SERVER_ACTION = Policy("compute:servers:action", OWN_MEMBER)
SERVER_IN_FULL = Policy("compute:servers:show:in_full", ADMIN)
SERVER_OF_ALL = Policy("compute:servers:list:all_projects", ADMIN)
SERVER_IGNORE_LOCK = Policy("compute:servers:ignore_lock", ADMIN)

GROUP_READ = Policy("compute:server_groups:read", OWN_READER)
GROUP_WRITE = Policy("compute:server_groups:write", OWN_MEMBER)

LIMITS_READ = Policy("compute:limits:read", ANYBODY)
LIMITS_READ_OTHERS = Policy("compute:limits:read_others", ADMIN)
QUOTA_READ = Policy("compute:quotas:read", OWN_READER)
QUOTA_DEFAULTS = Policy("compute:quotas:defaults", ANYBODY)
QUOTA_MANAGE = Policy("compute:quotas:manage", ADMIN)

ZONE_LIST = Policy("compute:zones:list", ANYBODY)
ZONE_DETAIL = Policy("compute:zones:detail", ADMIN)
EXTENSION_LIST = Policy("compute:extensions:list", ANYBODY)
HOST_READ = Policy("compute:hosts:read", ADMIN)
SERVICE_MANAGE = Policy("compute:services:manage", ADMIN)
AGGREGATE_MANAGE = Policy("compute:aggregates:manage", ADMIN)
