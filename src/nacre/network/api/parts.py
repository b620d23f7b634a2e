"""What the handlers work with."""

from __future__ import annotations

from dataclasses import dataclass

from nacre.identity.contract import Identity
from nacre.network.domain.networks import NetworkType
from nacre.placement.contract import Placement


@dataclass(frozen=True)
class Parts:
    """`page_limit` bounds every list; the rest is behind its link.

    `self_service_types` are those of networks whose makers say nothing of a wire, in the order they are tried.
    """

    identity: Identity
    region: str
    page_limit: int
    placement: Placement
    self_service_types: tuple[NetworkType, ...] = (NetworkType.GENEVE,)
