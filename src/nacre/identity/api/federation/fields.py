"""The texts that federation reads, each with its limits.

Source: Identity API v3 schemas, OS-FEDERATION.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from nacre.kernel.errors import Bad
from nacre.kernel.http.body import convert

ProviderId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
RemoteId = Annotated[str, Meta(min_length=1, max_length=255)]
Attribute = Annotated[str, Meta(max_length=64)]
Minutes = Annotated[int, Meta(ge=0, le=10_000_000)]
CloudUrl = Annotated[str, Meta(max_length=225, pattern=r"^[a-zA-Z0-9+.-]+:.+")]


class _Named(msgspec.Struct, frozen=True):
    id: ProviderId


def named(value: str, said: str | None) -> str:
    """The id in the path of what is about to be made or changed; clients may repeat it in the body. Raises Bad."""
    if said not in (None, value):
        raise Bad("The id in the body is not the one in the URL.", where="id")
    return convert({"id": value}, _Named).id
