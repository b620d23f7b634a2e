"""The names of the loops, and what is made due when something changes."""

from __future__ import annotations

from collections.abc import Iterable

from nacre.kernel.database import Tx

NETWORKS = "network:networks"
SUBNETS = "network:subnets"
PORTS = "network:ports"
ROUTERS = "network:routers"
FLOATING_IPS = "network:floating_ips"
SECURITY_GROUPS = "network:security_groups"
ADDRESS_GROUPS = "network:address_groups"
NDP_PROXIES = "network:ndp_proxies"
LOCAL_IPS = "network:local_ips"
HOSTS = "network:hosts"
AUDIT = "network:audit"


def make_due(tx: Tx, loop: str, keys: Iterable[str]) -> None:
    """Let `loop` look at each of `keys`."""
    for key in keys:
        tx.make_due(loop, key)
