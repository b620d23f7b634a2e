"""Address scopes: addresses that mean one host wherever they are seen, and need no translation between networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import msgspec

from nacre.kernel.ids import ProjectId


class AddressScope(msgspec.Struct, frozen=True, kw_only=True):
    """An address scope, as Networking v2.0 shows it."""

    id: str
    project_id: ProjectId
    ip_version: int
    name: str = ""
    shared: bool = False
    description: str = ""
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


def any_overlap(prefixes: Iterable[str], others: Iterable[str]) -> bool:
    """Whether some address is in prefixes of both, which are of one IP version: two sorted walks, no pairs."""
    blocks = sorted(
        (int(network.network_address), int(network.broadcast_address), place)
        for place, texts in enumerate((prefixes, others))
        for network in map(ipaddress.ip_network, texts)
    )
    ends = [-1, -1]
    for first, last, place in blocks:
        if first <= ends[1 - place]:
            return True
        ends[place] = max(ends[place], last)
    return False
