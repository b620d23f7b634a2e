"""Credentials: secrets of users that identity keeps for other services. They are sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.identity.errors import CredentialNotFound
from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import CREDENTIAL


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """`sealed_blob` is the secret, in a form that only a node with the sealing keys can open."""

    credential_id: str
    user_id: str
    project_id: str | None = None
    type: str
    sealed_blob: str
    extra: Mapping[str, Any] = {}


STORED_CREDENTIALS = Shelf(CREDENTIAL, Credential, key="credential_id", missing=CredentialNotFound)
