"""Address groups: prefixes that many rules may name at once."""

from __future__ import annotations

import msgspec

from nacre.kernel.ids import ProjectId


class AddressGroup(msgspec.Struct, frozen=True, kw_only=True):
    """An address group, as Networking v2.0 shows it; addresses are prefixes of both IP versions."""

    id: str
    project_id: ProjectId
    name: str = ""
    description: str = ""
    shared: bool = False
    addresses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
