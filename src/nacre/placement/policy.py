"""Who may do what with placement: the cloud's own services and administrators; projects see what they use."""

from __future__ import annotations

from nacre.kernel.policy import ADMIN, OWN_READER, Policy

_SERVICE = f"{ADMIN} or rule:service"

PROVIDER_READ = Policy("placement:resource_providers:read", _SERVICE)
PROVIDER_WRITE = Policy("placement:resource_providers:write", _SERVICE)
INVENTORY_READ = Policy("placement:inventories:read", _SERVICE)
INVENTORY_WRITE = Policy("placement:inventories:write", _SERVICE)
AGGREGATE_READ = Policy("placement:aggregates:read", _SERVICE)
AGGREGATE_WRITE = Policy("placement:aggregates:write", _SERVICE)
TRAIT_READ = Policy("placement:traits:read", _SERVICE)
TRAIT_WRITE = Policy("placement:traits:write", _SERVICE)
CLASS_READ = Policy("placement:resource_classes:read", _SERVICE)
CLASS_WRITE = Policy("placement:resource_classes:write", _SERVICE)
ALLOCATION_READ = Policy("placement:allocations:read", _SERVICE)
ALLOCATION_WRITE = Policy("placement:allocations:write", _SERVICE)
CANDIDATES = Policy("placement:allocation_candidates:list", _SERVICE)
RESHAPE = Policy("placement:reshaper:reshape", "rule:service")
USAGE_READ = Policy("placement:usages:read", f"{OWN_READER} or rule:service")
