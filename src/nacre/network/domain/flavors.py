"""Flavors of routers and other services, and the profiles that say what is behind them."""

from __future__ import annotations

import msgspec

from nacre.kernel.ids import ProjectId


class NetworkFlavor(msgspec.Struct, frozen=True, kw_only=True):
    """A flavor, as Networking v2.0 shows it. It belongs to no project."""

    id: str
    service_type: str
    name: str = ""
    description: str = ""
    enabled: bool = True
    service_profiles: tuple[str, ...] = ()
    project_id: ProjectId = ProjectId("")
    revision_number: int = 0
    updated_at: float = 0.0


class ServiceProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a flavor stands for: `driver` and `metainfo` are the operator's own words."""

    id: str
    description: str = ""
    enabled: bool = True
    driver: str = ""
    metainfo: str = ""
    project_id: ProjectId = ProjectId("")
    revision_number: int = 0
    updated_at: float = 0.0
