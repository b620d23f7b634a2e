"""Policies: texts that identity keeps for other services and does not read itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.identity.errors import PolicyNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import POLICY


class StoredPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A text of some media type."""

    policy_id: str
    type: str
    blob: str
    extra: Mapping[str, Any] = {}


POLICIES = Shelf(POLICY, StoredPolicy, key="policy_id", missing=PolicyNotFound)
