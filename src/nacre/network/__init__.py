"""Networks, as Networking v2.0: networks, subnets, ports, routers, floating IPs and security groups, on OVN.

What is promised: a row says what is wanted and a loop makes it so. A change of one object costs the same however
many there are. A guest's port is up only when its rules are in force. Nothing in OVN is ours that no object of ours
accounts for, and `nacre audit` names every difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nacre.network.assemble import assemble

__all__ = ["assemble"]


def __getattr__(name: str) -> Any:
    """`assemble`, when it is asked for: agents share the values of the contract and need none of the store."""
    if name != "assemble":
        raise AttributeError(name)
    from nacre.network.assemble import assemble

    globals()[name] = assemble
    return assemble
