"""Every operation of placement."""

from __future__ import annotations

from nacre.kernel.http.routes import Route
from nacre.kernel.http.versions import between, since
from nacre.kernel.policy import PUBLIC
from nacre.placement import policy
from nacre.placement.api import (
    aggregates,
    allocations,
    candidates,
    inventories,
    providers,
    reshaper,
    resource_classes,
    traits,
    usages,
    versions,
)

_PROVIDER = "/resource_providers/{provider_id}"
_INVENTORIES = f"{_PROVIDER}/inventories"
_INVENTORY = f"{_INVENTORIES}/{{resource_class}}"
_AGGREGATES = f"{_PROVIDER}/aggregates"
_MEBIBYTES = 16 << 20

ROUTES = (
    Route("GET", "/", versions.index, PUBLIC),
    Route("GET", "/resource_providers", providers.index, policy.PROVIDER_READ),
    Route("POST", "/resource_providers", providers.create, policy.PROVIDER_WRITE, providers.CREATE),
    Route("GET", _PROVIDER, providers.show, policy.PROVIDER_READ),
    Route("PUT", _PROVIDER, providers.update, policy.PROVIDER_WRITE, providers.UPDATE),
    Route("DELETE", _PROVIDER, providers.delete, policy.PROVIDER_WRITE),
    Route("GET", _INVENTORIES, inventories.index, policy.INVENTORY_READ),
    Route("PUT", _INVENTORIES, inventories.replace, policy.INVENTORY_WRITE, inventories.ALL),
    Route("POST", _INVENTORIES, inventories.create, policy.INVENTORY_WRITE, inventories.NEW),
    Route("DELETE", _INVENTORIES, inventories.clear, policy.INVENTORY_WRITE, window=since("1.5")),
    Route("GET", _INVENTORY, inventories.show, policy.INVENTORY_READ),
    Route("PUT", _INVENTORY, inventories.update, policy.INVENTORY_WRITE, inventories.ONE),
    Route("DELETE", _INVENTORY, inventories.delete, policy.INVENTORY_WRITE),
    Route("GET", f"{_PROVIDER}/usages", usages.of_provider, policy.PROVIDER_READ),
    Route("GET", f"{_PROVIDER}/allocations", allocations.of_provider, policy.ALLOCATION_READ),
    Route("GET", _AGGREGATES, aggregates.of_provider, policy.AGGREGATE_READ, window=since("1.1")),
    Route("PUT", _AGGREGATES, aggregates.replace, policy.AGGREGATE_WRITE, aggregates.REPLACE,
          window=since("1.19")),
    Route("PUT", _AGGREGATES, aggregates.replace_bare, policy.AGGREGATE_WRITE,
          window=between("1.1", "1.18"), reads_stream=True),
    Route("GET", f"{_PROVIDER}/traits", traits.of_provider, policy.TRAIT_READ, window=since("1.6")),
    Route("PUT", f"{_PROVIDER}/traits", traits.replace, policy.TRAIT_WRITE, traits.REPLACE, window=since("1.6")),
    Route("DELETE", f"{_PROVIDER}/traits", traits.clear, policy.TRAIT_WRITE, window=since("1.6")),
    Route("GET", "/traits", traits.index, policy.TRAIT_READ, window=since("1.6")),
    Route("GET", "/traits/{name}", traits.show, policy.TRAIT_READ, window=since("1.6")),
    Route("PUT", "/traits/{name}", traits.ensure, policy.TRAIT_WRITE, window=since("1.6")),
    Route("DELETE", "/traits/{name}", traits.delete, policy.TRAIT_WRITE, window=since("1.6")),
    Route("GET", "/resource_classes", resource_classes.index, policy.CLASS_READ, window=since("1.2")),
    Route("POST", "/resource_classes", resource_classes.create, policy.CLASS_WRITE,
          resource_classes.CREATE, window=since("1.2")),
    Route("GET", "/resource_classes/{name}", resource_classes.show, policy.CLASS_READ, window=since("1.2")),
    Route("PUT", "/resource_classes/{name}", resource_classes.ensure, policy.CLASS_WRITE, window=since("1.7")),
    Route("DELETE", "/resource_classes/{name}", resource_classes.delete, policy.CLASS_WRITE, window=since("1.2")),
    Route("GET", "/allocations/{consumer_id}", allocations.show, policy.ALLOCATION_READ),
    Route("PUT", "/allocations/{consumer_id}", allocations.replace, policy.ALLOCATION_WRITE, allocations.REPLACE),
    Route("DELETE", "/allocations/{consumer_id}", allocations.delete, policy.ALLOCATION_WRITE),
    Route("POST", "/allocations", allocations.replace_many, policy.ALLOCATION_WRITE, allocations.REPLACE_MANY,
          window=since("1.13"), max_body_bytes=_MEBIBYTES),
    Route("GET", "/allocation_candidates", candidates.index, policy.CANDIDATES, window=since("1.10")),
    Route("GET", "/usages", usages.of_project, policy.USAGE_READ, window=since("1.9")),
    Route("POST", "/reshaper", reshaper.reshape, policy.RESHAPE, window=since("1.30"),
          max_body_bytes=_MEBIBYTES),
)  # fmt: skip
