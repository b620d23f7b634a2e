"""The texts identity reads, each with its limits.

Source: Identity API v3 schemas.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9-]+$")]
LongName = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\S")]
ShortName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
Description = Annotated[str, Meta(max_length=65535)]
Password = Annotated[str, Meta(max_length=4096)]
Text = Annotated[str, Meta(max_length=255)]
RegionId = Annotated[str, Meta(max_length=255, pattern=r"^[^/]*$")]
Url = Annotated[str, Meta(min_length=1, max_length=2048, pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]*://\S+$")]
Tag = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^,/]+$")]

Extra = dict[str, Any]
"""Fields a caller may add to a thing of their own."""

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType
